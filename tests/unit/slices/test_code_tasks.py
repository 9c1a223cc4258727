"""Functions to write, repair and complete: the items, and how their answers are judged. Nothing is run here."""

from __future__ import annotations

import json
import re
import time
from typing import get_args

import pytest

from tailgate_slices.code import Code
from tailgate_slices.code.execution import Mode, judge, same
from tailgate_slices.code.recipes import Recipe, draw_recipe, hidden_arguments, is_telling, mutants
from tailgate_slices.code.rendering import GAP, fill, function_source, literal, statements, with_gap
from tailgate_slices.code.text_steps import STEPS
from tailgate_slices.item import Answer, SliceError, item_rng
from tailgate_slices.sandbox import LANGUAGES, Result
from tailgate_slices.sandbox.calls import Report, Returned

MAKER = Code()
EXECUTED = [stratum for stratum in MAKER.strata if stratum.startswith(("task=spec", "task=repair", "task=complete"))]
RECIPES = [draw_recipe(item_rng("recipes", n), 1 + n % 4, f"item {n}") for n in range(120)]


def draw(stratum, n=40):
    return [MAKER.item(stratum=stratum, seed=1, index=index, tokens=None) for index in range(n)]


def recipe_of(item):
    return Recipe.loads(item.attributes["recipe"])


def report(*returned, problem=None, message="", cause=None, ended="ok"):
    result = Result(ended=ended, exit_code=0, stdout="", stderr="", seconds=0.1)
    return Report(result=result, returned=returned, problem=problem, message=message, cause=cause)


# strata


def test_tasks_stand_from_the_calibrated_ones_to_repair():
    assert MAKER.strata[:7] == tuple(
        f"task={task}" for task in ("write-1", "write-2", "write-3", "write-5", "print-1", "print-2", "print-4")
    )
    assert [stratum.partition("=")[2] for stratum in EXECUTED] == [
        f"{task}-{size}" for task in ("complete", "spec", "repair") for size in (1, 2, 3)
    ]


@pytest.mark.parametrize("language", ["javascript", "lua"])
def test_formula_in_another_language_is_an_error(language):
    with pytest.raises(SliceError, match="read as Python"):
        MAKER.item(stratum=f"task=write-2,language={language}", seed=1, index=0, tokens=None)


def test_formula_in_python_by_name_is_fine():
    (item,) = draw("task=write-2,language=python", 1)
    assert item.prompt.startswith("Write a Python function ")


