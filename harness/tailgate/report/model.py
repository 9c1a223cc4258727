"""From the records of a run to the one view that every renderer lays out."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tailgate.records import CandidateVerdict, Decision, PairedOutcome, RunVerdict
from tailgate.report.cells import bounds_note, cell_row, confidence, contrast, forest_row, worst_first
from tailgate.report.costs import cost_table
from tailgate.report.facts import fact_groups, noise_floor, notices, section
from tailgate.report.flips import failure_table, flip_groups, invalid_items
from tailgate.report.heatmaps import heat_maps
from tailgate.report.items import item_block
from tailgate.report.paths import evidence_paths
from tailgate.report.proxies import proxies
from tailgate.report.refusals import REGION_NOTE, refusal_rows
from tailgate.report.signals import signal_rows
from tailgate.report.text import count, one_line
from tailgate.report.view import Banner, CandidateView, Fact, ReportView

HEADLINES: Mapping[Decision, str] = {
    "pass": "May ship",
    "regression": "Do not ship",
    "inconclusive": "Undecided: do not ship yet",
    "invalid": "Void: this run decides nothing",
}


def build_view(verdict: RunVerdict, manifest: Mapping[str, Any], outcomes: Sequence[PairedOutcome]) -> ReportView:
    """Say everything that a report says about a run, once, for all renderers.

    Parameters
    ----------
    verdict
        The decision; its order of cells does not matter, the view puts the worst first.
    manifest
        The run's manifest. Any key may be absent and is then shown as not recorded.
    outcomes
        The paired items of all candidates, from which the examples and failure modes are drawn; may be empty.
    """
    by_candidate: dict[str, list[PairedOutcome]] = defaultdict(list)
    for outcome in outcomes:
        by_candidate[outcome.candidate].append(outcome)
    calibration = section(manifest, "calibration")
    banner = _banner(verdict)
    return ReportView(
        title=f"tailgate: {banner.headline[0].lower()}{banner.headline[1:]}",
        banner=banner,
        notices=notices(manifest, verdict),
        not_applicable=tuple(
            Fact(label=one_line(cell), value=one_line(reason, 400))
            for cell, reason in sorted(verdict.not_applicable.items())
        ),
        controls=one_line(verdict.controls, 400) or "not run",
        noise_floor=noise_floor(verdict),
        candidates=tuple(_candidate(each, by_candidate[each.candidate], calibration) for each in verdict.candidates),
        costs=cost_table(manifest, verdict),
        items=item_block(outcomes, _cell_names(verdict)) if outcomes else None,
        groups=fact_groups(manifest, verdict),
        verdict=verdict,
    )


def _banner(verdict: RunVerdict) -> Banner:
    return Banner(
        decision=verdict.decision,
        exit_code=verdict.exit_code,
        headline=HEADLINES[verdict.decision],
        sentence=_run_sentence(verdict),
    )


def _run_sentence(verdict: RunVerdict) -> str:
    if not verdict.candidates:
        return "No candidate was compared."
    if len(verdict.candidates) == 1:
        return candidate_sentence(verdict.candidates[0])
    worst = [each for each in verdict.candidates if each.decision == verdict.decision]
    names = ", ".join(one_line(each.candidate, 80) for each in worst)
    return (
        f"The run takes the worst decision of its {len(verdict.candidates)} candidates: "
        f"{verdict.decision}{f' ({names})' if names else ''}."
    )


def candidate_sentence(candidate: CandidateVerdict) -> str:
    """Why a candidate was decided as it was, in plain words."""
    if candidate.lossless:
        return "The method changes no tensor of this checkpoint: it is lossless here, and untested by this run."
    if not candidate.cells:
        return "No cell was decided."
    counts = Counter[str](cell.verdict for cell in candidate.cells)
    if candidate.decision == "invalid":
        return f"An integrity failure voids the decision{_others(counts, '')}."
    if candidate.decision == "inconclusive":
        return _undecided_sentence(counts)
    total = count(counts.total(), "cell")
    rest = _others(counts, candidate.decision)
    if candidate.decision == "regression":
        return f"Regression in {counts['regression']} of {total}{rest}."
    return f"{counts['pass']} of {total} stayed within the margin{rest}."


def _undecided_sentence(counts: Counter[str]) -> str:
    open_cells = counts.total() - counts["pass"]
    if not open_cells:
        return "Every cell passed, yet the release is not established: see the reasons."
    return f"{open_cells} of {count(counts.total(), 'cell')} neither passed nor failed{_others(counts, 'pass')}."


def _others(counts: Counter[str], said: str) -> str:
    rest = [(name, counts[name]) for name in ("regression", "invalid", "inconclusive", "uninformative")]
    parts = [f"{number} {name}" for name, number in rest if number and name != said]
    return f" ({', '.join(parts)})" if parts else ""


def _candidate(
    candidate: CandidateVerdict, outcomes: Sequence[PairedOutcome], calibration: Mapping[str, Any]
) -> CandidateView:
    cells = worst_first(candidate.cells)
    failures = failure_table(cells, outcomes)
    flips = flip_groups(cells, outcomes)
    return CandidateView(
        candidate=one_line(candidate.candidate),
        baseline=one_line(candidate.baseline),
        decision=candidate.decision,
        headline=HEADLINES[candidate.decision],
        sentence=candidate_sentence(candidate),
        reasons=_own_reasons(candidate),
        contrast=contrast(candidate),
        confidence=_level(candidate),
        bounds_note=bounds_note(cells),
        cells=tuple(cell_row(cell, calibration) for cell in cells),
        forest=tuple(forest_row(cell) for cell in cells),
        failures=failures.rows,
        failures_left_out=failures.left_out,
        signals=signal_rows(outcomes),
        refusals=refusal_rows(outcomes),
        refusals_note=REGION_NOTE,
        flips=flips,
        flips_note=_flips_note(outcomes, bool(flips)),
        invalid_items=invalid_items(outcomes),
        heat_maps=heat_maps(outcomes),
        proxies=proxies(cells, outcomes),
        paths=evidence_paths(cells, outcomes),
    )


def _cell_names(verdict: RunVerdict) -> list[str]:
    return [str(cell.key) for candidate in verdict.candidates for cell in worst_first(candidate.cells)]


def _own_reasons(candidate: CandidateVerdict) -> tuple[str, ...]:
    # A reason that a cell gives already stands with the cell.
    of_cells = {f"{cell.key}: {cell.reason}" for cell in candidate.cells}
    return tuple(one_line(reason, 400) for reason in candidate.reasons if reason not in of_cells)


def _level(candidate: CandidateVerdict) -> str:
    return " / ".join(dict.fromkeys(_levels(candidate))) or "n/a"


def _levels(candidate: CandidateVerdict) -> Iterable[str]:
    return (confidence(alpha) for alpha in sorted({cell.alpha for cell in candidate.cells}))


def _flips_note(outcomes: Sequence[PairedOutcome], found: bool) -> str | None:
    if not outcomes:
        return "No item is recorded for this candidate, so there are no examples to show."
    return None if found else "No item changed its score."


__all__ = ["HEADLINES", "ReportView", "build_view", "candidate_sentence"]
