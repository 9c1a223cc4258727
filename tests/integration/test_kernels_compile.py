"""Every kernel and tile compiles for every architecture, without a device, within what the architecture has."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow


def run(repo_root, *arguments):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(repo_root / "kernels")}
    script = repo_root / "scripts" / "check_kernels.py"
    return subprocess.run([sys.executable, script, *arguments], capture_output=True, text=True, check=False,
                          env=environment)  # fmt: skip


@pytest.mark.parametrize("operation", ["paged_attention", "w4a16_matmul", "token_stats", "w8a8_matmul"])
def test_kernels_compile_without_spills_and_are_the_published_ones(operation, require, repo_root):
    require("triton")
    # One architecture here: all five take minutes, and `make kernels` writes the whole table.
    done = run(repo_root, "--only", operation, "--arch", "90")
    assert done.returncode == 0, done.stderr
    published = (repo_root / "results" / "kernels.md").read_text()
    rows = [line.split("\t") for line in done.stdout.splitlines()[1:]]
    assert rows
    assert [row for row in rows if f"| {' | '.join(row)} |" not in published] == []


def test_an_unknown_architecture_is_a_usage_error(repo_root):
    done = run(repo_root, "--arch", "75")
    assert done.returncode == 2
    assert "unknown: 75" in done.stderr


def test_bench_says_why_nothing_was_timed(repo_root):
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device: the bench would run")
    script = repo_root / "scripts" / "bench_kernels.py"
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.strip()) == (4, "no kernel was timed: torch finds no CUDA device here")
