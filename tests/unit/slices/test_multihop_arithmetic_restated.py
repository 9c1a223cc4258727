"""Answers that repeat the question, hold the wrong name's value or stop before a result, and results said first."""

from __future__ import annotations

import time

import pytest

from tailgate_slices.item import Answer, Item
from tailgate_slices.multihop_arithmetic import MultihopArithmetic

MAKER = MultihopArithmetic()


def asked(prompt, program, reference, form, distractors=""):
    recorded = {"style": "zero", "form": form, "answer": "number", "distractors": distractors, "program": program}
    where = {"id": "x", "slice": MAKER.name, "stratum": "hops=1", "index": 0}
    return Item(**where, prompt=prompt, references=(str(reference),), max_new_tokens=20, attributes=recorded)


ALIAS = asked("A = 8. H = A. Write the value of H as a number.", "8 keep 0", 8, "alias")
CHAIN = asked("Q = 8. S = Q + 9. Write the value of S as a number.", "8 + 9", 17, "chain")
HALVED = asked("A = 6. C = A - 3. Write the value of C as a number.", "6 - 3", 3, "chain")
GETS = asked("Lucy has 27 cups, gets 1. How many cups does Lucy have now?", "27 + 1", 28, "story")
LOSES = asked("Julia has 4 cards, loses 2. How many cards does Julia have now?", "4 - 2", 2, "story")
BACK = asked("Tom has 5 cups, gets 2, then loses 2. How many cups does Tom have now?", "5 + 2 - 2", 5, "story")
BOX = asked("A box holds 6 pens. Tom takes 3 out of the box. How many pens does the box hold now?", "6 - 3", 3, "story")
FEWER = asked("Ben has 6 cards. Ann has 3 fewer than Ben. How many cards does Ann have?", "6 - 3", 3, "story")
SHARES = asked("Mary has 9 pens, splits them into 3 equal shares and keeps one. How many?", "9 / 3", 3, "story")
PRINTS = asked(
    "A printer prints 9 pages a minute onto an empty pile. The printer prints for 6 minutes. How many pages are on "
    "the pile?",
    "9 * 6",
    54,
    "rate",
)
DRIVES = asked("A car drives 9 km an hour. The car drives for 6 hours. How many km?", "9 * 6", 54, "rate")
BILL = asked("One ticket costs 9 euros. The bill is for 6 tickets. How many euros is the bill?", "9 * 6", 54, "rate")
TEAM = asked("\nRose, red, 36\nBen, blue, 7\nClara, red, 9\nHow many points?", "36 + 9", 45, "table", "7")
RIVAL = asked("\nRose, red, 36\nBen, blue, 45\nClara, red, 9\nHow many points?", "36 + 9", 45, "table", "45")
SQUARE = asked("Write the result of 2 * 2 as an equation.", "2 * 2", 4, "sum")
LESS = asked("Write the result of 4 - 2 as an equation.", "4 - 2", 2, "sum")


def mode(item, text, finish_reason="stop"):
    """How an answer fails; None for a right one."""
    return MAKER.grade(item, Answer(text=text, finish_reason=finish_reason)).failure_mode


# ----- names


@pytest.mark.parametrize(
    "text",
    [
        *(
            "A = 8.",
            "A = 8. H = A.",
            "A = 8. H = H. Q = Q.",
            "The value of A is 8",
            "A is 8. H is A.",
            "B = 8",
            "a = 8",
        ),
        *("A: 8", "A=8", "A := 8", "A == 8", "`A` = 8", "(A) = 8", "A -> 8", "A equals 8", "A, which is 8", "- A = 8"),
        *("A's value is 8", "H + 1 = 8", "A = 4 x 2 = 8", "A = 8. Write the value of H as a number."),
    ],
)
def test_value_of_another_name_is_no_answer(text):
    assert mode(ALIAS, text) == "unparsable"


def test_value_of_another_name_does_not_hide_a_wrong_one():
    assert mode(ALIAS, "H = 9. A = 8.") == "wrong_number"
    assert mode(CHAIN, "S = 16. Q = 17.") == "slip"


@pytest.mark.parametrize(
    "text",
    [
        *("H = 8", "8", "8.", "the value is 8", "A = 8. H = 8.", "A = 8, so H = 8", "H = A = 8", "H = 8 = A", "h = 8"),
        *(
            "H = 8. A = 8.",
            "H = A, so it is 8",
            "H = A, which is 8",
            "H is equal to 8",
            "**H = 8**",
            "- A = 8\n- H = 8",
        ),
        *("The value of H is the value of A, which is 8.", "A = 8. H = A. 8"),
    ],
)
def test_value_of_the_asked_name_or_of_none_is_right(text):
    assert mode(ALIAS, text) is None


@pytest.mark.parametrize(
    "text",
    [
        *("S = 17 when Q = 8", "S = 17, where Q is 8.", "S = Q + 9 = 8 + 9 = 17", "S = (8 + 9) = 17", "8 + 9 = 17"),
        *("When Q = 8, S = 17.", "Q = 8, so S = 17.", "17 when Q = 8", "S: 17"),
    ],
)
def test_value_beside_what_it_comes_from_is_right(text):
    assert mode(CHAIN, text) is None


