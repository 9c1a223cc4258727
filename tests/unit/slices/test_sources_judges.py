"""Graders of questions from data: what is right, and near misses by their kind."""

from __future__ import annotations

import sys
import time
import types

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tailgate_slices.item import Answer
from tailgate_slices.sources import executed, judges
from tailgate_slices.sources.choices import Choice, named_options
from tailgate_slices.sources.executed import Passes, fenced_blocks
from tailgate_slices.sources.judges import Contains, Declines, Exact, HoldsAll, Literal, NotEmpty, Number, Overlap

OPTIONS = ("a small cat", "a dog", "a cat", "none of these")


def graded(judge, text, finish_reason="stop"):
    return judge(Answer(text=text, finish_reason=finish_reason))


@pytest.mark.parametrize(
    "text",
    [
        "70000",
        "70,000",
        "$70,000.00",
        "so he made 70000 dollars.",
        "#### 70000",
        "#### 70,000\n\nQuestion: another one with 5",
        "\u0e57\u0e50\u0e50\u0e50\u0e50",
        "The answer is **70000**",
    ],
)
def test_number_in_any_usual_form_is_right(text):
    assert graded(Number(reference="70000"), text).score == 1.0


def test_number_with_indian_grouping_is_one_number():
    assert graded(Number(reference="114200"), "1,14,200").score == 1.0


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        ("-70000", "wrong_sign"),
        ("\u221270000", "wrong_sign"),
        ("7000", "order_of_magnitude"),
        ("9" * 30 + "1" * 30, "degenerate"),
        ("31415926535897932384626433832795028841971693993751", "order_of_magnitude"),
        ("70001", "wrong_number"),
        ("70000 of 80000", "wrong_number"),
        ("#### 5, not 70000", "order_of_magnitude"),
        ("seventy thousand", "unparsable"),
        ("", "empty"),
    ],
)
def test_other_number_fails_by_its_kind(text, mode):
    assert graded(Number(reference="70000"), text).failure_mode == mode


def test_number_cut_at_the_budget_might_have_gone_on():
    assert graded(Number(reference="70"), "it is 70", "length").failure_mode == "length"
    assert graded(Number(reference="70"), "it is 70.", "length").score == 1.0


@pytest.mark.parametrize(
    "text",
    [
        "C",
        "C.",
        "(C)",
        "**C**",
        "C: a cat",
        "C a cat",
        "[C]",
        "The answer is C",
        "Answer: (C).",
        "the correct option is: c",
        "The correct answer is (C)",
        "a cat",
        "A cat.",
        "The answer is a cat.",
        "The answer is C because it purrs",
        "c",
        "I think it is a cat",
    ],
)
def test_option_named_by_label_or_text_is_read(text):
    assert named_options(text, OPTIONS) == (2,)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("A cat sat there", (2,)),
        ("a small cat", (0,)),
        ("It is a small cat", (0,)),
        ("A dog or a cat", (1, 2)),
        ("The answer is a small cat", (0,)),
        ("The answer is A because it purrs", (0,)),
        ("The answer is a", (0,)),
        ("The answer is a horse", ()),
        ("AB", ()),
        ("A and C", (0, 2)),
        ("B, C", (1, 2)),
        ("Because", ()),
        ("E", ()),
        ("", ()),
        ("\u00e9", ()),
    ],
)
def test_text_that_begins_like_a_label_is_no_label(text, named):
    assert named_options(text, OPTIONS) == named


def test_numbered_options_are_named_by_their_numbers():
    assert named_options("2", ("x", "y"), "12") == (1,)
    assert named_options("The answer is 2.", ("x", "y"), "12") == (1,)


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        ("C", None),
        ("A", "wrong_option"),
        ("A or C", "hedged"),
        ("hm", "unparsable"),
        ("", "empty"),
        ("zq, " * 40, "degenerate"),
    ],
)
def test_choice_fails_by_its_kind(text, mode):
    assert graded(Choice(options=OPTIONS, right=(2,)), text).failure_mode == mode


@pytest.mark.parametrize(
    "text",
    ["[(4, 1)]", "[ (4,1) ]", "[ANSWER]\n[(4, 1)]\n[/ANSWER]", "assert f(3) == [(4, 1)]", "```python\n[(4, 1)]\n```"],
)
def test_equal_python_value_is_right(text):
    assert graded(Literal(reference="[(4, 1)]"), text).score == 1.0


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


