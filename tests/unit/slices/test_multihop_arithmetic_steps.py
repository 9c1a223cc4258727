"""Shown steps in the notations that models use, and steps shown as examples."""

from __future__ import annotations

import re
import time

import pytest

from tailgate_slices.item import Answer, Item, item_rng
from tailgate_slices.multihop_arithmetic import MultihopArithmetic, draw_task
from tailgate_slices.multihop_arithmetic.axes import draw_values
from tailgate_slices.multihop_arithmetic.worked import worked

MAKER = MultihopArithmetic()
FORMS = MAKER.axes["form"]


def asked(program, reference, style="cot"):
    recorded = {"style": style, "answer": "number", "distractors": "", "program": program}
    where = {"id": "x", "slice": MAKER.name, "stratum": "hops=2", "index": 0}
    return Item(**where, prompt="", references=(reference,), max_new_tokens=20, attributes=recorded)


PRODUCT = asked("30 + 9 * 2", "78")
QUOTIENT = asked("84 / 2 / 3", "14")


def grade(item, text):
    return MAKER.grade(item, Answer(text=text, finish_reason="stop"))


@pytest.mark.parametrize(
    "text",
    [
        "Step 1: 30 + 9 = 39\nStep 2: 39 * 2 = 78\nAnswer: 78",
        "**Step 1:** 30 + 9 = **39**\n**Step 2:** 39 x 2 = **78**\n**Answer**: 78",
        "Step 1 - 30 + 9 = 39\nStep 2 - 39 * 2 = 78\nAnswer: 78",
        "1) 30 + 9 = 39\n2) 39 * 2 = 78\nAnswer: 78",
        "1. 30 + 9 = 39\n2. 39 * 2 = 78\nAnswer: 78",
        "* 30 + 9 = 39\n* 39 * 2 = 78\nAnswer: 78",
        "30 + 9 = *39*\n*39 * 2 = 78*\nAnswer: *78*",
        "Add 9: 30 + 9 = 39, then double: 39 * 2 = 78. Answer: 78",
        "30 plus 9 is 39\n39 times 2 is 78\nAnswer: 78",
        "30 plus 9 equals 39.\n39 multiplied by 2 gives 78.\nAnswer: 78",
        "30 + 9 \u2192 39\n39 * 2 \u2192 78\nAnswer: 78",
        "30 + 9\n= 39\n39 * 2\n= 78\nThe answer is: 78",
        "\\(30 + 9 = 39\\)\n\\(39 \\times 2 = 78\\)\nAnswer: \\(78\\)",
        "$$30 + 9 = 39$$\n$$39 \\cdot 2 = 78$$\nAnswer: $\\boxed{78}$",
        "\\begin{align}30 + 9 &= 39 \\\\ 39 \\times 2 &= 78\\end{align}\nAnswer: 78",
        "30 \\text{ apples} + 9 = 39\n39 * 2 = 78\nAnswer = 78",
    ],
)
def test_steps_in_any_notation_are_counted(text):
    found = grade(PRODUCT, text)
    assert found.score == 1.0
    assert found.signals["steps_right"] == 1.0


@pytest.mark.parametrize(
    "text",
    [
        "84 / 2 = 42\n42 / 3 = 14\nAnswer: 14",
        "84 \u00f7 2 = 42\n42 \u00f7 3 = 14\nAnswer: 14",
        "84 divided by 2 is 42\n42 divided by 3 is 14\nAnswer: 14",
        "\\frac{84}{2} = 42\n\\frac{42}{3} = 14\nAnswer: 14",
        "84 \\div 2 = 42\n42 \\div 3 = 14\nAnswer: 14",
        "84 / 2 / 3 = 14\nAnswer: 14",
    ],
)
def test_divisions_in_any_notation_are_counted(text):
    found = grade(QUOTIENT, text)
    assert (found.score, found.signals["steps_right"]) == (1.0, 1.0)


@pytest.mark.parametrize(
    ("text", "mode", "share"),
    [
        ("Step 1: 30 + 9 = 38\nStep 2: 38 * 2 = 76\nAnswer: 76", "slip", 0.5),
        ("Step 1: 30 + 9 = 39\nStep 2: 39 \\times 2 = 71\nAnswer: 71", "slip", 0.5),
        ("Step 1: 30 plus 8 is 38\nStep 2: 38 times 2 is 76\nAnswer: 76", "wrong_number", 0.0),
        ("Step 30: 9 = 39", "intermediate", 0.0),
    ],
)
def test_slip_is_found_in_other_notations(text, mode, share):
    found = grade(PRODUCT, text)
    assert (found.failure_mode, found.signals["steps_right"]) == (mode, share)


def test_final_value_of_steps_may_say_where_it_comes_from():
    assert grade(PRODUCT, "Answer: 78 apples (39 * 2)").score == 1.0


