"""What holds for every built-in slice: pure items, unique names, prompts that fit, graders that take any text."""

from __future__ import annotations

import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tailgate_slices.item import Answer, SliceError
from tailgate_slices.registry import BUILT_IN, get_slice

CELLS = [(name, stratum) for name in BUILT_IN for stratum in get_slice(name).strata]
SMALL_CELLS = [cell for cell in CELLS if cell[0] != "long_context" or int(cell[1].partition("=")[2]) <= 1024]
NO_REFERENCES = ("voice",)  # whatever is said is described, nothing is right or wrong
REFUSABLE = ("voice", "refusal_pairs")  # where declining is a finding of its own, or none
HOSTILE = ["", " ", "\x00", "\ud800", "(" * 100_000, "9" * 100_000, "a-" * 50_000, "\u0301" * 100_000, "`" * 5000]


def draw(cell, tokens, indices, seed=3):
    name, stratum = cell
    return [get_slice(name).item(stratum=stratum, seed=seed, index=i, tokens=tokens) for i in indices]


@pytest.mark.parametrize("cell", SMALL_CELLS, ids="/".join)
def test_items_asked_in_any_order_are_the_same(cell, word_tokens):
    assert draw(cell, word_tokens, [5, 2, 0]) == [draw(cell, word_tokens, range(6))[i] for i in (5, 2, 0)]


@pytest.mark.parametrize("cell", SMALL_CELLS, ids="/".join)
def test_items_of_another_seed_differ(cell, word_tokens):
    ours, theirs = draw(cell, word_tokens, range(8)), draw(cell, word_tokens, range(8), seed=4)
    assert [item.prompt for item in ours] != [item.prompt for item in theirs]


def test_ids_over_slices_strata_and_seeds_are_unique(word_tokens):
    items = [item for cell in SMALL_CELLS for seed in (1, 2, 12) for item in draw(cell, word_tokens, range(13), seed)]
    assert len({item.id for item in items}) == len(items)


@pytest.mark.parametrize("cell", SMALL_CELLS, ids="/".join)
def test_every_reference_is_graded_right(cell, word_tokens):
    maker = get_slice(cell[0])
    for item in draw(cell, word_tokens, range(30)):
        for reference in item.references:
            assert maker.grade(item, Answer(text=reference, finish_reason="stop")).score == 1.0, (item, reference)


@pytest.mark.parametrize("cell", [cell for cell in SMALL_CELLS if cell[0] not in NO_REFERENCES], ids="/".join)
def test_answer_of_another_item_is_not_always_right(cell, word_tokens):
    maker, items = get_slice(cell[0]), draw(cell, word_tokens, range(30))
    answers = [Answer(text=item.references[0], finish_reason="stop") for item in (*items[1:], items[0])]
    assert sum(maker.grade(item, answer).score for item, answer in zip(items, answers, strict=True)) <= 10


@pytest.mark.parametrize("cell", SMALL_CELLS, ids="/".join)
@pytest.mark.parametrize("text", ["", "   \n"])
def test_no_text_fails_as_empty(cell, text, word_tokens):
    (item,) = draw(cell, word_tokens, [0])
    assert get_slice(cell[0]).grade(item, Answer(text=text, finish_reason="stop")).failure_mode == "empty"


@pytest.mark.parametrize("name", [name for name in BUILT_IN if name not in REFUSABLE])
def test_refusal_fails_as_refused(name, word_tokens):
    (item,) = draw((name, get_slice(name).strata[0]), word_tokens, [0])
    answer = Answer(text="I\u2019m sorry, but I cannot help with that", finish_reason="stop")
    assert get_slice(name).grade(item, answer).failure_mode == "refused"


@pytest.mark.parametrize("name", list(BUILT_IN))
def test_loop_fails_as_degenerate(name, word_tokens):
    (item,) = draw((name, get_slice(name).strata[0]), word_tokens, [0])
    answer = Answer(text="zq, " * 40, finish_reason="length")
    assert get_slice(name).grade(item, answer).failure_mode == "degenerate"


@pytest.mark.parametrize("name", list(BUILT_IN))
def test_every_failure_mode_given_is_on_the_card(name, word_tokens):
    maker, items = get_slice(name), draw((name, get_slice(name).strata[0]), word_tokens, range(10))
    texts = [*HOSTILE, "x", "1", "12345678", "x ==", "import os", "\ufffd", "Paris or Rome", "Привет", "cold hot"]
    modes = {
        maker.grade(item, Answer(text=text, finish_reason=reason)).failure_mode
        for item in items
        for text in texts
        for reason in ("stop", "length")
    }
    assert modes - {None} <= set(maker.card.failure_modes)


@pytest.mark.parametrize("name", list(BUILT_IN))
@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_answer_is_graded_quickly(name, text, word_tokens):
    (item,) = draw((name, get_slice(name).strata[0]), word_tokens, [0])
    started = time.perf_counter()
    grade = get_slice(name).grade(item, Answer(text=text, finish_reason="stop"))
    assert grade.score == 0.0
    assert time.perf_counter() - started < 2.0


@pytest.mark.parametrize("name", list(BUILT_IN))
@settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(text=st.text(max_size=400), index=st.integers(0, 20), reason=st.sampled_from(["stop", "length"]))
def test_any_text_gets_a_score_or_a_failure_mode(name, word_tokens, text, index, reason):
    (item,) = draw((name, get_slice(name).strata[0]), word_tokens, [index])
    grade = get_slice(name).grade(item, Answer(text=text, finish_reason=reason))
    assert (grade.score, grade.failure_mode is None) in {(1.0, True), (0.0, False)}


@pytest.mark.parametrize("name", list(BUILT_IN))
def test_unknown_stratum_is_an_error_naming_the_known_ones(name, word_tokens):
    maker = get_slice(name)
    with pytest.raises(SliceError, match=maker.strata[-1]):
        maker.item(stratum=f"{maker.axis}=huge", seed=1, index=0, tokens=word_tokens)
    with pytest.raises(SliceError, match=f"its axes are {', '.join(maker.axes)}"):
        maker.item(stratum="size=huge", seed=1, index=0, tokens=word_tokens)


@pytest.mark.parametrize("name", list(BUILT_IN))
def test_strata_are_values_of_the_axis_and_at_least_four(name):
    maker = get_slice(name)
    assert len(maker.strata) >= 4
    assert all(stratum.startswith(f"{maker.axis}=") for stratum in maker.strata)


@pytest.mark.parametrize("name", [name for name in BUILT_IN if name not in ("long_context", *NO_REFERENCES)])
def test_answer_of_a_question_from_memory_or_reasoning_is_not_in_the_prompt(name, word_tokens):
    leaks = ("copy", "lookup")  # tasks whose answer stands in the prompt by design
    maker = get_slice(name)
    items = [item for stratum in maker.strata for item in draw((name, stratum), word_tokens, range(40))]
    asked = [item for item in items if item.attributes.get("task") not in leaks and name != "multihop_arithmetic"]
    assert not [item for item in asked if f" {item.references[0]} " in f" {item.prompt} "]


@pytest.mark.parametrize("name", [name for name in BUILT_IN if name != "long_context"])
def test_thousand_items_are_drawn_and_graded_in_seconds(name, word_tokens):
    maker, started = get_slice(name), time.process_time()
    for index in range(1000):
        item = maker.item(stratum=maker.strata[0], seed=1, index=index, tokens=word_tokens)
        maker.grade(item, Answer(text="The answer is not here.", finish_reason="stop"))
    assert time.process_time() - started < 4.0
