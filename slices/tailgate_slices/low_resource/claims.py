"""What an answer says about the term asked for, apart from what it goes on to say about others."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from tailgate_slices.grading import find_phrase
from tailgate_slices.low_resource.languages import LANGUAGES
from tailgate_slices.low_resource.phrases import Phrase, Phrases
from tailgate_slices.low_resource.reading import Reading
from tailgate_slices.low_resource.scripts import normal
from tailgate_slices.low_resource.terms import terms

_OF = frozenset({"of", "for"})
_MEANS_THE_ASKED = frozenset({"it", "this", "that", "which", "same", "the", "above", "what"})
_LONGEST = 6  # words of an English name
_NEAR = 8  # words behind the wanted name within which the term may follow: "is the Georgian name of Swati"


def about_asked(reading: Reading, wanted: Phrase) -> tuple[str, ...]:
    """The words of an answer without the names that it gives to other terms once it has given the wanted one.

    Models restate a glossary until the budget ends: where it cuts the next entry must not change the grade. What
    stands before the first mention is kept, and so is a name by itself: it may be meant for the term asked for.
    """
    said, asked = reading.said, normal(str(reading.item.attributes["english"]))
    first = find_phrase(said, wanted)
    if first is None or not asked:
        return said
    at = first + len(wanted)
    kept = list(said[:at])
    rest = _Rest(
        said=said,
        asked=asked,
        shown=normal(reading.item.prompt),
        own=normal(LANGUAGES[reading.lang].name),
        known=_englishes(reading.lang),
        is_cut=reading.answer.finish_reason == "length",
    )
    explicit = find_phrase(said[: at + _NEAR], rest.asked) is not None
    while at < len(said):
        if said[at : at + len(rest.asked)] == rest.asked:  # whole: other terms may end like it
            kept += rest.asked
            at += len(rest.asked)
            continue
        stop = rest.end_of_entry(at)
        if stop is None and explicit and rest.begins_turned_entry(at):
            stop = at + 1
        if stop is None:
            kept.append(said[at])
        at = at + 1 if stop is None else stop
    return tuple(kept)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rest:
    """The words of an answer, and what tells entries about other terms in them."""

    said: tuple[str, ...]
    asked: Phrase
    shown: Phrase
    own: Phrase  # the language's English name: "in Georgian is X" is no entry about it
    known: Phrases
    is_cut: bool

    def end_of_entry(self, at: int) -> int | None:
        """Where "Faroese is X" or "Faroese: X" about another term ends, if it begins at a place."""
        stop = self._end_of_term(at)
        if stop is None:
            return None
        has_link = self.said[stop : stop + 1] == ("is",)
        if not has_link and find_phrase(self.shown, self.said[at:stop]) is None:
            return None
        return min(stop + has_link + 1, len(self.said))

    def begins_turned_entry(self, at: int) -> bool:
        """Whether "X is the Georgian name of Faroese" begins at a place, or is cut before it tells the term."""
        frame = ("is", "the", *self.own, "name", "of")
        behind = self.said[at + 1 :]
        term = at + 1 + len(frame)
        if behind[: len(frame)] == frame and term < len(self.said) and self._end_of_term(term) is not None:
            return True
        return self.is_cut and self._may_go_on(" ".join(behind), " ".join(frame))

    def _may_go_on(self, cut: str, frame: str) -> bool:
        """Whether words are the beginning of a frame and of a term that the question shows and does not ask for."""
        others = f" {' '.join(self.shown)} ".replace(f" {' '.join(self.asked)} ", "\n")
        return frame.startswith(cut) or (cut.startswith(frame) and cut.removeprefix(frame) in others)

    def _end_of_term(self, at: int) -> int | None:
        """Where a term other than the asked one ends: a known one, or any between "name of" and "is"."""
        framed = at > 1 and self.said[at - 1] in _OF and self.said[at - 2] == "name"
        found = (p for p in self.known.by_first.get(self.said[at], ()) if self.said[at : at + len(p)] == p)
        term = next(found, None)
        if term is None and framed and "is" in self.said[at : at + _LONGEST + 1]:
            term = self.said[at : self.said.index("is", at)]
            if not _MEANS_THE_ASKED.union(self.asked).isdisjoint(term):
                return None
        if not term or term == self.asked or (term == self.own and not framed):
            return None
        return at + len(term)


@cache
def _englishes(code: str) -> Phrases:
    return Phrases(normal(term.english) for term in terms(code))
