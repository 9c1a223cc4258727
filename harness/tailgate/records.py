"""The frozen records that cross from one stage to the next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

NONFINITE = "nonfinite"  # why there is no answer
CANDIDATE_NONFINITE = f"candidate_{NONFINITE}"  # why an outcome is invalid
SCHEMA_VERSION = 1

Decision: TypeAlias = Literal["pass", "regression", "inconclusive", "invalid"]
CellDecision: TypeAlias = Literal["pass", "regression", "inconclusive", "uninformative", "invalid"]
FinishReason: TypeAlias = Literal["stop", "length", "nonfinite"]

EXIT_CODES: Mapping[Decision, int] = {"pass": 0, "regression": 1, "inconclusive": 3, "invalid": 4}


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class CellKey:
    """A gated cell: one slice at one stratum of the axis that the suite gates it by."""

    slice: str
    stratum: str

    def __str__(self) -> str:
        return f"{self.slice}/{self.stratum}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """A baseline-only draw on separate seeds; it fixes margins and informativeness, never enters the evidence."""

    n: int
    correct: int

    @property
    def score(self) -> float:
        """Mean baseline score of the draw."""
        return self.correct / self.n


@dataclass(frozen=True, slots=True, kw_only=True)
class CellPlan:
    """What was fixed for a gated cell before the first candidate item."""

    key: CellKey
    margin: float
    chance: float
    min_items: int
    max_items: int
    calibration: Calibration | None
    informative: bool
    reason: str | None = None  # why the cell cannot pass, when it is not informative
    clustered: bool = False
    slice_chance: float = 0.0  # the slice's own; `chance` may be the gate's
    cluster_items: int = 1  # declared largest number of items in one cluster
    descriptive: bool = False  # measured, never gated
    size: int | None = None  # items there are at all; None: without end


@dataclass(frozen=True, slots=True, kw_only=True)
class GatePlan:
    """The whole frozen decision problem of a run: alpha and one plan per gated cell, with the gate's hash."""

    alpha: float
    cells: tuple[CellPlan, ...]
    gate_sha256: str
    batch_items: int
    not_applicable: Mapping[str, str] = field(default_factory=dict)  # "slice/stratum" -> reason
    ungraded: tuple[str, ...] = ()  # those of them that are not graded for want of a sandbox: the run is invalid


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedOutcome:
    """One item answered by the baseline and by one candidate; a row of outcomes.parquet."""

    candidate: str
    item_id: str
    slice: str
    stratum: str
    index: int
    cluster: str | None
    prompt: str
    reference: str
    baseline_score: float
    candidate_score: float
    baseline_text: str
    candidate_text: str
    baseline_failure: str | None
    candidate_failure: str | None
    baseline_finish: str
    candidate_finish: str
    baseline_tokens: int  # answer length in tokens
    candidate_tokens: int
    prompt_tokens: int
    divergence_token: int | None  # first answer token that differs; None when the answers are the same
    baseline_divergence_char: int | None  # offset of that token in baseline_text
    candidate_divergence_char: int | None
    invalid: str | None  # what the harness or its input did wrong, e.g. "candidate_nonfinite"
    attributes: str  # JSON object for discovery: needle depth, language, template, ...
    # The candidate on the baseline's own tokens, means over the answer; None where the engine did not look.
    top1_agreement: float | None = None  # share of tokens that are the candidate's likeliest, too
    mean_log_prob: float | None = None  # the candidate's log-probability of them, nats
    mean_kl_floor: float | None = None  # lower bound on KL(baseline || candidate), nats
    # The candidate on each of the baseline's tokens, where answers differ: JSON of [characters, nats]
    token_surprise: str | None = None
    # What the grader measured beside the score, a JSON object of numbers each.
    baseline_signals: str = "{}"
    candidate_signals: str = "{}"

    @property
    def key(self) -> CellKey:
        """The gated cell this outcome belongs to."""
        return CellKey(slice=self.slice, stratum=self.stratum)


@dataclass(frozen=True, slots=True, kw_only=True)
class CellVerdict:
    """The decision on one gated cell of one candidate, as written to verdict.json.

    ``low`` and ``high`` are one-sided bounds for delta at ``1 - alpha`` each, valid at any stopping time.
    """

    slice: str
    stratum: str
    n: int
    wins: int
    losses: int
    ties: int
    baseline_score: float | None
    candidate_score: float | None
    delta: float | None
    low: float
    high: float
    alpha: float
    margin: float
    n_clusters: int
    verdict: CellDecision
    log_e_pass: float
    log_e_fail: float
    log_e_fail_adjusted: float
    n_needed: int | None
    flags: tuple[str, ...]
    failure_modes: Mapping[str, int]
    reason: str | None
    chance: float
    calibration_score: float | None
    calibration_n: int | None
    relative_margin: float | None  # margin / (calibration score - chance): the relative loss that could still pass
    tango_low: float | None  # Tango (1998) score interval, two-sided 1 - 2 alpha, valid at fixed n
    tango_high: float | None
    mcnemar_p: float | None  # exact, two-sided
    harm_rate: float | None  # P(candidate wrong | baseline right)
    harm_low: float | None  # Clopper-Pearson, 1 - alpha one-sided each
    harm_high: float | None

    @property
    def key(self) -> CellKey:
        """The gated cell this verdict is about."""
        return CellKey(slice=self.slice, stratum=self.stratum)


@dataclass(frozen=True, slots=True, kw_only=True)
class Overall:
    """What an ordinary eval would have shown, beside the cell an ordinary eval does not show."""

    baseline_score: float | None
    candidate_score: float | None
    delta: float | None
    median_cell_delta: float | None
    worst_cell: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateVerdict:
    """The decision on one candidate."""

    candidate: str
    baseline: str
    decision: Decision
    reasons: tuple[str, ...]
    cells: tuple[CellVerdict, ...]
    overall: Overall
    lossless: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RunVerdict:
    """The decision of a run: the worst of its candidates."""

    decision: Decision
    exit_code: int
    candidates: tuple[CandidateVerdict, ...]
    gate_sha256: str
    not_applicable: Mapping[str, str]
    noise_floor: Mapping[str, int] | None = None
    controls: str = "not run"
    schema_version: int = SCHEMA_VERSION
