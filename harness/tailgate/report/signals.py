"""What graders measured beside the score, as means by cell and side: drift, abstention, rules kept. Nothing decides."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from tailgate.records import PairedOutcome
from tailgate.report.refusals import OVER, UNDER
from tailgate.report.text import one_line
from tailgate.report.view import SignalRow


def signal_rows(outcomes: Sequence[PairedOutcome]) -> tuple[SignalRow, ...]:
    """One row a cell and signal, in order of the cells; over items on which both sides have the signal.

    A signal with a slash in its name is one of many, such as a rule: it has one row for all cells of its slice. The two
    refusal rates are left to `tailgate.report.refusals`.
    """
    found: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for outcome in outcomes:
        if outcome.invalid is None:
            for name, before, after in _shared(outcome):
                where = f"{outcome.slice} (all cells)" if "/" in name else str(outcome.key)
                found.setdefault((where, name), []).append((before, after))
    return tuple(_row(*key, pairs) for key, pairs in sorted(found.items()) if key[1] not in (OVER, UNDER))


def _shared(outcome: PairedOutcome) -> Iterator[tuple[str, float, float]]:
    if outcome.baseline_signals == outcome.candidate_signals == "{}":
        return
    before, after = json.loads(outcome.baseline_signals), json.loads(outcome.candidate_signals)
    yield from ((name, before[name], after[name]) for name in sorted(before.keys() & after.keys()))


def _row(cell: str, name: str, pairs: Sequence[tuple[float, float]]) -> SignalRow:
    before, after = (sum(side) / len(pairs) for side in zip(*pairs, strict=True))
    return SignalRow(
        cell=one_line(cell, 120),
        signal=one_line(name, 60),
        items=len(pairs),
        before=before,
        after=after,
        n=f"{len(pairs):,}",
        baseline=f"{before:.3f}",
        candidate=f"{after:.3f}",
        change=f"{after - before:+.3f}",
        ratio=f"×{after / before:.2f}" if before > 0 <= after else "–",
    )
