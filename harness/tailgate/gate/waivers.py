"""Signed-off exceptions: a named regression that someone answers for, until a date, becomes a warning.

A waiver never turns anything but a regression of its own cell into anything, and only for the candidate it names: a
cell that could not be judged (invalid, inconclusive) stays what it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from tailgate.gate.decide import SEVERITY
from tailgate.records import EXIT_CODES, CandidateVerdict, CellVerdict, Decision, RunVerdict

WAIVED = "waived"  # flag of a cell whose regression is signed off


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """One exception: the cell as `slice/stratum`, the candidate as written, why, who answers for it, its last day."""

    cell: str
    candidate: str
    reason: str
    approved_by: str
    expires: date

    def expired(self, today: date) -> bool:
        """Whether its last day is over."""
        return today > self.expires


@dataclass(frozen=True, slots=True, kw_only=True)
class Waived:
    """A verdict after waivers, and what they did: the lines are to be shown wherever the verdict is."""

    verdict: RunVerdict
    used: tuple[Waiver, ...]
    expired: tuple[Waiver, ...]
    unused: tuple[Waiver, ...]

    @property
    def lines(self) -> list[str]:
        """What the waivers did, loudly."""
        return [
            *(
                f"WAIVED until {each.expires}: {each.cell} of {each.candidate} regressed; {each.approved_by}: "
                f"{each.reason}"
                for each in self.used
            ),
            *(
                f"EXPIRED on {each.expires}: the waiver of {each.cell} of {each.candidate} counts no more"
                for each in self.expired
            ),
            *(f"unused waiver: {each.cell} of {each.candidate} did not regress; remove it" for each in self.unused),
        ]


def apply_waivers(verdict: RunVerdict, waivers: Sequence[Waiver], today: date) -> Waived:
    """Decide a run again with the regressions of valid waivers counted as warnings."""
    valid = {(each.candidate, each.cell): each for each in waivers if not each.expired(today)}
    candidates = tuple(_candidate(each, valid) for each in verdict.candidates)
    used = {
        (candidate.candidate, str(cell.key))
        for candidate in candidates
        for cell in candidate.cells
        if WAIVED in cell.flags
    }
    decision = _worst(candidates)
    # What voided the whole run (a baseline that does not repeat itself) is no regression and cannot be waived.
    if decision is None or verdict.decision != _worst(verdict.candidates):
        decision = verdict.decision
    return Waived(
        verdict=replace(verdict, candidates=candidates, decision=decision, exit_code=EXIT_CODES[decision]),
        used=tuple(each for key, each in valid.items() if key in used),
        expired=tuple(each for each in waivers if each.expired(today)),
        unused=tuple(each for key, each in valid.items() if key not in used),
    )


def _worst(candidates: Sequence[CandidateVerdict]) -> Decision | None:
    return min((each.decision for each in candidates), key=SEVERITY.index, default=None)


def _candidate(verdict: CandidateVerdict, valid: dict[tuple[str, str], Waiver]) -> CandidateVerdict:
    cells = tuple(_cell(cell, valid.get((verdict.candidate, str(cell.key)))) for cell in verdict.cells)
    if cells == verdict.cells:
        return verdict
    waived = {str(cell.key) for cell in cells if WAIVED in cell.flags}
    # A reason of a waived cell reads "slice/stratum: why"; the others still stand and decide.
    reasons = tuple(reason for reason in verdict.reasons if reason.split(": ", 1)[0] not in waived)
    return replace(verdict, cells=cells, reasons=reasons, decision=_decision(cells, reasons))


def _cell(cell: CellVerdict, waiver: Waiver | None) -> CellVerdict:
    if waiver is None or cell.verdict != "regression":
        return cell
    return replace(cell, flags=(*cell.flags, WAIVED))


def _decision(cells: Sequence[CellVerdict], reasons: Sequence[str]) -> Decision:
    """The worst of what is left; reasons that name no cell (a slice without evidence) keep it inconclusive."""
    left = {cell.verdict for cell in cells if WAIVED not in cell.flags}
    if "regression" in left:
        return "regression"
    if "invalid" in left:
        return "invalid"
    return "inconclusive" if reasons else "pass"
