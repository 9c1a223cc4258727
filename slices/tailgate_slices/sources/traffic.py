"""Which share of production traffic the cells of a suite stand for, and what their deltas mean for it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tailgate_slices.item import SliceError, TokenCounter
from tailgate_slices.low_resource.scripts import dominant_script
from tailgate_slices.sources.languages import LanguageOf, lingua_language
from tailgate_slices.sources.prompt_kinds import KINDS, MAX_READ, is_arithmetic, is_code, kinds_of
from tailgate_slices.sources.reading import shown
from tailgate_slices.sources.rows import Row, read_data
from tailgate_slices.sources.standing import (
    ENGLISH,
    LATIN,
    LONG,
    CellLike,
    Features,
    length_band,
    opening_of,
    stands_for,
)

__all__ = [
    "CellShare",
    "Coverage",
    "Features",
    "LanguageOf",
    "Prompt",
    "WeightedDelta",
    "coverage",
    "families_of",
    "features",
    "is_arithmetic",
    "is_code",
    "length_band",
    "lingua_language",
    "read_traffic",
    "stands_for",
    "weighted_delta",
]

COLUMNS = ("prompt", "weight", "id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """One production prompt and how often it comes."""

    text: str
    weight: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CellShare:
    """Share of the traffic that a cell stands for; cells may share prompts."""

    slice: str
    stratum: str
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """Shares of the traffic, by weight: of each feature family, of each cell, and of what no cell stands for."""

    n_prompts: int
    families: Mapping[str, float]
    cells: tuple[CellShare, ...]
    uncovered: float
    uncovered_families: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightedDelta:
    """Deltas of cells, weighted by traffic.

    `mean` gives each prompt the mean delta of the cells that stand for it, `worst` the lowest of them; both are over
    the measured share alone, and None where that is nothing. Descriptive: it never decides.
    """

    mean: float | None
    worst: float | None
    measured_share: float


def read_traffic(path: Path) -> tuple[Prompt, ...]:
    """Read prompts from a JSON-lines or CSV file with the columns prompt and, if wanted, weight and id.

    Raises
    ------
    SliceError
        The file has a fault; the message names the line.
    """
    prompts = tuple(_prompt(row, path) for row in read_data(path).rows)
    total = sum(prompt.weight for prompt in prompts)
    if not total > 0:
        raise SliceError(f"{path.name}: all weights are zero; give at least one prompt a weight")
    if not math.isfinite(total):
        raise SliceError(f"{path.name}: the weights add up to infinity; divide all of them by the largest")
    return prompts


def _prompt(row: Row, path: Path) -> Prompt:
    where = f"{path.name} line {row.line}"
    unknown = [name for name in row.fields if name not in COLUMNS]
    if unknown:
        raise SliceError(f"{where}: unknown column {shown(unknown[0])}; known columns: {', '.join(COLUMNS)}")
    text = row.fields.get("prompt")
    if not isinstance(text, str) or not text.strip():
        raise SliceError(f"{where} has no prompt; write one")
    return Prompt(text=text, weight=_weight(row.fields.get("weight"), where))


def _weight(given: Any, where: str) -> float:
    if given is None or given == "":
        return 1.0
    try:
        weight = float(given) if not isinstance(given, bool) else float("nan")
    except (TypeError, ValueError, OverflowError):
        weight = float("nan")
    if not 0.0 <= weight < float("inf"):
        raise SliceError(f"{where}: weight is {shown(given)}; write a number that is not negative")
    return weight


def features(text: str, tokens: TokenCounter, language_of: LanguageOf | None = None) -> Features:
    """Look at one prompt."""
    part = text[:MAX_READ]
    return Features(
        tokens=tokens.count(text),
        script=dominant_script(part),
        language=language_of(part) if language_of is not None else None,
        kinds=kinds_of(part),
        opening=opening_of(part),
    )


def families_of(seen: Features) -> tuple[str, ...]:
    """Families of a prompt: ``length=512``, ``script=ETHIOPIC``, ``language=am``, and the kinds that its signs tell.

    One that has none of these is ``plain`` where it is known to be English, and ``language=unknown`` where it is in
    Latin letters and nothing tells the language.
    """
    found = []
    if seen.tokens >= LONG:
        found.append(f"length={length_band(seen.tokens)}")
    if seen.script not in (None, LATIN):
        found.append(f"script={seen.script}")
    if seen.language not in (None, ENGLISH):
        found.append(f"language={seen.language}")
    found += [kind for kind in KINDS if kind in seen.kinds]
    rest = "language=unknown" if seen.script == LATIN and seen.language is None else "plain"
    return tuple(found) or (rest,)


def coverage(prompts: Sequence[tuple[Prompt, Features]], cells: Sequence[CellLike]) -> Coverage:
    """Shares of the traffic in families and cells, and the share in none of the cells.

    What counts as standing for a prompt is said by `standing.what_counts`, slice by slice, and by `slices show`.
    """
    total = sum(prompt.weight for prompt, _ in prompts)
    if not 0 < total < math.inf:
        reason = "all weights are zero" if total == 0 else f"the weights add up to {total}"
        raise SliceError(f"there is no traffic to share out: {reason}; give prompts with weights that add up")
    bare = [(prompt.weight, families_of(seen)) for prompt, seen in prompts if not _cells_of(seen, cells)]
    return Coverage(
        n_prompts=len(prompts),
        families=_shares(((prompt.weight, families_of(seen)) for prompt, seen in prompts), total),
        cells=tuple(
            CellShare(
                slice=cell.slice,
                stratum=cell.stratum,
                share=sum(prompt.weight for prompt, seen in prompts if stands_for(cell, seen)) / total,
            )
            for cell in cells
        ),
        uncovered=sum(weight for weight, _ in bare) / total,
        uncovered_families=_shares(bare, total),
    )


def _cells_of(seen: Features, cells: Sequence[CellLike]) -> tuple[CellLike, ...]:
    return tuple(cell for cell in cells if stands_for(cell, seen))


def _shares(weighted: Iterable[tuple[float, tuple[str, ...]]], total: float) -> Mapping[str, float]:
    sums: dict[str, float] = {}
    for weight, families in weighted:
        for family in families:
            sums[family] = sums.get(family, 0.0) + weight
    return MappingProxyType({family: sums[family] / total for family in sorted(sums)})


def weighted_delta(
    prompts: Sequence[tuple[Prompt, Features]], deltas: Mapping[tuple[str, str], float], cells: Sequence[CellLike]
) -> WeightedDelta:
    """The delta of the traffic, from deltas by (slice, stratum); cells without one are left out."""
    known = [cell for cell in cells if (cell.slice, cell.stratum) in deltas]
    total = sum(prompt.weight for prompt, _ in prompts)
    measured = mean = worst = 0.0
    for prompt, seen in prompts:
        found = [deltas[cell.slice, cell.stratum] for cell in _cells_of(seen, known)]
        if found:
            measured += prompt.weight
            mean += prompt.weight * sum(found) / len(found)
            worst += prompt.weight * min(found)
    if not measured > 0:
        return WeightedDelta(mean=None, worst=None, measured_share=0.0)
    return WeightedDelta(mean=mean / measured, worst=worst / measured, measured_share=measured / total)
