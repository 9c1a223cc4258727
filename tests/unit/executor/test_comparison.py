"""A whole comparison on two workers, with a tiny model: the same outcomes as in one process."""

import subprocess
import sys
from dataclasses import replace

import pytest

from tailgate.pipeline.compare import compare_variants
from tailgate.pipeline.options import CompareOptions
from tailgate.store.run_folder import read_outcomes
from tests.conftest import require_tool
from tests.support.tiny import Tiny, save_tiny

pytestmark = pytest.mark.timeout(600)

SUITE = """
name = "tiny"
version = "1"
seed = 3
gate = "quick"
[[slices]]
name = "general"
gate_by = "tier"
strata = ["tier=1", "tier=2"]
"""
# Means of log-probabilities carry the rounding of the batch they were computed in.
ROUNDED = {"mean_log_prob": None, "mean_kl_floor": None, "top1_agreement": None, "token_surprise": None}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    folder = tmp_path_factory.mktemp("on_ray")
    save_tiny(folder / "model", Tiny(context=2048))
    (folder / "suite.toml").write_text(SUITE)
    return folder


def compare(workspace, out, **options):
    model = str(workspace / "model")
    return compare_variants(
        CompareOptions(
            baseline=model,
            candidates=(f"{model}@rtn:bits=4,group=32",),
            suite=str(workspace / "suite.toml"),
            max_items=40,
            out=workspace / out,
            store=workspace / f"store-{out}",
            **options,
        )
    )


def outcomes(workspace, out):
    return [replace(each, **ROUNDED) for each in read_outcomes(workspace / out)]


def test_two_workers_give_the_outcomes_of_one_process_and_say_so(workspace):
    require_tool("ray")
    one, two = compare(workspace, "one"), compare(workspace, "two", executor="ray", workers=2)
    assert outcomes(workspace, "two") == outcomes(workspace, "one")
    assert two.verdict == one.verdict
    told = two.manifest["executor"]
    assert (told["name"], told["workers"], told["nodes"], told["workers_lost"]) == ("ray", 2, 1, 0)
    assert told["version"]
    assert one.manifest["executor"]["name"] == "process"
    assert two.manifest["counters"]["baseline"]["generated"] == one.manifest["counters"]["baseline"]["generated"]


def test_a_cluster_that_is_not_there_is_one_line_and_exit_code_four(workspace):
    require_tool("ray")
    model = str(workspace / "model")
    asked = ["compare", model, f"{model}@rtn", "--executor", "ray", "--ray-address", "127.0.0.1:1"]
    command = [sys.executable, "-c", "from tailgate.cli import main; main()", *asked]
    done = subprocess.run(
        [*command, "--out", str(workspace / "none"), "--store", str(workspace / "none-store")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 4
    assert done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1
    assert "no Ray cluster listens at '127.0.0.1:1'" in done.stderr
