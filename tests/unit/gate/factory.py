"""Cells, outcomes and plans for the tests of the gate."""

from __future__ import annotations

import numpy as np

from tailgate.gate import CellData, CellSpec, decide_candidate
from tailgate.records import Calibration, CellKey, CellPlan, CellVerdict, GatePlan, PairedOutcome

EASY = CellKey(slice="general", stratum="kind=capital")
SHORT = CellKey(slice="long_context", stratum="len=512")
LONG = CellKey(slice="long_context", stratum="len=4096")
SPECS = [CellSpec(key=key, chance=0.0, clustered=False) for key in (EASY, SHORT, LONG)]
GOOD = Calibration(n=40, correct=36)


def outcome(index: int = 0, key: CellKey = EASY, **changes) -> PairedOutcome:
    fields = {
        "candidate": "cand",
        "item_id": f"{key}/{index}",
        "slice": key.slice,
        "stratum": key.stratum,
        "index": index,
        "cluster": None,
        "prompt": "q",
        "reference": "a",
        "baseline_score": 1.0,
        "candidate_score": 1.0,
        "baseline_text": "a",
        "candidate_text": "a",
        "baseline_failure": None,
        "candidate_failure": None,
        "baseline_finish": "stop",
        "candidate_finish": "stop",
        "baseline_tokens": 5,
        "candidate_tokens": 5,
        "prompt_tokens": 10,
        "divergence_token": None,
        "baseline_divergence_char": None,
        "candidate_divergence_char": None,
        "invalid": None,
        "attributes": "{}",
    }
    return PairedOutcome(**{**fields, **changes})


def cell(key: CellKey = EASY, **changes) -> CellPlan:
    fields = {
        "key": key,
        "margin": 0.05,
        "chance": 0.0,
        "min_items": 20,
        "max_items": 1000,
        "calibration": GOOD,
        "informative": True,
    }
    return CellPlan(**{**fields, **changes})


def plan_of(*cells: CellPlan, **changes) -> GatePlan:
    return GatePlan(**{"alpha": 0.05, "cells": cells, "gate_sha256": "0" * 64, "batch_items": 20, **changes})


def scored(wins: int = 0, ties: int = 0, losses: int = 0, **changes) -> CellData:
    """Items with 0/1 scores; ties are right on both sides."""
    n = wins + ties + losses
    return CellData(
        **{
            "item_ids": tuple(f"i{i}" for i in range(n)),
            "baseline": np.array([0.0] * wins + [1.0] * (ties + losses)),
            "candidate": np.array([1.0] * (wins + ties) + [0.0] * losses),
            "clusters": np.arange(n),
            "baseline_tokens": np.full(n, 5.0),
            "candidate_tokens": np.full(n, 5.0),
            **changes,
        }
    )


def decide(data, plan, **changes):
    return decide_candidate(data, plan, **{"candidate": "cand", "baseline": "base", **changes})


def verdict_of(data: CellData, **changes) -> CellVerdict:
    """The verdict on one cell that is alone in its plan."""
    return decide({EASY: data}, plan_of(cell(**changes))).cells[0]
