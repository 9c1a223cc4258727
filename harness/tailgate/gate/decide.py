"""Verdicts of cells, candidates and runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil

import numpy as np

from tailgate.errors import UsageError
from tailgate.gate.controls import ControlFindings, NoiseCell, above_noise
from tailgate.gate.evidence import CellData, Evidence, weigh
from tailgate.gate.plan import slice_of
from tailgate.records import (
    EXIT_CODES,
    CandidateVerdict,
    CellDecision,
    CellKey,
    CellVerdict,
    Decision,
    GatePlan,
    Overall,
    RunVerdict,
)
from tailgate.stats.eprocess import Floats
from tailgate.stats.intervals import log_bar, time_uniform_interval
from tailgate.stats.margins import relative_margin
from tailgate.stats.paired import FixedN, HarmRate, fixed_n_figures, harm_rate
from tailgate.stats.planning import fewest_units, units_to_pass

LENGTH_DRIFT = 1.5  # factor between mean answer lengths, either way
REFUSAL_DRIFT = 0.05  # more refusals than the baseline's, as a share of the items
REFUSED = "refused"
SEVERITY: tuple[Decision, ...] = ("regression", "invalid", "inconclusive", "pass")


def decide_candidate(
    data: Mapping[CellKey, CellData],
    plan: GatePlan,
    *,
    candidate: str,
    baseline: str,
    lossless: bool = False,
    noise: Mapping[CellKey, NoiseCell] | None = None,
) -> CandidateVerdict:
    """Decide every planned cell of a candidate, and the candidate.

    A regression in any cell outranks an invalid cell, which outranks an undecided one; release needs, in every slice,
    at least one informative cell, and a pass of every informative cell. `lossless` says that the quantization changed
    no tensor: such a comparison shows nothing about the method and is never a pass. `noise` is what the baseline's own
    repetition changed in each cell: more than that is flagged as churn.

    Raises
    ------
    IntegrityError
        There are outcomes of a cell that is not in the plan, or clusters larger than declared.

    Notes
    -----
    Every pass holds at error rate alpha, and so does their conjunction (intersection-union), without a correction.
    Regressions hold family-wise over all cells of the candidate, informative or not.

    References
    ----------
    Berger, R. (1982). Multiparameter hypothesis testing and acceptance sampling. Technometrics 24, 295-300.
    """
    noise = noise or {}
    cells = tuple(_cell_verdict(found, plan.alpha, noise.get(found.plan.key)) for found in weigh(data, plan))
    findings = _findings(cells, plan, lossless)
    decision: Decision = next((rank for rank in SEVERITY if findings.get(rank)), "pass")
    return CandidateVerdict(
        candidate=candidate,
        baseline=baseline,
        decision=decision,
        reasons=tuple(reason for rank in SEVERITY for reason in findings.get(rank, ())),
        cells=cells,
        overall=_overall([data[cell.key] for cell in plan.cells if cell.key in data], cells),
        lossless=lossless,
    )


def _findings(cells: Sequence[CellVerdict], plan: GatePlan, lossless: bool) -> dict[Decision, list[str]]:
    listed: dict[CellDecision, list[str]] = {}
    for cell in cells:
        listed.setdefault(cell.verdict, []).append(f"{cell.key}: {cell.reason}")
    undecided = listed.get("inconclusive", [])
    informative = {cell.key.slice for cell in plan.cells if cell.informative}
    asked = {cell.key.slice for cell in plan.cells if not cell.descriptive} | {
        slice_of(name) for name in plan.not_applicable
    }
    undecided = undecided + [f"{name}: no informative cell in this slice" for name in sorted(asked - informative)]
    if all(cell.descriptive for cell in plan.cells):
        undecided.append("no cell is gated")
    if lossless:
        undecided.append("lossless: the method changed no tensor of this checkpoint")
    return {
        "regression": listed.get("regression", []),
        "invalid": listed.get("invalid", []) + [f"{name}: {plan.not_applicable[name]}" for name in plan.ungraded],
        "inconclusive": undecided,
    }


def _cell_verdict(found: Evidence, alpha: float, noise: NoiseCell | None) -> CellVerdict:
    cell, data, calibration = found.plan, found.data, found.plan.calibration
    verdict = _cell_decision(found, log_bar(alpha))
    bounds = time_uniform_interval(found.units, alpha)
    fixed = _fixed_n(found, alpha)
    harm = _harm(found, alpha)
    return CellVerdict(
        slice=cell.key.slice,
        stratum=cell.key.stratum,
        n=data.n,
        wins=int((data.differences > 0).sum()),
        losses=int((data.differences < 0).sum()),
        ties=int((data.differences == 0).sum()),
        baseline_score=_mean(data.baseline),
        candidate_score=_mean(data.candidate),
        delta=_mean(data.differences),
        low=bounds.low,
        high=bounds.high,
        alpha=alpha,
        margin=cell.margin,
        n_clusters=found.units.n,
        verdict=verdict,
        log_e_pass=found.log_e_pass,
        log_e_fail=found.log_e_fail,
        log_e_fail_adjusted=found.log_e_fail_adjusted,
        n_needed=_items_needed(found, alpha) if verdict == "inconclusive" else None,
        flags=(*_flags(data, verdict, bounds.high), *(("churn",) if above_noise(data, noise, alpha) else ())),
        failure_modes=dict(data.failure_modes),
        reason=_reason(found, verdict, alpha),
        chance=cell.chance,
        calibration_score=calibration.score if calibration else None,
        calibration_n=calibration.n if calibration else None,
        relative_margin=relative_margin(cell.margin, calibration.score, cell.chance) if calibration else None,
        tango_low=fixed.tango.low if fixed else None,
        tango_high=fixed.tango.high if fixed else None,
        mcnemar_p=fixed.mcnemar_p if fixed else None,
        harm_rate=harm.rate if harm else None,
        harm_low=harm.low if harm else None,
        harm_high=harm.high if harm else None,
    )


def _cell_decision(found: Evidence, bar: float) -> CellDecision:
    cell = found.plan
    if found.log_e_fail_adjusted >= bar:  # 0 where a cell is only described
        return "regression"
    if found.data.invalid is not None:
        return "invalid"
    if not cell.informative:
        return "uninformative"
    return "pass" if found.log_e_pass >= bar and found.data.n >= cell.min_items else "inconclusive"


def _reason(found: Evidence, verdict: CellDecision, alpha: float) -> str | None:
    cell, n = found.plan, found.data.n
    if verdict == "regression":
        doubt = f"; then {found.data.invalid}" if found.data.invalid else ""
        return f"it loses more than its margin of {cell.margin:g}, shown on {n} items{doubt}"
    if verdict == "invalid":
        return found.data.invalid
    if verdict == "inconclusive":
        return _why_undecided(found, alpha)
    return cell.reason


def _why_undecided(found: Evidence, alpha: float) -> str:
    cell, n = found.plan, found.data.n
    if n == 0:
        return "no items were asked"
    if n < cell.min_items:
        return f"{n} items, a verdict takes at least {cell.min_items}"
    fewest = fewest_units(cell.margin, alpha)
    if cell.max_items < fewest * cell.cluster_items:
        kind = f"clusters of {cell.cluster_items}" if cell.clustered else "items"
        return f"no verdict on {n} items: margin {cell.margin:g} takes {fewest} {kind} without a single flip"
    ended = f"its cap of {cell.max_items}" if n >= cell.max_items else str(n)
    return f"no verdict on {ended} items"


def _items_needed(found: Evidence, alpha: float) -> int | None:
    if found.units.n == 0:
        return None
    units = units_to_pass(found.units, found.plan.margin, alpha)
    # Of cells that are stopped below min_items by a budget, the floor is what they still need.
    return None if units is None else max(ceil(units * found.data.n / found.units.n), found.plan.min_items)


def _flags(data: CellData, verdict: CellDecision, high: float) -> tuple[str, ...]:
    flags = []
    if high < 0 and verdict != "regression":
        flags.append("within_margin_regression")
    if data.n and _lengths_drift(float(data.baseline_tokens.mean()), float(data.candidate_tokens.mean())):
        flags.append("length_drift")
    refusals = data.failure_modes.get(REFUSED, 0) - data.baseline_failures.get(REFUSED, 0)
    if refusals > REFUSAL_DRIFT * data.n:
        flags.append("refusal_drift")
    return tuple(flags)


def _lengths_drift(baseline: float, candidate: float) -> bool:
    return max(baseline, candidate) > LENGTH_DRIFT * min(baseline, candidate)


def _fixed_n(found: Evidence, alpha: float) -> FixedN | None:
    # Both figures assume independent items and are about 0/1 scores.
    data = found.data
    if found.plan.clustered or data.n == 0 or not set(np.unique(data.differences)) <= {-1.0, 0.0, 1.0}:
        return None
    return fixed_n_figures(int((data.differences > 0).sum()), int((data.differences < 0).sum()), data.n, alpha)


def _harm(found: Evidence, alpha: float) -> HarmRate | None:
    right = found.data.baseline == 1
    broken = found.data.candidate[right] == 0
    return None if found.plan.clustered or not right.any() else harm_rate(int(broken.sum()), broken.size, alpha)


def _mean(values: Floats) -> float | None:
    return float(values.mean()) if values.size else None


def _overall(data: Sequence[CellData], cells: Sequence[CellVerdict]) -> Overall:
    deltas = {cell.key: cell.delta for cell in cells if cell.delta is not None}
    if not deltas:
        return Overall(baseline_score=None, candidate_score=None, delta=None, median_cell_delta=None, worst_cell=None)
    baseline = np.concatenate([cell.baseline for cell in data])
    candidate = np.concatenate([cell.candidate for cell in data])
    worst: CellKey = min(deltas, key=lambda key: deltas[key])
    return Overall(
        baseline_score=_mean(baseline),
        candidate_score=_mean(candidate),
        delta=_mean(candidate - baseline),
        median_cell_delta=float(np.median(list(deltas.values()))),
        worst_cell=str(worst),
    )


def decide_run(
    candidates: Sequence[CandidateVerdict], plan: GatePlan, controls: ControlFindings | None = None
) -> RunVerdict:
    """The worst decision of the candidates, each gated by itself, with its exit code.

    A baseline that does not repeat itself voids the run: then no difference here is the candidate's. A run of
    controls alone decides nothing and is inconclusive.

    Raises
    ------
    UsageError
        There is no candidate: nothing was decided.
    """
    controls = controls or ControlFindings()
    if not candidates and not controls.noise and controls.caught is None:
        raise UsageError("a run without candidates decides nothing; give at least one")
    decisions = [verdict.decision for verdict in candidates] or ["inconclusive"]
    decision: Decision = "invalid" if controls.unstable else min(decisions, key=SEVERITY.index)
    return RunVerdict(
        decision=decision,
        exit_code=EXIT_CODES[decision],
        candidates=tuple(candidates),
        gate_sha256=plan.gate_sha256,
        not_applicable=plan.not_applicable,
        noise_floor=controls.noise_floor,
        controls=_controls_line(controls),
    )


def _controls_line(found: ControlFindings) -> str:
    if not found.unstable:
        return found.summary
    return f"void: the baseline did not repeat itself in {', '.join(found.unstable)}; {found.summary}"
