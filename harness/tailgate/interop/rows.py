"""One side's log as rows, and two such logs paired by id: strictly, or not at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tailgate.errors import IntegrityError
from tailgate.records import CellKey, PairedOutcome

WHOLE = "all"  # the stratum of a slice that has none


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRow:
    """One item as one side answered it.

    `asked` identifies the question where the log tells (a hash, or the prompt itself), `metric` what the score is by
    name; both sides must agree on them.
    """

    id: str
    slice: str
    score: float
    stratum: str = WHOLE
    cluster: str | None = None
    chance: float = 0.0
    text: str = ""
    asked: str | None = None
    metric: str | None = None


def pair_rows(baseline: Sequence[LogRow], candidate: Sequence[LogRow], name: str) -> list[PairedOutcome]:
    """Pair two logs by id, in the order of the baseline's.

    Parameters
    ----------
    name : str
        What the candidate is called in the outcomes.

    Raises
    ------
    IntegrityError
        An id is missing or comes twice, a score is no number in [0, 1], or the two sides of an item differ in slice,
        stratum, cluster, chance, metric or question. The message names the first such id.
    """
    ours, theirs = _by_id(baseline, "baseline"), _by_id(candidate, "candidate")
    for here, there, side in ((ours, theirs, "candidate"), (theirs, ours, "baseline")):
        if missing := next((key for key in here if key not in there), None):
            raise IntegrityError(f"item '{missing}' is missing from the {side}'s log; log every item on both sides")
    indices: dict[CellKey, int] = {}
    return [_outcome(row, theirs[key], name, indices) for key, row in ours.items()]


def _by_id(rows: Sequence[LogRow], side: str) -> dict[str, LogRow]:
    found: dict[str, LogRow] = {}
    for row in rows:
        if row.id in found:
            raise IntegrityError(f"item '{row.id}' comes twice in the {side}'s log; give each id once")
        if not 0 <= row.score <= 1:  # NaN compares false
            raise IntegrityError(f"item '{row.id}' has the {side} score {row.score}; scores lie in [0, 1]")
        if not 0 <= row.chance < 1:
            raise IntegrityError(f"item '{row.id}' has the chance {row.chance}; it lies in [0, 1)")
        found[row.id] = row
    return found


def _outcome(before: LogRow, after: LogRow, name: str, indices: dict[CellKey, int]) -> PairedOutcome:
    for what in ("slice", "stratum", "cluster", "chance", "metric", "asked"):
        first, second = getattr(before, what), getattr(after, what)
        if first != second:
            shown = "question" if what == "asked" else f"{what} ({first!r} against {second!r})"
            raise IntegrityError(f"item '{before.id}': the logs differ in its {shown}; log the same items")
    key = CellKey(slice=before.slice, stratum=before.stratum)
    indices[key] = index = indices.get(key, -1) + 1
    return PairedOutcome(
        candidate=name, item_id=before.id, slice=before.slice, stratum=before.stratum, index=index,
        cluster=before.cluster, prompt="", reference="", attributes="{}", invalid=None,
        baseline_score=before.score, candidate_score=after.score,
        baseline_text=before.text, candidate_text=after.text,
        baseline_failure=None, candidate_failure=None, baseline_finish="logged", candidate_finish="logged",
        baseline_tokens=0, candidate_tokens=0, prompt_tokens=0, divergence_token=None,
        baseline_divergence_char=None, candidate_divergence_char=None,
    )  # fmt: skip


def chances(rows: Sequence[LogRow]) -> Mapping[CellKey, float]:
    """Chance of every cell.

    Raises
    ------
    IntegrityError
        Items of one cell name different chances.
    """
    found: dict[CellKey, float] = {}
    for row in rows:
        key = CellKey(slice=row.slice, stratum=row.stratum)
        if found.setdefault(key, row.chance) != row.chance:
            raise IntegrityError(
                f"item '{row.id}' has the chance {row.chance}, others of {key} {found[key]}; give a cell one chance"
            )
    return found


def largest_clusters(rows: Sequence[LogRow]) -> Mapping[CellKey, int]:
    """Items in the largest cluster of every cell that has any."""
    sizes: dict[tuple[CellKey, str], int] = {}
    for key, cluster in _clusters(rows):
        sizes[key, cluster] = sizes.get((key, cluster), 0) + 1
    found: dict[CellKey, int] = {}
    for (key, _), size in sizes.items():
        found[key] = max(size, found.get(key, 0))
    return found


def _clusters(rows: Sequence[LogRow]) -> Iterator[tuple[CellKey, str]]:
    for row in rows:
        if row.cluster is not None:
            yield CellKey(slice=row.slice, stratum=row.stratum), row.cluster
