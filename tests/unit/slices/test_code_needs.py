"""What the slice says of a machine that cannot run all of its programs."""

from __future__ import annotations

import re

import pytest

from tailgate_slices import code, sandbox
from tailgate_slices.code import Code
from tailgate_slices.sandbox import interpreters
from tailgate_slices.sandbox.bubblewrap import Bubblewrap

MAKER = Code()
EXECUTED = [stratum for stratum in MAKER.strata if stratum.startswith(("task=spec", "task=repair", "task=complete"))]


def test_tasks_that_are_not_run_need_nothing(monkeypatch):
    monkeypatch.setattr(code, "why_not", lambda language, unsafe: "nothing works")
    assert {MAKER.needs(stratum) for stratum in set(MAKER.strata) - set(EXECUTED)} == {None}


def test_executed_task_needs_every_language_it_may_draw(monkeypatch):
    monkeypatch.setattr(code, "why_not", lambda language, unsafe: "no lua" if language == "lua" else None)
    assert MAKER.needs("task=spec-1").startswith("no lua; ")
    assert MAKER.needs("task=spec-1,language=lua") == "no lua"
    assert MAKER.needs("task=spec-1,language=python") is None


def test_language_that_is_missing_is_named_with_a_stratum_that_needs_none_of_it(monkeypatch):
    monkeypatch.setattr(code, "why_not", lambda language, unsafe: None if language == "python" else f"no {language}")
    assert MAKER.needs("task=repair-1") == (
        "no javascript; no lua; 'task=repair-1,language=python' needs no javascript or lua, "
        "'task=repair-1' has items in every language"
    )
    served = re.search("'(task=repair-1,.*?)'", MAKER.needs("task=repair-1"))[1]
    assert MAKER.needs(served) is None


@pytest.fixture
def without_lua(require, monkeypatch):
    require("bwrap")
    find = interpreters.find_interpreter
    monkeypatch.setattr(
        interpreters, "find_interpreter", lambda language: None if language == "lua" else find(language)
    )
    monkeypatch.setattr(sandbox, "_bubblewrap", Bubblewrap)
    sandbox._choose.cache_clear()
    yield
    sandbox._choose.cache_clear()


def test_interpreter_that_is_missing_is_named_with_how_to_go_on(without_lua):
    reason = MAKER.needs("task=repair-1")
    assert "no interpreter of lua on the PATH (looked for lua5.4" in reason
    assert "install lua5.4; 'task=repair-1,language=python' needs no lua" in reason
    assert MAKER.needs("task=repair-1,language=python") is None


def test_machine_that_runs_nothing_is_offered_no_other_stratum(monkeypatch):
    monkeypatch.setattr(code, "why_not", lambda language, unsafe: "no sandbox")
    assert "language=" not in MAKER.needs("task=repair-1")
