"""The few lines that a terminal shows when a run ends."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from textwrap import wrap

from tailgate.records import RunVerdict
from tailgate.report.model import build_view
from tailgate.report.refusals import together
from tailgate.report.text import MINUS, display_width
from tailgate.report.view import CandidateView, CellRow, ReportView

WIDTH = 100
_NARROWEST_TABLE = 88
_COLUMNS = ("verdict", "n", "W-L-T", "base", "cand", "delta", "low", "high", "margin")


def summary_lines(view: ReportView, width: int = WIDTH) -> list[str]:
    """The verdict, what broke and the conditions, as plain text of at most `width` columns.

    Below 88 columns the table becomes two lines per cell. The text holds no escape sequence.
    """
    width = max(width, 40)
    lines = wrap(_plain(f"{view.banner.headline.upper()}: {view.banner.sentence}"), width)
    for candidate in view.candidates:
        lines += ["", *_candidate(candidate, width)]
    return [*lines, "", *_conditions(view, width)]


def verdict_lines(verdict: RunVerdict, width: int = WIDTH) -> list[str]:
    """The same from a verdict alone, where no manifest is at hand."""
    return summary_lines(build_view(verdict, {}, ()), width)


def _plain(text: str) -> str:
    for fancy, plain in ((MINUS, "-"), ("–", "-"), ("∞", "inf"), ("⟨", "<"), ("⟩", ">"), ("…", "..."), ("→", "->")):
        text = text.replace(fancy, plain)
    return text


def _wrapped(texts: Iterable[str], width: int) -> list[str]:
    return [line for text in texts for line in wrap(_plain(text), width, subsequent_indent="  ")]


def _candidate(candidate: CandidateView, width: int) -> list[str]:
    lines = _wrapped([f"{candidate.candidate} against {candidate.baseline}: {candidate.decision}"], width)
    lines += _wrapped([candidate.contrast.sentence, *candidate.reasons], width)
    if candidate.invalid_items:
        lines += _wrapped([candidate.invalid_items], width)
    if not candidate.cells:
        return lines
    lines += ["", *(_table(candidate.cells, width) if width >= _NARROWEST_TABLE else _stacked(candidate.cells, width))]
    level = candidate.confidence
    lines += _wrapped([f"{cell.name}: {cell.reason}" for cell in candidate.cells if _says_more(cell)], width)
    note = f"low, high: one-sided {level} bounds in points, valid at any stopping time; pass needs low > -margin"
    refusals = [f"{row.cell}: {together(row)}" for row in candidate.refusals]
    return [*lines, *_wrapped([note, *refusals], width)]


def _says_more(cell: CellRow) -> bool:
    return cell.reason is not None and cell.decision not in ("pass", "regression")


def _values(cell: CellRow) -> tuple[str, ...]:
    texts = (
        cell.decision, cell.n, cell.record, cell.baseline.removesuffix(" %"), cell.candidate.removesuffix(" %"),
        cell.delta, cell.low, cell.high, cell.margin,
    )  # fmt: skip
    return tuple(map(_plain, texts))


def _table(cells: Sequence[CellRow], width: int) -> list[str]:
    rows = [_COLUMNS, *map(_values, cells)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    room = width - sum(widths) - 2 * len(widths)
    names = ["cell", *(_fit(_plain(cell.name), room) for cell in cells)]
    name_width = max(map(display_width, names))
    return [
        "  ".join(
            (
                row[0].ljust(widths[0]),
                name + " " * (name_width - display_width(name)),
                *(text.rjust(size) for text, size in zip(row[1:], widths[1:], strict=True)),
            )
        )
        for row, name in zip(rows, names, strict=True)
    ]


def _fit(name: str, room: int) -> str:
    """Keep the end of a name that is too long: strata differ there."""
    if display_width(name) <= room:
        return name
    kept = name
    while kept and display_width(kept) > room - 3:
        kept = kept[1:]
    return "..." + kept


def _stacked(cells: Sequence[CellRow], width: int) -> list[str]:
    texts = []
    for cell in cells:
        decision, n, record, baseline, candidate, delta, low, high, margin = _values(cell)
        texts.append(f"{decision}: {cell.name}")
        texts.append(
            f"  {delta} points [{low}, {high}], margin {margin}; {baseline} to {candidate} %; n {n}, W-L-T {record}"
        )
    return _wrapped(texts, width)


def _conditions(view: ReportView, width: int) -> list[str]:
    lines = [f"controls: {view.controls}; noise floor: {view.noise_floor}"]
    lines += [f"not applicable: {fact.label}: {fact.value}" for fact in view.not_applicable]
    return _wrapped([*lines, *view.notices], width)
