"""From a gate file and paired outcomes to verdicts: which cells go on, which pass, which block."""

from tailgate.gate.allocate import next_cells
from tailgate.gate.controls import ControlFindings, judge_controls, with_controls
from tailgate.gate.decide import decide_candidate, decide_run
from tailgate.gate.evidence import CellData, collect, open_cells
from tailgate.gate.plan import CellSpec, plan_gate

__all__ = [
    "CellData",
    "CellSpec",
    "ControlFindings",
    "collect",
    "decide_candidate",
    "decide_run",
    "judge_controls",
    "next_cells",
    "open_cells",
    "plan_gate",
    "with_controls",
]
