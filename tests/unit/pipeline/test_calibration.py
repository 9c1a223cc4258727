"""The suite that a calibration writes: useful strata of the one it scored, asked of the same files."""

from __future__ import annotations

import json

import pytest

from tailgate.errors import ConfigError
from tailgate.pipeline.calibration import write_suite
from tailgate.pipeline.options import Silent
from tailgate_slices.suites import load_suite

SUITE = """
name = "mine"
version = "1"
seed = 5
gate = "quick"
[[slices]]
name = "own:tickets"
file = "tickets.jsonl"
gate_by = "stratum"
strata = ["stratum=short", "stratum=long"]
required = ["stratum=long"]
"""


@pytest.fixture
def suite(tmp_path):
    rows = [{"id": f"t{n}", "prompt": "Hi?", "stratum": name} for n, name in enumerate(["short", "long"] * 3)]
    (tmp_path / "tickets.jsonl").write_text("\n".join(map(json.dumps, rows)))
    path = tmp_path / "mine.toml"
    path.write_text(SUITE)
    return path


def table(**scores):
    return {"cells": {f"own:tickets/stratum={name}": {"n": 10, "correct": right} for name, right in scores.items()}}


def test_written_suite_asks_the_same_file_from_another_folder(suite, tmp_path):
    (tmp_path / "out").mkdir()
    write_suite(tmp_path / "out/useful.toml", str(suite), table(short=10, long=5), Silent())
    (cell,) = load_suite(tmp_path / "out/useful.toml").cells
    assert (cell.slice, cell.stratum, cell.required) == ("own:tickets", "stratum=long", True)
    assert cell.file.resolve() == tmp_path / "tickets.jsonl"


def test_suite_with_nothing_useful_is_not_written(suite, tmp_path):
    with pytest.raises(ConfigError, match=r"no stratum of suite .* scores from 0\.30 to 0\.95"):
        write_suite(tmp_path / "useful.toml", str(suite), table(short=10, long=0), Silent())
    assert not (tmp_path / "useful.toml").exists()


def test_suite_that_is_there_is_not_overwritten(suite):
    with pytest.raises(ConfigError, match="is there already"):
        write_suite(suite, str(suite), table(long=5), Silent())
    assert suite.read_text() == SUITE
