"""Multiple choice as a question with lettered options, and how an answer is read for the options it names."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tailgate_slices.grading import RIGHT, failure, find_phrase, words
from tailgate_slices.item import Answer, Grade
from tailgate_slices.sources.judges import NeedsNothing, folded, modes_of

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
MAX_READ = 2000
_IS = r"(?:is|was|are|would be|will be|must be|should be|could be|may be|might be|can be|seems to be)"
_FILLER = r"(?:(?:the|either|both|between|probably|likely|clearly|definitely|option|choice|letter|number)\b\W{0,6})"
# What states an answer: the option named behind it is the one meant.
_STATED = re.compile(
    rf"\banswer\b\W{{0,6}}(?:{_IS}\b\W{{0,6}})?{_FILLER}{{0,3}}"
    rf"|\b(?:choice|option)\b(?:\W{{0,6}}{_IS}\b\W{{0,6}}|\W{{0,3}}[:=]\W{{0,6}}){_FILLER}{{0,3}}"
    rf"|\b(?:choose|pick|select|go with|going with)\b\W{{0,6}}{_FILLER}{{0,3}}"
    r"|\\boxed\W{0,3}(?:\\?(?:text|textbf|mathrm|mathbf)\W{0,3})?",
    re.IGNORECASE,
)
_MENTIONED = re.compile(r"\b(?:choice|option)\b\W{0,6}", re.IGNORECASE)
# What is said behind a label at the beginning, or behind one of several: "A dog" begins with a word, not with a label.
_REASON = r"(?:because|since|as|for|but|is the|is correct|is right|seems|[-\u2013\u2014=])(?!\w)"
_GOES_ON = re.compile(rf"\s+(?:{_REASON}|(?:or|and|are|is|could|may|might|depending|both)\b)")
_BEGINS = re.compile(rf"\s+{_REASON}")
_JOIN = re.compile(r"\W{0,4}(?:(?:,|/|&|\+|\bor\b|\band\b)\W{0,4}){1,2}(?:option |choice )?\W{0,2}", re.IGNORECASE)
_BEFORE_LABEL = re.compile(r"\W{0,6}(?:(?:both|either)\b\W{0,4})?", re.IGNORECASE)
_BEHIND_LABEL = ("", ")", ".", ":", ",", "\n", "*", "]", ";", "}", "$", "/", "&", "!", "?", '"', "'", "`", "<", "_")


class _Reader:
    """Reads answers for one set of options."""

    def __init__(self, options: Sequence[str], labels: Sequence[str]) -> None:
        self.options, self.labels = tuple(options), tuple(labels)
        self._words = [words(option[:200]) for option in self.options]
        some = "".join(map(re.escape, self.labels))
        lone = rf"(?<![\w'])([{some}])(?![\w'])"
        self._judged = re.compile(
            rf"{lone}\W{{0,4}}(?:{_IS}|seems)\s+(?:(?:the|clearly|definitely|probably|also|only|most|best)\s+){{0,3}}"
            r"(?:correct|right|answer|true|best)\b"
        )
        self._rejected = re.compile(
            rf"\bnot\s+(?:option |choice |answer )?\W?{lone}"
            rf"|{lone}\W{{0,4}}(?:isn't|(?:is|are|was|seems)\s+(?:also\s+)?(?:not|wrong|incorrect|false|out))\b"
        )
        is_it = rf"\b(?:[Ii]t|[Tt]his)(?:'s| is| must be| should be)\s+\W{{0,3}}{lone}(?=[).,;*\n]|\Z)"
        self._alone = re.compile(rf"^[ \t]*\W{{0,4}}{lone}\W{{0,4}}$|{is_it}", re.MULTILINE)

    def stated(self, text: str) -> tuple[int, ...]:
        """Options that the text says are its answer, wherever it says so."""
        found = [place for mark in _STATED.finditer(text) for place in self.list_at(text, mark.end())]
        found += [self.labels.index(judged[1]) for judged in self._judged.finditer(text)]
        found += [self.labels.index(alone[1] or alone[2]) for alone in self._alone.finditer(text)]
        return _once(found)

    def mentioned(self, text: str) -> tuple[int, ...]:
        """Options called by name, without those that the text rejects."""
        named = [place for mark in _MENTIONED.finditer(text) for place in self.list_at(text, mark.end())]
        rejected = {self.labels.index(found[1] or found[2]) for found in self._rejected.finditer(text)}
        return _once(place for place in named if place not in rejected)

    def quoted(self, text: str) -> tuple[int, ...]:
        """Options whose text the answer holds, without those inside a longer one."""
        given, wanted = words(text), [words(option) for option in self.options]
        inside = [place for place, option in enumerate(wanted) if find_phrase(given, option) is not None]
        return tuple(
            place
            for place in inside
            if not any(other != place and _holds(wanted[other], wanted[place]) for other in inside)
        )

    def leading(self, text: str) -> tuple[int, ...]:
        """Labels at the beginning; "A cat" begins with a word."""
        line = text.strip().partition("\n")[0]
        first = words(line, fold=False)
        if len(first) == 1 and first[0].upper() in self.labels:
            return (self.labels.index(first[0].upper()),)
        named = [self.labels.index(word) for word in first if word in self.labels]
        if named and first[0] in self.labels and all(w in self.labels or w.casefold() in ("and", "or") for w in first):
            return _once(named)
        start = _BEFORE_LABEL.match(line)
        at = start.end() if start else 0
        if line[at : at + 1] not in self.labels or line[at + 1 : at + 2].isalnum():
            return ()
        place, after = self.labels.index(line[at]), line[at + 1 :]
        others = tuple(self._others(line, self._past_own_text(line, at + 1, place)))
        sure = after[:1] in _BEHIND_LABEL or _BEGINS.match(after) or self._begins(after.lstrip(" -"), place)
        return _once([place, *others]) if sure or others else ()

    def list_at(self, text: str, at: int) -> tuple[int, ...]:
        """The option at a place of the text, and those joined to it by commas, "or" and the like."""
        found = self._option_at(text, at)
        if found is None:
            return ()
        place, end = found
        return _once([place, *self._others(text, end)])

    def _others(self, text: str, at: int) -> Iterator[int]:
        while (join := _JOIN.match(text, at)) is not None:
            found = self._option_at(text, join.end(), later=True)
            if found is None:
                return
            place, at = found
            yield place

    def _option_at(self, text: str, at: int, *, later: bool = False) -> tuple[int, int] | None:
        """Place of the option that stands here, by its text or its label, and where it ends."""
        rest = text[at : at + 400]
        begun = [place for place in range(len(self.options)) if self._begins(rest, place)]
        if begun:
            place = max(begun, key=lambda each: len(self.options[each]))
            return place, at + _length_of(rest, len(self._words[place]))
        label, after = text[at : at + 1], text[at + 1 :][:20]
        if not label or label.upper() not in self.labels or after[:1].isalnum() or re.match(r"'\w", after):
            return None
        sure = after[:1] in _BEHIND_LABEL or _GOES_ON.match(after) is not None
        if not sure and (later or label not in self.labels):
            return None
        place = self.labels.index(label.upper())
        return place, self._past_own_text(text, at + 1, place)

    def _past_own_text(self, text: str, at: int, place: int) -> int:
        """Where the text of an option ends that follows its label, as in "B) a dog or C) a cat"."""
        begin = at + len(text[at : at + 4]) - len(text[at : at + 4].lstrip(" ):.(-"))
        rest = text[begin : begin + 400]
        return begin + _length_of(rest, len(self._words[place])) if self._begins(rest, place) else at

    def _begins(self, text: str, place: int) -> bool:
        wanted = self._words[place]
        return bool(wanted) and words(text[:400])[: len(wanted)] == wanted


@dataclass(frozen=True)
class Choice(NeedsNothing):
    """The answer names the right option: by its label, or by its text."""

    options: tuple[str, ...]
    right: tuple[int, ...]  # places of the accepted options
    labels: str = LETTERS
    modes = modes_of(
        wrong_option="another option",
        hedged="several options",
        unparsable="no option",
    )

    def __call__(self, answer: Answer) -> Grade:
        """Read the options that the answer names."""
        named = named_options(answer.text[:MAX_READ], self.options, self.labels)
        if not named:
            return failure(answer, "unparsable")
        if len(named) > 1:
            return failure(answer, "hedged", decisive=True)
        return RIGHT if named[0] in self.right else failure(answer, "wrong_option", decisive=True)


def listed(options: Sequence[str], labels: str = LETTERS, *, form: str = "{}. {}") -> str:
    """The options below each other with their labels."""
    return "\n".join(form.format(label, option) for label, option in zip(labels, options, strict=False))


def named_options(text: str, options: Sequence[str], labels: str = LETTERS) -> tuple[int, ...]:
    """Places of the options that an answer names: none, one, or several where it will not decide.

    In this order: the text is an option; it begins with labels, or states its answer ("the answer is B", "B is
    correct"), once or several times; it speaks of "option B" without rejecting it; it contains the text of options of
    which none holds another.
    """
    whole = folded(text).strip(" .")
    same = [place for place, option in enumerate(options) if folded(option).strip(" .") == whole]
    if len(same) == 1 and whole:
        return (same[0],)
    reader = _Reader(options, labels[: len(options)])
    return _once([*reader.leading(text), *reader.stated(text)]) or reader.mentioned(text) or reader.quoted(text)


def _once(places: Sequence[int] | Iterator[int]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(places))


def _length_of(text: str, n_words: int) -> int:
    """Characters up to the end of the n-th word."""
    seen, inside = 0, False
    for at, char in enumerate(text):
        is_part = unicodedata.category(char)[0] in "LMN"
        if inside and not is_part and seen == n_words:
            return at
        seen += is_part and not inside
        inside = is_part
    return len(text)


def _holds(longer: Sequence[str], shorter: Sequence[str]) -> bool:
    return len(longer) > len(shorter) and find_phrase(longer, shorter) is not None
