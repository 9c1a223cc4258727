"""Functions in answers that real models gave, run in the sandbox: stray fences, cut ends, lines that return."""

from __future__ import annotations

import pytest

from tailgate_slices.code import Code
from tailgate_slices.code.recipes import Recipe
from tailgate_slices.code.rendering import function_source
from tailgate_slices.item import Answer
from tailgate_slices.sandbox.interpreters import missing_interpreter

MAKER = Code()
TAILS = {"python": "def other(", "javascript": "console.log(f([", "lua": "print(f({"}


@pytest.fixture(autouse=True)
def _needs_bubblewrap(require):
    require("bwrap")


@pytest.fixture(params=["python", "javascript", "lua"])
def language(request):
    if missing_interpreter(request.param):
        pytest.skip(missing_interpreter(request.param))
    return request.param


def item_of(stratum, index=0):
    return MAKER.item(stratum=stratum, seed=5, index=index, tokens=None)


def grade(item, text, finish_reason="stop"):
    return MAKER.grade(item, Answer(text=text, finish_reason=finish_reason))


@pytest.mark.parametrize("task", ["spec-1", "repair-1", "complete-1"])
def test_function_before_a_fence_that_nothing_opened_is_run(task, language):
    item = item_of(f"task={task},language={language}")
    for reason in ("stop", "length"):
        assert grade(item, f"{item.references[0]}\n```\n\nThis function solves the `task`.", reason).score == 1.0
    if "repair" in task:
        wrong = function_source(item.attributes["function"], Recipe.loads(item.attributes["mutant"]), language)
        assert grade(item, f"{wrong}\n```\n\nThis is it.").failure_mode == "wrong_answer"


@pytest.mark.parametrize("frame", ["", "```\n"])
def test_function_before_a_cut_statement_is_run(frame, language):
    item = item_of(f"task=repair-1,language={language}")
    wrong = function_source(item.attributes["function"], Recipe.loads(item.attributes["mutant"]), language)
    assert grade(item, f"{frame}{item.references[0]}\n\n{TAILS[language]}", "length").score == 1.0
    if frame:
        assert grade(item, f"{frame}{item.references[0]}\n\n{TAILS[language]}").failure_mode == "syntax_error"
    assert grade(item, f"{frame}{wrong}\n\n{TAILS[language]}", "length").failure_mode == "length"
    assert grade(item, frame + item.references[0][:-2] + "(", "length").failure_mode == "length"


@pytest.mark.parametrize("size", [1, 2])
def test_missing_lines_may_return(size, language):
    for index in range(6):
        item = item_of(f"task=complete-{size},language={language}", index)
        last = item.attributes["gap_start"] == 1
        found = grade(item, f"{item.references[0]}\nreturn x")
        if last:
            assert found.score == 1.0
        else:  # the step behind the gap is left out
            assert found.score == 0.0
            assert found.failure_mode != "syntax_error"


def test_lines_in_a_fence_fill_the_gap_though_the_function_stands_before_them():
    item = item_of("task=complete-1,language=python")
    head = item.prompt.split("```python\n")[1].split("\n```")[0]
    assert grade(item, f"{head}\n\nThe missing line:\n```python\n{item.references[0]}\n```").score == 1.0
