"""Look at one model alone: its facts, and its scores on a suite's strata."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from tailgate.device import choose_device
from tailgate.errors import ConfigError, UsageError
from tailgate.pipeline.checks import inapplicable_strata
from tailgate.pipeline.compare import default_store
from tailgate.pipeline.engines import choose_engine
from tailgate.pipeline.manifest import describe
from tailgate.pipeline.options import Observer
from tailgate.pipeline.rounds import calibrate, calibration_key
from tailgate.pipeline.settings import EngineSettings
from tailgate.pipeline.sides import Side
from tailgate.records import CellKey
from tailgate.store.files import write_text
from tailgate.store.transcripts import Store
from tailgate.variants.variant import resolve
from tailgate_slices.item import SliceError
from tailgate_slices.suites import Suite, load_suite, suite_text

USEFUL = (0.30, 0.95)  # scores of a baseline between which a stratum can show a loss and its absence


def inspect_variant(spec: str, store: Path | None) -> dict[str, Any]:
    """What a variant is: method, storage, bytes by dtype, fingerprint, and what its checkpoint says of itself."""
    with_store = Store(store or default_store())
    try:
        return describe(_side("candidate", spec, with_store))
    finally:
        with_store.close()


def _side(role: Literal["baseline", "candidate"], spec: str, store: Store) -> Side:
    variant = resolve(spec, choose_device(None))
    return Side(role, variant, store, choose_engine("native", variant.config, EngineSettings(device=variant.device)))


def calibrate_model(model: str, suite: str, n: int, store: Path | None, observer: Observer) -> dict[str, Any]:
    """Score a model on the calibration draw of a suite.

    Returns
    -------
    `key`, under which a suite may ship the scores, and `cells`: cell name -> n and correct.

    Raises
    ------
    UsageError
        n is not positive, the suite or the model is unknown.
    """
    if n < 1:
        raise UsageError(f"--n {n}: give a number of at least 1")
    found = _suite(suite)
    with_store = Store(store or default_store())
    try:
        side = _side("baseline", model, with_store)
        outside = inapplicable_strata(found, [side.variant])
        keys = [CellKey(slice=cell.slice, stratum=cell.stratum) for cell in found.cells]
        table = calibrate(found, [key for key in keys if str(key) not in outside], side, n, observer)
        key = calibration_key(found, side, n)
    finally:
        with_store.close()
    return {"key": key, "cells": {str(key): {"n": c.n, "correct": c.correct} for key, c in table.items()}}


def _suite(name: str) -> Suite:
    try:
        return load_suite(name)
    except SliceError as error:
        raise ConfigError(str(error)) from error


def write_suite(out: Path, suite: str, table: Mapping[str, Any], observer: Observer) -> None:
    """Write the strata of a suite on which the model scores neither too little nor all, as a suite of its own.

    The new suite has the old one's seed and another name, so its calibration draw is a fresh one.

    Raises
    ------
    ConfigError
        The file is there already, or no stratum is left.
    OutputError
        It cannot be written.
    """
    if out.exists():
        raise ConfigError(f"{out} is there already; give another name with --out")
    low, high = USEFUL
    scores = {name: cell["correct"] / cell["n"] for name, cell in table["cells"].items()}
    kept = {name for name, score in scores.items() if low <= score <= high}
    for name in sorted(scores.keys() - kept):
        observer.note(f"left out: {name} scores {scores[name]:.2f}, outside {low:.2f} to {high:.2f}")
    if not kept:
        raise ConfigError(
            f"no stratum of suite {suite} scores from {low:.2f} to {high:.2f}; take an easier or harder one"
        )
    write_text(out, suite_text(_suite(suite), kept, out.stem, out.parent))
