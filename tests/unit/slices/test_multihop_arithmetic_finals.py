"""Which value of an answer is its final one: not operands, reasons or denied values, and none of two for choice."""

from __future__ import annotations

import pytest

from tailgate_slices.item import Answer, Item
from tailgate_slices.multihop_arithmetic import MultihopArithmetic

MAKER = MultihopArithmetic()


def asked(program, reference, answer="number", form="sum"):
    recorded = {"style": "zero", "form": form, "answer": answer, "distractors": "", "program": program}
    where = {"id": "x", "slice": MAKER.name, "stratum": "hops=2", "index": 0}
    return Item(**where, prompt="", references=(reference,), max_new_tokens=20, attributes=recorded)


SUM = asked("30 + 9 + 3", "42")
DATE = asked("739998 + 30", "2027-02-16", "date")  # day number 739,998 is 2027-01-17, a Sunday
DAY = asked("739998 + 30", "Tuesday", "weekday")


def mode(item, text):
    """How an answer fails; None for a right one."""
    return MAKER.grade(item, Answer(text=text, finish_reason="stop")).failure_mode


@pytest.mark.parametrize(
    "text",
    [
        "42 = 30 + 9 + 3",
        "42 apples = 30 apples + 12 apples",
        "42, which is 30 + 9 + 3",
        "30 + 9 + 3, which is 42",
        "42 (30 + 9 + 3)",
        "42, because 30 + 9 = 39",
        "42 apples because she had 30 and got 9 and 3.",
        "42, since 9 and 3 are added to 30",
        "Because 30 and 9 make 39, it is 42.",
        "42 is the sum of 30, 9 and 3.",
        "The sum of 30, 9 and 3 is 42.",
        "30, 9 and 3 make a total of 42",
        "The answer is 42 after adding 30, 9 and 3.",
        "The answer is 42. It uses 30, 9 and 3.",
        "Answer: 42. Check: 42 - 3 = 39",
        "The answer is 41. No, wait, it is 42.",
        "42, 12 more than 30",
        "First 30, then 9 more, then 3 more, 42 in all.",
        "It is 30 at first, then 42",
        "The value of A is 30, so B is 42",
        "30, and at the end 42",
        "42 (start 30)",
        "It goes from 30 to 42.",
        "Maybe 42",
        "42, not 41",
        "It is not 41 but 42.",
        "41 is not right, 42 is.",
        "30 plus 9 plus 3 equals 42",
        "$30 + 9 + 3 = \\boxed{42}$",
    ],
)
def test_number_that_the_answer_gives_for_its_result_is_right(text):
    assert mode(SUM, text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("41/42", "hedged"),
        ("41-42", "hedged"),
        ("41 to 42", "hedged"),
        ("between 41 and 42", "hedged"),
        ("It could be 41. Or 42.", "hedged"),
        ("It is 42. Or maybe 43.", "hedged"),
        ("42 (or 43)", "hedged"),
        ("30 or 42", "hedged"),
        ("I don't know", "hedged"),
        ("I don\u2019t know.", "hedged"),
        ("It is unclear.", "hedged"),
        ("There is not enough information.", "hedged"),
        ("not 42", "denied"),
        ("It isn't 42.", "denied"),
        ("42 is not the answer", "denied"),
        ("neither 42", "denied"),
        ("39, which is 30 + 9", "intermediate"),
        ("39, because 42 is too many", "intermediate"),
        ("The answer is 39. Check: 39 + 3 = 42", "intermediate"),
        ("44, not 42", "wrong_number"),
        ("44 = 30 + 9 + 3", "wrong_number"),
        ("It was 42 before, now it is 44.", "wrong_number"),
        ("minus 42", "sign"),
    ],
)
def test_answer_that_gives_another_number_or_none_fails_by_its_kind(text, expected):
    assert mode(SUM, text) == expected


@pytest.mark.parametrize(
    "text", ["12 345", "12\u202f345", "12\u00a0345", "12'345", "12\\,345", "12{,}345", "The result is 12 345."]
)
def test_thousands_apart_are_one_number(text):
    assert mode(asked("12000 + 345", "12345"), text) is None


@pytest.mark.parametrize("text", ["12 34", "12 3456", "1 2 345 6"])
def test_other_digits_apart_are_several_numbers(text):
    assert mode(asked("12000 + 345", "12345"), text) is not None


@pytest.mark.parametrize("text", ["minus 3", "It is minus 3.", "negative 3", "2 - 5 = minus 3", "2 minus 5 is -3"])
def test_sign_in_words_is_a_sign(text):
    assert mode(asked("2 - 5", "-3"), text) is None


def test_operation_in_words_is_no_sign():
    assert mode(asked("5 - 2", "3"), "5 minus 2 = 3") is None
    assert mode(asked("5 - 2", "-2"), "5 minus 2") is not None


def test_result_in_two_units_is_right_in_either_order():
    item = asked("3 * 60", "180", form="unit")
    for text in ("180 minutes or 3 hours", "180 minutes (3 hours)", "3 hours (180 minutes)", "3 hours, or 180 minutes"):
        assert mode(item, text) is None


@pytest.mark.parametrize(
    "text",
    [
        "February 16, 2027",
        "16 February 2027",
        "the 16th of February, 2027",
        "Feb. 16th 2027",
        "It is Tuesday, February 16, 2027.",
        "on 2027-02-16, 30 days after 2027-01-17",
        "30 days after January 17, 2027 is February 16, 2027",
        "2027-02-16 (2027-01-17 + 30 days)",
        "2027-02-16, because it is 30 days after 2027-01-17",
        "Starting from 2027-01-17, it is on 2027-02-16.",
    ],
)
def test_date_in_words_or_beside_the_one_it_is_counted_from_is_right(text):
    assert mode(DATE, text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("January 17, 2027", "intermediate"),
        ("February 17, 2027", "slip"),
        ("February 30, 2027", "unparsable"),
        ("February 16", "unparsable"),
        ("2027-02-16/2027-02-17", "hedged"),
        ("2027-02-16 to 2027-02-17", "hedged"),
        ("Feb 16, 2027 or Feb 17, 2027", "hedged"),
        ("not 2027-02-16", "denied"),
        ("I do not know", "hedged"),
    ],
)
def test_wrong_date_fails_by_its_kind(text, expected):
    assert mode(DATE, text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Tuesday, because Sunday + 30 days",
        "Tuesday, because the start is a Sunday",
        "Tuesday (Sunday + 30 days)",
        "Tuesday - 30 days after Sunday",
        "from Sunday to Tuesday",
        "It is not Monday but Tuesday.",
    ],
)
def test_day_beside_the_one_it_is_counted_from_is_right(text):
    assert mode(DAY, text) is None


@pytest.mark.parametrize(("text", "expected"), [("Monday/Tuesday", "hedged"), ("not Tuesday", "denied")])
def test_day_for_choice_or_denied_is_wrong(text, expected):
    assert mode(DAY, text) == expected


@pytest.mark.parametrize(
    "unit", ["not 1 ", "1 or ", "1 (", "because 1 ", "1 is not ", "{1}", "\\frac{", "1 000 ", "minus 1"]
)
def test_long_text_of_telling_words_is_graded(unit):
    assert mode(SUM, unit * 3000) is not None
