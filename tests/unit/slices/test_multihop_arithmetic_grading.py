"""Final values and shown steps: near misses by their kind, in numbers, dates and days of the week."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tailgate_slices.item import Answer, Item
from tailgate_slices.multihop_arithmetic import MultihopArithmetic

MAKER = MultihopArithmetic()


def asked(program, reference, **attributes):
    recorded = {"style": "zero", "answer": "number", "distractors": ""} | attributes
    return Item(
        id="x",
        slice=MAKER.name,
        stratum="hops=2",
        index=0,
        prompt="",
        references=(str(reference),),
        max_new_tokens=20,
        attributes=recorded if program is None else recorded | {"program": program},
    )


PLAIN = asked("30 + 9 + 3", 42)
STEPS = asked("30 + 9 * 2", 78, style="cot")
NOISY = asked("30 + 9 + 3", 42, distractors="7 60")
ALIAS = asked("42 keep 0 keep 0", 42)
DATE = asked("739998 + 30", "2027-02-16", answer="date")  # day number 739,998 is 2027-01-17, a Sunday
DAY = asked("739998 + 30", "Tuesday", answer="weekday")
FOREIGN = asked(None, 42)


def grade(item, text, finish_reason="stop"):
    return MAKER.grade(item, Answer(text=text, finish_reason=finish_reason))


@pytest.mark.parametrize(
    "text", ["42", "30 + 9 + 3 = 42", "x = 42.", "\u0664\u0662", "**42**", "42 apples", "= 42!", "42.0", "42.00 euros"]
)
def test_result_as_the_last_number_is_right(text):
    assert grade(PLAIN, text).score == 1.0
    assert grade(PLAIN, text).signals == {"log10_error": 0.0}


@pytest.mark.parametrize("text", ["12,345", "12345", "The result is 12,345.", "\uff11\uff12\uff13\uff14\uff15"])
def test_result_with_a_mark_between_thousands_is_right(text):
    assert grade(asked("12000 + 345", 12345), text).score == 1.0


def test_result_cut_off_at_the_budget_after_its_end_is_right():
    assert grade(PLAIN, "30 + 9 + 3 = 42.", "length").score == 1.0


def test_result_cut_off_at_the_budget_in_its_digits_may_go_on_and_is_wrong():
    assert grade(PLAIN, "30 + 9 + 3 = 42", "length").failure_mode == "length"


def test_wrong_number_cut_off_at_the_budget_fails_as_length():
    assert grade(PLAIN, "30 + 9 is 33, so", "length").failure_mode == "length"


def test_minus_between_two_numbers_is_no_sign():
    assert grade(asked("45 - 42", 3), "45 -3").failure_mode == "sign"
    assert grade(asked("45 - 42", 3), "45-3").failure_mode == "unparsable"
    assert grade(asked("45 - 42", 3), "45-42=3").score == 1.0


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        ("-42", "sign"),
        ("\u221242", "sign"),
        ("420", "magnitude"),
        ("4", "magnitude"),
        ("0", "magnitude"),
        ("12345678901234567890123", "magnitude"),
        ("41", "slip"),
        ("52", "slip"),
        ("44", "wrong_number"),
        ("42.5", "wrong_number"),
        ("30", "intermediate"),
        ("30 + 9 = 39", "intermediate"),
        ("42 or 43", "hedged"),
        ("Either 43 or 42", "hedged"),
        ("It is 41, or maybe 42.", "hedged"),
        ("forty-two", "unparsable"),
        ("x", "unparsable"),
        ("I cannot compute that", "refused"),
        ("9" * 50, "degenerate"),
        ("", "empty"),
    ],
)
def test_near_miss_fails_by_its_kind(text, mode):
    assert grade(PLAIN, text).failure_mode == mode
    assert grade(PLAIN, text).score == 0.0


@pytest.mark.parametrize("text", ["7", "60", "49", "35", "102", "30 + 7 + 3 = 40", "46", "109"])
def test_number_that_a_distractor_explains_fails_as_distractor(text):
    # alone, added, taken away, in place of a step's number, both added
    assert grade(NOISY, text).failure_mode == "distractor"


@pytest.mark.parametrize("text", ["7", "49", "102"])
def test_same_number_without_the_distractor_is_another_number(text):
    assert grade(PLAIN, text).failure_mode == "wrong_number"


def test_number_handed_on_leaves_no_step_for_a_slip():
    assert grade(ALIAS, "41").failure_mode == "wrong_number"
    assert grade(ALIAS, "42").score == 1.0


@pytest.mark.parametrize(
    ("text", "mode"), [("41", "slip"), ("30", "wrong_number"), ("4200", "magnitude"), ("42", None)]
)
def test_item_without_a_recorded_program_is_graded_by_its_reference(text, mode):
    assert grade(FOREIGN, text).failure_mode == mode


def test_unit_given_in_two_units_is_no_hedge():
    item = asked("3 * 60", 180, form="unit")
    assert grade(item, "It is 3 hours or 180 minutes.").score == 1.0
    assert grade(item, "It is 170 or 180 minutes.").failure_mode == "hedged"


def test_words_that_say_or_further_away_are_no_hedge():
    assert grade(PLAIN, "Take 9 or the 30 first. The sum is 42").score == 1.0
    assert grade(PLAIN, "42, or simply 42").score == 1.0


# ----- steps


@pytest.mark.parametrize(
    "text",
    [
        "30 + 9 = 39\n39 * 2 = 78\nAnswer: 78",
        "9 + 30 = 39, 2 x 39 = 78. Answer: 78",
        "30 + 9 = 39 * 2 = 78\nanswer: 78",
        "- 30 apples + 9 apples = 39 apples\n- 39 apples \u00d7 2 = 78 apples\n**Answer:** 78",
        "B = 30 + 9 = 39\nC = B * 2 = 39 * 2 = 78\nAnswer:\n78",
    ],
)
def test_steps_shown_in_any_notation_are_counted(text):
    found = grade(STEPS, text)
    assert found.score == 1.0
    assert found.signals == {"log10_error": 0.0, "steps_right": 1.0}


@pytest.mark.parametrize(
    ("text", "mode", "share"),
    [
        ("30 + 9 = 38\n38 * 2 = 76\nAnswer: 76", "slip", 0.5),
        ("30 + 9 = 39\n39 * 2 = 71\nAnswer: 71", "slip", 0.5),
        ("30 + 9 = 38\n38 * 2 = 75\nAnswer: 75", "wrong_number", 0.0),
        ("30 + 8 = 38\n38 * 2 = 76\nAnswer: 76", "wrong_number", 0.0),
        ("30 + 9 = 39\nAnswer: 39", "intermediate", 0.5),
        ("30 + 9 = 39\n39 + 2 = 41\nAnswer: 41", "wrong_number", 0.5),
        ("Answer: 76", "wrong_number", 0.0),
        ("30 + 9 = 39\n39 * 2 = 78\nAnswer: seventy-eight", "unparsable", 1.0),
        ("30 + 9 = 39\n39 * 2 = 78\nAnswer: 78 or 79", "hedged", 1.0),
        ("30 + 9 = 39\n39 * 2 = 78\nAnswer: -78", "sign", 1.0),
    ],
)
def test_wrong_answer_with_steps_fails_by_its_kind(text, mode, share):
    found = grade(STEPS, text)
    assert (found.failure_mode, found.signals["steps_right"]) == (mode, share)


def test_equation_with_all_operands_and_a_wrong_result_is_a_slip():
    assert grade(PLAIN, "30 + 9 + 3 = 45").failure_mode == "slip"
    assert grade(PLAIN, "30 + 9 + 4 = 45").failure_mode == "wrong_number"


def test_difference_from_a_number_is_followed():
    item = asked("5 + 3 from 20", 12, style="cot")
    assert grade(item, "5 + 3 = 8\n20 - 8 = 12\nAnswer: 12").signals["steps_right"] == 1.0
    assert grade(item, "5 + 3 = 8\n20 - 8 = 16\nAnswer: 16").failure_mode == "slip"


def test_last_mark_counts_and_what_follows_its_line_does_not():
    assert grade(STEPS, "Answer: 77\nNo, wrong.\nAnswer: 78\nCheck: 78 - 39 = 39").score == 1.0
    assert grade(STEPS, "Answer: 78\nNo, wrong.\nAnswer: 77").failure_mode == "slip"


def test_without_a_mark_the_last_number_counts():
    assert grade(STEPS, "30 + 9 = 39\n39 * 2 = 78").score == 1.0


def test_mark_means_nothing_where_steps_were_not_asked_for():
    assert grade(PLAIN, "Answer: 30 + 9 + 3\n42").score == 1.0


def test_mark_cut_off_at_the_budget_is_no_answer():
    assert grade(STEPS, "30 + 9 = 39\n39 * 2 = 78\nAnswer: 78", "length").failure_mode == "length"


@pytest.mark.parametrize(
    "text", ["5 / 0 = 3", "= = =", "+ + 3 = 4", "1 = 2 = 3", "9" * 30 + " + 1 = 2", "3 x x 4 = 12"]
)
def test_odd_equation_shows_no_step(text):
    assert grade(STEPS, text).signals["steps_right"] == 0.0


# ----- signals


@pytest.mark.parametrize(("text", "error"), [("420", 1.0), ("4200", 2.0), ("9" * 18 + "8", 6.0), ("-42", 0.0)])
def test_error_is_told_in_powers_of_ten_up_to_six(text, error):
    assert grade(PLAIN, text).signals["log10_error"] == pytest.approx(error, abs=1e-9)


def test_zero_has_the_error_of_one():
    assert grade(PLAIN, "0").signals == grade(PLAIN, "1").signals


def test_answer_without_a_number_has_no_error_to_tell():
    assert grade(PLAIN, "many").signals == {}


# ----- dates and days of the week


@pytest.mark.parametrize(
    "text", ["2027-02-16", "It is on 2027-02-16.", "2027/2/16", "Start 2027-01-17, so **2027-02-16**"]
)
def test_date_in_figures_is_right(text):
    assert grade(DATE, text).score == 1.0
    assert grade(DATE, text).signals == {}


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        ("2027-02-15", "slip"),
        ("2027-02-17", "slip"),
        ("2027-01-17", "intermediate"),
        ("2027-03-16", "wrong_number"),
        ("2027-02-30", "unparsable"),
        ("16", "unparsable"),
        ("Tuesday", "unparsable"),
        ("2027-02-16 or 2027-02-17", "hedged"),
    ],
)
def test_wrong_date_fails_by_its_kind(text, mode):
    assert grade(DATE, text).failure_mode == mode


def test_date_that_a_distractor_explains_fails_as_distractor():
    item = asked("739998 + 30", "2027-02-16", answer="date", distractors="12")
    assert grade(item, "2027-02-28").failure_mode == "distractor"
    assert grade(item, "2027-01-29").failure_mode == "distractor"


@pytest.mark.parametrize("text", ["Tuesday", "tuesday.", "It is 30 days after Sunday: a TUESDAY"])
def test_day_of_the_week_is_right(text):
    assert grade(DAY, text).score == 1.0


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        ("Monday", "slip"),
        ("Wednesday", "slip"),
        ("Sunday", "intermediate"),
        ("Friday", "wrong_number"),
        ("Monday or Tuesday", "hedged"),
        ("2", "unparsable"),
        ("Tues", "unparsable"),
    ],
)
def test_wrong_day_of_the_week_fails_by_its_kind(text, mode):
    assert grade(DAY, text).failure_mode == mode


# ----- any text

ITEMS = [PLAIN, STEPS, NOISY, ALIAS, DATE, DAY, FOREIGN]
PIECES = st.sampled_from(
    [
        *"0123456789+-*/x=.,;:\n ",
        "42",
        "78",
        " or ",
        "Answer:",
        "30 + 9 = 39",
        "2027-02-16",
        "Tuesday",
        "\ud800",
        "\u0664",
    ]
)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(
    text=st.one_of(st.text(max_size=300), st.lists(PIECES, max_size=80).map("".join)),
    item=st.sampled_from(ITEMS),
    reason=st.sampled_from(["stop", "length"]),
)
def test_any_text_gets_a_score_or_a_mode_of_the_card_and_bounded_signals(text, item, reason):
    found = grade(item, text, reason)
    assert found.score == float(found.failure_mode is None)
    assert found.failure_mode is None or found.failure_mode in MAKER.card.failure_modes
    assert 0 <= found.signals.get("log10_error", 0) <= 6
    assert 0 <= found.signals.get("steps_right", 0) <= 1


@pytest.mark.parametrize("item", ITEMS)
@pytest.mark.parametrize(
    "text", ["9*" * 50_000, "1 + " * 50_000, "1=" * 50_000, "Answer:" * 20_000, "1 or " * 20_000, "2027-01-" * 9_000]
)
def test_huge_text_is_graded(item, text):
    assert grade(item, text).score == 0.0


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    stratum=st.sampled_from([f"form={form}" for form in MAKER.axes["form"]]),
    index=st.integers(0, 10_000),
    seed=st.integers(0),
)
def test_reference_of_any_item_is_right_and_any_other_value_is_wrong(stratum, index, seed):
    item = MAKER.item(stratum=stratum, seed=seed, index=index, tokens=None)
    assert grade(item, item.references[0]).score == 1.0
    other = {"number": f"{item.references[0]}7", "date": "1999-12-31", "weekday": "Noneday"}[item.attributes["answer"]]
    assert grade(item, other).score == 0.0
