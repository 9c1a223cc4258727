"""The suite that a calibration writes: useful strata of the one it scored, asked of the same files."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from tailgate.errors import ConfigError, UsageError
from tailgate.pipeline import calibration
from tailgate.pipeline.calibration import calibrate_model, check_out, write_suite
from tailgate.pipeline.options import Silent
from tailgate_slices.registry import get_slice
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


def test_written_suite_asks_the_same_file_wherever_it_is_written_from(suite, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "out").mkdir()
    write_suite(Path("out/useful.toml"), "mine.toml", table(short=10, long=5), Silent())
    assert 'file = "../tickets.jsonl"' in (tmp_path / "out/useful.toml").read_text()


# Two options: .50 is chance, so that the useful scores lie from .65 to .975.
@pytest.fixture
def pairs(tmp_path):
    path = tmp_path / "pairs.toml"
    maker = get_slice("refusal_pairs")
    head = 'name = "pairs"\nversion = "1"\nseed = 5\ngate = "quick"\n'
    table = f'name = "{maker.name}"\ngate_by = "{maker.axis}"\nstrata = {json.dumps(maker.strata)}\n'
    path.write_text(f"{head}[[slices]]\n{table}")
    return path


class Notes(Silent):
    def __init__(self):
        self.said = []

    def note(self, text):
        self.said.append(text)


def scores(*correct):
    strata = get_slice("refusal_pairs").strata
    cells = {f"refusal_pairs/{stratum}": {"n": 40, "correct": n} for stratum, n in zip(strata, correct, strict=False)}
    return {"cells": cells}


def test_useful_scores_are_measured_from_chance(pairs, tmp_path):
    notes = Notes()
    write_suite(tmp_path / "useful.toml", str(pairs), scores(20, 25, 26, 39), notes)
    kept = [cell.stratum for cell in load_suite(tmp_path / "useful.toml").cells]
    assert kept == list(get_slice("refusal_pairs").strata[2:4])
    assert "scores 0.50, outside 0.65 to 0.97 (chance is 0.50)" in notes.said[0]


def test_chance_that_the_gate_states_counts_more_than_the_slices_own(pairs, tmp_path):
    gate = tmp_path / "gate.toml"
    gate.write_text("alpha = 0.05\nchance = {refusal_pairs = 0.0}\n")
    pairs.write_text(pairs.read_text().replace('"quick"', json.dumps(str(gate))))
    write_suite(tmp_path / "useful.toml", str(pairs), scores(20), Silent())
    assert len(load_suite(tmp_path / "useful.toml").cells) == 1


@pytest.fixture
def asked(monkeypatch):
    """What a calibration would ask, without a model."""
    seen = []
    side = SimpleNamespace(variant=None)
    monkeypatch.setattr(calibration, "_side", lambda role, spec, store: side)
    monkeypatch.setattr(calibration, "inapplicable_strata", lambda suite, sides: {"own:tickets/stratum=long": "needs"})
    monkeypatch.setattr(calibration, "calibrate", lambda suite, keys, side, n, observer: seen.extend(keys) or {})
    monkeypatch.setattr(calibration, "calibration_key", lambda suite, side, n: "key")
    return seen


def test_more_items_than_a_slice_has_are_refused_with_their_number(suite, tmp_path, asked):
    with pytest.raises(UsageError, match=r"--n 4: own:tickets/stratum=short has 3 items; give --n 3 or less"):
        calibrate_model("model", str(suite), 4, tmp_path / "store", Silent())
    assert asked == []


def test_as_many_items_as_a_slice_has_are_asked(suite, tmp_path, asked):
    calibrate_model("model", str(suite), 3, tmp_path / "store", Silent())
    assert [str(key) for key in asked] == ["own:tickets/stratum=short"]


def test_place_of_the_new_suite_is_checked_before_the_model_is_asked(suite, tmp_path):
    check_out(tmp_path / "useful.toml", str(suite))
    for out, message in (
        (suite, "is there already"),
        (tmp_path / "none/useful.toml", "no folder"),
        (tmp_path / ("x" * 300), "File name too long"),
    ):
        with pytest.raises(ConfigError, match=message):
            check_out(out, str(suite))
    suite.write_text(SUITE.replace('"quick"', '"qick"'))
    with pytest.raises(ConfigError, match="gate 'qick'"):
        check_out(tmp_path / "useful.toml", str(suite))


def test_suite_with_nothing_useful_is_not_written(suite, tmp_path):
    with pytest.raises(ConfigError, match=r"no stratum of suite .* scores from 0\.30 to 0\.95"):
        write_suite(tmp_path / "useful.toml", str(suite), table(short=10, long=0), Silent())
    assert not (tmp_path / "useful.toml").exists()


def test_suite_that_is_there_is_not_overwritten(suite):
    with pytest.raises(ConfigError, match="is there already"):
        write_suite(suite, str(suite), table(long=5), Silent())
    assert suite.read_text() == SUITE
