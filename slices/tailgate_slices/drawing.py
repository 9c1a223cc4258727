"""How slices draw: item names, choices, and the check of a stratum's name."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np

from tailgate_slices.item import Slice, SliceError

Thing = TypeVar("Thing")


def fixed_values(maker: Slice, stratum: str) -> dict[str, str]:
    """The values of the axes that a stratum fixes: ``len=512,task=kv`` is ``{"len": "512", "task": "kv"}``.

    Raises
    ------
    SliceError
        The slice has no such axis or value, or the axes stand in another order than the slice's: a cell has one name.
    """
    parts = [part.partition("=") for part in stratum.split(",")]
    found = {axis: value for axis, _, value in parts}
    for axis, value in found.items():
        if axis not in maker.axes:
            raise SliceError(f"{maker.name} has no stratum '{stratum}': its axes are {', '.join(maker.axes)}")
        if value not in maker.axes[axis]:
            close = difflib.get_close_matches(value, maker.axes[axis], n=1)
            hint = f", did you mean '{axis}={close[0]}'?" if close else ""
            known = ", ".join(f"{axis}={each}" for each in maker.axes[axis])
            raise SliceError(f"{maker.name} has no stratum '{stratum}'{hint}; choose from {known}")
    named = stratum_of(maker, found)
    if named != stratum:
        raise SliceError(f"{maker.name} has no stratum '{stratum}'; write '{named}'")
    return found


def stratum_of(maker: Slice, values: Mapping[str, str]) -> str:
    """The one name of the stratum that fixes these values."""
    return ",".join(f"{axis}={values[axis]}" for axis in maker.axes if axis in values)


def item_id(maker: Slice, stratum: str, seed: int, index: int) -> str:
    """Unique, readable name of an item: ``general@1/tier=1/s20261123/17``."""
    return f"{maker.name}@{maker.version}/{stratum}/s{seed}/{index}"


def pick(rng: np.random.Generator, options: Sequence[Thing]) -> Thing:
    """One of several options, all equally likely."""
    return options[int(rng.integers(len(options)))]


def pick_distinct(rng: np.random.Generator, options: Sequence[Thing], n: int) -> list[Thing]:
    """`n` different options, every ordered choice equally likely."""
    return [options[int(i)] for i in rng.choice(len(options), size=n, replace=False)]


def integer(rng: np.random.Generator, low: int, high: int) -> int:
    """A whole number from `low` to `high`, both included."""
    return int(rng.integers(low, high + 1))
