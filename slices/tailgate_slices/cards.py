"""Are the cards of the slices complete and looked after?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from datetime import date
from types import MappingProxyType

from tailgate_slices.item import Card, Slice

_US = "tailgate maintainers"
# Who looks after a built-in slice, and by when its card is due: in one place, because they are looked through together.
CARE: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "general": (_US, "2027-06-30"),
        "long_context": (_US, "2027-06-30"),
        "low_resource": (_US, "2027-06-30"),
        "multihop_arithmetic": (_US, "2027-06-30"),
        "code": (_US, "2027-06-30"),
        "instruction_stack": (_US, "2027-06-30"),
        "refusal_pairs": (_US, "2027-06-30"),
        "voice": (_US, "2027-06-30"),
    }
)


def card_of(maker: Slice) -> Card:
    """A slice's card, with the owner and the day of review of a built-in slice."""
    owner, review_by = CARE.get(maker.name, ("", ""))
    card = maker.card
    return replace(card, owner=card.owner or owner, review_by=card.review_by or review_by)


def card_problems(maker: Slice, today: date) -> tuple[str, ...]:
    """What is missing on a slice's card, or overdue on a day; empty where nothing is."""
    return problems_of(card_of(maker), maker.name, today)


def problems_of(card: Card, name: str, today: date) -> tuple[str, ...]:
    """What is missing on the card of a slice of that name, or overdue on a day."""
    return tuple(f"{name}: {problem}" for problem in _problems(card, today))


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