def test_style_of_examples_with_steps_is_graded_as_steps():
    item = asked("30 + 9 * 2", "78", "few-cot")
    assert grade(item, "30 + 9 = 39\n39 * 2 = 78\nAnswer: 78\n").signals["steps_right"] == 1.0
    assert grade(item, "Answer: 78\nCheck: 78 - 39 = 39").score == 1.0


# ----- examples


def worked_of(stratum, index):
    """An item, and its own problem worked off."""
    rng = item_rng(MAKER.name, MAKER.version, 1, stratum, index)
    task = draw_task(rng, draw_values(rng, dict(part.split("=") for part in stratum.split(","))))
    item = MAKER.item(stratum=stratum, seed=1, index=index, tokens=None)
    return item, f"{worked(task.problem)}\nAnswer: {task.reference}"


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("hops", [1, 3, 8])
def test_worked_problem_has_every_step_right(form, hops):
    for index in range(40):
        item, text = worked_of(f"hops={hops},form={form},style=few-cot", index)
        found = grade(item, text)
        assert found.score == 1.0, (item, text)
        assert found.signals.get("steps_right", 1.0) == 1.0, (item, text)
        assert len(text.split("\n")) == hops + 1 + (form in ("alias", "chain"))


def test_worked_dates_are_written_as_dates():
    shown = {worked_of("hops=2,form=calendar,style=few-cot", index)[1] for index in range(60)}
    day, name = r"\d{4}-\d\d-\d\d", r"[A-Z][a-z]+day"
    for shape in (rf"{day} [+-] \d+ days = {day}", rf"{name} [+-] \d+ days = {name}", rf"{day} - {day} = \d+ days"):
        assert any(re.search(shape, text) for text in shown)
    assert not any(re.search(r"\d{6}", text) for text in shown)


def test_days_of_the_calendar_have_no_steps_to_compare():
    items = [MAKER.item(stratum="form=calendar,style=cot", seed=1, index=index, tokens=None) for index in range(30)]
    assert {item.attributes["answer"] for item in items} == {"number", "date", "weekday"}
    assert not any("steps_right" in grade(item, f"Answer: {item.references[0]}").signals for item in items)


def test_prompt_with_worked_examples_asks_for_steps_and_shows_two():
    for index in range(60):
        item = MAKER.item(stratum="style=few-cot", seed=1, index=index, tokens=None)
        asks, *examples, last = item.prompt.split("\n\nQuestion: ")
        assert "Work step by step" in asks
        assert len(examples) == 2
        assert last.endswith("\nSteps:")
        assert all("\nSteps:\n" in each and "\nAnswer: " in each for each in examples)
        assert last.removesuffix("\nSteps:") not in {each.partition("\nSteps:")[0] for each in examples}
        assert item.stop == ("\nQuestion:",)
        assert item.max_new_tokens > 50


@pytest.mark.parametrize("stratum", ["hops=8,noise=5,style=few-cot", "hops=1,style=few-cot", "digits=6,style=few-cot"])
def test_context_holds_worked_examples(stratum):
    for index in range(300):
        item = MAKER.item(stratum=stratum, seed=1, index=index, tokens=None)
        tokens = len(re.findall(r"[0-9]|[A-Za-z]+|[^\sA-Za-z0-9]|\n", item.prompt))
        assert tokens + item.max_new_tokens + 40 <= MAKER.min_context(stratum), item


# ----- divisions


@pytest.mark.parametrize("stratum", ["hops=1,digits=1,op=div", "hops=4,digits=2,op=div", "hops=8,digits=4,op=div"])
def test_divisions_are_exact_leave_two_and_start_with_the_digits_of_the_stratum(stratum):
    items = [MAKER.item(stratum=stratum, seed=1, index=index, tokens=None) for index in range(200)]
    for item in items:
        start, *rest = item.attributes["program"].split()
        assert len(start) == item.attributes["digits"]
        value = int(start)
        for sign, divisor in zip(rest[::2], rest[1::2], strict=True):
            assert sign == "/"
            assert value % int(divisor) == 0
            value //= int(divisor)
        assert value == int(item.references[0]) >= 2
    assert len({item.attributes["program"] for item in items}) >= 6


def test_ten_thousand_items_are_drawn_and_graded_in_seconds():
    started = time.process_time()
    items = [MAKER.item(stratum=MAKER.strata[index % 8], seed=1, index=index, tokens=None) for index in range(10_000)]
    drawn = time.process_time()
    for item in items:
        MAKER.grade(
            item, Answer(text="Step 1: 30 + 9 = 39\nIt is 42, because 30 + 12. Answer: 42", finish_reason="stop")
        )
    assert drawn - started < 20
    assert time.process_time() - drawn < 20
