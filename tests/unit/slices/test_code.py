"""Formulas to write and outputs to predict: right by construction, and judged without running an answer."""

from __future__ import annotations

import ast
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tailgate_slices.code import Code
from tailgate_slices.code.functions import same_polynomial
from tailgate_slices.item import Answer, Item, item_rng

MAKER = Code()


def asked(reference, **attributes):
    return Item(
        id="x",
        slice="code",
        stratum="task=write-1",
        index=0,
        prompt="Write a Python function",
        references=(reference,),
        max_new_tokens=20,
        attributes={"language": "python", **attributes},
    )


FUNCTION = asked("def mix(a, b, c): return a + b * c", task="write", function="mix", parameters="a,b,c")
INTEGER = asked("-12", task="print", type="int")
STRING = asked("catDOG", task="print", type="str")
WRITING = [stratum for stratum in MAKER.strata if "write" in stratum]
PRINTING = [f"{stratum},language=python" for stratum in MAKER.strata if "print" in stratum]


def grade(item, text, finish_reason="stop"):
    return MAKER.grade(item, Answer(text=text, finish_reason=finish_reason))


def draw(stratum, n=60):
    return [MAKER.item(stratum=stratum, seed=1, index=index, tokens=None) for index in range(n)]


@pytest.mark.parametrize("stratum", PRINTING)
def test_output_is_what_python_prints(stratum, capsys):
    for item in draw(stratum):
        exec(item.prompt.split("```")[1].removeprefix("python"), {})  # our own program: the interpreter is the oracle
        assert capsys.readouterr().out == item.references[0] + "\n"


@pytest.mark.parametrize("stratum", WRITING)
def test_function_has_as_many_operations_as_the_stratum_says(stratum):
    for item in draw(stratum):
        tree = ast.parse(item.references[0])
        assert sum(isinstance(node, ast.BinOp) for node in ast.walk(tree)) == int(stratum[-1])


@pytest.mark.parametrize("stratum", WRITING)
def test_function_written_as_asked_is_right(stratum):
    for item in draw(stratum):
        head, _, returned = item.references[0].partition(": ")
        assert grade(item, f"Here it is:\n```python\n{head}:\n    {returned}").score == 1.0


@pytest.mark.parametrize(
    "text",
    [
        "def mix(a, b, c):\n    return a + b * c",
        "```python\ndef mix(a, b, c):\n    return a + b * c\n```\nThis works.",
        "```python\ndef mix(a, b, c):\n    return a + b * c",
        "```\ndef mix(a, b, c):\n    return c*b + a\n```",
        "Here is it:\n\n```py\ndef mix(a, b, c): return a + (b * c)\n```",
        "Sure. def mix(a, b, c): return a + b * c",
        "def mix(x, y, z):\n    return x + y * z",
        "def mix(a: int, b: int, c: int) -> int:\n    return a + b * c  # mixed",
        'def mix(a, b, c):\n    """Mix."""\n    return a + b * c',
        "def mix(a, b, c):\n    return a + b * c\n\nThis function adds a to the product of b and c.",
        "Here is a function from your list:\n\ndef mix(a, b, c):\n    return a + b * c\nIt adds.",
        "def mix(\n    a,\n    b,\n    c,\n):\n    return a + b * c\nDone.",
        "Not\n```\ndef mix(a, b, c):\n    return a * b\n```\nbut\n```\ndef mix(a, b, c):\n    return a + b * c\n```",
    ],
)
def test_equivalent_function_in_any_frame_is_right(text):
    assert grade(FUNCTION, text).score == 1.0


