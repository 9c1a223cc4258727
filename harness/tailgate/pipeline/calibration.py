"""Look at one model alone: its facts, and its scores on a suite's strata."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from tailgate.config import load_gate, value_for
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
from tailgate_slices.registry import get_slice
from tailgate_slices.suites import Suite, load_suite, suite_text

# Of the way from chance to 1, scores of a baseline between which a stratum can show a loss and its absence.
USEFUL = (0.30, 0.95)


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
        n is not positive or more than the items of a stratum, the suite or the model is unknown.
    """
    if n < 1:
        raise UsageError(f"--n {n}: give a number of at least 1")
    found = _suite(suite)
    with_store = Store(store or default_store())
    try:
        side = _side("baseline", model, with_store)
        outside = inapplicable_strata(found, [side.variant])
        keys = [key for key in _keys(found) if str(key) not in outside]
        _check_sizes(keys, n)
        table = calibrate(found, keys, side, n, observer)
        key = calibration_key(found, side, n)
    finally:
        with_store.close()
    return {"key": key, "cells": {str(key): {"n": c.n, "correct": c.correct} for key, c in table.items()}}


def _keys(suite: Suite) -> list[CellKey]:
    return [CellKey(slice=cell.slice, stratum=cell.stratum) for cell in suite.cells]


def _check_sizes(keys: Sequence[CellKey], n: int) -> None:
    """Refuse to ask a slice that ends for more items than it has, before anything is asked."""
    for key in keys:
        size = get_slice(key.slice).size(key.stratum)
        if size is not None and size < n:
            raise UsageError(f"--n {n}: {key} has {size} items; give --n {size} or less, or more data")


def _suite(name: str) -> Suite:
    try:
        return load_suite(name)
    except SliceError as error:
        raise ConfigError(str(error)) from error


def check_out(out: Path, suite: str) -> None:
    """Whether `write_suite` will be able to write, asked before the model is: scoring it may take hours.

    Raises
    ------
    ConfigError
        The file is there already or has no folder to lie in, or the suite or its gate is unknown.
    """
    try:
        taken, homeless = out.exists(), not out.parent.is_dir()
    except OSError as error:
        raise ConfigError(f"--out: {error.strerror or error}; give another name") from error
    if taken:
        raise ConfigError(f"{out} is there already; give another name with --out")
    if homeless:
        raise ConfigError(f"--out {out}: there is no folder '{out.parent}'; make it, or give another name")
    _chances(_suite(suite))


def write_suite(out: Path, suite: str, table: Mapping[str, Any], observer: Observer) -> None:
    """Write the strata of a suite on which the model scores neither too little nor all, as a suite of its own.

    Scores are measured from chance, as the gate does where it asks whether a cell is informative: .50 of two options is
    nothing. The new suite has the old one's seed and another name, so its calibration draw is a fresh one.

    Raises
    ------
    ConfigError
        The file is there already, or no stratum is left.
    OutputError
        It cannot be written.
    """
    check_out(out, suite)
    found = _suite(suite)
    chances = _chances(found)
    scores = {name: cell["correct"] / cell["n"] for name, cell in table["cells"].items()}
    kept = {name for name, score in scores.items() if _is_useful(score, chances[name])}
    for name in sorted(scores.keys() - kept):
        observer.note(f"left out: {name} scores {scores[name]:.2f}, outside {_range(chances[name])}")
    if not kept:
        raise ConfigError(
            f"no stratum of suite {suite} scores from {_range(0.0)} above chance; take an easier or harder one"
        )
    write_text(out, suite_text(found, kept, out.stem, out.parent))


def _chances(suite: Suite) -> dict[str, float]:
    """Score of guessing on each cell: what the suite's gate states, else what its slice says."""
    stated = load_gate(suite.gate).chance
    found = {str(key): (value_for(stated, key), get_slice(key.slice).chance) for key in _keys(suite)}
    return {name: own if said is None else said for name, (said, own) in found.items()}


def _is_useful(score: float, chance: float) -> bool:
    low, high = USEFUL
    return low <= (score - chance) / (1 - chance) <= high


def _range(chance: float) -> str:
    low, high = (chance + share * (1 - chance) for share in USEFUL)
    return f"{low:.2f} to {high:.2f}" + (f" (chance is {chance:.2f})" if chance else "")
