"""Graders of questions from data: what is right, and near misses by their kind."""

from __future__ import annotations

import sys
import time
import types

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tailgate_slices.item import Answer
from tailgate_slices.sources import judges
from tailgate_slices.sources.choices import Choice
from tailgate_slices.sources.judges import Contains, Exact, HoldsAll, NotEmpty, Number, Overlap, as_number
from tailgate_slices.sources.literals import Literal
from tailgate_slices.sources.refusals import Declines


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


@pytest.mark.parametrize(
    ("written", "value"),
    [
        (".5", "0.5"),
        ("-.5", "-0.5"),
        ("$.50", "0.5"),
        ("1e-7", "0.0000001"),
        ("1e+16", "10000000000000000"),
        ("2E3", "2000"),
    ],
)
def test_number_without_a_leading_digit_or_with_an_exponent_is_one_number(written, value):
    assert as_number(written) == as_number(value)
    assert graded(Number(reference=value), f"It is {written}.").score == 1.0


@pytest.mark.parametrize("text", ["", "none", "1 or 2", "9" * 41, "1e9e9"])
def test_text_without_exactly_one_number_of_a_readable_length_is_no_reference(text):
    assert as_number(text) is None


@pytest.mark.parametrize(("text", "last"), [("3e", "3"), ("version 1.5.3", "3"), ("end.5", "5"), ("2e5x", "5")])
def test_letters_and_stops_around_a_number_are_no_part_of_it(text, last):
    assert graded(Number(reference=last), text).score == 1.0


def test_number_cut_at_the_budget_might_have_gone_on():
    assert graded(Number(reference="70"), "it is 70", "length").failure_mode == "length"
    assert graded(Number(reference="70"), "it is 70.", "length").score == 1.0


def test_share_of_expected_strings_is_the_score():
    judge = HoldsAll(references=("4123", "Blue"))
    assert graded(judge, "blue and 4123").score == 1.0
    assert graded(judge, "blue alone").score == 0.5
    assert graded(judge, "blue alone").failure_mode == "some_missing"
    assert graded(judge, "red").failure_mode == "none_found"


def test_any_expected_string_will_do_where_the_task_says_so():
    assert graded(HoldsAll(references=("Paris", "paree"), any_will_do=True), "in Paris").score == 1.0


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


JUDGES = (
    Exact(references=("x1",)),
    Contains(references=("x1 yes",)),
    Number(reference="123454321"),
    Choice(options=("left side", "right side"), right=(0,)),
    Literal(reference="[1, 2, 3]"),
    HoldsAll(references=("x1 yes",)),
    Declines(should=True),
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