@pytest.mark.parametrize(
    "body",
    [
        "result = a + b * c\n    return result",
        "d = b * c\n    return a + d",
        "d: int = b * c\n    d += a\n    return d",
        "a = a + b * c\n    return a",
        "d = a\n    a = b * c\n    return a + d",
        "d = 2.5\n    return a + b * c",
    ],
)
def test_function_that_goes_by_local_names_is_read_through_them(body):
    assert grade(FUNCTION, f"def mix(a, b, c):\n    {body}").score == 1.0


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        ("def mix(a, b, c):\n    return (a + b) * c", "wrong_expression"),
        ("def mix(a, b, c):\n    return a + b * b", "wrong_expression"),
        ("def mix(a, b, c):\n    return a - b * c", "wrong_expression"),
        ("def mix(a, b, c):\n    return a + b * d", "wrong_expression"),
        ("def mix(c, b, a):\n    return a + b * c", "wrong_expression"),
        ("def mix(a, b):\n    return a + b * 2", "wrong_signature"),
        ("def blend(a, b, c):\n    return a + b * c", "wrong_signature"),
        ("def mix(a, b, *c):\n    return a + b * c", "wrong_signature"),
        ("def mix(a, b, c):\n    return a + (b * c", "syntax_error"),
        ("def mix(a, b, c):\n    d = b + c\n    return a * d", "wrong_expression"),
        ("def mix(a, b, c):\n    return a + b * c + d - d", "wrong_expression"),
        ("def mix(a, b, c):\n    d = d + b * c\n    return a + d", "wrong_expression"),
        ("def mix(a, a, c):\n    return a + a * c", "wrong_signature"),
        ("def mix(a, b, c):\n    d = max(b * c, 0)\n    return a + b * c", "unsupported"),
        ("def mix(a, b, c):\n    d, e = b, c\n    return a + d * e", "unsupported"),
        ("def mix(a, b, c):\n    d.e = b * c\n    return a + b * c", "unsupported"),
        ("def mix(a, b, c):\n    d: int\n    return a + b * c", "unsupported"),
        ("def mix(a, b, c):\n    if a: return b\n    return a + b * c", "unsupported"),
        ("def mix(a, b, c):\n    d = b * c", "unsupported"),
        ('def mix(a, b, c):\n    """Mix."""', "unsupported"),
        ("def mix(a, b, c):\n    return sum([a, b * c])", "unsupported"),
        ("def mix(a, b, c):\n    return a + b * c * 1.0", "unsupported"),
        ("def mix(a, b, c):\n    print(a + b * c)", "unsupported"),
        ("Use the plus operator.", "no_code"),
        ("```python\nmix = 3\n```", "no_code"),
        ("\x00", "no_code"),
        ("", "empty"),
    ],
)
def test_wrong_function_fails_by_its_kind(text, mode):
    assert grade(FUNCTION, text).failure_mode == mode


def test_function_cut_off_at_the_budget_fails_as_length():
    assert grade(FUNCTION, "def mix(a, b, c):\n    return a + (b", "length").failure_mode == "length"


@pytest.mark.parametrize("tail", ["def mix_list(", "@cache\ndef g(", "print(mix(1, ", "def mix(a, b", "# Twice\nx = ["])
@pytest.mark.parametrize("frame", ["", "Here it is:\n\n```python\n"])
def test_function_before_a_cut_statement_counts(frame, tail):
    right, wrong = (f"{frame}def mix(a, b, c):\n    return a {sign} b * c\n\n{tail}" for sign in "+-")
    assert grade(FUNCTION, right, "length").score == 1.0
    assert grade(FUNCTION, wrong, "length").score == 0.0


def test_broken_statement_after_the_function_counts_unless_it_was_cut():
    text = "```python\ndef mix(a, b, c):\n    return a + b * c\n\nprint(mix(1,"
    assert grade(FUNCTION, text).failure_mode == "syntax_error"
    assert grade(FUNCTION, f"{text}\n```\nIt adds", "length").failure_mode == "length"


def test_function_before_a_fence_that_nothing_opened_counts():
    assert grade(FUNCTION, "def mix(a, b, c):\n    return a + b * c\n```\nThis works.").score == 1.0
    assert grade(FUNCTION, "def blend(a, b, c):\n    return a\n```\nThis works.").failure_mode == "wrong_signature"


def test_function_with_side_effects_is_not_executed(tmp_path):
    target = tmp_path / "written"
    text = f"def mix(a=open({str(target)!r}, 'w'), b=1, c=2):\n    return a + b * c"
    grade(FUNCTION, text)
    assert not target.exists()


@pytest.mark.parametrize(
    "body",
    [
        "(" * 300,
        "-" * 399 + "a",
        "9" * 390,
        "a" + "*a" * 190,
        "[" * 50_000,
        "a if " * 70,
        "((((a,)*9,)*9,)*9,)*9",
        "9**9**9",
        "a\n" + " d = a\n" + " d = d * d\n" * 60 + " return d",
    ],
)
def test_function_made_to_exhaust_the_parser_or_evaluator_is_wrong(body):
    assert grade(FUNCTION, f"def mix(a, b, c): return {body}").score == 0.0


