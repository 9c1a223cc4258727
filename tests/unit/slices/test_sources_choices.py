"""How an answer to a multiple choice is read for the options that it names."""

from __future__ import annotations

import time

import pytest

from tailgate_slices.item import Answer
from tailgate_slices.sources.choices import Choice, named_options

OPTIONS = ("a small cat", "a dog", "a cat", "none of these")
PLANETS = ("Mercury", "Venus", "Earth", "Mars")


def graded(judge, text, finish_reason="stop"):
    return judge(Answer(text=text, finish_reason=finish_reason))


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
    ("text", "named"),
    [
        ("The answer is A or B", (0, 1)),
        ("Answer: A, B, C, D", (0, 1, 2, 3)),
        ("The answer is either A or B", (0, 1)),
        ("The answer is Venus or Mars", (1, 3)),
        ("B) Venus or D) Mars", (1, 3)),
        ("Both A and B", (0, 1)),
        ("A/B", (0, 1)),
        ("Option A or option B", (0, 1)),
        ("The answer is A. No, the answer is B.", (0, 1)),
        ("A\n\nB", (0, 1)),
    ],
)
def test_later_labels_are_collected(text, named):
    assert named_options(text, PLANETS) == named


@pytest.mark.parametrize(
    "text",
    [
        "B is correct",
        "B is the right answer.",
        "B because it is the hottest",
        "B - it is the hottest",
        "\\boxed{B}",
        "$\\boxed{\\text{B}}$",
        "\\boxed{Venus}",
        "option A is wrong; option B is right",
        "A is wrong. B is right.",
        "B, not A",
        "The answer is B. The other options, A, C and D, are wrong.",
        "I think the answer is B, as Venus is hot and A is not.",
        "Option A: Mercury. Option B: Venus. The answer is B",
        "B\n\nExplanation: Venus is hot. A is cold.",
        "A good question. The answer is B.",
        "<answer>B</answer>",
        "**Answer:** B",
        "I would go with option (B).",
        "My choice: B",
        "It's B",
        "Option B",
    ],
)
def test_option_is_read_from_what_is_said_around_its_label(text):
    assert named_options(text, PLANETS) == (1,)


@pytest.mark.parametrize("text", ["The answer is not A", "The answer isn't A", "Neither A nor B", "A is for apple"])
def test_label_that_is_not_the_answer_is_none(text):
    assert named_options(text, PLANETS) == ()


def test_pronoun_i_is_no_label():
    ten = tuple(f"option number {place}" for place in range(10))
    assert named_options("I think that the answer is B, I'm sure", ten) == (1,)
    assert named_options("The answer is I", ten) == (8,)


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        ("C", None),
        ("The answer is C or A", "hedged"),
        ("A", "wrong_option"),
        ("A or C", "hedged"),
        ("hm", "unparsable"),
        ("", "empty"),
        ("zq, " * 40, "degenerate"),
    ],
)
def test_choice_fails_by_its_kind(text, mode):
    assert graded(Choice(options=OPTIONS, right=(2,)), text).failure_mode == mode


@pytest.mark.parametrize("text", ["answer is A or " * 200, "A, " * 700, "option B is " * 200, "\\boxed{" * 300])
def test_repetition_is_read_quickly(text):
    started = time.process_time()
    named_options(text[:2000], tuple(f"text number {place} of many" for place in range(26)))
    assert time.process_time() - started < 1.0
