"""Markdown for a pull request or a job summary: the same report without the plot."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence

from tailgate.report.view import MARKS, CandidateView, CellRow, CostTable, Fact, Flip, FlipGroup, ReportView

_SPECIAL = re.compile(r"([\\`*_\[\]<>#|~$&])")
_BACKTICKS = re.compile("`+")


def render(view: ReportView) -> str:
    """The text of ``report.md``, in the dialect of GitHub and GitLab."""
    lines = [f"# {escape(view.banner.headline)}", "", f"**{escape(view.banner.sentence)}**", ""]
    for candidate in view.candidates:
        lines += _candidate(candidate, alone=len(view.candidates) == 1)
    lines += _costs(view.costs)
    lines += _conditions(view)
    return "\n".join(lines).rstrip() + "\n"


def escape(text: str) -> str:
    """Text that Markdown shows as it is, on one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def code_span(text: str) -> str:
    """Inline code that no backtick in `text` can end; a pipe is escaped because it would end a table cell."""
    text = " ".join(text.split()).replace("|", "\\|")
    fence = _fence(text, shortest=1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def code_block(text: str) -> list[str]:
    """Lines of a fenced block that no backtick in `text` can end."""
    fence = _fence(text, shortest=3)
    return [f"{fence}text", *text.split("\n"), fence]


def _fence(text: str, *, shortest: int) -> str:
    longest = max((len(run) for run in _BACKTICKS.findall(text)), default=0)
    return "`" * max(shortest, longest + 1)


def _candidate(candidate: CandidateView, *, alone: bool) -> list[str]:
    lines = [f"## {code_span(candidate.candidate)} against {code_span(candidate.baseline)}", ""]
    if not alone:
        lines += [f"**{escape(candidate.headline)}.** {escape(candidate.sentence)}", ""]
    lines += [f"> {escape(candidate.contrast.sentence)}", ""]
    lines += _bullets(escape(reason) for reason in candidate.reasons)
    if candidate.invalid_items:
        lines += [f"**{escape(candidate.invalid_items)}**", ""]
    lines += _cell_table(candidate)
    lines += [escape(candidate.bounds_note), ""]
    lines += _bullets(_short_note(cell) for cell in candidate.cells if cell.reason and cell.decision != "pass")
    lines += _cell_notes(candidate.cells)
    lines += _failures(candidate) + _refusals(candidate) + _signals(candidate)
    return lines + _flips(candidate)


def _cell_table(candidate: CandidateView) -> list[str]:
    level = candidate.confidence
    header = (
        "verdict", "cell", "n", "wins–losses–ties", "baseline", "candidate", "delta",
        f"lower bound (one-sided {level})", f"upper bound (one-sided {level})", "margin",
    )  # fmt: skip
    rows = [
        (
            f"{MARKS[cell.decision]} {cell.decision}", code_span(cell.name), cell.n, cell.record, cell.baseline,
            cell.candidate, f"**{cell.delta}**", cell.low, cell.high, cell.margin,
        )
        for cell in candidate.cells
    ]  # fmt: skip
    return _table(header, rows, align="ll" + "r" * 8)


def _table(header: Sequence[str], rows: Iterable[Sequence[str]], *, align: str) -> list[str]:
    rule = ["---:" if side == "r" else "---" for side in align]
    return [f"| {' | '.join(row)} |" for row in (header, rule, *rows)] + [""]


def _cell_notes(cells: Sequence[CellRow]) -> list[str]:
    lines = ["<details><summary>Evidence, calibration and fixed-n statistics of every cell</summary>", ""]
    for cell in cells:
        lines += [f"**{code_span(cell.name)}**: {cell.decision}", ""]
        flags = [f"flags: {escape(', '.join(cell.flags))}"] if cell.flags else []
        lines += _bullets([*flags, *map(_fact, cell.details)])
    return [*lines, "</details>", ""]


def _short_note(cell: CellRow) -> str:
    return f"{code_span(cell.name)}: {escape(cell.reason or '')}"


def _fact(fact: Fact) -> str:
    return f"{escape(fact.label)}: {escape(fact.value)}"


def _bullets(lines: Iterable[str]) -> list[str]:
    bullets = [f"- {line}" for line in lines]
    return [*bullets, ""] if bullets else []


def _failures(candidate: CandidateView) -> list[str]:
    if not candidate.failures:
        return []
    rows = [
        (code_span(row.cell), code_span(row.mode), row.baseline, row.candidate, row.change)
        for row in candidate.failures
    ]
    header = ("cell", "how answers failed", "baseline", "candidate", "change")
    note = [escape(candidate.failures_left_out), ""] if candidate.failures_left_out else []
    return ["### How answers failed", "", *_table(header, rows, align="llrrr"), *note]


def _refusals(candidate: CandidateView) -> list[str]:
    if not candidate.refusals:
        return []
    rows = [
        (
            code_span(row.cell), f"{row.over.n:,} / {row.under.n:,}", row.over.rates, row.over.text, row.under.rates,
            row.under.text,
        )
        for row in candidate.refusals
    ]  # fmt: skip
    header = ("cell", "n", "over-refusal", "change", "under-refusal", "change")
    opening = ["### Over- and under-refusal together", "", escape(candidate.refusals_note), ""]
    return [*opening, *_table(header, rows, align="lrrrrr")]


def _signals(candidate: CandidateView) -> list[str]:
    if not candidate.signals:
        return []
    opening = ["<details><summary>Measured beside the score; means, nothing of it decides</summary>", ""]
    return [*opening, *signal_table(candidate), "</details>", ""]


def signal_table(candidate: CandidateView) -> list[str]:
    """What graders measured beside the score, as lines of a table."""
    rows = [
        (code_span(row.cell), code_span(row.signal), row.n, row.baseline, row.candidate, row.change, row.ratio)
        for row in candidate.signals
    ]
    header = ("cell", "measured", "n", "baseline", "candidate", "change", "ratio")
    return _table(header, rows, align="llrrrrr")


def _flips(candidate: CandidateView) -> list[str]:
    lines = ["### Answers that changed", ""]
    if candidate.flips_note:
        lines += [escape(candidate.flips_note), ""]
    for group in candidate.flips:
        lines += _flip_group(group)
    return lines


def _flip_group(group: FlipGroup) -> list[str]:
    summary = f"{MARKS[group.decision]} {group.cell}: {group.n_losses} lost, {group.n_wins} gained"
    lines = [f"<details><summary>{_html_text(summary)}</summary>", ""]
    for flip in group.flips:
        lines += _flip(flip)
    if group.left_out:
        lines += [escape(group.left_out), ""]
    return [*lines, "</details>", ""]


def _html_text(text: str) -> str:
    # A line that begins with a tag is an HTML block: backslashes would show, entities do not.
    return html.escape(" ".join(text.split()))


def _flip(flip: Flip) -> list[str]:
    parts = [f"**{flip.kind}** {code_span(flip.item_id)} {flip.scores}: {escape(flip.divergence)}", flip.failure]
    lines = ["; ".join(escape(part) if part is flip.failure else part for part in parts if part), ""]
    for title, text in _flip_texts(flip):
        lines += [f"{title}:", "", *code_block(text), ""]
    return lines


def _flip_texts(flip: Flip) -> list[tuple[str, str]]:
    sides = [("baseline", flip.baseline), ("candidate", flip.candidate)]
    answers = [(f"{name} answer", f"{one.same}⟦{one.mark}⟧{one.rest}" if one.mark else one.same) for name, one in sides]
    return [("prompt", flip.prompt), ("expected", flip.reference), *answers]


def _costs(costs: CostTable | None) -> list[str]:
    if costs is None:
        return []
    header = (
        "variant", "files read", "in memory", "peak", "time to first token", "prefill", "decode", "worst cell",
        "measured in",
    )  # fmt: skip
    rows = [
        (
            code_span(row.name), row.files, row.memory, row.peak, row.first_token, row.prefill, row.decode, row.worst,
            escape(row.measured),
        )
        for row in costs.rows
    ]  # fmt: skip
    return ["## What it costs", "", *_table(header, rows, align="lrrrrrrrl"), escape(costs.conditions), ""]


def _conditions(view: ReportView) -> list[str]:
    lines = ["## Conditions", ""]
    not_applicable = [f"not applicable: {code_span(fact.label)}: {escape(fact.value)}" for fact in view.not_applicable]
    own = [f"controls: {escape(view.controls)}", f"noise floor: {escape(view.noise_floor)}"]
    lines += _bullets([*own, *not_applicable, *map(escape, view.notices)])
    for group in view.groups:
        lines += [f"**{escape(group.title)}**", "", *_bullets(map(_fact, group.facts))]
    return lines