@pytest.mark.parametrize("stratum", ["task=spec-1", "task=repair-2", "task=print-1"])
def test_language_left_open_is_mostly_python(stratum):
    drawn = [item.attributes["language"] for item in draw(stratum, 200)]
    assert 140 <= drawn.count("python") <= 180
    assert set(drawn) == set(LANGUAGES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_task_left_open_is_one_of_the_language(language):
    tasks = {item.attributes["task"] for item in draw(f"language={language}", 80)}
    assert tasks == {"print", "complete", "spec", "repair"} | ({"write"} if language == "python" else set())


@pytest.mark.parametrize("stratum", EXECUTED)
def test_every_drawn_value_is_recorded(stratum):
    for item in draw(stratum, 10):
        task, _, size = stratum.partition("=")[2].partition("-")
        assert (item.attributes["task"], item.attributes["size"]) == (task, int(size))
        assert {"language", "function", "recipe", "example"} <= set(item.attributes)


@pytest.mark.parametrize("stratum", EXECUTED)
def test_prompt_and_answer_fit_the_context_promised(stratum):
    # Code comes to about three characters a token; 64 are for the chat template.
    for item in draw(stratum, 100):
        assert 64 + len(item.prompt) / 2.7 + item.max_new_tokens <= MAKER.min_context(stratum), item.prompt


# items


@pytest.mark.parametrize("step", STEPS.values(), ids=list(STEPS))
def test_step_in_python_does_what_it_is_checked_by(step):
    for parameter in step.parameters or (None,):
        for argument in hidden_arguments(step.takes, "steps"):
            space = {"x": json.loads(json.dumps(argument))}
            exec("x = " + step.python.replace("$k", str(parameter)), space)  # our own text
            assert space["x"] == step.apply(argument, parameter), (step.name, parameter, argument)


@pytest.mark.parametrize("step", STEPS.values(), ids=list(STEPS))
def test_step_taken_for_another_has_the_same_types(step):
    if step.near is not None:
        near = STEPS[step.near]
        assert (near.takes, near.gives, bool(near.parameters)) == (step.takes, step.gives, bool(step.parameters))


def test_recipe_survives_its_text():
    assert [Recipe.loads(recipe.dumps()) for recipe in RECIPES] == RECIPES


def test_no_step_of_a_recipe_can_be_left_out():
    for recipe in RECIPES:
        for at, use in enumerate(recipe.uses):
            rest = recipe.uses[:at] + recipe.uses[at + 1 :]
            if rest and use.step.takes == use.step.gives:
                tests = [hidden_arguments(recipe.takes, f"item {n}") for n in range(len(RECIPES))]
                shorter = Recipe(uses=rest)
                assert any(shorter.apply(one) != recipe.apply(one) for test in tests for one in test)


def test_recipe_with_a_step_that_does_nothing_tells_nothing():
    idle = Recipe.loads('[["sort_up", null], ["sort_down", null]]')
    assert not is_telling(idle, hidden_arguments("ints", "x"))


def test_arguments_are_not_changed_by_a_recipe():
    for recipe in RECIPES:
        for argument in hidden_arguments(recipe.takes, "x"):
            before = json.dumps(argument)
            recipe.apply(argument)
            assert json.dumps(argument) == before


def test_hidden_arguments_depend_on_the_item_and_repeat_one():
    ours, theirs = hidden_arguments("ints", "a"), hidden_arguments("ints", "b")
    assert ours == hidden_arguments("ints", "a") != theirs
    assert ours[-1] in ours[:-1]


@pytest.mark.parametrize("stratum", [stratum for stratum in EXECUTED if "spec" in stratum])
def test_specification_describes_every_step_and_shows_a_true_example(stratum):
    for item in draw(stratum):
        recipe = recipe_of(item)
        assert len(recipe.uses) == int(stratum[-1])
        assert all(use.text(use.step.english) in item.prompt for use in recipe.uses)
        example = json.loads(item.attributes["example"])
        result = literal(recipe.apply(example), item.attributes["language"])
        assert item.prompt.endswith(f"returns {result}.")


@pytest.mark.parametrize("stratum", [stratum for stratum in EXECUTED if "repair" in stratum])
def test_function_to_repair_is_wrong_on_the_call_shown(stratum):
    for item in draw(stratum):
        recipe, mutant = recipe_of(item), Recipe.loads(item.attributes["mutant"])
        example, language = json.loads(item.attributes["example"]), item.attributes["language"]
        assert recipe.apply(example) != mutant.apply(example)
        assert function_source(item.attributes["function"], mutant, language) in item.prompt
        assert item.references[0] not in item.prompt
        assert literal(recipe.apply(example), language) in item.prompt


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("size", [1, 2, 3])
def test_function_to_complete_becomes_whole_with_the_reference(language, size):
    for item in draw(f"task=complete-{size},language={language}"):
        recipe, start = recipe_of(item), item.attributes["gap_start"]
        source = with_gap(item.attributes["function"], recipe, language, range(start, start + size))
        assert source in item.prompt
        assert source.count(GAP) == 1
        whole = fill(source, item.references[0])
        uncommented = [line for line in whole.split("\n") if not line.lstrip().startswith(("#", "//", "-- "))]
        assert "\n".join(uncommented) == function_source(item.attributes["function"], recipe, language)
        assert ("missing line in" in item.prompt) == ("\n" not in item.references[0])


@pytest.mark.parametrize("stratum", [stratum for stratum in EXECUTED if "complete" not in stratum])
def test_answer_may_go_on_after_its_first_block(stratum):
    assert {item.stop for item in draw(stratum, 5)} == {()}


@pytest.mark.parametrize("stratum", [stratum for stratum in EXECUTED if "repair" in stratum])
def test_repair_has_room_for_the_wrong_function_and_the_right_one(stratum):
    # Code comes to about three characters a token.
    for item in draw(stratum):
        mutant, language = Recipe.loads(item.attributes["mutant"]), item.attributes["language"]
        written = function_source(item.attributes["function"], mutant, language) + item.references[0]
        assert len(written) / 3 + 30 <= item.max_new_tokens


def test_mutants_of_a_recipe_differ_from_it_in_one_step():
    for recipe in RECIPES:
        for mutant in mutants(recipe):
            assert sum(a != b for a, b in zip(recipe.uses, mutant.uses, strict=True)) == 1


def test_values_are_written_as_the_language_does():
    assert literal([1, -2], "python") == literal([1, -2], "javascript") == "[1, -2]"
    assert literal({"cat": 3}, "python") == literal({"cat": 3}, "javascript") == '{"cat": 3}'
    assert (literal([1, -2], "lua"), literal({"cat": 3}, "lua"), literal({"*": 1}, "lua")) == (
        "{1, -2}", "{cat = 3}", '{["*"] = 1}',
    )  # fmt: skip


def test_thousand_items_of_an_executed_task_are_drawn_in_two_seconds():
    started = time.process_time()
    for index in range(1000):
        MAKER.item(stratum="task=repair-3", seed=1, index=index, tokens=None)
    assert time.process_time() - started < 4.0


# answers without the function


@pytest.mark.parametrize("stratum", ["task=spec-1", "task=repair-2"])
@pytest.mark.parametrize(
    ("text", "reason", "mode"),
    [
        ("", "stop", "empty"),
        ("", "length", "length"),
        ("Add the numbers.", "stop", "no_code"),
        ("I\u2019m sorry, but I cannot help with that", "stop", "refused"),
        ("zq, " * 40, "length", "degenerate"),
        ("```python\ndef other(x):\n    return x\n```", "stop", "wrong_signature"),
        ("Add the numb", "length", "length"),
        ("\ud800\x00", "stop", "no_code"),
    ],
)
def test_answer_without_the_function_fails_without_being_run(stratum, text, reason, mode):
    (item,) = draw(f"{stratum},language=python", 1)
    assert MAKER.grade(item, Answer(text=text, finish_reason=reason)).failure_mode == mode


# judgement


@pytest.mark.parametrize(
    ("given_value", "wanted", "expected"),
    [
        (2, 2, True),
        (2.0, 2, True),
        ("a", "a", True),
        ([1, "a"], [1, "a"], True),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ([], {}, True),
        ({}, [], False),
        (True, 1, False),
        ("2", 2, False),
        (2, "2", False),
        (None, 0, False),
        ([1], [1, 2], False),
        ([2, 1], [1, 2], False),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ("A", "a", False),
        (float("nan"), 0, False),
    ],
)
def test_values_are_the_same_by_kind_and_value(given_value, wanted, expected):
    assert same(given_value, wanted) is expected


@pytest.mark.parametrize(
    ("found", "mode"),
    [
        (report(Returned(value=1), Returned(value=2)), None),
        (report(Returned(value=1), Returned(value=3)), "wrong_answer"),
        (report(Returned(value=1), Returned(error="TypeError: x")), "runtime_error"),
        (report(Returned(value=1), Returned(error="ValueError: Permission denied")), "runtime_error"),
        (report(Returned(value=1), Returned(error="OSError: [Errno 30]", cause="forbidden")), "forbidden"),
        (report(Returned(value=1), Returned(error="MemoryError: ", cause="memory")), "resources"),
        (report(None, None, problem="syntax", message="SyntaxError: x"), "syntax_error"),
        (report(None, None, problem="load", message="NameError: x"), "runtime_error"),
        (report(None, None, problem="load", message="EROFS: read-only"), "runtime_error"),
        (report(None, None, problem="load", message="EROFS: read-only", cause="forbidden"), "forbidden"),
        (report(None, None, problem="load", message="not enough memory", cause="memory"), "resources"),
        (report(None, None, problem="no_function"), "wrong_signature"),
        (report(Returned(value=1), None, ended="timeout"), "timeout"),
        (report(None, None, ended="forbidden"), "forbidden"),
        (report(None, None, ended="memory"), "resources"),
        (report(None, None, ended="output"), "resources"),
        (report(None, None, ended="killed"), "runtime_error"),
        (report(None, None, ended="ok"), "runtime_error"),
    ],
)
def test_report_is_judged_by_its_first_failure(found, mode):
    assert judge(found, [1, 2]).mode == mode


def test_share_of_passed_tests_is_counted():
    assert judge(report(Returned(value=1), Returned(value=9), None, Returned(value=4)), [1, 2, 3, 4]).passed == 0.5


def test_card_explains_every_way_to_fail():
    modes = {*get_args(Mode), "no_code"}
    assert modes <= set(MAKER.card.failure_modes)


def test_statements_of_lua_may_be_several_lines():
    use = Recipe.loads('[["total", null]]').uses[0]
    assert len(statements(use, "lua")) == 3
    assert re.fullmatch(r"x = sum\(x\)", statements(use, "python")[0])
