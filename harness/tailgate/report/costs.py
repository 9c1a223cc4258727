"""The cost cards of a manifest in words, and the points of their picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tailgate.records import CandidateVerdict, RunVerdict
from tailgate.report.facts import section
from tailgate.report.text import one_line, points
from tailgate.report.view import CostPoint, CostRow, CostTable

NOT_MEASURED = "not measured"
MIB = 2**20
BASELINE = "baseline"


def cost_table(manifest: Mapping[str, Any], verdict: RunVerdict) -> CostTable | None:
    """What every side costs beside what it loses; None where the manifest records no cost."""
    costs = section(manifest, "cost")
    sides = section(costs, "sides")
    if not sides:
        return None
    by_name = {candidate.candidate: candidate for candidate in verdict.candidates}
    baseline = one_line(str(section(manifest, "baseline").get("spec") or BASELINE))
    rows, marks = [], []
    for name, card in sides.items():
        if not isinstance(card, Mapping):
            continue
        candidate = by_name.get(str(name))
        shown = baseline if name == BASELINE else one_line(str(name))
        rows.append(_row(shown, card, candidate))
        if (mark := _point(shown, card, candidate, is_baseline=name == BASELINE)) is not None:
            marks.append(mark)
    return CostTable(
        rows=tuple(rows),
        points=tuple(marks) if len(by_name) > 1 else (),
        conditions=one_line(str(costs.get("conditions") or ""), 600),
    )


def _row(name: str, card: Mapping[str, Any], candidate: CandidateVerdict | None) -> CostRow:
    notes = card.get("notes")
    said = [str(each) for each in notes] if isinstance(notes, list | tuple) else []
    return CostRow(
        name=name,
        files=_mib(card.get("files_bytes")),
        memory=_mib(card.get("memory_bytes")),
        peak=_mib(card.get("peak_bytes")),
        first_token=_number(card.get("first_token_s"), "{:.3g} s"),
        prefill=_number(card.get("prefill_tokens_per_s"), "{:,.0f} tokens/s"),
        decode=_number(card.get("decode_tokens_per_s"), "{:,.0f} tokens/s"),
        worst=points(None if candidate is None else _worst(candidate)),
        measured=one_line("; ".join([str(card.get("measured") or NOT_MEASURED), *said]), 300),
    )


def _point(
    name: str, card: Mapping[str, Any], candidate: CandidateVerdict | None, *, is_baseline: bool
) -> CostPoint | None:
    memory, decode = (_measured(card.get(name)) for name in ("memory_bytes", "decode_tokens_per_s"))
    delta = 0.0 if is_baseline else None if candidate is None else _worst(candidate)
    if delta is None or (memory is None and decode is None):
        return None
    mib = None if memory is None else memory / MIB
    decision = None if candidate is None else candidate.decision
    return CostPoint(name=name, mib=mib, decode=decode, delta=100 * delta, decision=decision)


def _measured(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _worst(candidate: CandidateVerdict) -> float | None:
    return min((cell.delta for cell in candidate.cells if cell.delta is not None), default=None)


def _mib(value: Any) -> str:
    return f"{value / MIB:,.1f} MiB" if isinstance(value, int | float) else NOT_MEASURED


def _number(value: Any, form: str) -> str:
    return form.format(value) if isinstance(value, int | float) else NOT_MEASURED
