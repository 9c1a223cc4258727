"""Where in two axes of a slice a candidate loses: length x depth, language x task, hops x digits."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tailgate.records import PairedOutcome
from tailgate.report.text import one_line, points
from tailgate.report.view import Heat, HeatMap

MOST_LINES = 30  # of either axis
FEWEST = 5  # items of a square that is shaded
STEPS = (0.025, 0.10, 0.25)  # changes of score at which a square takes the next shade


@dataclass(frozen=True, slots=True, kw_only=True)
class _Axes:
    """What stands down and across, as attributes of items; `title` in words."""

    title: str
    down: str
    across: str


AXES: Mapping[str, _Axes] = {
    "long_context": _Axes(title="length x depth of the needle", down="prompt_tokens", across="depth_decile"),
    "low_resource": _Axes(title="language x task", down="lang", across="task"),
    "multihop_arithmetic": _Axes(title="hops x digits", down="hops", across="digits"),
    "code": _Axes(title="language x task", down="language", across="task"),
}


def heat_maps(outcomes: Iterable[PairedOutcome]) -> tuple[HeatMap, ...]:
    """One map for each slice whose items differ in both of its axes."""
    by_slice: dict[str, list[PairedOutcome]] = defaultdict(list)
    for each in outcomes:
        if each.invalid is None and each.slice in AXES:
            by_slice[each.slice].append(each)
    maps = (_map(name, AXES[name], found) for name, found in sorted(by_slice.items()))
    return tuple(each for each in maps if each is not None)


def _map(name: str, axes: _Axes, outcomes: Sequence[PairedOutcome]) -> HeatMap | None:
    squares: dict[tuple[str, str], list[float]] = defaultdict(list)
    for each in outcomes:
        attributes = json.loads(each.attributes or "{}")
        if axes.down in attributes and axes.across in attributes:
            place = _label(axes.down, attributes), _label(axes.across, attributes)
            squares[place].append(each.candidate_score - each.baseline_score)
    down, across = (sorted({place[axis] for place in squares}, key=_natural) for axis in (0, 1))
    if min(len(down), len(across)) < 2 or max(len(down), len(across)) > MOST_LINES:
        return None
    return HeatMap(
        slice=one_line(name),
        title=axes.title,
        down=tuple(map(one_line, down)),
        across=tuple(map(one_line, across)),
        rows=tuple(tuple(_heat(squares.get((row, column), [])) for column in across) for row in down),
    )


def _label(axis: str, attributes: Mapping[str, object]) -> str:
    value = attributes[axis]
    if axis != "prompt_tokens":
        return str(value)
    # Prompts are a percent off their length: the power of two that they were made for.
    tokens = int(str(value))
    return str(min((2**power for power in range(5, 21)), key=lambda size: abs(size - tokens) / size))


def _natural(text: str) -> tuple[int, str]:
    return (int(text), "") if text.isdigit() else (-1, text)


def _heat(changes: Sequence[float]) -> Heat:
    if not changes:
        return Heat(text="", n="", shade="none")
    change = sum(changes) / len(changes)
    step = sum(abs(change) >= limit for limit in STEPS)
    shade = "even" if step == 0 or len(changes) < FEWEST else f"{'lost' if change < 0 else 'gained'}-{step}"
    return Heat(text=points(change, decimals=0), n=f"n {len(changes):,}", shade=shade)
