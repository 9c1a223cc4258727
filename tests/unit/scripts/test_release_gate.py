"""The one line in CI: whatever is not a pass must not end in 0, and only a regression may be waived."""

import os
import subprocess

import pytest

FAKE = """#!/usr/bin/env bash
echo "$*" >> "{log}"
case $1 in
  compare) exit {compared} ;;
  gate) exit {gated} ;;
esac
"""


@pytest.fixture
def release_gate(tmp_path, repo_root):
    """Runs the script with a stand-in for tailgate that ends as told; returns the exit code, stderr and its calls."""

    def run(compared, gated=99, waivers="-", more=()):
        log, fake = tmp_path / "calls", tmp_path / "tailgate"
        fake.write_text(FAKE.format(log=log, compared=compared, gated=gated))
        fake.chmod(0o755)
        command = ["bash", repo_root / "scripts" / "release_gate.sh", tmp_path / "run", waivers, "base", "cand", *more]
        done = subprocess.run(
            command, check=False, env={**os.environ, "TAILGATE": str(fake)}, capture_output=True, text=True
        )
        return done.returncode, done.stderr, log.read_text().splitlines() if log.exists() else []

    return run


@pytest.fixture
def waivers(tmp_path):
    file = tmp_path / "waivers.toml"
    file.write_text("waivers = []")
    return file


@pytest.mark.parametrize("code", [0, 1, 2, 3, 4, 130, 137])
def test_exit_code_of_the_comparison_is_the_gates(release_gate, code):
    ended, said, _ = release_gate(code)
    assert ended == code
    assert ("may not ship" in said) == (code != 0)


def test_regression_goes_to_the_waivers(release_gate, waivers, tmp_path):
    ended, _, calls = release_gate(1, gated=0, waivers=waivers)
    assert ended == 0
    assert calls[1] == f"gate {tmp_path / 'run'} --waivers {waivers}"


@pytest.mark.parametrize("gated", [1, 2, 3, 4])
def test_waivers_that_do_not_cover_it_do_not_let_it_pass(release_gate, waivers, gated):
    assert release_gate(1, gated=gated, waivers=waivers)[0] == gated


@pytest.mark.parametrize("code", [2, 3, 4])
def test_nothing_but_a_regression_is_waived(release_gate, waivers, code):
    ended, _, calls = release_gate(code, gated=0, waivers=waivers)
    assert ended == code
    assert len(calls) == 1


def test_missing_waiver_file_stops_before_anything_runs(release_gate):
    ended, said, calls = release_gate(0, waivers="nowhere.toml")
    assert ended == 2
    assert "no waiver file nowhere.toml" in said
    assert calls == []


def test_options_behind_two_dashes_reach_the_comparison(release_gate, tmp_path):
    _, _, calls = release_gate(0, more=("--", "--suite", "quick"))
    assert calls == [f"compare base cand --out {tmp_path / 'run'} --suite quick"]


def test_too_few_arguments_are_a_usage_error(repo_root):
    done = subprocess.run(
        ["bash", repo_root / "scripts" / "release_gate.sh", "run"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "Usage" in done.stderr
