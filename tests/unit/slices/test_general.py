"""Common facts: sound tables, whole-word grading, rivals."""

from __future__ import annotations

import pytest

from tailgate_slices import general
from tailgate_slices.general import General
from tailgate_slices.grading import find_phrase, words
from tailgate_slices.item import Answer, Item

MAKER = General()
KINDS = [kind for tier in general._tiers().values() for kind in tier]


def asked(kind, about, *references):
    table = next(each for each in KINDS if each.name == kind)
    return Item(
        id="x",
        slice="general",
        stratum="tier=1",
        index=0,
        prompt=table.templates[0].format(about),
        references=references,
        max_new_tokens=20,
        attributes={"kind": kind},
    )


FRANCE = asked("capital_famous", "France", "Paris")
INDIA = asked("country_code", "India", "IN")


def grade(item, text, finish_reason="stop"):
    return MAKER.grade(item, Answer(text=text, finish_reason=finish_reason))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_table_has_no_question_twice(kind):
    questions = [about for about, _ in kind.facts]
    assert len(set(questions)) == len(questions) >= 7


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_question_never_holds_its_answer(kind):
    for about, answers in kind.facts:
        for template in kind.templates:
            question = words(template.format(about), fold=kind.fold)
            assert not [a for a in answers if find_phrase(question, words(a, fold=kind.fold)) is not None], about


@pytest.mark.parametrize("text", ["Paris", "The capital of France is Paris.", "PARIS!", "**Paris**, on the Seine"])
def test_answer_in_any_frame_is_right(text):
    assert grade(FRANCE, text).score == 1.0


def test_right_answer_cut_off_at_the_budget_is_right():
    assert grade(FRANCE, "The capital of France is Paris, which", "length").score == 1.0


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        ("The capital of France is Berlin.", "wrong_fact"),
        ("Paris or Berlin", "hedged"),
        ("Parisian", "off_topic"),
        ("Lyon", "off_topic"),
        ("", "empty"),
        ("I'm sorry, I can't say", "refused"),
    ],
)
def test_near_miss_fails_by_its_kind(text, mode):
    assert grade(FRANCE, text).failure_mode == mode


def test_wrong_text_cut_off_at_the_budget_fails_as_length():
    assert grade(FRANCE, "France is a country in Europe that", "length").failure_mode == "length"


def test_code_is_not_found_in_a_word_of_the_sentence():
    assert grade(INDIA, "it is used in India").score == 0.0
    assert grade(INDIA, "It is IN.").score == 1.0


def test_answer_that_is_part_of_the_accepted_one_is_no_rival():
    assert grade(asked("capital_famous", "India", "New Delhi", "Delhi"), "New Delhi").score == 1.0


@pytest.mark.parametrize("stratum", MAKER.strata)
def test_every_kind_of_a_tier_is_drawn(stratum):
    kinds = {MAKER.item(stratum=stratum, seed=1, index=i, tokens=None).attributes["kind"] for i in range(200)}
    assert kinds == {kind.name for kind in general._tiers()[int(stratum[-1])]}
