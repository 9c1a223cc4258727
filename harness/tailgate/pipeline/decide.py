"""Decide again from a run folder: no torch, no model."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tailgate.config import GateConfig, load_gate, load_waivers
from tailgate.errors import RunFolderError
from tailgate.gate import (
    CellSpec,
    ControlFindings,
    collect,
    decide_candidate,
    decide_run,
    judge_controls,
    plan_gate,
    with_controls,
)
from tailgate.gate.columns import OutcomeColumns
from tailgate.gate.waivers import Waived, Waiver, apply_waivers
from tailgate.pipeline.manifest import plan_from_dict, specs
from tailgate.records import CandidateVerdict, GatePlan, RunVerdict
from tailgate.store.run_folder import NOISE, POSITIVE, read_columns, read_manifest


def decide(run: Path, gate: str | Path | None = None) -> RunVerdict:
    """Decide a finished run from its stored outcomes, by its own gate or by another.

    Raises
    ------
    RunFolderError
        The folder holds no finished run, or one from a newer schema.
    ConfigError
        The gate file is wrong or names cells the run does not have.
    """
    manifest = read_manifest(run)
    if manifest.get("status") != "finished":
        raise RunFolderError(f"the run in {run} did not finish; continue it with: tailgate compare --resume {run}")
    plan = plan_from_dict(manifest)
    if gate is not None:
        plan = replan(plan, load_gate(gate))
    outcomes = read_columns(run)
    if outcomes.n != manifest.get("n_outcomes"):
        raise RunFolderError(
            f"{run} holds {outcomes.n} outcomes, its run wrote {manifest.get('n_outcomes')}; run it again"
        )
    return decide_outcomes(manifest, plan, outcomes, _controls(run, manifest, plan))


def waive(verdict: RunVerdict, file: Path) -> Waived:
    """Count the regressions that a waiver file signs off as warnings, as of today.

    Raises
    ------
    ConfigError
        The file is wrong.
    """
    waivers = [Waiver(**each.model_dump()) for each in load_waivers(file)]
    return apply_waivers(verdict, waivers, datetime.now(UTC).date())


def _controls(run: Path, manifest: Mapping[str, Any], plan: GatePlan) -> ControlFindings:
    recorded = manifest.get("controls")
    if not isinstance(recorded, Mapping):  # runs before there were controls
        return ControlFindings()
    noise, positive = (
        read_columns(run, name) if recorded.get(key) else OutcomeColumns.of(())
        for key, name in (("noise_items", NOISE), ("positive_items", POSITIVE))
    )
    return judge_controls(noise, positive, plan, recorded["missing"])


def replan(plan: GatePlan, config: GateConfig) -> GatePlan:
    """The same cells and calibration under another gate."""
    return plan_gate(
        config,
        [
            CellSpec(
                key=cell.key,
                chance=cell.slice_chance,
                clustered=cell.clustered,
                cluster_items=cell.cluster_items,
                descriptive=cell.descriptive,
                size=cell.size,
            )
            for cell in plan.cells
        ],
        {cell.key: cell.calibration for cell in plan.cells if cell.calibration is not None},
        plan.not_applicable,
        plan.ungraded,
    )


def decide_outcomes(
    manifest: Mapping[str, Any], plan: GatePlan, outcomes: OutcomeColumns, controls: ControlFindings
) -> RunVerdict:
    """Verdicts of all candidates of a run, and the run's decision: the worst of them."""
    baseline, candidates = specs(manifest)
    plan = with_controls(plan, controls)
    verdicts = [_candidate(plan, outcomes, baseline, candidate, controls) for candidate in candidates]
    return decide_run(verdicts, plan, controls)


def _candidate(
    plan: GatePlan,
    outcomes: OutcomeColumns,
    baseline: str,
    candidate: Mapping[str, Any],
    controls: ControlFindings,
) -> CandidateVerdict:
    name = candidate["spec"]
    return decide_candidate(
        collect(outcomes.of_candidate(name), plan),
        plan,
        candidate=name,
        baseline=baseline,
        lossless=bool(candidate.get("lossless")),
        noise=controls.noise,
    )