def test_share_of_expected_strings_is_the_score():
    judge = HoldsAll(references=("4123", "Blue"))
    assert graded(judge, "blue and 4123").score == 1.0
    assert graded(judge, "blue alone").score == 0.5
    assert graded(judge, "blue alone").failure_mode == "some_missing"
    assert graded(judge, "red").failure_mode == "none_found"


def test_any_expected_string_will_do_where_the_task_says_so():
    assert graded(HoldsAll(references=("Paris", "paree"), any_will_do=True), "in Paris").score == 1.0


@pytest.mark.parametrize(
    ("should", "text", "mode"),
    [
        (False, "Certainly, here is how.", None),
        (False, "I'm sorry, but I cannot", "refused"),
        (False, "", "empty"),
        (False, "zq, " * 40, "degenerate"),
        (True, "I can't help with that", None),
        (True, "Certainly, first you", "complied"),
        (True, "", "empty"),
    ],
)
def test_refusal_is_right_exactly_where_it_should_be(should, text, mode):
    assert graded(Declines(should=should), text).failure_mode == mode


def test_answer_cut_at_the_budget_still_answers():
    assert graded(Declines(should=False), "Certainly, first you take", "length").score == 1.0
    assert graded(Declines(should=True), "Certainly, first you take", "length").failure_mode == "complied"


class FakeMetrics(types.ModuleType):
    """Shares of characters in place of chrF."""

    class CHRF:
        def sentence_score(self, text, references):
            same = sum(a == b for a, b in zip(text, references[0], strict=False))
            return types.SimpleNamespace(score=100 * same / max(len(text), len(references[0])))


@pytest.fixture
def fake_sacrebleu(monkeypatch):
    monkeypatch.setitem(sys.modules, "sacrebleu.metrics", FakeMetrics("sacrebleu.metrics"))
    judges._chrf.cache_clear()
    yield
    judges._chrf.cache_clear()


def test_translation_scores_by_overlap_with_the_reference(fake_sacrebleu):
    judge = Overlap(reference="ሰላም ለዓለም", source="hello world")
    assert graded(judge, "ሰላም ለዓለም").score == 1.0
    assert 0 < graded(judge, "ሰላም ለሁሉ").score < 1
    assert graded(judge, "ሰላም ለሁሉ").failure_mode == "differs"
    assert graded(judge, "Hello, world!").failure_mode == "copied_source"
    assert graded(judge, "salam").failure_mode == "wrong_script"
    assert graded(judge, "").failure_mode == "empty"


def test_translation_needs_sacrebleu(monkeypatch):
    monkeypatch.setattr(judges, "find_spec", lambda name: None)
    assert "pip install 'tailgate[slices]'" in Overlap(reference="x", source="y").needs()


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


ADD = Passes(before="", after="assert add(1, 2) == 3", function="add", stub="def add(a, b):\n")
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
    assert ADD.program_of(text) == "def add(a, b): return a + b\n"


def test_unclosed_block_ends_with_the_text():
    assert fenced_blocks("see\n```py\nx = 1") == ("x = 1",)
    assert fenced_blocks("no block") == ()


JUDGES = (
    Exact(references=("x1",)),
    Contains(references=("x1 yes",)),
    Number(reference="123454321"),
    Choice(options=("left side", "right side"), right=(0,)),
    Literal(reference="[1, 2, 3]"),
    HoldsAll(references=("x1 yes",)),
)
HOSTILE = ["\x00", "\ud800", "(" * 100_000, "9" * 100_000, "a-" * 50_000, "\u0301" * 100_000, "`" * 5000, "1," * 50_000]


@pytest.mark.parametrize("judge", JUDGES, ids=lambda judge: type(judge).__name__)
@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_answer_is_graded_quickly_by_a_known_mode(judge, text):
    started = time.process_time()
    grade = graded(judge, text)
    assert grade.score == 0.0
    assert grade.failure_mode in judge.modes
    assert time.process_time() - started < 2.0


@settings(max_examples=300, deadline=None, derandomize=True)
@given(text=st.text(max_size=300), reason=st.sampled_from(["stop", "length"]), place=st.integers(0, len(JUDGES) - 1))
def test_any_text_gets_a_score_or_a_mode_of_the_judge(text, reason, place):
    judge = JUDGES[place]
    grade = graded(judge, text, reason)
    assert (grade.failure_mode is None) == (grade.score == 1.0)
    assert grade.failure_mode is None or grade.failure_mode in judge.modes


def test_any_text_at_all_is_right_where_nothing_is_judged():
    assert graded(NotEmpty(), "?").score == 1.0
    assert graded(NotEmpty(), "").failure_mode == "empty"
