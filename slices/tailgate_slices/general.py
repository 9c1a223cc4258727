"""General knowledge: the easy median that an ordinary evaluation looks at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from types import MappingProxyType

from babel import Locale
from babel.numbers import get_territory_currencies

from tailgate_slices import general_facts as facts
from tailgate_slices.drawing import fixed_values, item_id, pick
from tailgate_slices.grading import COMMON_MODES, RIGHT, failure, find_phrase, words
from tailgate_slices.item import Answer, Card, Grade, Item, Slice, TokenCounter, item_rng

Facts = tuple[tuple[str, tuple[str, ...]], ...]

ANSWER_TOKENS = 20  # "The capital of Mongolia is Ulaanbaatar." and a margin

# Fixed, so that an item does not depend on the day it is drawn.
TENDER_ON = date(2026, 1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class FactKind:
    """A table of facts and the wordings that ask for one of them."""

    name: str
    templates: tuple[str, ...]
    facts: Facts
    fold: bool = True  # codes and symbols are matched with their case: IN is India, "in" is a word


_CAPITAL = ("What is the capital of {}?", "Which city is the capital of {}?")
_OPPOSITE = ("What is the opposite of {}?", "What is the antonym of {}?")


class General(Slice):
    """Common facts asked in one line, from capitals everybody knows to currency codes."""

    name = "general"
    version = "1"
    axes: Mapping[str, tuple[str, ...]] = MappingProxyType({"tier": ("1", "2", "3", "4")})
    card = Card(
        catches="Damage to frequent knowledge: what an average over an ordinary benchmark shows.",
        why="The median to hold the tail against: where it holds and the tail does not, a benchmark says yes.",
        scoring="1 if an accepted answer occurs as whole words and no other answer of the same table does; else 0.",
        provenance="Tables of common facts compiled for this project; currency and country codes from CLDR (Babel).",
        licence="Apache-2.0; CLDR data Unicode-3.0",
        failure_modes={
            **COMMON_MODES,
            "hedged": "names the answer and a rival as well",
            "wrong_fact": "names another answer of the same table",
            "off_topic": "names no answer of the table",
        },
        limits="English, one-word answers, a finite table: items repeat, so a model can know them all.",
    )

    def item(self, *, stratum: str, seed: int, index: int, tokens: TokenCounter | None) -> Item:
        """Draw a kind of fact, then a fact, then a wording."""
        tier = int(fixed_values(self, stratum)["tier"])
        rng = item_rng(self.name, self.version, seed, stratum, index)
        kind = pick(rng, _tiers()[tier])
        about, answers = pick(rng, kind.facts)
        template = int(rng.integers(len(kind.templates)))
        return Item(
            id=item_id(self, stratum, seed, index),
            slice=self.name,
            stratum=stratum,
            index=index,
            prompt=kind.templates[template].format(about),
            references=answers,
            max_new_tokens=ANSWER_TOKENS,
            stop=("\n",),
            attributes={"kind": kind.name, "about": about, "template": template},
        )

    def grade(self, item: Item, answer: Answer) -> Grade:
        """Look for the accepted answers, and for rivals from the same table, as whole words."""
        fold = _kind(str(item.attributes["kind"])).fold
        said, asked = words(answer.text, fold=fold), words(item.prompt, fold=fold)
        accepted = [words(reference, fold=fold) for reference in item.references]
        right = [phrase for phrase in accepted if find_phrase(said, phrase) is not None]
        rivals = _answers(str(item.attributes["kind"])) - set(accepted)
        named = [
            phrase
            for phrase in rivals
            if find_phrase(said, phrase) is not None
            and find_phrase(asked, phrase) is None
            and not any(find_phrase(longer, phrase) is not None for longer in right)
        ]
        if right and not named:
            return RIGHT
        if right:
            return failure(answer, "hedged", decisive=True)
        return failure(answer, "wrong_fact", decisive=True) if named else failure(answer, "off_topic")

    def min_context(self, stratum: str) -> int:
        """A short question, its chat template and the answer."""
        fixed_values(self, stratum)
        return 128


@cache
def _tiers() -> Mapping[int, tuple[FactKind, ...]]:
    return {
        1: (
            FactKind(name="capital_famous", templates=_CAPITAL, facts=facts.CAPITALS_FAMOUS),
            FactKind(name="opposite_common", templates=_OPPOSITE, facts=facts.OPPOSITES_COMMON),
        ),
        2: (
            FactKind(name="capital_known", templates=_CAPITAL, facts=facts.CAPITALS_KNOWN),
            FactKind(name="opposite_rarer", templates=_OPPOSITE, facts=facts.OPPOSITES_RARER),
            FactKind(name="plural", templates=("What is the plural of {}?",), facts=facts.PLURALS),
            FactKind(name="next_day", templates=("What day comes after {}?",), facts=facts.NEXT_DAYS),
            FactKind(name="next_month", templates=("What month comes after {}?",), facts=facts.NEXT_MONTHS),
        ),
        3: (
            FactKind(name="capital_smaller", templates=_CAPITAL, facts=facts.CAPITALS_SMALLER),
            FactKind(name="past_tense", templates=("What is the past tense of {}?",), facts=facts.PAST_TENSES),
            FactKind(name="previous_day", templates=("What day comes before {}?",), facts=facts.PREVIOUS_DAYS),
            FactKind(name="previous_month", templates=("What month comes before {}?",), facts=facts.PREVIOUS_MONTHS),
        ),
        4: (
            FactKind(name="capital_rare", templates=_CAPITAL, facts=facts.CAPITALS_RARE),
            FactKind(
                name="symbol",
                templates=("What is the chemical symbol of {}?",),
                facts=facts.CHEMICAL_SYMBOLS,
                fold=False,
            ),
            FactKind(
                name="currency",
                templates=("What is the three-letter currency code of {}?",),
                facts=_currency_codes(),
                fold=False,
            ),
            FactKind(
                name="country_code",
                templates=("What is the two-letter ISO country code of {}?",),
                facts=_country_codes(),
                fold=False,
            ),
        ),
    }


@cache
def _kind(name: str) -> FactKind:
    return next(kind for tier in _tiers().values() for kind in tier if kind.name == name)


@cache
def _answers(name: str) -> frozenset[tuple[str, ...]]:
    kind = _kind(name)
    return frozenset(words(answer, fold=kind.fold) for _, answers in kind.facts for answer in answers)


def _countries() -> list[tuple[str, str]]:
    tables = (facts.CAPITALS_FAMOUS, facts.CAPITALS_KNOWN, facts.CAPITALS_SMALLER)
    known = {country for table in tables for country, _ in table}
    territories = Locale("en").territories
    return [(code, territories[code]) for code in sorted(territories) if territories[code] in known]


def _currency_codes() -> Facts:
    pairs = ((name, get_territory_currencies(code, TENDER_ON, TENDER_ON)) for code, name in _countries())
    # Currencies shared by several countries stay in: the question has one answer all the same.
    return tuple((name, tuple(codes)) for name, codes in pairs if len(codes) == 1)


def _country_codes() -> Facts:
    return tuple((name, (code,)) for code, name in _countries())
