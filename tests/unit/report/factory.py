"""A synthetic run as the pipeline would record it: int4 breaks the tail of a small model, int8 does not."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from tailgate.records import (
    EXIT_CODES,
    CandidateVerdict,
    CellDecision,
    CellKey,
    CellVerdict,
    Decision,
    Overall,
    PairedOutcome,
    RunVerdict,
)
from tailgate.report import build_view
from tailgate.report.view import ReportView

INT4 = "smollm2@rtn:bits=4,group=64"
INT8 = "smollm2@bnb-int8"
BASELINE = "smollm2"
GATE = "9f2c" * 16
HOSTILE = '<script>alert("x")</script>&\x1b[31mred\u202eevil\x00\ud800`| ]]>'


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    verdict: RunVerdict
    manifest: dict[str, Any]
    outcomes: list[PairedOutcome]

    def view(self) -> ReportView:
        return build_view(self.verdict, self.manifest, self.outcomes)


def cell(**changes: Any) -> CellVerdict:
    """A cell that failed: 400 items, 40 more losses than wins."""
    values: dict[str, Any] = {
        "slice": "long_context",
        "stratum": "len=2048",
        "n": 400,
        "wins": 12,
        "losses": 52,
        "ties": 336,
        "baseline_score": 0.8125,
        "candidate_score": 0.7125,
        "delta": -0.1,
        "low": -0.1472,
        "high": -0.0528,
        "alpha": 0.05,
        "margin": 0.05,
        "n_clusters": 400,
        "verdict": "regression",
        "log_e_pass": -6.1,
        "log_e_fail": 5.2,
        "log_e_fail_adjusted": 3.4,
        "n_needed": None,
        "flags": ("churn",),
        "failure_modes": {"wrong_value": 90, "empty": 3},
        "reason": None,
        "chance": 0.0,
        "calibration_score": 0.825,
        "calibration_n": 40,
        "relative_margin": 0.0606,
        "tango_low": -0.1331,
        "tango_high": -0.0672,
        "mcnemar_p": 5.3e-7,
        "harm_rate": 0.16,
        "harm_low": 0.127,
        "harm_high": 0.198,
    }
    return CellVerdict(**(values | changes))


def undecided_cell(**changes: Any) -> CellVerdict:
    """A cell without a single item: no score, no bound, nothing known."""
    nothing: dict[str, Any] = dict.fromkeys(
        ("baseline_score", "candidate_score", "delta", "tango_low", "tango_high", "mcnemar_p", "harm_rate")
    )
    nothing |= {"harm_low": None, "harm_high": None, "calibration_score": None, "calibration_n": None}
    counts = {"n": 0, "wins": 0, "losses": 0, "ties": 0, "n_clusters": 0, "log_e_pass": 0.0, "log_e_fail": 0.0}
    rest = {"low": -1.0, "high": 1.0, "verdict": "inconclusive", "log_e_fail_adjusted": 0.0, "flags": ()}
    return cell(**(nothing | counts | rest | {"failure_modes": {}, "reason": "no item was answered"} | changes))


def outcome(**changes: Any) -> PairedOutcome:
    """A loss: the answers agree for four tokens, then the candidate takes a neighbouring value."""
    values: dict[str, Any] = {
        "candidate": INT4,
        "item_id": "long_context/len=2048/00017",
        "slice": "long_context",
        "stratum": "len=2048",
        "index": 17,
        "cluster": None,
        "prompt": "Below are 2 records.\namber-17: 48213\ncoral-90: 48271\nWhat is the value of amber-17?",
        "reference": "48213",
        "baseline_score": 1.0,
        "candidate_score": 0.0,
        "baseline_text": "The value is 48213.",
        "candidate_text": "The value is 48271.",
        "baseline_failure": None,
        "candidate_failure": "wrong_value",
        "baseline_finish": "stop",
        "candidate_finish": "stop",
        "baseline_tokens": 9,
        "candidate_tokens": 9,
        "prompt_tokens": 2011,
        "divergence_token": 6,
        "baseline_divergence_char": 16,
        "candidate_divergence_char": 16,
        "invalid": None,
        "attributes": '{"depth": 0.3, "template": "records"}',
    }
    return PairedOutcome(**(values | changes))


def win(**changes: Any) -> PairedOutcome:
    """An item that only the candidate answers."""
    swapped = {
        "baseline_score": 0.0,
        "candidate_score": 1.0,
        "baseline_text": "The value is 48271.",
        "candidate_text": "The value is 48213.",
        "baseline_failure": "wrong_value",
        "candidate_failure": None,
    }
    return outcome(**(swapped | changes))


def candidate(*cells: CellVerdict, **changes: Any) -> CandidateVerdict:
    """A candidate with `cells`, decided by their worst verdict."""
    deltas = [each.delta for each in cells if each.delta is not None]
    worst = min((each for each in cells if each.delta is not None), key=lambda each: each.delta or 0.0, default=None)
    values: dict[str, Any] = {
        "candidate": INT4,
        "baseline": BASELINE,
        "decision": decision_of([each.verdict for each in cells]),
        "reasons": (),
        "cells": cells,
        "overall": Overall(
            baseline_score=0.61 if deltas else None,
            candidate_score=0.602 if deltas else None,
            delta=-0.008 if deltas else None,
            median_cell_delta=sorted(deltas)[len(deltas) // 2] if deltas else None,
            worst_cell=str(worst.key) if worst else None,
        ),
    }
    return CandidateVerdict(**(values | changes))


def decision_of(cells: list[CellDecision]) -> Decision:
    for decision in ("regression", "invalid", "inconclusive"):
        if decision in cells:
            return decision
    return "pass" if "pass" in cells else "inconclusive"


def verdict(*candidates: CandidateVerdict, **changes: Any) -> RunVerdict:
    """A run whose decision is the worst of its candidates."""
    decision = decision_of([each.decision for each in candidates])
    values: dict[str, Any] = {
        "decision": decision,
        "exit_code": EXIT_CODES[decision],
        "candidates": candidates,
        "gate_sha256": GATE,
        "not_applicable": {},
    }
    return RunVerdict(**(values | changes))


def manifest(**changes: Any) -> dict[str, Any]:
    baseline = {
        "spec": BASELINE,
        "fingerprint": "b7" * 32,
        "method": "none",
        "storage_dtype": "Q4_1",
        "compute_dtype": "float32",
        "notes": ["smollm2: the weights lie on an asymmetric 4-bit grid already"],
    }
    int4 = baseline | {"spec": INT4, "fingerprint": "c4" * 32, "method": "rtn", "notes": []}
    counters = {"forwards": 812, "generated": 640, "cached": 0, "new_tokens": 9120, "prompt_tokens": 401220}
    return {
        "schema_version": 1,
        "status": "finished",
        "created_utc": "2026-03-02T09:14:07Z",
        "finished_utc": "2026-03-02T09:31:55Z",
        "elapsed_s": 1068.2,
        "suite": {"name": "tail", "version": "1", "seed": 7, "sha256": "5a" * 32},
        "gate": {"name": "default", "sha256": GATE, "config": {"alpha": 0.05, "margin": None, "max_items": 1000}},
        "baseline": baseline,
        "candidates": [int4 | {"lossless": False, "changed_tensors": 210}],
        "engine": {"name": "native", "version": "0.1.0"},
        "device": "cpu (AVX2, 2 cores)",
        "template_sha256": "11" * 32,
        "tokenizer_sha256": "22" * 32,
        "versions": {"torch": "2.13.0", "transformers": "5.18.0"},
        "ignored_generation_config": {"repetition_penalty": 1.1},
        "counters": {"baseline": counters, INT4: counters | {"forwards": 430, "generated": 402, "cached": 0}},
        "notes": ["positive control not run: --controls none"],
        "argv": ["tailgate", "compare", BASELINE, INT4, "--suite", "tail"],
        "calibration": {"long_context/len=2048": {"n": 40, "correct": 33}},
    } | changes


def small_run() -> Run:
    """Three cells and four items: the run of the golden Markdown file."""
    passed = cell(
        slice="general", stratum="topic=capitals", n=90, wins=1, losses=1, ties=88, baseline_score=0.75,
        candidate_score=0.75, delta=0.0, low=-0.0449, high=0.0449, verdict="pass", log_e_pass=3.1, log_e_fail=-2.9,
        log_e_fail_adjusted=-2.9, flags=(), n_clusters=90, failure_modes={"wrong_value": 22}, calibration_score=0.775,
        tango_low=-0.0381, tango_high=0.0381, mcnemar_p=1.0, harm_rate=0.0149, harm_low=0.0008, harm_high=0.0687,
    )  # fmt: skip
    weak = undecided_cell(
        slice="low_resource", stratum="language=amh", verdict="uninformative", reason="2 of 40 right in calibration"
    )
    outcomes = [
        outcome(),
        outcome(
            item_id="long_context/len=2048/00018", index=18, candidate_text="", candidate_failure="empty",
            divergence_token=0, baseline_divergence_char=0, candidate_divergence_char=0,
        ),
        win(item_id="long_context/len=2048/00031", index=31),
        outcome(slice="general", stratum="topic=capitals", candidate_score=1.0, candidate_failure=None),
    ]  # fmt: skip
    decided = verdict(
        candidate(passed, cell(), weak),
        not_applicable={"long_context/len=16384": "needs 16,500 tokens of context, the model has 8,192"},
        noise_floor={"n": 200, "discordant": 1},
        controls="A/A run; positive control not run",
    )
    return Run(verdict=decided, manifest=manifest(), outcomes=outcomes)


_TAIL: tuple[tuple[str, str, float, float, CellDecision], ...] = (
    ("general", "topic=capitals", 0.78, 0.012, "pass"),
    ("long_context", "len=512", 0.92, -0.004, "pass"),
    ("long_context", "len=1024", 0.86, -0.021, "inconclusive"),
    ("long_context", "len=2048", 0.81, -0.124, "regression"),
    ("long_context", "len=4096", 0.66, -0.31, "regression"),
    ("low_resource", "language=swh", 0.44, -0.17, "regression"),
    ("low_resource", "language=amh", 0.05, -0.02, "uninformative"),
    ("multihop_arithmetic", "hops=2", 0.71, -0.008, "pass"),
    ("multihop_arithmetic", "hops=4", 0.48, -0.014, "pass"),
    ("code", "lines=2", 0.61, 0.0, "pass"),
)


def _tail_cell(slice_name: str, stratum: str, score: float, delta: float, decision: CellDecision) -> CellVerdict:
    n = 1000 if decision == "inconclusive" else 240
    half = 0.04 if decision in ("pass", "inconclusive") else 0.07
    churn = round(n * 0.03)
    moved = round(n * abs(delta))
    wins, losses = (churn + moved, churn) if delta > 0 else (churn, churn + moved)
    return cell(
        slice=slice_name, stratum=stratum, n=n, n_clusters=n, wins=wins, losses=losses, ties=n - wins - losses,
        baseline_score=score, candidate_score=score + delta, delta=delta, low=delta - half, high=delta + half,
        verdict=decision, flags=("churn",) if decision == "regression" else (),
        n_needed=1850 if decision == "inconclusive" else None,
        reason={"inconclusive": "no verdict on its cap of 1000 items", "uninformative": "2 of 40 right"}.get(decision),
    )  # fmt: skip


def _tail_outcomes(each: CellVerdict) -> list[PairedOutcome]:
    here = {"slice": each.slice, "stratum": each.stratum}
    names = [f"{each.key}/{index:05d}" for index in range(each.losses + each.wins)]
    losses = [outcome(**here, item_id=name, index=index) for index, name in enumerate(names[: each.losses])]
    wins = [win(**here, item_id=name, index=each.losses + i) for i, name in enumerate(names[each.losses :])]
    return losses + wins


def tail_run() -> Run:
    """Ten cells with their flips, some of them hostile."""
    cells = [_tail_cell(*spec) for spec in _TAIL]
    outcomes = [each for one in cells for each in _tail_outcomes(one)]
    outcomes[60] = replace(outcomes[60], candidate_text=HOSTILE, prompt=HOSTILE, reference=HOSTILE, index=-2)
    swahili = CellKey(slice="low_resource", stratum="language=swh")
    first = next(index for index, each in enumerate(outcomes) if each.key == swahili)
    outcomes[first] = replace(
        outcomes[first],
        prompt="Nakili sentensi hii: Watoto wanacheza mpira uwanjani kila jioni baada ya shule.",
        reference="Watoto wanacheza mpira uwanjani kila jioni baada ya shule.",
        baseline_text="Watoto wanacheza mpira uwanjani kila jioni baada ya shule.",
        candidate_text="Watoto wanacheza the ball in the field every evening.",
        candidate_failure="wrong_script",
        divergence_token=7,
        baseline_divergence_char=16,
        candidate_divergence_char=16,
        token_surprise="[[6,0.1],[3,0.2],[7,1.4],[6,5.3],[8,0.1]]",
    )
    decided = verdict(
        candidate(*cells),
        not_applicable={"long_context/len=16384": "needs 16,500 tokens of context, the model has 8,192"},
        noise_floor={"n": 200, "discordant": 1},
    )
    return Run(verdict=decided, manifest=manifest(), outcomes=outcomes)
