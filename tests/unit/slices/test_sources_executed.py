"""Programs and Python values in answers: what is taken for one, and how it is judged."""

from __future__ import annotations

import time

import pytest

from tailgate_slices.item import Answer
from tailgate_slices.sources import executed
from tailgate_slices.sources.code_blocks import fenced_blocks, program
from tailgate_slices.sources.executed import Passes
from tailgate_slices.sources.literals import Literal


def graded(judge, text, finish_reason="stop"):
    return judge(Answer(text=text, finish_reason=finish_reason))


@pytest.mark.parametrize(
    "text",
    [
        "[(4, 1)]",
        "[ (4,1) ]",
        "[ANSWER]\n[(4, 1)]\n[/ANSWER]",
        "assert f(3) == [(4, 1)]",
        "f([1, 2], 'a == b') == [(4, 1)]",
        "```python\n[(4, 1)]\n```",
        "```json\n[(4, 1)]\n```",
        "`[(4, 1)]`",
        "[\n  (4, 1)\n]",
        "[(4, 1)]\n\nThe function pairs them.",
        "[(4, 1)]  # a list",
        "[(4, 1)] because f pairs them.",
        "[(4, 1)].",
    ],
)
def test_equal_python_value_is_right(text):
    assert graded(Literal(reference="[(4, 1)]"), text).score == 1.0


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("f('a') == 'x==y'", "'x==y'"),
        ("assert f('a') == 'x==y'", "'x==y'"),
        ("'x==y'", "'x==y'"),
        ("'it' 's'\nthat is all", '"its"'),
        ("'a]b'\nand more", "'a]b'"),
        ('"""a\nb"""\nand more', "'a\\nb'"),
        ("-5\nbecause it is negative", "-5"),
        ("b'x'\nbytes", "b'x'"),
        ("'' is empty", None),
        ("5 or 6", None),
        ("5\n6", None),
        ("5 + 1", None),
    ],
)
def test_value_is_read_up_to_its_end_unless_another_follows(text, reference):
    if reference is None:
        assert graded(Literal(reference=text.split()[0]), text).failure_mode == "unparsable"
    else:
        assert graded(Literal(reference=reference), text).score == 1.0


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        ("[(4, 2)]", "wrong_value"),
        ("'[(4, 1)]'", "wrong_value"),
        ("f(3)", "unparsable"),
        ("four", "unparsable"),
        ("{[]: 1}", "unparsable"),
        ("-" * 7000 + "1", "degenerate"),
        ("", "empty"),
        ("'\\d'", "wrong_value"),
    ],
)
def test_other_value_fails_by_its_kind(text, mode):
    assert graded(Literal(reference="[(4, 1)]"), text).failure_mode == mode


class Ran:
    def __init__(self, ended="ok", stdout="", stderr=""):
        self.ended, self.stdout, self.stderr = ended, stdout, stderr


def run_with(monkeypatch, outcome):
    """Let programs come to an outcome without running them; the sources they had are returned."""
    sources = []

    def fake(source):
        sources.append(source)
        return outcome(source) if callable(outcome) else outcome

    monkeypatch.setattr(executed, "run_python", fake)
    return sources


STUB = "def add(a, b):\n"
ADD = Passes(before="", after="assert add(1, 2) == 3", function="add", stub=STUB)
CODE = "```python\ndef add(a, b):\n    return a + b\n```"


def test_program_that_prints_the_word_behind_its_tests_has_passed(monkeypatch):
    sources = run_with(monkeypatch, lambda source: Ran(stdout=source.rsplit("\\n", 1)[1].split("'")[0]))
    assert graded(ADD, CODE).score == 1.0
    assert sources[0].index("return a + b") < sources[0].index("assert add")


def test_answer_that_goes_on_with_the_stub_is_completed(monkeypatch):
    sources = run_with(monkeypatch, Ran())
    graded(ADD, "    return a + b")
    assert "def add(a, b):\n    return a + b\n" in sources[0]


@pytest.mark.parametrize(
    ("outcome", "mode"),
    [
        (Ran("runtime_error", stderr='File "x"\nSyntaxError: invalid syntax'), "syntax_error"),
        (Ran("runtime_error", stderr="Traceback\nAssertionError: no"), "wrong_answer"),
        (Ran("runtime_error", stderr="Traceback\nNameError: y"), "runtime_error"),
        (Ran("ok", stdout="all tests passed"), "wrong_answer"),
        (Ran("timeout"), "timeout"),
        (Ran("forbidden"), "forbidden"),
        (Ran("memory"), "resources"),
        (Ran("output"), "resources"),
        (Ran("killed"), "runtime_error"),
    ],
)
def test_program_that_does_not_pass_fails_by_its_kind(monkeypatch, outcome, mode):
    run_with(monkeypatch, outcome)
    assert graded(ADD, CODE).failure_mode == mode


def test_answer_without_code_fails_without_a_run(monkeypatch):
    sources = run_with(monkeypatch, Ran())
    assert graded(ADD, "```python\n\n```").failure_mode == "no_code"
    assert graded(ADD, " ").failure_mode == "empty"
    assert sources == []


def test_block_that_defines_the_function_is_taken():
    text = "First:\n```\nx = 1\n```\nthen\n```python\ndef add(a, b): return a + b\n```\n"
    assert program(text, "add", STUB) == "def add(a, b): return a + b\n"


WHOLE = "import math\n\n\ndef add(a, b):\n    return a + b"


@pytest.mark.parametrize(
    "text",
    [
        WHOLE,
        f"Here is the function:\n\n{WHOLE}\n",
        f"Sure! Here is how.\n{WHOLE}\n\nThis function adds two numbers.\nFor example, add(1, 2) is 3.",
        f"```python\n{WHOLE}\n```\nIt adds them.",
        f"```Python3.11\n{WHOLE}\n```",
    ],
)
def test_program_is_found_between_an_introduction_and_what_is_said_behind_it(text):
    assert program(text, "add", STUB).strip() == WHOLE


@pytest.mark.parametrize(
    "text",
    [
        "    return a + b",
        "    return a + b\n\ndef more():\n    pass",
        "    return a + b\nprint(add(1, 2))",
        "    return a + b\n\nif __name__ == '__main__':\n    main()",
        "    return a + b\n# Test it\nassert False",
        "    return a + b\n\nThis adds them.",
        "Here is the body:\n    return a + b",
    ],
)
def test_bare_completion_ends_where_the_original_stops_it_or_prose_begins(text):
    assert program(text, "add", STUB).rstrip() == "def add(a, b):\n    return a + b"


def test_program_that_compiles_as_it_stands_is_taken_whole():
    text = 'def add(a, b):\n    return a + b\n\nnote = """\nFree text at the margin.\n"""'
    assert program(text, "add") == text


@pytest.mark.parametrize("text", ["x" + "[a]" * 6000, "a, " * 6000, "def " * 5000, "\n" * 20_000, "x = (" * 4000])
def test_odd_text_is_searched_for_a_program_quickly(text):
    started = time.process_time()
    program(text, "add", STUB)
    program(text, "add")
    assert time.process_time() - started < 2.0


def test_unclosed_block_ends_with_the_text():
    assert fenced_blocks("see\n```py\nx = 1") == ("x = 1",)
    assert fenced_blocks("no block") == ()
