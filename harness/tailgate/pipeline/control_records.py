"""What the controls of a run left behind."""

from __future__ import annotations

from dataclasses import dataclass

from tailgate.gate import ControlFindings, collect, decide_candidate, judge_controls
from tailgate.gate.columns import OutcomeColumns
from tailgate.records import CellVerdict, GatePlan, PairedOutcome

NOT_ASKED = ("controls",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Controls:
    """Outcomes of the controls, and what did not run."""

    noise: tuple[PairedOutcome, ...] = ()
    positive: tuple[PairedOutcome, ...] = ()
    missing: tuple[str, ...] = NOT_ASKED

    def judged(self, plan: GatePlan) -> ControlFindings:
        """What they show under a plan."""
        noise, positive = (OutcomeColumns.of(each) for each in (self.noise, self.positive))
        return judge_controls(noise, positive, plan, self.missing)

    def positive_cells(self, plan: GatePlan) -> tuple[CellVerdict, ...]:
        """The positive control's cells, decided like a candidate's."""
        if not self.positive:
            return ()
        return decide_candidate(collect(self.positive, plan), plan, candidate="", baseline="").cells
