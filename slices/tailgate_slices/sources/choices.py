"""Multiple choice as a question with lettered options, and how an answer is read for the option it names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tailgate_slices.grading import RIGHT, failure, find_phrase, words
from tailgate_slices.item import Answer, Grade
from tailgate_slices.sources.judges import folded, modes_of

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
MAX_READ = 2000
_STATED = re.compile(
    r"\b(?:answer|choice|option)\b\W{0,6}(?:(?:number|is|would be)\b\W{0,6}){0,2}(?=(\w)(?!\w))", re.IGNORECASE
)
_LABEL = re.compile(r"\W{0,6}(\w)(?!\w)")
_BEHIND_LABEL = ("", ")", ".", ":", ",", "\n", "*", "]", ";")


@dataclass(frozen=True)
class Choice:
    """The answer names the right option: by its label, or by its text."""

    options: tuple[str, ...]
    right: tuple[int, ...]  # places of the accepted options
    labels: str = LETTERS
    modes = modes_of(
        wrong_option="another option",
        hedged="several options",
        unparsable="no option",
    )

    def needs(self) -> str | None:
        """Nothing."""
        return None

    def __call__(self, answer: Answer) -> Grade:
        """Read the option that the answer names."""
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

    In this order: the text is an option; it begins with labels; it says "the answer is B"; it contains the text of
    options of which none holds another.
    """
    known = tuple(labels[: len(options)])
    whole = folded(text).strip(" .")
    same = [place for place, option in enumerate(options) if folded(option).strip(" .") == whole]
    if len(same) == 1 and whole:
        return (same[0],)
    return _leading(text, options, known) or _stated(text, options, known) or _quoted(text, options)


def _leading(text: str, options: Sequence[str], labels: tuple[str, ...]) -> tuple[int, ...]:
    """Labels at the beginning; "A cat" begins with a word, not with a label."""
    line = text.strip().partition("\n")[0]
    first = words(line, fold=False)
    if len(first) == 1 and first[0].upper() in labels:
        return (labels.index(first[0].upper()),)
    named = [labels.index(word) for word in first if word in labels]
    if named and first[0] in labels and all(word in labels or word.casefold() in ("and", "or") for word in first):
        return tuple(dict.fromkeys(named))
    found = _LABEL.match(line)
    if found is None or found[1] not in labels:
        return ()
    place, after = labels.index(found[1]), line[found.end() :]
    if after[:1] in _BEHIND_LABEL or _begins(after.lstrip(" -"), options[place]):
        return (place,)
    return ()


def _stated(text: str, options: Sequence[str], labels: tuple[str, ...]) -> tuple[int, ...]:
    """The option behind "the answer is": "a cat" is a text, "a" and "A" are labels."""
    for found in _STATED.finditer(text):
        rest, label = text[found.end() :], found[1]
        begun = [place for place, option in enumerate(options) if _begins(rest, option)]
        if begun:
            return (max(begun, key=lambda place: len(options[place])),)
        is_label = label in labels or rest[1:2] in _BEHIND_LABEL
        if is_label and label.upper() in labels:
            return (labels.index(label.upper()),)
    return ()


def _begins(text: str, option: str) -> bool:
    wanted = words(option[:200])
    return bool(wanted) and words(text[:400])[: len(wanted)] == wanted


def _quoted(text: str, options: Sequence[str]) -> tuple[int, ...]:
    given, wanted = words(text), [words(option) for option in options]
    inside = [place for place, option in enumerate(wanted) if find_phrase(given, option) is not None]
    return tuple(
        place
        for place in inside
        if not any(other != place and _holds(wanted[other], wanted[place]) for other in inside)
    )


def _holds(longer: Sequence[str], shorter: Sequence[str]) -> bool:
    return len(longer) > len(shorter) and find_phrase(longer, shorter) is not None
