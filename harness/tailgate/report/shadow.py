"""What shadow traffic showed, by length of prompt, language and task: a description, never a verdict."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean, median
from typing import Any

from tailgate.report.markdown import code_span, escape
from tailgate.report.text import one_line, percent
from tailgate.stats.intervals import clopper_pearson
from tailgate.store.shadow import Pair, ShadowStore, Verified

BANDS = (128, 512, 2048, 8192)  # tokens of prompt: where the next band begins
MOST_CELLS = 200  # clients choose task names: a table must not grow with them
ALPHA = 0.025  # each side: a 95 % interval
STATEMENT = (
    "This describes the traffic that was seen; it is no verdict. An answer that differs is not worse by that, requests "
    "are not independent draws, and no margin was fixed beforehand: decide with `tailgate compare`."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowCell:
    """Verified answers of one length, language and task.

    `low` and `high`: Clopper-Pearson, 95 %, of the share that diverged. Means and medians are None where there is
    nothing to take them of.
    """

    length: str
    language: str
    task: str
    n: int
    diverged: int
    share: float
    low: float
    high: float
    median_divergence_token: float | None
    mean_agreement: float | None
    mean_kl_floor: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowView:
    """One pair's traffic: all of it, its cells (most answers first), and how many cells are left out."""

    pair: Pair
    first_utc: str
    last_utc: str
    total: ShadowCell
    cells: tuple[ShadowCell, ...]
    cells_left_out: int
    nonfinite: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowReport:
    """Everything a shadow folder tells."""

    statement: str
    tallies: Mapping[str, int]
    pairs: tuple[ShadowView, ...]


def build_shadow_report(store: ShadowStore) -> ShadowReport:
    """Summarize a store."""
    found = [(pair, list(store.verified(pair))) for pair in store.pairs()]
    views = tuple(_view(pair, rows) for pair, rows in found if rows)
    return ShadowReport(statement=STATEMENT, tallies=store.tallies(), pairs=views)


def length_band(tokens: int) -> str:
    """The band of a prompt's length, such as ``128-511``."""
    low = max((edge for edge in BANDS if edge <= tokens), default=0)
    above = next((edge for edge in BANDS if edge > tokens), None)
    return f"{low}+" if above is None else f"{low}-{above - 1}"


def _view(pair: Pair, rows: Sequence[Verified]) -> ShadowView:
    groups: dict[tuple[str, str, str], list[Verified]] = {}
    for row in rows:
        groups.setdefault((length_band(row.prompt_tokens), row.language, row.task), []).append(row)
    ordered = sorted(groups.items(), key=lambda each: (-len(each[1]), each[0]))
    return ShadowView(
        pair=pair,
        first_utc=rows[0].created_utc,
        last_utc=rows[-1].created_utc,
        total=_cell(("all", "all", "all"), rows),
        cells=tuple(_cell(key, group) for key, group in ordered[:MOST_CELLS]),
        cells_left_out=max(0, len(ordered) - MOST_CELLS),
        nonfinite=sum(row.candidate_finish == "nonfinite" for row in rows),
    )


def _cell(key: tuple[str, str, str], rows: Sequence[Verified]) -> ShadowCell:
    places = [row.divergence_token for row in rows if row.divergence_token is not None]
    bounds = clopper_pearson(len(places), len(rows), ALPHA)
    return ShadowCell(
        length=key[0],
        language=key[1],
        task=key[2],
        n=len(rows),
        diverged=len(places),
        share=len(places) / len(rows),
        low=bounds.low,
        high=bounds.high,
        median_divergence_token=float(median(places)) if places else None,
        mean_agreement=_mean(row.agreement for row in rows),
        mean_kl_floor=_mean(row.kl_floor for row in rows),
    )


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def shadow_json(report: ShadowReport) -> str:
    """The summary as JSON."""
    found: dict[str, Any] = {"schema_version": 1, **asdict(report)}
    return json.dumps(found, indent=2, allow_nan=False, ensure_ascii=False)


def shadow_markdown(report: ShadowReport) -> str:
    """The summary as Markdown."""
    lines = ["# Shadow traffic", "", f"**{escape(report.statement)}**", ""]
    lines += ["| answers | n |", "| --- | ---: |"]
    lines += [f"| {escape(one_line(what))} | {n:,} |" for what, n in report.tallies.items()]
    lines.append("")
    for view in report.pairs:
        lines += _pair_lines(view)
    if not report.pairs:
        lines += ["No answer was verified yet.", ""]
    return "\n".join(lines)


def _pair_lines(view: ShadowView) -> list[str]:
    title = f"## {code_span(one_line(view.pair.candidate))} behind {code_span(one_line(view.pair.baseline))}"
    prints = (view.pair.candidate_fingerprint[:12], view.pair.baseline_fingerprint[:12])
    header = (
        "prompt tokens", "language", "task", "n", "diverged", "share", "95 % interval (Clopper-Pearson)",
        "median token of divergence", "tokens agreed", "KL floor, nats a token",
    )  # fmt: skip
    align = ("---", "---", "---", *["---:"] * 7)
    rows = [" | ".join(_row(cell)) for cell in (view.total, *view.cells)]
    lines = [title, "", f"Fingerprints {prints[0]} behind {prints[1]}, {view.first_utc} to {view.last_utc}.", ""]
    lines += [f"| {' | '.join(header)} |", f"| {' | '.join(align)} |", *(f"| {row} |" for row in rows), ""]
    if view.cells_left_out:
        lines += [f"{view.cells_left_out} more cells, of fewer answers, are left out.", ""]
    if view.nonfinite:
        lines += [f"In {view.nonfinite} answers the candidate's logits were not finite; they count as diverged.", ""]
    return lines


def _row(cell: ShadowCell) -> list[str]:
    return [
        cell.length,
        escape(one_line(cell.language)),
        escape(one_line(cell.task)),
        f"{cell.n:,}",
        f"{cell.diverged:,}",
        percent(cell.share),
        f"{percent(cell.low)} to {percent(cell.high)}",
        "n/a" if cell.median_divergence_token is None else f"{cell.median_divergence_token:g}",
        percent(cell.mean_agreement),
        "n/a" if cell.mean_kl_floor is None else f"{cell.mean_kl_floor:.4g}",
    ]
