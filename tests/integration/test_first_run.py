"""A run against 8 and 2 bits on the real embedded model, and what its users do next, with one store."""

import json
import os
import shlex
import subprocess
import sys

import pytest

from tailgate.store.run_folder import read_manifest
from tests.support.real import CELLS, INT2, INT8, TAILGATE, compare

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]

FEW = ("--max-items", 64)  # as many as a control asks, half of what the suite may


@pytest.fixture(scope="session")
def int8_and_int2(workspace):
    return compare(workspace, "first", "smollm2", INT8, INT2, *FEW)


def test_two_bits_are_a_regression_in_at_least_three_slices(int8_and_int2):
    code, verdict = int8_and_int2
    assert code == verdict["exit_code"] == 1
    int2 = next(c for c in verdict["candidates"] if c["candidate"] == INT2)
    assert len({cell["slice"] for cell in int2["cells"] if cell["verdict"] == "regression"}) >= 3


def test_garbage_of_two_bits_is_a_wrong_answer_with_a_failure_mode(int8_and_int2):
    _, verdict = int8_and_int2
    int2 = next(c for c in verdict["candidates"] if c["candidate"] == INT2)
    assert all(cell["verdict"] != "invalid" for cell in int2["cells"])
    assert all(sum(cell["failure_modes"].values()) > 0 for cell in int2["cells"] if cell["losses"])


def test_eight_bits_regress_nowhere(int8_and_int2):
    _, verdict = int8_and_int2
    int8 = next(c for c in verdict["candidates"] if c["candidate"] == INT8)
    assert int8["decision"] != "regression"


def test_controls_catch_two_bits_and_find_no_noise(int8_and_int2):
    _, verdict = int8_and_int2
    assert verdict["noise_floor"]["n"] == CELLS * 64
    assert verdict["noise_floor"]["discordant"] <= 2  # near-ties only: fp32, the same weights
    assert verdict["controls"].startswith("smollm2@rtn:bits=2,group=64,sym=true caught in 4 of 4 cells")


def test_same_comparison_again_makes_no_forward_pass_and_the_same_verdict(workspace, int8_and_int2):
    compare(workspace, "again", "smollm2", INT8, INT2, *FEW)
    counters = read_manifest(workspace / "again")["counters"]
    assert all(side["forwards"] == 0 and side["generated"] == 0 for side in counters.values())
    assert (workspace / "again/verdict.json").read_bytes() == (workspace / "first/verdict.json").read_bytes()


def test_model_against_itself_runs_both_sides_and_never_regresses(workspace, int8_and_int2):
    code, verdict = compare(workspace, "itself", "smollm2", "smollm2", "--max-items", 16, "--controls", "none")
    assert code in (0, 3)
    assert all(cell["verdict"] != "regression" for cell in verdict["candidates"][0]["cells"])
    assert read_manifest(workspace / "itself")["counters"]["smollm2"]["generated"] > 0


def test_lossless_rounding_of_the_embedded_weights_is_reported_and_never_passes(workspace, int8_and_int2):
    code, verdict = compare(
        workspace,
        "lossless",
        "smollm2",
        "smollm2@rtn:bits=4,group=32,sym=false",
        "--max-items",
        8,
        "--controls",
        "none",
    )
    assert code == 3
    assert verdict["candidates"][0]["lossless"] is True


def test_quickstart_prints_a_verdict_and_its_code(workspace, repo_root, int8_and_int2):
    environment = {
        **os.environ,
        "TAILGATE_VENV": str(os.path.dirname(os.path.dirname(sys.executable))),
        "TAILGATE_STORE": str(workspace / "store"),
    }
    out = workspace / "quickstart"
    done = subprocess.run(
        ["bash", "scripts/quickstart.sh", str(out), "--max-items", "12"],
        cwd=repo_root, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    verdict = json.loads((out / "verdict.json").read_text())
    assert f"verdict exit code: {verdict['exit_code']}" in done.stdout
    assert (out / "report.html").stat().st_size > 10_000


def waiver(cell, expires):
    return (
        f'[[waivers]]\ncell = "{cell}"\ncandidate = "{INT2}"\nreason = "nobody asks this"\n'
        f'approved_by = "Ada"\nexpires = {expires}\n'
    )


def gated(workspace, repo_root, name, waivers):
    """The release gate as a job runs it."""
    (workspace / f"{name}.toml").write_text(waivers)
    bin_folder = workspace / "bin"
    bin_folder.mkdir(exist_ok=True)
    (bin_folder / "tailgate").write_text(f'#!/bin/sh\nexec {shlex.join(TAILGATE)} "$@"\n')
    (bin_folder / "tailgate").chmod(0o755)
    asked = ["bash", "scripts/release_gate.sh", workspace / name, workspace / f"{name}.toml", "smollm2", INT2, "--"]
    options = ["--suite", workspace / "few.toml", *FEW, "--controls", "none", "--store", workspace / "store", "--quiet"]
    return subprocess.run(
        list(map(str, [*asked, *options])), cwd=repo_root, capture_output=True, text=True, check=False,
        env={**os.environ, "TAILGATE": str(bin_folder / "tailgate")},
    )  # fmt: skip


def test_release_gate_keeps_two_bits_back_and_only_a_valid_waiver_of_its_own_cell_counts(
    workspace, repo_root, int8_and_int2
):
    _, verdict = int8_and_int2
    int2 = next(c for c in verdict["candidates"] if c["candidate"] == INT2)
    broken = [f"{c['slice']}/{c['stratum']}" for c in int2["cells"] if c["verdict"] == "regression"]
    expired = gated(workspace, repo_root, "expired", "".join(waiver(cell, "2020-01-01") for cell in broken))
    assert expired.returncode == 1, expired.stderr
    assert f"EXPIRED on 2020-01-01: the waiver of {broken[0]}" in expired.stderr
    assert "release gate: may not ship: regression" in expired.stderr
    one = gated(workspace, repo_root, "one", waiver(broken[0], "2099-01-01"))
    assert one.returncode == 1
    assert f"WAIVED until 2099-01-01: {broken[0]}" in one.stderr
