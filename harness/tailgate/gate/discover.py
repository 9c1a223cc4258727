"""After the gate: which parts of a slice lost most? A search, so it names candidates and decides nothing."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from tailgate.records import PairedOutcome
from tailgate.stats.shrinkage import difference_variance, shrink

FEWEST_ITEMS = 10  # a part with fewer is not looked at
BINS = 4  # quarters of a numeric attribute with many values
MOST_VALUES = 12  # of an attribute, before its numbers are cut into quarters or its names left out
SHOWN = 5
LABELS = (  # of a quarter: what it says, and which numbers belong to it
    re.compile(r"below (?P<high>\S+)"),
    re.compile(r"(?P<low>\S+) to below (?P<high>\S+)"),
    re.compile(r"(?P<low>\S+) or more"),
)
PRIVATE = frozenset({"subject_id"})  # people are not parts of a slice
LENGTH_ATTRIBUTES = ("prompt_tokens", "baseline_tokens")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Items of one slice that share a value of an attribute; `low`, `high` bound the shrunk difference.

    `value` is the value itself, or for a quarter of a number that takes many values ``below A``, ``A to below B`` or
    ``B or more``.
    """

    slice: str
    attribute: str
    value: str
    n: int
    raw: float
    shrunk: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """The parts that lost most, and how many were looked at to find them."""

    parts: tuple[Part, ...]
    searched: int
    attributes: tuple[str, ...]  # "slice: attribute", everything that was looked at

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def holds(value: Any, label: str) -> bool:
    """Whether an item with this value of an attribute belongs to the part with that label."""
    quarter = next((match for pattern in LABELS if (match := pattern.fullmatch(label))), None)
    if quarter is None or not isinstance(value, (int, float)) or isinstance(value, bool):
        return str(value) == label
    edges = quarter.groupdict()
    return float(edges.get("low", "-inf")) <= value < float(edges.get("high", "inf"))


def discover(outcomes: Sequence[PairedOutcome], alpha: float) -> Search:
    """Search every recorded attribute of every slice for the parts of it that lost most.

    Notes
    -----
    Each part's mean difference is shrunk towards the mean of all parts by empirical Bayes, which makes up for having
    picked the worst (see `stats.shrinkage`). Parts overlap, so this ranks and describes; a part is established only on
    fresh items of its own.
    """
    groups = dict(_groups([each for each in outcomes if each.invalid is None]))
    kept = {key: found for key, found in groups.items() if len(found) >= FEWEST_ITEMS}
    searched = tuple(sorted({f"{name}: {attribute}" for name, attribute, _ in kept}))
    if len(kept) < 2:
        return Search(parts=(), searched=len(kept), attributes=searched)
    d = {key: np.array([row.candidate_score - row.baseline_score for row in found]) for key, found in kept.items()}
    variances = [difference_variance(x.size, float(x.mean()), float((x**2).mean())) for x in d.values()]
    shrunk = shrink([float(x.mean()) for x in d.values()], variances, alpha)
    keys = list(d)
    order = _without_twins([keys[i] for i in np.argsort(shrunk.mean, kind="stable")], kept)[:SHOWN]
    at = {key: i for i, key in enumerate(keys)}
    parts = tuple(_part(key, d[key], *(x[at[key]] for x in (shrunk.mean, shrunk.low, shrunk.high))) for key in order)
    return Search(parts=tuple(part for part in parts if part.shrunk < 0), searched=len(kept), attributes=searched)


def _without_twins(
    order: Sequence[tuple[str, str, str]], groups: Mapping[tuple[str, str, str], Sequence[PairedOutcome]]
) -> list[tuple[str, str, str]]:
    """The parts without those that hold the very items of one before: a language that alone has its script, say."""
    first: dict[frozenset[str], tuple[str, str, str]] = {}
    for key in order:
        first.setdefault(frozenset(row.item_id for row in groups[key]), key)
    return list(first.values())


def _part(key: tuple[str, str, str], d: Any, mean: float, low: float, high: float) -> Part:
    name, attribute, value = key
    return Part(
        slice=name, attribute=attribute, value=value, n=int(d.size), raw=float(d.mean()),
        shrunk=float(mean), low=max(float(low), -1.0), high=min(float(high), 1.0),
    )  # fmt: skip


def _groups(outcomes: Iterable[PairedOutcome]) -> Iterator[tuple[tuple[str, str, str], list[PairedOutcome]]]:
    by_slice: dict[str, list[PairedOutcome]] = defaultdict(list)
    for outcome in outcomes:
        by_slice[outcome.slice].append(outcome)
    for name, rows in by_slice.items():
        table = [_attributes(row) for row in rows]
        for attribute in sorted({key for row in table for key in row}):
            labels = _labels([row.get(attribute) for row in table])
            grouped: dict[str, list[PairedOutcome]] = defaultdict(list)
            for row, label in zip(rows, labels, strict=True):
                if label is not None:
                    grouped[label].append(row)
            for label, found in sorted(grouped.items()):
                yield (name, attribute, label), found


def _attributes(outcome: PairedOutcome) -> Mapping[str, Any]:
    own = {name: value for name, value in json.loads(outcome.attributes).items() if name not in PRIVATE}
    lengths = {name: getattr(outcome, name) for name in LENGTH_ATTRIBUTES}
    return {**lengths, **own, "stratum": outcome.stratum}


def _labels(values: Sequence[Any]) -> list[str | None]:
    """A group for every item: the value itself, or the quarter of a number that takes many values."""
    distinct = {str(value) for value in values if value is not None}
    if len(distinct) <= MOST_VALUES:
        return [None if value is None else str(value) for value in values]
    numbers = [value for value in values if isinstance(value, (int, float)) and not isinstance(value, bool)]
    if len(numbers) < len(values):
        return [None] * len(values)  # names or texts, nearly one an item: no group to speak of
    edges = np.quantile(numbers, np.linspace(0, 1, BINS + 1))[1:-1].tolist()
    names = [f"below {edges[0]!r}"]
    names += [f"{low!r} to below {high!r}" for low, high in pairwise(edges)]
    names += [f"{edges[-1]!r} or more"]
    return [names[place] for place in np.searchsorted(edges, numbers, side="right")]
