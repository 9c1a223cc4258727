"""Commands as users run them: processes of their own, on the real embedded model and half of the quick suite."""

import json
import subprocess
import sys
from dataclasses import replace

from tailgate.store.run_folder import read_outcomes

INT8, INT2 = "smollm2@bnb-int8", "smollm2@rtn:bits=2,group=64"
SUITE = """
name = "few"
version = "1"
seed = 20261123
gate = "{gate}"
[[slices]]
name = "general"
gate_by = "tier"
strata = ["tier=1"]
[[slices]]
name = "long_context"
gate_by = "len"
strata = ["len=128,task=kv"]
[[slices]]
name = "low_resource"
gate_by = "lang"
strata = ["lang=sw,task=copy"]
[[slices]]
name = "multihop_arithmetic"
gate_by = "hops"
strata = ["hops=1,digits=1,noise=0,style=zero"]
"""
CELLS = 4
# Calibrates on ten items of a cell instead of forty: for runs whose verdict nobody looks at.
HASTY_GATE = "max_items = 20\nmin_items = 10\nbatch_items = 10\ncalibration_items = 10\n"
TAILGATE = [sys.executable, "-c", "from tailgate.cli import main; main()"]


def command(workspace, *arguments, store="store"):
    return [*TAILGATE, *map(str, arguments), "--store", str(workspace / store), "--quiet"]


def compare(workspace, name, *arguments, store="store", suite="few.toml"):
    asked = command(
        workspace, "compare", *arguments, "--suite", workspace / suite, "--out", workspace / name, store=store
    )
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, json.loads((workspace / name / "verdict.json").read_text())


def answers(run):
    """Outcomes without the means of log-probabilities: those carry the rounding of the batch they were computed in."""
    blank = {"mean_log_prob": None, "mean_kl_floor": None, "top1_agreement": None, "token_surprise": None}
    return [replace(outcome, **blank) for outcome in read_outcomes(run)]