@settings(max_examples=200, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10**6))
def test_same_polynomial_agrees_with_values_over_a_grid(seed):
    rng = item_rng("expressions", seed)
    left, right = (f"(a {rng.choice(list('+-*'))} b) {rng.choice(list('+-*'))} {rng.integers(1, 3)}" for _ in range(2))
    grid = [(a, b) for a in range(-3, 4) for b in range(-3, 4)]
    expected = all(eval(left, {"a": a, "b": b}) == eval(right, {"a": a, "b": b}) for a, b in grid)
    assert same_polynomial(*(ast.parse(text, mode="eval").body for text in (left, right))) is expected


@pytest.mark.parametrize(
    "text",
    [
        "-12",
        "The program prints -12.",
        "x = -12",
        "\u221212",
        "`-12`",
        "The output of this code is:\n\n```\n-12\n```\n\nThis is because x is 3",
        "The output of `print(x)` in this code is `-12`.",
        "The output of this code is -12, as x is negative here.\n\nThe value of x is 3",
    ],
)
def test_integer_output_as_the_last_number_given_is_right(text):
    assert grade(INTEGER, text).score == 1.0


@pytest.mark.parametrize(
    "text",
    [
        "The output of this code will be as follows:\n\n-12",
        "When it is run, this program of four lines prints the value of x, which is:\n-12\n\nFirst, x is 3.",
        "-12\n\nThis is because x = 3.",
        "The output of `print(x)` is -12.",
        "**Output:**\n\n-12",
        "3 * 5 = 15, so 3 - 15 = -12",
        "-12\n-12",
        "It is -12 because x was 3.",
    ],
)
def test_integer_output_is_found_behind_headings_and_before_reasons(text):
    assert grade(INTEGER, text).score == 1.0


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        ("12", "wrong_output"),
        ("-12 3", "wrong_output"),
        ("12 or -12", "wrong_output"),
        ("It is one of 12, 3, or -12.", "wrong_output"),
        ("12\n3\n-12", "wrong_output"),
        ("```\n3\n-12\n```", "wrong_output"),
        ("x", "no_output"),
        ("The output of this code is:", "no_output"),
    ],
)
def test_other_integer_output_fails_by_its_kind(text, mode):
    assert grade(INTEGER, text).failure_mode == mode


@pytest.mark.parametrize(
    "text",
    [
        "catDOG",
        'It prints "catDOG".',
        "'catDOG'",
        "It prints \u201ccatDOG\u201d.",
        "```\ncatDOG\n```",
        "Sure! The output of this code is catDOG.",
        "The output is `catDOG`, as `s` is upper-cased in part.",
        'First s is "cat", and then "catDOG".',
        "The output is catDOG. This is because s begins with cat.",
        "It prints catDOG to the console.",
        "catDOG is the output of this code.",
        "Output\n\ncatDOG\n\nHere s is a cat.",
    ],
)
def test_string_output_as_the_last_word_given_is_right(text):
    assert grade(STRING, text).score == 1.0


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        ("catdog", "wrong_output"),
        ("catDOGs", "wrong_output"),
        ('"catDOG", or "dogCAT"', "wrong_output"),
        ("catDOG CATdog", "wrong_output"),
        ("dogCAT or catDOG", "wrong_output"),
        ("dogCAT, CATDOG, catDOG", "wrong_output"),
        ("dogCAT\nCATDOG\ncatDOG", "wrong_output"),
        ('"dogCAT", "catDOG"', "wrong_output"),
        ("```\ndogCAT\ncatDOG\n```", "wrong_output"),
        ('First it is "catDOG", then "dogCAT".', "wrong_output"),
        ("!", "no_output"),
    ],
)
def test_other_string_output_fails_by_its_kind(text, mode):
    assert grade(STRING, text).failure_mode == mode


@pytest.mark.parametrize(
    "text", ["1, " * 1300, "a or " * 800, "`a" * 2000, '"a ' * 1300, "is the " * 600, "a:\n" * 1300]
)
def test_long_output_is_read_quickly(text):
    started = time.process_time()
    for item in (INTEGER, STRING):
        assert grade(item, text).score == 0.0
    assert time.process_time() - started < 1.0
