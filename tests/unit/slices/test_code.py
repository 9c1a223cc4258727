"""Programs and expressions: right by construction, and never executed when a model wrote them."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tailgate_slices.code import Code
from tailgate_slices.code.expressions import parse_expression, same_polynomial
from tailgate_slices.item import Answer, Item, item_rng

MAKER = Code()


def asked(task, kind, reference):
    return Item(
        id="x",
        slice="code",
        stratum="depth=1",
        index=0,
        prompt="Write in Python",
        references=(reference,),
        max_new_tokens=20,
        attributes={"task": task, "type": kind},
    )


EXPRESSION = asked("expression", "expression", "(a + b) * 3")
INTEGER = asked("output", "int", "-12")
STRING = asked("output", "str", "catDOG")


def grade(item, text, finish_reason="stop"):
    return MAKER.grade(item, Answer(text=text, finish_reason=finish_reason))


def draw(stratum, task):
    items = (MAKER.item(stratum=stratum, seed=1, index=index, tokens=None) for index in range(150))
    return [item for item in items if item.attributes["task"] == task]


@pytest.mark.parametrize("stratum", MAKER.strata)
def test_output_is_what_python_prints(stratum, capsys):
    for item in draw(stratum, "output"):
        exec(item.prompt.partition("\n")[2], {})  # our own program, drawn above: the interpreter is the oracle
        assert capsys.readouterr().out == item.references[0] + "\n"


@pytest.mark.parametrize("stratum", MAKER.strata)
def test_program_and_expression_have_as_many_operations_as_the_stratum_says(stratum):
    depth = int(stratum.removeprefix("depth="))
    for item in draw(stratum, "output"):
        assert item.prompt.count("\n") == depth + 2
    for item in draw(stratum, "expression"):
        tree = ast.parse(item.references[0], mode="eval")
        assert sum(isinstance(node, ast.BinOp) for node in ast.walk(tree)) == depth


@pytest.mark.parametrize(
    "text",
    [
        "(a + b) * 3",
        "3*(b+a)",
        "a*3 + 3*b",
        "(a + b) * 3  # the product",
        "`(a + b) * 3`",
        "```python\n(a + b) * 3\n```",
        "```(a + b) * 3```",
        "result = (a + b) * 3",
        "print((a + b) * 3)",
        "return (a + b) * 3",
        "lambda a, b: (a + b) * 3",
        "def f(a, b):\n    return (a + b) * 3",
    ],
)
def test_equivalent_expression_in_any_frame_is_right(text):
    assert grade(EXPRESSION, text).score == 1.0


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        ("a + b * 3", "wrong_expression"),
        ("(a + b) * 4", "wrong_expression"),
        ("(a - b) * 3", "wrong_expression"),
        ("(a + c) * 3", "wrong_expression"),
        ("(a + b * 3", "syntax_error"),
        ("The expression is a plus b", "syntax_error"),
        ("sum([a, b]) * 3", "unsupported"),
        ("a + b; 3", "unsupported"),
        ("import os", "unsupported"),
        ("(a + b) * 3.0", "unsupported"),
        ("(a + b) * True", "unsupported"),
        ("\x00", "syntax_error"),
        ("", "empty"),
    ],
)
def test_wrong_expression_fails_by_its_kind(text, mode):
    assert grade(EXPRESSION, text).failure_mode == mode


def test_expression_with_side_effects_is_not_executed(tmp_path):
    target = tmp_path / "written"
    assert grade(EXPRESSION, f"open({str(target)!r}, 'w')").score == 0.0
    assert not target.exists()


@pytest.mark.parametrize(
    "text",
    [
        "(" * 300,
        "-" * 399 + "a",
        "9" * 390,
        "a" + "*a" * 190,
        "[" * 50_000,
        "a if " * 70,
        "((((a,)*9,)*9,)*9,)*9",
        "9**9**9",
    ],
)
def test_expression_made_to_exhaust_the_parser_or_evaluator_is_wrong(text):
    assert grade(EXPRESSION, text).score == 0.0


@settings(max_examples=200, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10**6))
def test_same_polynomial_agrees_with_values_over_a_grid(seed):
    rng = item_rng("expressions", seed)
    left, right = (f"(a {rng.choice(list('+-*'))} b) {rng.choice(list('+-*'))} {rng.integers(1, 3)}" for _ in range(2))
    grid = [(a, b) for a in range(-3, 4) for b in range(-3, 4)]
    expected = all(eval(left, {"a": a, "b": b}) == eval(right, {"a": a, "b": b}) for a, b in grid)
    assert same_polynomial(*(ast.parse(text, mode="eval").body for text in (left, right))) is expected


def test_parse_of_prose_is_a_syntax_error():
    assert parse_expression("You can use the plus operator") == "syntax_error"


@pytest.mark.parametrize("text", ["-12", "The program prints -12.", "x = -12", "\u221212", "`-12`"])
def test_integer_output_as_the_last_number_is_right(text):
    assert grade(INTEGER, text).score == 1.0


@pytest.mark.parametrize(("text", "mode"), [("12", "wrong_output"), ("-12 3", "wrong_output"), ("x", "no_output")])
def test_other_integer_output_fails_by_its_kind(text, mode):
    assert grade(INTEGER, text).failure_mode == mode


@pytest.mark.parametrize("text", ["catDOG", 'It prints "catDOG".', "'catDOG'"])
def test_string_output_as_a_whole_word_is_right(text):
    assert grade(STRING, text).score == 1.0


@pytest.mark.parametrize(
    ("text", "mode"), [("catdog", "wrong_output"), ("catDOGs", "wrong_output"), ("!", "no_output")]
)
def test_other_string_output_fails_by_its_kind(text, mode):
    assert grade(STRING, text).failure_mode == mode
