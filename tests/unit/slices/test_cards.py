"""Cards of slices are complete and reviewed in time."""

from dataclasses import replace
from datetime import date

import pytest

from tailgate_slices.cards import CARE, card_of, card_problems
from tailgate_slices.general import General
from tailgate_slices.registry import BUILT_IN, get_slice

TODAY = date(2026, 11, 24)


def made(**changes):
    maker = General()
    maker.card = replace(General.card, **changes)
    return maker


@pytest.mark.parametrize("name", list(BUILT_IN))
def test_cards_of_built_in_slices_have_no_problem(name):
    assert card_problems(get_slice(name), TODAY) == ()


def test_owner_and_review_of_every_built_in_slice_are_written_down():
    assert set(CARE) == set(BUILT_IN)
    assert all(card_of(get_slice(name)).owner for name in BUILT_IN)


def test_slice_of_others_without_owner_and_review_is_named():
    class Theirs(General):
        name = "theirs"

    assert card_problems(Theirs(), TODAY) == (
        "theirs: the card says nothing of 'owner'; fill it in",
        "theirs: the card says nothing of 'review_by'; fill it in",
    )


def test_what_a_card_says_itself_comes_first():
    assert card_of(made(owner="somebody")).owner == "somebody"


@pytest.mark.parametrize("field", ["why", "owner", "provenance", "licence", "limits", "scoring", "catches"])
def test_an_empty_field_is_named(field):
    assert card_problems(made(**{field: " "}), TODAY) == (f"general: the card says nothing of '{field}'; fill it in",)


def test_a_failure_mode_without_a_meaning_is_named():
    (problem,) = card_problems(made(failure_modes={"odd": ""}), TODAY)
    assert "failure mode 'odd'" in problem


def test_an_overdue_review_is_named_with_its_day():
    (problem,) = card_problems(made(review_by="2026-11-23"), TODAY)
    assert "due on 2026-11-23" in problem
    assert card_problems(made(review_by="2026-11-24"), TODAY) == ()


def test_a_day_that_is_none_is_named():
    (problem,) = card_problems(made(review_by="next summer"), TODAY)
    assert "'next summer' is no date" in problem
