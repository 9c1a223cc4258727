"""Stacks of rules: a reference that keeps them all, the curve over broken ones, and rules without items."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tailgate_slices.grading import COMMON_MODES, is_loop
from tailgate_slices.instruction_stack import ANSWER_TOKENS, Coverage, InstructionStack, coverage, coverage_lines
from tailgate_slices.instruction_stack.rule import FAMILIES, unpack
from tailgate_slices.instruction_stack.stack import KINDS
from tailgate_slices.item import Answer, Item, SliceError

MAKER = InstructionStack()
CELLS = [f"rules={n},kind={kind}" for n in MAKER.axes["rules"] for kind in MAKER.axes["kind"]]
RULES = [
    ["no_digits", {}],
    ["lower_case", {}],
    ["include_word", {"word": "fog"}],
    ["ask", {}],
]


def draw(stratum, index, seed=1):
    return MAKER.item(stratum=stratum, seed=seed, index=index, tokens=None)


def rules_of(item):
    return unpack(item.attributes["spec"], KINDS)


def grade(text, rules=RULES, finish_reason="stop"):
    item = Item(
        id="x",
        slice=MAKER.name,
        stratum="rules=5",
        index=0,
        prompt="...",
        references=(),
        max_new_tokens=48,
        attributes={"topic": "rain", "spec": json.dumps(rules)},
    )
    return MAKER.grade(item, Answer(text=text, finish_reason=finish_reason))


@pytest.mark.parametrize("cell", CELLS)
def test_reference_keeps_all_rules_of_its_item(cell):
    for index in range(40):
        item = draw(cell, index)
        grade = MAKER.grade(item, Answer(text=item.references[0], finish_reason="stop"))
        assert grade.score == 1.0, item
        assert set(grade.signals.values()) == {1.0}


@pytest.mark.parametrize("cell", CELLS)
def test_cell_fixes_number_and_families_of_different_rules(cell):
    n, kind = cell.removeprefix("rules=").split(",kind=")
    for index in range(20):
        item = draw(cell, index)
        rules = rules_of(item)
        assert len({rule.text for rule in rules}) == len(rules) == int(n)
        assert kind == "mixed" or {rule.kind.family for rule in rules} == {kind}


@pytest.mark.parametrize("cell", CELLS)
def test_rules_of_an_item_repeat_no_group_and_no_kind_more_often_than_allowed(cell):
    for index in range(20):
        kinds = [rule.kind for rule in rules_of(draw(cell, index))]
        groups = [kind.group for kind in kinds if kind.group]
        assert len(set(groups)) == len(groups)
        assert all(sum(other is kind for other in kinds) <= kind.repeats for kind in kinds)


@pytest.mark.parametrize("stratum", MAKER.strata)
def test_system_prompt_holds_the_rules_and_the_user_asks_for_the_text(stratum):
    for index in range(20):
        item = draw(stratum, index)
        assert all(rule.text in item.system for rule in rules_of(item))
        assert not any(rule.text in item.prompt for rule in rules_of(item))
        assert item.prompt.endswith(f" and use the word {item.attributes['topic']}.")
        assert item.shown == f"[system]\n{item.system}\n\n[user]\n{item.prompt}"


@pytest.mark.parametrize("stratum", MAKER.strata)
def test_budget_and_context_leave_room_for_the_reference(stratum):
    n = int(stratum.removeprefix("rules="))
    for index in range(60):
        item = draw(stratum, index)
        assert len(item.references[0]) / 3 <= item.max_new_tokens == ANSWER_TOKENS[n]
        assert len(item.shown) / 3.5 + 32 + item.max_new_tokens <= MAKER.min_context(stratum)


def test_stratum_without_a_number_of_rules_draws_one_and_has_room_for_the_most():
    assert len({draw("kind=mixed", index).attributes["rules"] for index in range(60)}) == len(MAKER.axes["rules"])
    assert MAKER.min_context("kind=mixed") == MAKER.min_context("rules=40")


@pytest.mark.parametrize("stratum", ["rules=4", "kind=mixed,rules=3", "rules=3,kind=loud"])
def test_unknown_or_misordered_stratum_is_an_error(stratum):
    with pytest.raises(SliceError, match="instruction_stack has no stratum"):
        draw(stratum, 0)


def test_no_reference_is_a_loop():
    assert not [cell for cell in CELLS for index in range(20) if is_loop(draw(cell, index).references[0])]


def test_prompts_hardly_repeat():
    prompts = {draw("rules=1", index).shown for index in range(300)}
    assert len(prompts) > 280


def test_every_kind_of_rule_occurs_in_a_draw():
    assert coverage().missing == ()


def test_every_kind_of_rule_occurs_where_rules_are_few():
    found = {rule.kind.name for index in range(3600) for rule in rules_of(draw(f"rules={1 + index % 3}", index))}
    assert set(KINDS) - found == set()


def test_coverage_lists_kinds_without_an_item():
    table = coverage(n_items=1)
    assert set(table.items) == set(KINDS)
    assert table.n_items == 1
    assert len(table.missing) >= len(KINDS) - 1
    assert Coverage(n_items=2, items={"a": 0, "b": 2}).missing == ("a",)


def test_card_says_which_kinds_of_rules_have_no_item():
    missing = ", ".join(coverage().missing) or "none"
    assert (
        f"Kinds of rules: {len(KINDS)}; without an item in a draw of 600 over all cells: {missing}."
        in MAKER.card.limits
    )


def test_coverage_is_shown_as_a_table_with_the_rarest_kinds_first():
    head, *rows, last = coverage_lines()
    counts = [int(row.split()[2]) for row in rows]
    assert head.split() == ["kind", "of", "rule", "family", "items", "of", "600"]
    assert {row.split()[0] for row in rows} == set(KINDS)
    assert counts == sorted(counts)
    assert last == "kinds without an item: none"
    assert coverage_lines(n_items=1)[-1].count(",") == len(coverage(n_items=1).missing) - 1


def test_text_that_keeps_all_rules_is_right():
    grade_ = grade("is rain like fog?")
    assert (grade_.score, grade_.failure_mode) == (1.0, None)
    kinds = {f"rule/{name}" for name, _ in RULES}
    assert grade_.signals == dict.fromkeys({"rules_kept", "kept.format", "kept.lexical", "kept.content", *kinds}, 1.0)


@pytest.mark.parametrize(
    ("text", "mode", "share"),
    [
        ("is Rain like fog?", "broke_one", 0.75),
        ("is Rain like snow?", "broke_some", 0.5),
        ("Rain is no snow.", "broke_most", 0.25),
        ("Rain 1 is no snow.", "broke_most", 0.0),
        ("is snow like fog?", "off_task", 1.0),
        ("", "empty", 0.0),
        (" \n", "empty", 0.0),
        ("rain fog? " * 20, "degenerate", 0.0),
        ("i cannot help you with rain and fog?", "refused", 0.0),
    ],
)
def test_near_miss_fails_by_the_number_of_broken_rules(text, mode, share):
    found = grade(text)
    assert (found.score, found.failure_mode, found.signals["rules_kept"]) == (0.0, mode, share)


@pytest.mark.parametrize(
    "text",
    [
        "i can't imagine a summer without rain and fog. can you?",
        "is rain like fog?\n____________\nwe will see.",
        "rain falls:\n            and fog as well.\n            who knows?",
        "is rain wrong? it is never right to say so of fog.",
    ],
)
def test_text_that_is_neither_refusal_nor_loop_keeps_its_rules(text):
    assert (grade(text).score, grade(text).failure_mode) == (1.0, None)


def test_wrong_text_cut_off_at_the_budget_fails_as_length_and_tells_the_rules_kept():
    found = grade("rain and fog and", finish_reason="length")
    assert (found.failure_mode, found.signals["rules_kept"]) == ("length", 0.75)


def test_text_cut_off_at_the_budget_is_judged_as_it_stands():
    assert grade("is rain like fog? and", finish_reason="length").score == 1.0


def test_share_of_rules_kept_is_told_by_family():
    signals = grade("is Rain like fog?").signals
    assert signals["kept.format"] == 0.5
    assert signals["kept.lexical"] == signals["kept.content"] == 1.0


def test_family_without_a_rule_has_no_signal():
    assert set(grade("rain", rules=[["no_digits", {}]]).signals) == {"rules_kept", "kept.format", "rule/no_digits"}


def test_share_of_rules_kept_is_told_by_kind():
    words = [["include_word", {"word": word}] for word in ("fog", "sun")]
    signals = grade("rain and fog 7", rules=[*words, ["no_digits", {}]]).signals
    assert (signals["rule/include_word"], signals["rule/no_digits"]) == (0.5, 0.0)


def test_answer_that_is_none_keeps_no_kind_of_rule():
    assert set(grade("").signals.values()) == {0.0}


def test_one_rule_broken_of_one_is_one():
    assert grade("Rain.", rules=[["ask", {}]]).failure_mode == "broke_one"


def test_marks_alone_keep_no_rule():
    assert grade("\x00 ?", rules=[["ask", {}]]).score == 0.0


def test_card_lists_all_modes():
    assert set(MAKER.card.failure_modes) == {*COMMON_MODES, "broke_one", "broke_some", "broke_most", "off_task"}


def test_kind_is_a_family_or_all():
    assert set(MAKER.axes["kind"]) == {*FAMILIES, "mixed"}


def test_items_asked_twice_are_the_same():
    assert [draw(cell, 7) for cell in CELLS] == [draw(cell, 7) for cell in CELLS]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(cell=st.sampled_from(CELLS), seed=st.integers(0, 10**9), index=st.integers(0, 10**6))
def test_reference_of_any_item_keeps_its_rules(cell, seed, index):
    item = draw(cell, index, seed)
    assert MAKER.grade(item, Answer(text=item.references[0], finish_reason="stop")).score == 1.0


@settings(max_examples=150, deadline=None, derandomize=True)
@given(text=st.text(max_size=200), cell=st.sampled_from(CELLS), reason=st.sampled_from(["stop", "length"]))
def test_any_text_gets_a_grade(text, cell, reason):
    found = MAKER.grade(draw(cell, 0), Answer(text=text, finish_reason=reason))
    assert (found.score == 1.0) == (found.failure_mode is None)
    assert found.failure_mode is None or found.failure_mode in MAKER.card.failure_modes
    assert all(0.0 <= value <= 1.0 for value in found.signals.values())


@pytest.mark.parametrize("stratum", ["rules=1", "rules=40"])
def test_five_hundred_items_are_drawn_and_graded_in_seconds(stratum):
    started = time.process_time()
    items = [draw(stratum, index) for index in range(500)]
    drawn = time.process_time()
    for item in items:
        MAKER.grade(item, Answer(text=item.references[0], finish_reason="stop"))
    graded = time.process_time()
    assert drawn - started < 2.0  # twice the share of 20 s for 10,000, for busy machines
    assert graded - drawn < 2.0
