"""The main job on the real embedded model, as its users run it: separate processes, real quantization, real kills."""

import json
import random
import signal
import subprocess
import time

import pytest

from tailgate.store.run_folder import read_manifest
from tests.support.real import INT2, TAILGATE, answers, command, compare

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]


def kill_after(asked, seconds):
    process = subprocess.Popen(asked, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    return process.wait()


def test_run_killed_at_five_random_points_resumes_to_the_same_outcomes(workspace):
    asked = ["smollm2", INT2, "--max-items", 4, "--controls", "none"]
    started = time.monotonic()
    compare(workspace, "whole", *asked, store="whole-store", suite="hasty.toml")
    whole_s = time.monotonic() - started
    cut = workspace / "cut"
    rng = random.Random(20261123)
    first = command(workspace, "compare", *asked, "--suite", workspace / "hasty.toml", "--out", cut, store="cut-store")
    later = command(workspace, "compare", "--resume", cut, store="cut-store")
    # A process killed before it made its folder has nothing to resume: it is simply started again.
    for _ in range(5):
        resumable = (cut / "manifest.json").exists()
        assert kill_after(later if resumable else first, rng.uniform(0.3, 0.8) * whole_s) in (-signal.SIGKILL, 1, 3)
        if (cut / "verdict.json").exists():
            break
    subprocess.run(later if (cut / "manifest.json").exists() else first, check=False, capture_output=True)
    assert answers(cut) == answers(workspace / "whole")
    assert (cut / "verdict.json").read_bytes() == (workspace / "whole/verdict.json").read_bytes()


def test_residency_one_gives_the_outcomes_of_both(workspace):
    asked = ["smollm2", "smollm2@rtn:bits=4,group=64", "--max-items", 2, "--controls", "none"]
    compare(workspace, "both", *asked, store="both-store", suite="hasty.toml")
    compare(workspace, "one", *asked, "--residency", "one", store="one-store", suite="hasty.toml")
    assert answers(workspace / "one") == answers(workspace / "both")


def test_a_night_killed_in_the_middle_goes_on_and_ends_with_the_verdict_of_its_run(workspace):
    (workspace / "nightly.toml").write_text(
        'folder = "nights"\n[run]\nbaseline = "smollm2"\ncandidates = ["smollm2@rtn:bits=3,group=64"]\n'
        f'suite = "{workspace / "hasty.toml"}"\nmax_items = 8\ncontrols = "none"\nstore = "{workspace / "store"}"\n'
    )
    asked = [*TAILGATE, "nightly", str(workspace / "nightly.toml")]
    night = subprocess.Popen(asked, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not list((workspace / "nights/runs").glob("*/manifest.json")):
        assert night.poll() is None
        time.sleep(0.1)
    time.sleep(3)
    night.kill()
    assert night.wait() == -signal.SIGKILL
    [run] = (workspace / "nights/runs").iterdir()
    assert read_manifest(run)["status"] in ("starting", "running")
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    verdict = json.loads((run / "verdict.json").read_text())
    assert done.returncode == verdict["exit_code"], done.stderr
    assert verdict["decision"] in done.stdout
    log = (workspace / "nights/nightly.log").read_text()
    assert f"going on with {run}" in log
