"""Rules about letters, and about words one by one."""

from __future__ import annotations

from itertools import pairwise

from tailgate_slices.drawing import integer, pick
from tailgate_slices.instruction_stack.reading import Reading
from tailgate_slices.instruction_stack.rule import Fitting, Params, RuleKind, maybe, some, when

_RARER_LETTERS = "jkqvwxyzbfgp"


def _unused_letter(sought: Fitting) -> Params | None:
    unused = [letter for letter in _RARER_LETTERS if letter not in sought.seen.folded]
    return maybe("letter", some(sought.rng, unused))


def _used_letter(sought: Fitting) -> Params | None:
    letter = pick(sought.rng, "aeiounrstlmdhckwbgfp")
    count = sought.seen.folded.count(letter)
    return when(count > 0, letter=letter, n=max(1, count - integer(sought.rng, 0, 2)))


def _rare_letter(sought: Fitting) -> Params | None:
    letter = pick(sought.rng, "kwbgfpvyxzjq")
    return {"letter": letter, "n": max(1, sought.seen.folded.count(letter) + integer(sought.rng, 0, 1))}


def _unused_initial(sought: Fitting) -> Params | None:
    initials = {word[0] for word in sought.seen.words}
    unused = [letter for letter in "bcdfghjklmnpqrsvwyz" if letter not in initials]
    return maybe("letter", some(sought.rng, unused))


def _longest(answer: Reading) -> int:
    return max(map(len, answer.words), default=0)


LETTERS: tuple[RuleKind, ...] = (
    RuleKind(
        name="avoid_letter",
        family="lexical",
        wording='Do not use the letter "{letter}".',
        fit=_unused_letter,
        holds=lambda answer, rule: rule["letter"] not in answer.folded,
        repeats=3,
    ),
    RuleKind(
        name="avoid_initial",
        family="lexical",
        wording='Use no word that begins with the letter "{letter}".',
        fit=_unused_initial,
        holds=lambda answer, rule: not any(word.startswith(rule["letter"]) for word in answer.words),
        repeats=4,
    ),
    RuleKind(
        name="letter_at_least",
        family="lexical",
        wording='Use the letter "{letter}" at least this many times: {n}.',
        fit=_used_letter,
        holds=lambda answer, rule: answer.folded.count(rule["letter"]) >= rule["n"],
        repeats=3,
    ),
    RuleKind(
        name="letter_at_most",
        family="lexical",
        wording='Do not use the letter "{letter}" more often than this: {n}.',
        fit=_rare_letter,
        holds=lambda answer, rule: answer.folded.count(rule["letter"]) <= rule["n"],
        repeats=3,
    ),
    RuleKind(
        name="no_longer_words",
        family="lexical",
        wording="Use no word of more than {n} letters.",
        fit=lambda sought: {"n": _longest(sought.seen) + integer(sought.rng, 0, 2)},
        holds=lambda answer, rule: _longest(answer) <= rule["n"],
    ),
    RuleKind(
        name="long_word",
        family="lexical",
        wording="Use at least one word of {n} letters or more.",
        fit=lambda sought: {"n": max(4, _longest(sought.seen) - integer(sought.rng, 0, 2))},
        holds=lambda answer, rule: _longest(answer) >= rule["n"],
    ),
    RuleKind(
        name="no_apostrophe",
        family="lexical",
        wording="Do not use contractions such as don't or it's: no apostrophe at all.",
        fit=lambda sought: when(True),
        holds=lambda answer, rule: "'" not in answer.text and "\u2019" not in answer.text,
    ),
    RuleKind(
        name="no_doubled_word",
        family="lexical",
        wording="Use no word twice in a row.",
        fit=lambda sought: when(True),
        holds=lambda answer, rule: not any(a == b for a, b in pairwise(answer.words)),
    ),
)
