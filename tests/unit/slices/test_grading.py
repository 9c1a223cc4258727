"""What graders share: loops, refusals, words, numbers."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tailgate_slices.grading import (
    FEWEST_REPEATS,
    LONGEST_UNIT,
    LOOP_END,
    LOOP_SHARE,
    MARKS_SHARE,
    MAX_CHARS,
    SHORTEST_LOOP,
    find_phrase,
    is_loop,
    is_refusal,
    numbers,
    signed_numbers,
    words,
)

TABLE = "| Animal | Sound |\n|---------------------|---------------------|\n| Cow | Moo |\n| Hen | Cluck |"
FORM = "Name: ____________\nDate: ____________\nPlease sign above and send it back to us by post."
CODE = "def f(x):\n    for y in x:\n        if y:\n            print(y)\n            return y\n    return None"


@pytest.mark.parametrize("text", ["ha ha ha ha ha ha ha", "1111111111111111", "The code. " * 6, "12-" * 9])
def test_text_that_is_a_repeated_unit_is_a_loop(text):
    assert is_loop(text)


@pytest.mark.parametrize("text", ["banana", "no no no", "The capital of Italy is Rome.", "1000000", ""])
def test_ordinary_text_is_no_loop(text):
    assert not is_loop(text)


@pytest.mark.parametrize(
    "text", [TABLE, FORM, CODE, "On rain\n" + "=" * 20 + "\nIt falls.", "Wait" + "." * 30 + " now!"]
)
def test_rules_lines_to_fill_in_and_indents_are_no_loops(text):
    assert not is_loop(text)


@pytest.mark.parametrize(
    "text", ["Hahahahahahaha! I love it.", "That was so funny, hahahahahahaha", "No no no no no no no! Stop."]
)
def test_laughter_is_no_loop(text):
    assert not is_loop(f"{text} Tell me another one about that cow, please.")
    assert not is_loop(f"Tell me another one about that cow, please. {text}")


@pytest.mark.parametrize("text", ["!" * 300, "Sure" + "!" * 300, "\n\n \n" * 90, "=-" * 100, "\U0001f600" * 90])
def test_marks_and_next_to_nothing_else_are_a_loop(text):
    assert is_loop(text)


def test_loop_after_an_ordinary_beginning_is_a_loop():
    assert is_loop("The answer is " + "so " * 20)


def test_loop_at_the_end_of_a_long_answer_is_a_loop_even_where_it_is_cut():
    answer = "Rain falls on the roof, and the cat sleeps under it. " * 2 + "Then it rains, and the hen wakes up. "
    for end in ("and so on, " * 8, "and so on, " * 8 + "and s", "and so on, " * 8 + '."'):
        assert is_loop(answer + end)


def test_loop_in_the_middle_of_a_long_answer_is_none():
    verse = "Down by the sea there lived a man who sang all day and slept all night. "
    assert not is_loop(verse + "la la la la la la la. " + verse)


@pytest.mark.parametrize("text", ["I'm sorry, I can't", "I\u2019m sorry", "As an AI language model", "I cannot say"])
def test_declining_text_is_a_refusal(text):
    assert is_refusal(text)


def test_wrong_answer_that_declines_in_other_words_is_a_refusal_as_well():
    assert is_refusal("That is not something I can help with.")


@pytest.mark.parametrize("text", ["Paris", "The sorry state of affairs", "x" * 200 + " I cannot"])
def test_answering_text_is_no_refusal(text):
    assert not is_refusal(text)


def test_words_keep_marks_and_drop_punctuation():
    assert words("\u201cបារាំង\u201d, (Île-de-France)!") == ("បារាំង", "île", "de", "france")


def test_words_without_folding_keep_case():
    assert words("IN in", fold=False) == ("IN", "in")


@pytest.mark.parametrize("apostrophe", ["'", "\u2019", "\u02bc", "\u02bb", "\u2018"])
def test_words_are_the_same_with_any_apostrophe(apostrophe):
    assert words(f"п{apostrophe}ять o{apostrophe}n") == ("п", "ять", "o", "n")


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


def loops(text, shortest=SHORTEST_LOOP):
    """Where a stretch of the text, just long enough for a loop of its period, equals itself moved by that period."""
    for period in range(1, LONGEST_UNIT + 1):
        length = max(FEWEST_REPEATS * period, shortest)
        for start in range(len(text) - length + 1):
            part = text[start : start + length]
            if part[period:] == part[:-period]:
                yield start, start + length


def is_loop_by_definition(text):
    def is_said(start, stop=None):
        return any(char.isalnum() for char in text[start:stop])

    found = list(loops(text))
    covered = {place for loop in found for place in range(*loop)}
    spoken = {place for loop in found if is_said(*loop) for place in range(*loop)}
    ends = any(is_said(start, stop) and not is_said(stop) for start, stop in loops(text, shortest=LOOP_END))
    return bool(found) and (len(spoken) >= LOOP_SHARE * len(text) or len(covered) >= MARKS_SHARE * len(text) or ends)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    before=st.text(alphabet="ab .", max_size=60),
    unit=st.text(alphabet="abc-", min_size=1, max_size=26),
    times=st.integers(1, 13),
    after=st.text(alphabet="a.", max_size=20),
)
def test_loops_are_found_as_they_are_defined(before, unit, times, after):
    text = before + unit * times + after
    assert is_loop(text) == is_loop_by_definition(text)


def test_a_thousand_answers_of_two_thousand_characters_are_looked_through_in_a_second():
    said = ("the", "quick", "brown", "fox", "jumps", "over", "a", "lazy", "dog", "while", "rain", "falls", "everywhere")
    answers = [" ".join(said[(n * k * k + k) % len(said)] for k in range(500))[:2000] for n in range(1000)]
    started = time.process_time()
    for answer in answers:
        is_loop(answer)
    assert time.process_time() - started < 2.0  # for busy machines: a third of a second


@pytest.mark.parametrize(
    "text", ["a" * 4000, "ab" * 2000, ("ab" * 12 + "c") * 160, "(" * 4000, "\ud800" * 4000, "a" * 23 * 100]
)
def test_loops_of_loops_are_looked_through_in_a_moment(text):
    started = time.perf_counter()
    assert is_loop(text)
    assert time.perf_counter() - started < 0.2
