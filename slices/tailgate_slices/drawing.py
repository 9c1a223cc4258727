"""How slices draw: item names, choices, and the check of a stratum's name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from tailgate_slices.item import Slice, SliceError

Thing = TypeVar("Thing")


def require_stratum(maker: Slice, stratum: str) -> None:
    """Refuse a stratum that the slice does not have.

    Raises
    ------
    SliceError
        The slice has no such stratum.
    """
    if stratum not in maker.strata:
        raise SliceError(f"{maker.name} has no stratum '{stratum}'; choose from {', '.join(maker.strata)}")


def item_id(maker: Slice, stratum: str, seed: int, index: int) -> str:
    """Unique, readable name of an item: ``general@1/tier=1/s20261123/17``."""
    return f"{maker.name}@{maker.version}/{stratum}/s{seed}/{index}"


def level(stratum: str) -> int:
    """The number of a stratum like ``hops=3``."""
    return int(stratum.partition("=")[2])


def pick(rng: np.random.Generator, options: Sequence[Thing]) -> Thing:
    """One of several options, all equally likely."""
    return options[int(rng.integers(len(options)))]


def pick_distinct(rng: np.random.Generator, options: Sequence[Thing], n: int) -> list[Thing]:
    """`n` different options, every ordered choice equally likely."""
    return [options[int(i)] for i in rng.choice(len(options), size=n, replace=False)]


def integer(rng: np.random.Generator, low: int, high: int) -> int:
    """A whole number from `low` to `high`, both included."""
    return int(rng.integers(low, high + 1))
