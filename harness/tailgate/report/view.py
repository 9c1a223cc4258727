"""What a report says, in words and formatted numbers; every renderer lays this out and adds nothing.

Every string of a view has passed through `tailgate.report.text.visible`; none is escaped for a particular format.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from tailgate.records import CellDecision, Decision, RunVerdict

FlipKind: TypeAlias = Literal["loss", "win"]

# A shape beside every colour: the verdict must survive a grey print-out and colour-blind eyes.
MARKS: dict[CellDecision, str] = {
    "regression": "▼",
    "invalid": "✕",
    "inconclusive": "◆",
    "uninformative": "○",
    "pass": "●",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A labelled value."""

    label: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FactGroup:
    """Labelled values under one heading."""

    title: str
    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Banner:
    """The decision in one glance: ``Do not ship`` and a sentence that says why."""

    decision: Decision
    exit_code: int
    headline: str
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CellRow:
    """One line of the table of cells; scores in percent, differences and bounds in percentage points."""

    name: str
    slice: str
    stratum: str
    decision: CellDecision
    n: str
    record: str  # wins-losses-ties
    baseline: str
    candidate: str
    delta: str
    low: str
    high: str
    margin: str
    reason: str | None
    flags: tuple[str, ...]
    details: tuple[Fact, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ForestRow:
    """One line of the forest plot, in percentage points; bounds lie in [-100, 100]."""

    name: str
    decision: CellDecision
    delta: float | None
    low: float
    high: float
    margin: float
    text: str  # the same numbers as words


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """What an ordinary eval would have shown, beside the cell that it hides."""

    sentence: str
    overall_baseline: str
    overall_candidate: str
    mean_delta: str
    median_delta: str
    worst_cell: str
    worst_delta: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Snippet:
    """One answer, cut where it leaves the other one: `same`, then `mark`, then `rest`."""

    same: str
    mark: str
    rest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Flip:
    """One item that the candidate lost or won."""

    kind: FlipKind
    item_id: str
    scores: str
    prompt: str
    reference: str
    baseline: Snippet
    candidate: Snippet
    divergence: str
    failure: str | None
    attributes: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FlipGroup:
    """The flips of one cell, losses first; `left_out` counts those not shown."""

    cell: str
    decision: CellDecision
    n_losses: int
    n_wins: int
    flips: tuple[Flip, ...]
    left_out: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemBlock:
    """All items of a run for a page. `block`: base64 of gzipped JSON; `left_out`: what is not in it, in words."""

    block: str
    shown: int
    left_out: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureRow:
    """How often an answer of one cell failed in one way, on each side."""

    cell: str
    mode: str
    baseline: str
    candidate: str
    change: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalRow:
    """Mean of one thing that the grader measured in one cell, on each side: as numbers, and as they are shown."""

    cell: str
    signal: str
    items: int
    before: float
    after: float
    n: str
    baseline: str
    candidate: str
    change: str
    ratio: str  # "×1.25"; a dash where the baseline has none


@dataclass(frozen=True, slots=True, kw_only=True)
class CostRow:
    """What one side costs to serve, and what it loses in its worst cell."""

    name: str
    files: str
    memory: str
    peak: str
    first_token: str
    prefill: str
    decode: str
    worst: str
    measured: str  # when


@dataclass(frozen=True, slots=True, kw_only=True)
class CostPoint:
    """One mark of the pictures: MiB of tensors, tokens decoded a second, points of the worst cell; the baseline has no
    decision.
    """

    name: str
    mib: float | None
    decode: float | None
    delta: float
    decision: Decision | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CostTable:
    """Cost cards of all sides; `points` are drawn where there is more than one candidate."""

    rows: tuple[CostRow, ...]
    points: tuple[CostPoint, ...]
    conditions: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RateChange:
    """How one rate moved: shares of 1 with the bounds of their difference, and the same in words."""

    n: int
    baseline: float | None  # None: no item
    candidate: float | None
    delta: float | None
    low: float
    high: float
    rates: str  # "10.0 % → 13.3 %"
    text: str  # "+3.3 [−5.0, +12.1]" points


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusalRow:
    """Both refusal rates of one cell, with intervals that hold at once."""

    cell: str
    over: RateChange
    under: RateChange


@dataclass(frozen=True, slots=True, kw_only=True)
class Heat:
    """One square: the mean change in points, how many items, and its shade: ``lost-3`` to ``gained-3``, even, none."""

    text: str
    n: str
    shade: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatMap:
    """Changes of one slice along two axes; `rows` follow `down`, their squares `across`."""

    slice: str
    title: str
    down: tuple[str, ...]
    across: tuple[str, ...]
    rows: tuple[tuple[Heat, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyRow:
    """What distributions say of one cell, beside its change: divergence in nats a token, agreement of top tokens."""

    cell: str
    decision: CellDecision
    n: str
    delta: str
    kl: str
    agreement: str
    log_prob: str
    calm_but_broken: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxies:
    """Proxies of all cells, in the order of the report, and how far they rank cells as losses do."""

    rows: tuple[ProxyRow, ...]
    correlation: str
    warning: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidencePath:
    """Evidence of one cell after some numbers of items, as powers of ten; `bar` is what a verdict needs."""

    cell: str
    decision: CellDecision
    bar: float
    items: tuple[int, ...]
    passing: tuple[float, ...]
    failing: tuple[float, ...]  # before the correction for the number of cells


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateView:
    """Everything that the report says about one candidate."""

    candidate: str
    baseline: str
    decision: Decision
    headline: str
    sentence: str
    reasons: tuple[str, ...]
    contrast: Contrast
    confidence: str  # of each one-sided bound, e.g. "95 %"
    bounds_note: str
    cells: tuple[CellRow, ...]
    forest: tuple[ForestRow, ...]
    failures: tuple[FailureRow, ...]
    failures_left_out: str | None
    signals: tuple[SignalRow, ...]
    refusals: tuple[RefusalRow, ...]
    refusals_note: str
    flips: tuple[FlipGroup, ...]
    flips_note: str | None
    invalid_items: str | None
    heat_maps: tuple[HeatMap, ...] = ()
    proxies: Proxies | None = None
    paths: tuple[EvidencePath, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportView:
    """A whole report; `verdict` is the record it was made from, for the JSON renderer."""

    title: str
    banner: Banner
    notices: tuple[str, ...]
    not_applicable: tuple[Fact, ...]
    controls: str
    noise_floor: str
    candidates: tuple[CandidateView, ...]
    groups: tuple[FactGroup, ...]
    verdict: RunVerdict
    costs: CostTable | None = None
    items: ItemBlock | None = None
