"""Outputs that answers state, take back or explain: the one they stand by counts."""

from __future__ import annotations

import time

import pytest

from tailgate_slices.code import Code
from tailgate_slices.item import Answer, Item

MAKER = Code()


def grade(output, text):
    item = Item(
        id="x",
        slice="code",
        stratum="task=print-1",
        index=0,
        prompt="What is the output of this code?",
        references=(output,),
        max_new_tokens=20,
        attributes={"language": "python", "task": "print", "type": "int" if output.isdecimal() else "str"},
    )
    return MAKER.grade(item, Answer(text=text, finish_reason="stop"))


@pytest.mark.parametrize(
    ("output", "text"),
    [
        ("BOOK", "The output of this code is BOOK."),
        ("ok", "ok."),
        ("BOOK", "OK. BOOK"),
        ("and", "and"),
        ("and", "The output is and."),
        ("and", 'It prints "and".'),
        ("and", "It prints 'and'"),
        ("and", "The output is `and`."),
        ("and", "**and**"),
        ("and", "and is the output"),
    ],
)
def test_output_that_is_also_a_word_of_sentences_is_right(output, text):
    assert grade(output, text).score == 1.0


@pytest.mark.parametrize(
    "text",
    [
        "The output is not {}",
        "The output is **not** {}.",
        "The output is not `{}`",
        "The output is not **{}**",
        "The output isn't {}.",
        "The output isn\u2019t the value {}.",
        "The output of this code is not equal to {}.",
        "The output is not:\n\n{}",
        "The output is not\n```\n{}\n```",
        "It does not print {}",
        "I don't think that the output is {}",
        "Not {}.",
        "The output is never {}",
        "`13`, not `{}`",
        "13 instead of {}",
        "{} is wrong",
        "{} is incorrect.",
        "`{}` is incorrect.",
        '"{}" is wrong',
        "{} (wrong)",
        "{}, which is wrong",
        "{}, this is wrong",
        "{} is the wrong answer",
        "{} is not the answer",
        "{} is definitely not the output.",
        "**{}** is not the output",
        "{} isn't the output",
        "{} cannot be the output",
        "{} would not be the output",
        "{} is no answer",
        "{} is far from right",
    ],
)
@pytest.mark.parametrize("output", ["12", "BOOK"])
def test_output_that_is_taken_back_is_wrong(output, text):
    assert grade(output, text.format(output)).score == 0.0


@pytest.mark.parametrize("output", ["12", "BOOK"])
@pytest.mark.parametrize(
    "text",
    [
        "`{}`, not `13`",
        "{}, not 13",
        "The output is {} and not 13.",
        "{} instead of 13",
        "The output is not 13 but `{}`",
        "It is {}. This is not an error.",
    ],
)
def test_output_given_in_place_of_another_is_right(output, text):
    assert grade(output, text.format(output)).score == 1.0


@pytest.mark.parametrize(
    "text",
    [
        "`12`. The variable `x` is first assigned `7`.",
        "12. The variable x is first assigned 7.",
        "The output is 12. The variable x starts at 7.",
        "The value of x is 7 + 5, which is 12. So the output is 12.",
        "12 (7 + 5)",
        "`12` (`7 + 5`)",
        "The output is 12 (x + 5).",
        "12 (7 + 5 = 12)",
    ],
)
def test_output_with_how_it_came_about_is_right(text):
    assert grade("12", text).score == 1.0
    assert grade("7", text).score == grade("5", text).score == 0.0


@pytest.mark.parametrize(
    "text",
    [
        "12 (or 13)",
        "12 (13)",
        "12 (7 + 5 = 13)",
        "12. Actually, 13.",
        "The output is 12. Actually it is 13.",
        "The output is 12. x is first 7 and finally 13.",
        "The output is 12. It becomes 13.",
        "x is first 12. So the output is 13.",
    ],
)
def test_output_that_another_follows_is_wrong(text):
    assert grade("12", text).score == 0.0


@pytest.mark.parametrize(
    "unit",
    ["not ", "12 is ", "x. ", "not the ", "1 (", "1 (2+", "n't ", "'", "not: ", "is a not ", "a" * 300, "12, which "],
)
def test_long_claims_are_read_quickly(unit):
    started = time.process_time()
    for output in ("7", "BOOK"):
        assert grade(output, unit * 4000).score == 0.0
    assert time.process_time() - started < 1.0
