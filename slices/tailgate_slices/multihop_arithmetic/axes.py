"""The axes of difficulty, which of their values go together, and how often each is drawn."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from tailgate_slices.item import SliceError

AXES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "hops": ("1", "2", "3", "4", "5", "6", "7", "8"),
        "digits": ("1", "2", "3", "4", "5", "6"),
        "form": ("alias", "sum", "chain", "story", "unit", "rate", "table", "calendar", "expression"),
        "op": ("none", "add", "sub", "mul", "div", "mixed"),
        "noise": ("0", "2", "5"),
        "style": ("zero", "few", "cot", "few-cot"),
    }
)
OPS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "alias": ("none",),
        "sum": ("add", "sub", "mul", "div", "mixed"),
        "chain": ("add", "sub", "mul", "div", "mixed"),
        "story": ("add", "sub", "mul", "div", "mixed"),
        "unit": ("mul", "mixed"),
        "rate": ("mul", "mixed"),
        "table": ("add", "sub", "mixed"),
        "calendar": ("add", "sub", "mixed"),
        "expression": ("add", "sub", "mul", "mixed"),
    }
)
STEPPED = ("cot", "few-cot")  # styles that ask for the steps
MOST_CALENDAR_DIGITS = 4  # eight moves of more days leave the calendar
FEW_HOPS = 2  # up to here a small model gets some items right: mostly short wordings, nothing around them

Weights = Mapping[str, float]
_DIGITS: Weights = {"1": 46, "2": 46, "3": 4, "4": 2, "5": 1, "6": 1}
_FORMS: tuple[Weights, Weights] = (  # few hops, many hops
    {
        **{"alias": 30, "sum": 30, "chain": 14, "story": 14, "unit": 2},
        **{"rate": 3, "table": 2, "calendar": 1, "expression": 4},
    },
    {
        **{"alias": 10, "sum": 14, "chain": 14, "story": 14, "unit": 10},
        **{"rate": 10, "table": 10, "calendar": 8, "expression": 10},
    },
)
_OPS: tuple[Weights, Weights] = (
    {"none": 1, "add": 50, "sub": 30, "mul": 4, "div": 3, "mixed": 40},
    {"none": 1, "add": 15, "sub": 10, "mul": 10, "div": 6, "mixed": 65},
)
_NOISE: tuple[Weights, Weights] = ({"0": 94, "2": 4, "5": 2}, {"0": 80, "2": 12, "5": 8})
_STYLES: tuple[Weights, Weights] = (
    {"zero": 94, "few": 2, "cot": 2, "few-cot": 2},
    {"zero": 80, "few": 7, "cot": 7, "few-cot": 6},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """A value on every axis."""

    hops: int
    digits: int
    form: str
    op: str
    noise: int
    style: str


def draw_values(rng: np.random.Generator, fixed: Mapping[str, str]) -> Values:
    """Draw the axes that a stratum leaves open.

    Raises
    ------
    SliceError
        The fixed values contradict each other.
    """
    cells, ends = _cells(tuple(sorted(fixed.items())))
    hops, digits, form, op = cells[int(np.searchsorted(ends, rng.random() * ends[-1], side="right"))]
    many = int(hops) > FEW_HOPS
    noise = fixed["noise"] if "noise" in fixed else _weighted(rng, _NOISE[many])
    style = fixed["style"] if "style" in fixed else _weighted(rng, _STYLES[many])
    return Values(hops=int(hops), digits=int(digits), form=form, op=op, noise=int(noise), style=style)


@cache
def _cells(fixed: tuple[tuple[str, str], ...]) -> tuple[tuple[tuple[str, ...], ...], NDArray[np.float64]]:
    """All combinations of the first four axes that agree with the fixed values, and their cumulated weights."""
    given = dict(fixed)
    open_axes = [(given[axis],) if axis in given else AXES[axis] for axis in ("hops", "digits", "form", "op")]
    cells = tuple(cell for cell in itertools.product(*open_axes) if _possible(*cell))
    if not cells:
        asked = ", ".join(f"{axis}={given[axis]}" for axis in AXES if axis in given)
        raise SliceError(
            f"multihop_arithmetic has no items with {asked}: form=alias goes with op=none only, unit and rate with mul "
            f"and mixed, table and calendar not with mul, calendar with at most {MOST_CALENDAR_DIGITS} digits; op=div "
            "goes with sum, chain and story and as many hops as a number of those digits can be halved and leave more "
            "than one; op=mixed needs two hops"
        )
    return cells, np.cumsum([_weight(*cell) for cell in cells])


def _possible(hops: str, digits: str, form: str, op: str) -> bool:
    far = form == "calendar" and int(digits) > MOST_CALENDAR_DIGITS
    # Each division halves at least; twice that leaves several starts to choose from.
    undivided = op == "div" and 2 ** (int(hops) + 2) > 10 ** int(digits)
    return op in OPS[form] and not far and not undivided and not (op == "mixed" and hops == "1")


def _weight(hops: str, digits: str, form: str, op: str) -> float:
    many = int(hops) > FEW_HOPS
    ops = _OPS[many]
    of_form = sum(ops[each] for each in OPS[form] if _possible(hops, digits, form, each))
    return _DIGITS[digits] * _FORMS[many][form] * ops[op] / of_form


def _weighted(rng: np.random.Generator, weights: Weights) -> str:
    ends = np.cumsum(list(weights.values()))
    return tuple(weights)[int(np.searchsorted(ends, rng.random() * ends[-1], side="right"))]
