"""What graders share: loops, refusals, words, numbers."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tailgate_slices.grading import MAX_CHARS, find_phrase, is_loop, is_refusal, numbers, signed_numbers, words


@pytest.mark.parametrize("text", ["ha ha ha ha ha ha ha", "1111111111111111", "The code. " * 6])
def test_repeated_unit_is_a_loop(text):
    assert is_loop(text)


@pytest.mark.parametrize("text", ["banana", "no no no", "The capital of Italy is Rome.", "1000000", ""])
def test_ordinary_text_is_no_loop(text):
    assert not is_loop(text)


def test_loop_after_an_ordinary_beginning_is_a_loop():
    assert is_loop("The answer is " + "so " * 20)


@pytest.mark.parametrize("text", ["I'm sorry, I can't", "I\u2019m sorry", "As an AI language model", "I cannot say"])
def test_declining_text_is_a_refusal(text):
    assert is_refusal(text)


@pytest.mark.parametrize("text", ["Paris", "The sorry state of affairs", "x" * 200 + " I cannot"])
def test_answering_text_is_no_refusal(text):
    assert not is_refusal(text)


def test_words_keep_marks_and_drop_punctuation():
    assert words("\u201cបារាំង\u201d, (Île-de-France)!") == ("បារាំង", "île", "de", "france")


def test_words_without_folding_keep_case():
    assert words("IN in", fold=False) == ("IN", "in")


def test_words_beyond_the_bound_are_not_read():
    assert words("a " * MAX_CHARS + "end")[-1] == "a"


@pytest.mark.parametrize(("text", "place"), [("in new york city", 1), ("new jersey york", None), ("", None)])
def test_phrase_is_found_where_its_words_stand_together(text, place):
    assert find_phrase(text.split(), ("new", "york")) == place


@pytest.mark.parametrize(
    ("text", "found"),
    [("a1b22", ("1", "22")), ("3,141", ("3141",)), ("1,2", ("1", "2")), ("\u0967\u0968", ("12",)), ("none", ())],
)
def test_numbers_are_runs_of_digits_of_any_script(text, found):
    assert numbers(text) == found


@pytest.mark.parametrize(
    ("text", "found"), [("5-3", ("5", "3")), ("= -3", ("-3",)), ("\u22127", ("-7",)), ("(-2)", ("-2",))]
)
def test_sign_belongs_to_a_number_that_nothing_precedes(text, found):
    assert signed_numbers(text) == found


def repeats(text, period):
    """Whether a stretch of the text, long enough to be a loop, equals itself moved by a period."""
    length = max(5 * period, 12)
    return any(
        all(text[at] == text[at - period] for at in range(start + period, start + length))
        for start in range(len(text) - length + 1)
    )


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.text(alphabet="ab ", max_size=80), st.text(alphabet="abc", min_size=1, max_size=26), st.integers(1, 13))
def test_loops_are_found_as_they_are_defined(before, unit, times):
    text = before + unit * times
    assert is_loop(text) == any(repeats(text, period) for period in range(1, 25))
