"""Controls of a run: does this machine answer alike twice, and would each cell notice a broken model?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from tailgate.gate.columns import OutcomeColumns
from tailgate.gate.evidence import CellData, Evidence, collect, weigh
from tailgate.records import CANDIDATE_NONFINITE, CellKey, GatePlan
from tailgate.stats.intervals import clopper_pearson, log_bar

NOISE_ITEMS = 64  # of each cell, answered by the baseline a second time


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseCell:
    """The baseline against itself on one cell: items, and those whose score changed."""

    n: int
    discordant: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlFindings:
    """What the controls showed.

    `missed` says of each cell in which the positive control is no established regression how far it came; `caught`
    counts the others, None where the control did not run. `unstable` names the cells in which the baseline regressed
    against itself, or could not answer again. `missing` says what did not run.
    """

    positive: str | None = None
    caught: int | None = None
    missed: Mapping[CellKey, str] = field(default_factory=dict)
    noise: Mapping[CellKey, NoiseCell] = field(default_factory=dict)
    unstable: tuple[str, ...] = ()
    missing: tuple[str, ...] = ("controls",)

    @property
    def summary(self) -> str:
        """One line for reports; "not run" where nothing was."""
        said = []
        if self.caught is not None:
            said.append(f"{self.positive} caught in {self.caught} of {self.caught + len(self.missed)} cells")
        if self.noise:
            said.append(f"the baseline ran against itself on {sum(cell.n for cell in self.noise.values())} items")
        if not said:
            return "not run"
        return "; ".join([*said, *(f"not run: {each}" for each in self.missing)])

    @property
    def noise_floor(self) -> dict[str, int] | None:
        """Items and discordant ones over all cells, as in verdict.json."""
        if not self.noise:
            return None
        cells = self.noise.values()
        return {"n": sum(cell.n for cell in cells), "discordant": sum(cell.discordant for cell in cells)}


def judge_controls(
    noise: OutcomeColumns, positive: OutcomeColumns, plan: GatePlan, missing: Sequence[str]
) -> ControlFindings:
    """Read the outcomes of the controls by the gate's own rules.

    Parameters
    ----------
    noise : outcomes of the baseline against itself.
    positive : outcomes of a deliberately broken candidate.
    missing : what did not run, and why.

    Notes
    -----
    The positive control counts as caught in a cell where its evidence of a regression holds after closed testing over
    all cells, as a candidate's must. A cell where it does not can still block a release and never supports one.
    """
    bar = log_bar(plan.alpha)
    found = collect(noise, plan)
    again = weigh(found, plan)
    broken = weigh(collect(positive, plan), plan) if positive.n else ()
    missed = {each.plan.key: _how_far(each) for each in broken if each.log_e_fail_adjusted < bar}
    return ControlFindings(
        positive=positive.candidate[0] if positive.n else None,
        caught=len(broken) - len(missed) if positive.n else None,
        missed=missed,
        noise={key: NoiseCell(n=cell.n, discordant=_discordant(cell)) for key, cell in found.items()},
        unstable=tuple(str(each.plan.key) for each in again if each.log_e_fail_adjusted >= bar or _fell_silent(each)),
        missing=(*missing, *(f"noise floor behind {each.data.invalid}" for each in again if each.data.invalid)),
    )


def _how_far(control: Evidence) -> str:
    if control.data.invalid:
        return f"ended here at {control.data.invalid}"
    return f"did not fail here on {control.data.n} items" if control.data.n else "was not asked here"


def _fell_silent(again: Evidence) -> bool:
    """Whether the baseline gave an answer and then, asked again, none."""
    return (again.data.invalid or "").endswith(CANDIDATE_NONFINITE)


def with_controls(plan: GatePlan, found: ControlFindings) -> GatePlan:
    """The plan with the cells that did not notice the positive control marked: they cannot pass."""

    cells = tuple(
        cell
        if cell.key not in found.missed or not cell.informative
        else replace(cell, informative=False, reason=f"the positive control {found.positive} {found.missed[cell.key]}")
        for cell in plan.cells
    )
    return replace(plan, cells=cells)


def above_noise(data: CellData, noise: NoiseCell | None, alpha: float) -> bool:
    """Whether more items flip than the baseline's own repetition explains: exact one-sided bounds do not overlap."""
    if noise is None or noise.n == 0 or data.n == 0:
        return False
    floor = clopper_pearson(noise.discordant, noise.n, alpha).high
    return clopper_pearson(_discordant(data), data.n, alpha).low > floor


def _discordant(data: CellData) -> int:
    return int((data.differences != 0).sum())