@pytest.mark.parametrize(
    "unit", ["9*", "9-", "9 * ", "A*", "A = ", "A = 8. ", "A's value ", "(", "1: ", "1 after adding "]
)
def test_long_text_for_a_name_is_graded_in_a_moment(unit):
    started = time.process_time()
    assert mode(ALIAS, unit * 3000) is not None
    assert time.process_time() - started < 2.0


# ----- operands


@pytest.mark.parametrize(
    ("item", "text"),
    [
        *((LOSES, text) for text in ("4 - 2", "Julia loses 2 cards.", "Julia had 4 - 2 cards", "loses 2")),
        *((LESS, text) for text in ("4 - 2", "The result of 4 - 2 as an equation is", "4 - 2 =")),
        *((HALVED, text) for text in ("C = A - 3", "A = 6. C = A - 3.", "C = 6 - 3", "C = 5 - 3")),
        *((BOX, text) for text in ("Tom takes 3 out of the box.", "A box holds 6 pens. Tom takes 3 out of the box.")),
        *((FEWER, text) for text in ("Ann has 3 fewer than Ben.", "Ann has 3 fewer", "Ben has 6 cards. Ann has 3")),
        *((BACK, text) for text in ("Tom has 5 cups, gets 2, then loses 2.", "Tom has 5 cups, gets 2")),
        (RIVAL, "Ben, blue, 45"),
        (SQUARE, "2 * 2"),
    ],
)
def test_operand_without_a_result_is_no_answer(item, text):
    assert mode(item, text) == "unparsable"


@pytest.mark.parametrize(
    ("item", "text"),
    [
        (LOSES, "Julia has 4 cards, loses 2. So, Julia now has"),
        (LOSES, "Julia has 4 cards, and she lost 2. So, Julia now has"),
        (LESS, "The result of 4 - 2 as an equation is"),
        (HALVED, "C = A - 3. So"),
        (SHARES, "Mary has 9 pens, and she has 3 equal shares. To find out how"),
        (asked("", "7 + 9", 16, "sum"), "7 + 9 = 16 * 10 + 18 * "),
    ],
)
def test_answer_cut_off_before_its_result_fails_as_length(item, text):
    assert mode(item, text, "length") == "length"


@pytest.mark.parametrize(
    ("item", "text"),
    [
        *((LOSES, text) for text in ("2", "2 cards", "Only 2.", "Julia has 2 cards.", "Julia has 4, loses 2, 2 left.")),
        *((LOSES, text) for text in ("Julia has 4 - 2 = 2 cards left.", "Julia has 2 cards after losing 2.")),
        *((LESS, text) for text in ("2 = 4 - 2", "4 - 2 = 2", "The result of 4 - 2 is 2", "x = 2")),
        *((BOX, text) for text in ("The box holds 3 pens now.", "The box holds 3 pens.", "3")),
        *((FEWER, text) for text in ("Ann has 3 cards.", "Ann has 3 cards, 3 fewer than Ben.")),
        *(
            (BACK, text)
            for text in ("Tom has 5 cups.", "Tom has 5 cups", "Tom has 5 cups after getting 2 and losing 2.")
        ),
        (HALVED, "C = 3"),
        (RIVAL, "The red team has 45 points."),
    ],
)
def test_result_that_is_an_operand_too_is_right(item, text):
    assert mode(item, text) is None


# ----- results said first


@pytest.mark.parametrize(
    ("item", "text"),
    [
        *((GETS, f"Lucy has 28 cups{tail}") for tail in (" after getting 1 cups.", " (27 + 1).", ", 1 more than 27.")),
        *((GETS, text) for text in ("28 cups after getting 1", "Lucy has 27 cups and gets 1, 28 cups.")),
        *((GETS, text) for text in ("After getting 1, Lucy has 28.", "Lucy gets 1 for a total of 28 cups.")),
        *((PRINTS, f"The printer {does} 54 pages in 6 minutes.") for does in ("prints", "printed", "will print")),
        (PRINTS, "The printer prints 9 pages in 1 minute and 54 pages in 6 minutes."),
        (PRINTS, "It prints 9 pages a minute for 6 minutes: 54 pages."),
        *(
            (DRIVES, text)
            for text in ("The car drives 54 km in 6 hours at 9 km an hour.", "It travels 54 km in 6 hours")
        ),
        *(
            (BILL, text)
            for text in ("6 tickets cost 54 euros.", "6 tickets for 54 euros", "It costs 54 for 6 tickets.")
        ),
        *((TEAM, f"{says}45 points: 36 from Rose and 9 from Clara") for says in ("", "The red team has ")),
        *((TEAM, text) for text in ("36 from Rose and 9 from Clara: 45", "Rose: 36, Clara: 9, total: 45")),
    ],
)
def test_result_before_the_operands_is_right(item, text):
    assert mode(item, text) is None


def test_number_of_a_tail_is_not_the_result():
    assert mode(GETS, "Lucy has 29 cups after getting 28.") is not None
    assert mode(TEAM, "44 points: 36 from Rose and 45 from Clara") is not None


# ----- alternatives


@pytest.mark.parametrize("text", ["4 or 2", "2 or 4"])
def test_operand_for_choice_is_a_hedge_where_no_unit_is_converted(text):
    assert mode(SQUARE, text) == "hedged"
