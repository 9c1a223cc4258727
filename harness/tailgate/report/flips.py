"""The items that changed hands: which, how often, and where the two answers part."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tailgate.records import CellVerdict, PairedOutcome
from tailgate.report.text import MINUS, count, head, middle_out, one_line, percent, tail, visible
from tailgate.report.view import FailureRow, Flip, FlipGroup, Snippet

MAX_FLIPS_PER_CELL = 5
MAX_FAILURE_ROWS = 20
_PROMPT_HEAD, _PROMPT_TAIL = 300, 500
_SAME, _MARK, _REST = 160, 40, 320
_END_OF_ANSWER = "⟨end of answer⟩"
# Records hold where the first differing token begins, not where it ends: mark its word, or one sign.
_FIRST_PIECE = re.compile(r"\s*(?:\w+|\S)|\s+")


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureTable:
    """The most changed failure modes and, in words, how many rows are not shown."""

    rows: tuple[FailureRow, ...]
    left_out: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Divergence:
    """Character offsets at which the two answers part; None where they are the same text."""

    baseline: int | None
    candidate: int | None
    label: str


def flip_groups(cells: Sequence[CellVerdict], outcomes: Sequence[PairedOutcome]) -> tuple[FlipGroup, ...]:
    """The flips of every cell that has any, in the order of `cells`.

    At most `MAX_FLIPS_PER_CELL` a cell: the largest losses first, then the largest wins. Items on which the harness
    failed are no flips.
    """
    by_cell: dict[str, list[PairedOutcome]] = defaultdict(list)
    for outcome in outcomes:
        if outcome.invalid is None and outcome.candidate_score != outcome.baseline_score:
            by_cell[str(outcome.key)].append(outcome)
    return tuple(_group(cell, by_cell[str(cell.key)]) for cell in cells if by_cell[str(cell.key)])


def _group(cell: CellVerdict, flipped: list[PairedOutcome]) -> FlipGroup:
    # Losses have negative differences, so they come first, the largest at the top; wins follow likewise.
    ordered = sorted(flipped, key=lambda each: (not _is_loss(each), -abs(_difference(each)), each.index, each.item_id))
    shown, hidden = ordered[:MAX_FLIPS_PER_CELL], ordered[MAX_FLIPS_PER_CELL:]
    n_losses = sum(map(_is_loss, flipped))
    return FlipGroup(
        cell=one_line(str(cell.key)),
        decision=cell.verdict,
        n_losses=n_losses,
        n_wins=len(flipped) - n_losses,
        flips=tuple(map(_flip, shown)),
        left_out=_hidden_flips(hidden),
    )


def _hidden_flips(hidden: Sequence[PairedOutcome]) -> str | None:
    if not hidden:
        return None
    n_losses = sum(map(_is_loss, hidden))
    n_wins = len(hidden) - n_losses
    parts = ([_plural(n_losses, "loss", "losses")] if n_losses else []) + ([count(n_wins, "win")] if n_wins else [])
    return f"{' and '.join(parts)} of this cell not shown here; outcomes.parquet holds every item."


def _plural(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


def _difference(outcome: PairedOutcome) -> float:
    return outcome.candidate_score - outcome.baseline_score


def _is_loss(outcome: PairedOutcome) -> bool:
    return _difference(outcome) < 0


def _flip(outcome: PairedOutcome) -> Flip:
    parting = divergence(outcome)
    return Flip(
        kind="loss" if _is_loss(outcome) else "win",
        item_id=one_line(outcome.item_id, 120),
        scores=f"{percent(outcome.baseline_score)} → {percent(outcome.candidate_score)}",
        prompt=middle_out(outcome.prompt, _PROMPT_HEAD, _PROMPT_TAIL),
        reference=head(outcome.reference, _REST),
        baseline=snippet(outcome.baseline_text, parting.baseline),
        candidate=snippet(outcome.candidate_text, parting.candidate),
        divergence=parting.label,
        failure=_failure(outcome),
        attributes="" if outcome.attributes in ("", "{}") else one_line(outcome.attributes, 300),
    )


def _failure(outcome: PairedOutcome) -> str | None:
    mode = outcome.candidate_failure if _is_loss(outcome) else outcome.baseline_failure
    if mode is None:
        return None
    return f"{'candidate' if _is_loss(outcome) else 'baseline'} failed: {one_line(mode, 80)}"


def divergence(outcome: PairedOutcome) -> Divergence:
    """Where the two answers of an item part, and the same in words."""
    baseline, candidate = outcome.baseline_divergence_char, outcome.candidate_divergence_char
    if outcome.divergence_token is not None and baseline is not None and candidate is not None:
        label = f"the answers agree for {count(outcome.divergence_token, 'token')}, then part"
        return Divergence(baseline=baseline, candidate=candidate, label=label)
    if not outcome.baseline_text and not outcome.candidate_text:
        return Divergence(baseline=None, candidate=None, label="no text recorded, or both answers empty")
    if outcome.baseline_text == outcome.candidate_text:
        return Divergence(baseline=None, candidate=None, label="the same text, graded differently")
    same = _common_length(outcome.baseline_text, outcome.candidate_text)
    label = f"the answers agree for {count(same, 'character')}, then part (no token offsets recorded)"
    return Divergence(baseline=same, candidate=same, label=label)


def _common_length(left: str, right: str) -> int:
    shorter = min(len(left), len(right))
    return next((index for index in range(shorter) if left[index] != right[index]), shorter)


def snippet(text: str, start: int | None, *, same: int = _SAME, mark: int = _MARK, rest: int = _REST) -> Snippet:
    """Cut an answer at character `start`, where it leaves the other one; None marks nothing.

    The marked piece is the first word or sign from `start` on, and at most `mark` characters of it; before it stand at
    most `same` characters, behind it at most `rest`.
    """
    if start is None:
        return Snippet(same=head(text, same + rest), mark="", rest="")
    start = min(max(start, 0), len(text))
    piece = _FIRST_PIECE.match(text, start, min(len(text), start + mark))
    end = piece.end() if piece else start
    return Snippet(
        same=tail(text[:start], same),
        mark=visible(text[start:end]) or _END_OF_ANSWER,
        rest=head(text[end:], rest),
    )


def failure_table(cells: Sequence[CellVerdict], outcomes: Sequence[PairedOutcome]) -> FailureTable:
    """How answers failed per cell and mode, the largest increase first.

    Counts come from the outcomes; without outcomes, those of the verdict stand in and the baseline's are not recorded.
    """
    rows = _modes_of_outcomes(cells, outcomes) if outcomes else _modes_of_verdict(cells)
    hidden = len(rows) - MAX_FAILURE_ROWS
    note = f"{_plural(hidden, 'row', 'rows')} not shown: their counts rose less, or fell." if hidden > 0 else None
    return FailureTable(rows=tuple(rows[:MAX_FAILURE_ROWS]), left_out=note)


def _modes_of_outcomes(cells: Sequence[CellVerdict], outcomes: Iterable[PairedOutcome]) -> list[FailureRow]:
    baseline: Counter[tuple[str, str]] = Counter()
    candidate: Counter[tuple[str, str]] = Counter()
    for each in outcomes:
        if each.baseline_failure is not None:
            baseline[str(each.key), each.baseline_failure] += 1
        if each.candidate_failure is not None:
            candidate[str(each.key), each.candidate_failure] += 1
    known = {str(cell.key) for cell in cells}
    keys = [key for key in baseline.keys() | candidate.keys() if key[0] in known]
    keys.sort(key=lambda key: (baseline[key] - candidate[key], key))
    return [
        FailureRow(
            cell=one_line(cell),
            mode=one_line(mode, 80),
            baseline=f"{baseline[cell, mode]:,}",
            candidate=f"{candidate[cell, mode]:,}",
            change=_change(candidate[cell, mode] - baseline[cell, mode]),
        )
        for cell, mode in keys
    ]


def _modes_of_verdict(cells: Sequence[CellVerdict]) -> list[FailureRow]:
    found = [(-n, str(cell.key), mode) for cell in cells for mode, n in cell.failure_modes.items()]
    return [
        FailureRow(cell=one_line(cell), mode=one_line(mode, 80), baseline="n/a", candidate=f"{-n:,}", change="n/a")
        for n, cell, mode in sorted(found)
    ]


def _change(difference: int) -> str:
    return "0" if difference == 0 else f"{difference:+,}".replace("-", MINUS)


def invalid_items(outcomes: Iterable[PairedOutcome]) -> str | None:
    """Say how many items the harness or its input spoiled, and how; None when there are none."""
    reasons = Counter(each.invalid for each in outcomes if each.invalid is not None)
    if not reasons:
        return None
    parts = ", ".join(f"{one_line(reason, 80)}: {n:,}" for reason, n in sorted(reasons.items()))
    return f"{_plural(reasons.total(), 'item was', 'items were')} spoiled by the harness or its input ({parts})."
