"""Properties of steps: every right function has them, and what is wrong beyond the examples does not."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tailgate_slices.code.execution import judge
from tailgate_slices.code.properties import properties
from tailgate_slices.code.recipes import Recipe, draw_recipe, hidden_arguments
from tailgate_slices.code.text_steps import STEPS
from tailgate_slices.item import item_rng
from tailgate_slices.sandbox import Result
from tailgate_slices.sandbox.calls import Report, Returned

RECIPES = [draw_recipe(item_rng("properties", n), 1 + n % 4, f"item {n}") for n in range(400)]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just("9" * 5000),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=8,
)


def recipe(*steps):
    return Recipe.loads(json.dumps([[step, None] if isinstance(step, str) else list(step) for step in steps]))


def alone(name):
    return recipe((name, (STEPS[name].parameters or (None,))[-1]))


def result_of(function, call):
    """What a function gives for a call, as it comes out of the sandbox."""
    value = json.loads(json.dumps(call.argument))
    for _ in range(call.times):
        value = function(value)
    return json.loads(json.dumps(value))


def broken(function, asked):
    return {each.name for each in asked if not each.holds([result_of(function, call) for call in each.calls])}


def test_every_recipe_has_its_own_properties():
    for number, each in enumerate(RECIPES):
        assert broken(each.apply, properties(each, f"item {number}")) == set()


def test_nearly_every_recipe_has_a_property():
    assert sum(bool(properties(each, "x")) for each in RECIPES) >= 0.97 * len(RECIPES)


@pytest.mark.parametrize("name", list(STEPS))
def test_every_step_alone_has_a_property_and_keeps_it(name):
    asked = properties(alone(name), "x")
    assert asked
    assert broken(alone(name).apply, asked) == set()


@pytest.mark.parametrize(
    ("steps", "wrong", "found"),
    [
        (["sort_up"], lambda x: sorted(set(x)), {"size", "members"}),
        (["sort_up"], lambda x: x, {"last step", "order of the argument"}),
        (["sort_up"], lambda x: sorted(x, key=str), {"last step"}),
        ([("keep_greater", 3)], lambda x: sorted(v for v in x if v > 3), {"members", "parts"}),
        ([("keep_greater", 3)], lambda x: [v for v in x if v >= 0], {"last step"}),
        ([("keep_greater", 3)], lambda x: [v + 9 for v in x if v > 3], {"members", "twice is once"}),
        (["reverse"], lambda x: sorted(x, reverse=True), {"parts", "there and back"}),
        (["reverse"], lambda x: x, {"parts"}),
        (["unique"], list, {"last step"}),
        (["unique"], lambda x: sorted(set(x)), {"members"}),
        ([("add_each", 2)], lambda x: [v + n for n, v in enumerate(x)], {"parts"}),
        ([("take_first", 2)], lambda x: sorted(x)[:2], {"members", "what is left out"}),
        ([("drop_first", 2), "total"], sum, {"what is left out"}),
        (["total"], lambda x: sum(x) + 1, {"parts"}),
        (["largest"], lambda x: x[1], {"members", "order of the argument"}),
        ([("plus", 3), ("times", 2)], lambda x: x * x, {"slope"}),
        ([("minus", 3), "square"], lambda x: x, {"last step", "sign"}),
        ([("at_least", 5)], lambda x: x, {"last step", "bound"}),
        (["upper"], lambda x: x[:30].upper() + x[30:], {"last step", "parts"}),
        (["reverse_text"], lambda x: " ".join(reversed(x.split())), {"parts"}),
        (["tally"], lambda x: dict.fromkeys(x[:3], 1), {"order of the argument"}),
        ([("greater_values", 4)], lambda x: {a: b + 1 for a, b in x.items() if b > 4}, {"members", "twice is once"}),
        (["keys"], list, {"last step", "order of the argument"}),
        ([("remove_letter", "e"), ("count_letter", "a")], len, {"what is left out"}),
    ],
)  # fmt: skip
def test_wrong_function_breaks_the_properties_of_its_steps(steps, wrong, found):
    assert found <= broken(wrong, properties(recipe(*steps), "an item"))


def test_arguments_are_longer_than_those_of_the_examples_and_depend_on_the_item():
    ours, theirs = (properties(recipe("sort_up"), name)[0].calls[0].argument for name in ("a", "b"))
    assert ours != theirs
    assert ours == properties(recipe("sort_up"), "a")[0].calls[0].argument
    assert min(len(ours), len(theirs)) > max(map(len, hidden_arguments("ints", "a")))


@pytest.mark.parametrize(
    ("steps", "given_as", "plain"),
    [
        ([("times", 2)], 8.0, True),
        ([("times", 2)], True, False),
        ([("times", 2)], 8.5, False),
        ([("times", 2)], float("inf"), False),
        (["sort_up"], [1.0, 2], True),
        (["sort_up"], {"1": 1}, False),
        (["sort_up"], ["a"], False),
        (["tally"], [], True),
        (["tally"], [1], False),
        (["tally"], {"a": "1"}, False),
        (["upper"], 3, False),
    ],
)
def test_result_must_have_the_right_type(steps, given_as, plain):
    after = properties(recipe(*steps), "x")[0]
    assert after.name == "last step"
    assert after.holds([given_as]) is plain


@settings(max_examples=150, deadline=None, derandomize=True)
@given(value=JSON)
def test_any_result_has_a_property_or_not(value):
    for name in STEPS:
        for each in properties(alone(name), "x"):
            each.holds([value] * len(each.calls))


# judgement

ASKED = properties(recipe("total"), "x")  # the order does not matter; parts add up
RIGHT = [result_of(sum, call) for each in ASKED for call in each.calls]


def judged(returned, ended="ok"):
    result = Result(ended=ended, exit_code=0, stdout="", stderr="", seconds=0.1)
    return judge(Report(result=result, returned=tuple(returned), problem=None, message=""), [3], ASKED)


def test_properties_count_as_tests_after_the_examples():
    assert (judged(map(value_of, [3, *RIGHT])).mode, judged(map(value_of, [3, *RIGHT])).passed) == (None, 1.0)
    found = judged(map(value_of, [3, RIGHT[0], RIGHT[0] + 1, *RIGHT[2:]]))
    assert (found.mode, found.passed) == ("broken_property", 2 / 3)


def test_failed_example_names_the_mode_before_a_broken_property():
    assert judged(map(value_of, [4, RIGHT[0] + 1, *RIGHT[1:]])).mode == "wrong_answer"


def test_call_of_a_property_that_fails_is_named_as_it_failed():
    assert (
        judged([Returned(value=3), Returned(error="ValueError: x"), *map(value_of, RIGHT[1:])]).mode == "runtime_error"
    )
    assert judged([Returned(value=3), *(None for _ in RIGHT)], ended="timeout").mode == "timeout"


def value_of(value):
    return Returned(value=value)
