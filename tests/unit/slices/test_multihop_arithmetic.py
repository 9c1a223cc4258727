"""Dependent steps: results that are right by construction, and near misses by their kind."""

from __future__ import annotations

import re

import pytest

from tailgate_slices.item import Answer, Item
from tailgate_slices.multihop_arithmetic import MultihopArithmetic

MAKER = MultihopArithmetic()


def asked(result):
    return Item(
        id="x",
        slice=MAKER.name,
        stratum="hops=2",
        index=0,
        prompt="What is 30 + 9 + 3?",
        references=(str(result),),
        max_new_tokens=20,
    )


def grade(result, text, finish_reason="stop"):
    return MAKER.grade(asked(result), Answer(text=text, finish_reason=finish_reason))


def draw(stratum, index):
    return MAKER.item(stratum=stratum, seed=1, index=index, tokens=None)


@pytest.mark.parametrize("stratum", MAKER.strata)
def test_numbers_of_the_prompt_lead_to_the_result(stratum):
    for index in range(60):
        item = draw(stratum, index)
        signs = {"+": 1, "-": -1, "gets": 1, "loses": -1}
        steps = re.findall(r"(\+|-|gets|loses) (\d+)", item.prompt)
        start = int(re.search(r"\d+", item.prompt)[0])
        assert start + sum(signs[sign] * int(size) for sign, size in steps) == int(item.references[0])


@pytest.mark.parametrize("stratum", MAKER.strata)
def test_stratum_says_how_many_steps_the_prompt_has(stratum):
    hops = int(stratum.removeprefix("hops="))
    for index in range(60):
        prompt = draw(stratum, index).prompt
        assert len(re.findall(r"[A-Z] = [A-Z]\.| [-+] \d|gets|loses", prompt)) == hops


@pytest.mark.parametrize("stratum", MAKER.strata)
def test_result_is_positive(stratum):
    assert all(int(draw(stratum, index).references[0]) > 0 for index in range(200))


@pytest.mark.parametrize("text", ["42", "30 + 9 + 3 = 42", "x = 42.", "\u0664\u0662", "**42**", "42 apples", "= 42!"])
def test_result_as_the_last_number_is_right(text):
    assert grade(42, text).score == 1.0


def test_result_cut_off_at_the_budget_after_its_end_is_right():
    assert grade(42, "30 + 9 + 3 = 42.", "length").score == 1.0


def test_result_cut_off_at_the_budget_in_its_digits_may_go_on_and_is_wrong():
    assert grade(42, "30 + 9 + 3 = 42", "length").failure_mode == "length"


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        ("-42", "wrong_sign"),
        ("\u221242", "wrong_sign"),
        ("420", "order_of_magnitude"),
        ("4", "order_of_magnitude"),
        ("0", "order_of_magnitude"),
        ("9" * 50, "degenerate"),
        ("12345678901234567890123", "order_of_magnitude"),
        ("41", "wrong_number"),
        ("42 + 1 = 43", "wrong_number"),
        ("5", "wrong_number"),
        ("forty-two", "unparsable"),
        ("I cannot compute that", "refused"),
        ("", "empty"),
    ],
)
def test_near_miss_fails_by_its_kind(text, mode):
    assert grade(42, text).failure_mode == mode


def test_wrong_number_cut_off_at_the_budget_fails_as_length():
    assert grade(42, "30 + 9 = 39", "length").failure_mode == "length"


def test_minus_between_two_numbers_is_no_sign():
    assert grade(3, "45 -3").score == 0.0
    assert grade(3, "45-3").score == 1.0
