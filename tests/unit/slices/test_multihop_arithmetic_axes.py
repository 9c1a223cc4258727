"""The axes of difficulty: what they fix, which values exclude each other, and how often each is drawn."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from tailgate_slices.item import SliceError
from tailgate_slices.multihop_arithmetic import MultihopArithmetic
from tailgate_slices.multihop_arithmetic.programs import read_program

MAKER = MultihopArithmetic()
FORMS = MAKER.axes["form"]
OPS_OF = {
    "alias": ("none",),
    "sum": ("add", "sub", "mul", "div", "mixed"),
    "chain": ("add", "sub", "mul", "div", "mixed"),
    "story": ("add", "sub", "mul", "div", "mixed"),
    "unit": ("mul", "mixed"),
    "rate": ("mul", "mixed"),
    "table": ("add", "sub", "mixed"),
    "calendar": ("add", "sub", "mixed"),
}


def draw(stratum, index, seed=1):
    return MAKER.item(stratum=stratum, seed=seed, index=index, tokens=None)


def drawn(stratum, n=40):
    return [draw(stratum, index) for index in range(n)]


def test_values_on_the_way_are_at_least_one():
    for stratum in MAKER.strata:
        for item in drawn(stratum, 300):
            assert min(read_program(item.attributes["program"]).values) >= 1, item


def test_operations_are_those_of_the_stratum():
    names = {"+": "add", "-": "sub", "from": "sub", "*": "mul", "keep": "none", "/": "div"}
    for op in MAKER.axes["op"]:
        for item in drawn(f"op={op}", 300):
            occurring = {names[step.op] for step in read_program(item.attributes["program"]).steps}
            assert occurring == {op} if op != "mixed" else len(occurring) >= 2, item


@pytest.mark.parametrize("digits", range(1, 7))
def test_start_has_the_digits_of_the_stratum(digits):
    for item in drawn(f"hops=2,digits={digits},form=chain,op=add", 100):
        program = read_program(item.attributes["program"])
        assert len(str(program.start)) == digits
        assert {len(str(step.operand)) for step in program.steps} == {max(1, digits - 1)}


@pytest.mark.parametrize("form", FORMS)
def test_form_has_items_for_each_of_its_operations(form):
    for op in OPS_OF.get(form, ("add", "sub", "mul", "mixed")):
        assert draw(f"hops=3,form={form},op={op}", 0).attributes["op"] == op


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("op", MAKER.axes["op"])
def test_form_without_an_operation_is_an_error_that_says_so(form, op):
    if op in OPS_OF.get(form, ("add", "sub", "mul", "mixed")):
        return
    with pytest.raises(SliceError, match=f"no items with form={form}, op={op}"):
        draw(f"form={form},op={op}", 0)


@pytest.mark.parametrize(
    "stratum",
    [
        "hops=1,op=mixed",
        "digits=5,form=calendar",
        "hops=2,digits=1,op=div",
        "hops=5,digits=2,op=div",
        "form=table,op=div",
    ],
)
def test_values_that_exclude_each_other_are_an_error(stratum):
    with pytest.raises(SliceError, match="no items with"):
        draw(stratum, 0)


def test_every_value_of_every_axis_is_drawn_and_recorded():
    items = [item for stratum in MAKER.strata for item in drawn(stratum, 500)]
    for axis, values in MAKER.axes.items():
        assert {str(item.attributes[axis]) for item in items} == set(values), axis


def test_value_that_the_stratum_fixes_is_recorded():
    for axis, values in MAKER.axes.items():
        for value in values:
            assert str(draw(f"{axis}={value}", 0).attributes[axis]) == value


def test_one_hop_is_mostly_the_four_short_forms_without_anything_around_them():
    items = drawn("hops=1", 2000)
    forms = Counter(item.attributes["form"] for item in items)
    assert sum(forms[form] for form in ("alias", "sum", "chain", "story")) > 0.84 * len(items)
    assert sum(item.attributes["style"] == "zero" for item in items) > 0.9 * len(items)
    assert sum(item.attributes["noise"] == 0 for item in items) > 0.9 * len(items)
    assert sum(item.attributes["digits"] <= 2 for item in items) > 0.88 * len(items)


@pytest.mark.parametrize(
    ("form", "shape"),
    [
        ("alias", r"[A-Z] = \d\. [A-Z] = [A-Z]\. Write the value of [A-Z] as a number\."),
        ("sum", r"Write the result of \d [+-] \d as an equation\."),
        ("chain", r"[A-Z] = \d\. [A-Z] = [A-Z] [+-] \d\. Write the value of [A-Z] as a number\."),
        ("story", r"\w+ has \d \w+, (gets|loses) \d\. How many \w+ does \w+ have now\?"),
    ],
)
def test_one_hop_with_one_digit_keeps_its_short_wording(form, shape):
    items = drawn(f"hops=1,digits=1,form={form},noise=0,style=zero", 60)
    assert sum(re.fullmatch(shape, item.prompt) is not None for item in items) > 30
