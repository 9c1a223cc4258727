"""What the deltas of a run mean for somebody's own traffic. Described, never decided on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tailgate.errors import ConfigError
from tailgate.records import CandidateVerdict
from tailgate_slices.item import SliceError, TokenCounter
from tailgate_slices.sources.traffic import (
    Features,
    Prompt,
    coverage,
    features,
    lingua_language,
    read_traffic,
    weighted_delta,
)
from tailgate_slices.suites import Suite

Traffic = Sequence[tuple[Prompt, Features]]


def look_at_traffic(path: Path, tokens: TokenCounter) -> Traffic:
    """Read a file of production prompts and look at each: length, script, language, code, arithmetic.

    Raises
    ------
    ConfigError
        The file has a fault; the message names the line.
    """
    try:
        prompts = read_traffic(path)
    except SliceError as error:
        raise ConfigError(f"--traffic: {error}") from error
    language = lingua_language()
    return [(prompt, features(prompt.text, tokens, language)) for prompt in prompts]


def describe_traffic(traffic: Traffic, suite: Suite, verdicts: Sequence[CandidateVerdict]) -> dict[str, Any]:
    """Shares of the traffic by kind and by cell, what no cell stands for, and each candidate's weighted delta."""
    found = coverage(traffic, suite.cells)
    return {
        "prompts": found.n_prompts,
        "families": dict(found.families),
        "cells": {f"{cell.slice}/{cell.stratum}": cell.share for cell in found.cells},
        "uncovered": found.uncovered,
        "uncovered_families": dict(found.uncovered_families),
        "candidates": {each.candidate: asdict(_weighted(traffic, suite, each)) for each in verdicts},
    }


def _weighted(traffic: Traffic, suite: Suite, verdict: CandidateVerdict) -> Any:
    deltas = {(cell.slice, cell.stratum): cell.delta for cell in verdict.cells if cell.delta is not None}
    return weighted_delta(traffic, deltas, suite.cells)
