"""Are the cards of the slices complete and looked after?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from datetime import date

from tailgate_slices.item import Card, Slice


def card_problems(maker: Slice, today: date) -> tuple[str, ...]:
    """What is missing on a slice's card, or overdue on a day; empty where nothing is."""
    return tuple(f"{maker.name}: {problem}" for problem in _problems(maker.card, today))


def _problems(card: Card, today: date) -> Iterator[str]:
    for field in fields(Card):
        value = getattr(card, field.name)
        if not value or (isinstance(value, str) and not value.strip()):
            yield f"the card says nothing of '{field.name}'; fill it in"
    for mode, meaning in card.failure_modes.items():
        if not meaning.strip():
            yield f"the card does not say what the failure mode '{mode}' means; say it"
    if card.review_by:
        yield from _review(card.review_by, today)


def _review(review_by: str, today: date) -> Iterator[str]:
    try:
        due = date.fromisoformat(review_by)
    except ValueError:
        yield f"review_by '{review_by}' is no date; write it as 2027-06-30"
        return
    if due < today:
        yield f"the review was due on {due}; look through the card and set a new day"
