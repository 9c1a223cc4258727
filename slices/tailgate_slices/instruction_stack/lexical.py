"""Rules about words; with those of `letters`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

from tailgate_slices.drawing import integer, pick
from tailgate_slices.grading import find_phrase
from tailgate_slices.instruction_stack.draft import LINED
from tailgate_slices.instruction_stack.letters import LETTERS
from tailgate_slices.instruction_stack.reading import Reading, without_marker
from tailgate_slices.instruction_stack.rule import Fitting, Params, RuleKind, maybe, some, when

# Words that a text about anything might well hold, so that leaving them out takes heed.
_TEMPTING: tuple[str, ...] = (
    *("the", "and", "is", "a", "of", "in", "to", "it", "with", "for", "many", "very", "good", "great", "can", "world"),
    *("people", "often", "always", "never", "because", "also", "time", "life", "beautiful", "important", "they", "was"),
)
_COMMON = frozenset(_TEMPTING) | {"on", "at", "by", "from", "about", "has", "be", "s"}
_ENDINGS = ("ing", "ed", "er", "ly", "s", "est", "ow")
_WORDED = ("prose", "lines", "paragraphs", "closed", "titled", "bullets", "quoted", "divided", "headed")
_OPENED = ("prose", "lines", "paragraphs", "closed", "quoted", "bullets")


@lru_cache(maxsize=16)  # several kinds of rules look at the same reference
def _telling(answer: Reading) -> tuple[str, ...]:
    """Words worth a rule: of letters, and not of the most common ones."""
    return tuple(word for word in answer.counts if word.isalpha() and len(word) > 2 and word not in _COMMON)


def _include(sought: Fitting) -> Params | None:
    return maybe("word", some(sought.rng, _telling(sought.seen)))


def _avoid(sought: Fitting) -> Params | None:
    word = pick(sought.rng, _TEMPTING)
    return when(word not in sought.seen.counts, word=word)


def _phrase(sought: Fitting) -> Params | None:
    tokens = sought.seen.tokens
    pairs = [f"{a} {b}" for a, b in pairwise(tokens) if a.isalpha() and b.isalpha()]
    return maybe("phrase", some(sought.rng, pairs))


def _has_phrase(answer: Reading, rule: Params) -> bool:
    return find_phrase(answer.words, rule["phrase"].casefold().split()) is not None


def _word_count(sought: Fitting) -> Params | None:
    word = some(sought.rng, _telling(sought.seen))
    return when(word is not None, word=word or "", n=sought.seen.counts[word or ""])


def _frequent(sought: Fitting) -> Params | None:
    repeated = [word for word in ("the", *_telling(sought.seen)) if sought.seen.counts[word] > 1]
    word = some(sought.rng, repeated)
    return when(word is not None, word=word or "", n=sought.seen.counts[word or ""])


def _seldom(sought: Fitting) -> Params | None:
    word = pick(sought.rng, ("the", "a", "and", "is", "in", "it", "to"))
    return {"word": word, "n": max(1, sought.seen.counts[word] + integer(sought.rng, 0, 1))}


def _before(sought: Fitting) -> Params | None:
    telling = _telling(sought.seen)
    if len(telling) < 2:
        return None
    place = integer(sought.rng, 0, len(telling) - 2)
    return {"first": telling[place], "second": telling[integer(sought.rng, place + 1, len(telling) - 1)]}


def _comes_before(answer: Reading, rule: Params) -> bool:
    first, second = (find_phrase(answer.words, (rule[name],)) for name in ("first", "second"))
    return first is not None and second is not None and first < second


def _place(sought: Fitting) -> Params | None:
    if not sought.of(*_OPENED):
        return None
    k = integer(sought.rng, 2, min(8, len(sought.seen.words)))
    return when(sought.seen.words[k - 1].isalpha(), k=k, word=sought.seen.words[k - 1])


def _ending(sought: Fitting) -> Params | None:
    ending = pick(sought.rng, _ENDINGS)
    n = _n_ending(sought.seen, ending)
    return when(n > 0, ending=ending, n=n)


def _n_ending(answer: Reading, ending: str) -> int:
    return sum(word.endswith(ending) and len(word) > len(ending) for word in answer.words)


def _initials(lines: Sequence[str]) -> str:
    return ", ".join((without_marker(line)[:1] or "?").upper() for line in lines)


def _acrostic(sought: Fitting) -> Params | None:
    return when(sought.of(*LINED) and len(sought.seen.lines) > 1, letters=_initials(sought.seen.lines))


def _some_of(sought: Fitting) -> Params | None:
    telling = _telling(sought.seen)
    if len(telling) < 3:
        return None
    used = [telling[int(i)] for i in sought.rng.permutation(len(telling))[:2]]
    absent = [word for word in _TEMPTING if word not in sought.seen.counts and len(word) > 3][:2]
    options = [used[0], *absent, used[1]]
    return {"options": ", ".join(options)}


def _n_of(answer: Reading, options: str) -> int:
    return sum(word in answer.counts for word in options.split(", "))


_OPENING: tuple[RuleKind, ...] = (
    RuleKind(
        name="first_word",
        family="lexical",
        wording='Begin the answer with the word "{word}".',
        fit=lambda sought: when(sought.of(*_OPENED), word=sought.seen.words[0]),
        holds=lambda answer, rule: answer.words[:1] == (rule["word"],),
        group="opening",
    ),
    RuleKind(
        name="first_letter",
        family="lexical",
        wording='Begin the first word with the letter "{letter}".',
        fit=lambda sought: when(sought.of(*_OPENED), letter=sought.seen.words[0][0]),
        holds=lambda answer, rule: bool(answer.words) and answer.words[0].startswith(rule["letter"]),
        group="opening",
    ),
    RuleKind(
        name="last_word",
        family="lexical",
        wording='End the answer with the word "{word}".',
        fit=lambda sought: when(sought.of(*_WORDED), word=sought.seen.words[-1]),
        holds=lambda answer, rule: answer.words[-1:] == (rule["word"],),
        group="ending",
    ),
    RuleKind(
        name="last_letter",
        family="lexical",
        wording='Let the last word end with the letter "{letter}".',
        fit=lambda sought: when(sought.of(*_WORDED), letter=sought.seen.words[-1][-1]),
        holds=lambda answer, rule: bool(answer.words) and answer.words[-1].endswith(rule["letter"]),
        group="ending",
    ),
    RuleKind(
        name="word_place",
        family="lexical",
        wording='Let word number {k} of the answer be "{word}".',
        fit=_place,
        holds=lambda answer, rule: answer.words[rule["k"] - 1 : rule["k"]] == (rule["word"],),
        repeats=5,
    ),
    RuleKind(
        name="acrostic",
        family="lexical",
        wording="Let the lines begin with these letters, in this order: {letters}.",
        fit=_acrostic,
        holds=lambda answer, rule: _initials(answer.lines) == rule["letters"],
    ),
)
_INCLUDED: tuple[RuleKind, ...] = (
    RuleKind(
        name="include_word",
        family="lexical",
        wording='Use the word "{word}".',
        fit=_include,
        holds=lambda answer, rule: rule["word"] in answer.counts,
        repeats=10,
    ),
    RuleKind(
        name="avoid_word",
        family="lexical",
        wording='Do not use the word "{word}".',
        fit=_avoid,
        holds=lambda answer, rule: rule["word"] not in answer.counts,
        repeats=10,
    ),
    RuleKind(
        name="include_phrase",
        family="lexical",
        wording='Use the words "{phrase}", one right after the other.',
        fit=_phrase,
        holds=_has_phrase,
        repeats=5,
    ),
    RuleKind(
        name="some_of_words",
        family="lexical",
        wording="Use at least two of these words: {options}.",
        fit=_some_of,
        holds=lambda answer, rule: _n_of(answer, rule["options"]) >= 2,
        repeats=3,
    ),
    RuleKind(
        name="word_exactly",
        family="lexical",
        wording='Use the word "{word}" this many times, no more and no fewer: {n}.',
        fit=_word_count,
        holds=lambda answer, rule: answer.counts[rule["word"]] == rule["n"],
        repeats=4,
    ),
    RuleKind(
        name="word_at_least",
        family="lexical",
        wording='Use the word "{word}" at least {n} times.',
        fit=_frequent,
        holds=lambda answer, rule: answer.counts[rule["word"]] >= rule["n"],
        repeats=2,
    ),
    RuleKind(
        name="word_at_most",
        family="lexical",
        wording='Do not use the word "{word}" more often than this: {n}.',
        fit=_seldom,
        holds=lambda answer, rule: answer.counts[rule["word"]] <= rule["n"],
        repeats=3,
    ),
    RuleKind(
        name="word_before",
        family="lexical",
        wording='Use the words "{first}" and "{second}", the former first.',
        fit=_before,
        holds=_comes_before,
        repeats=5,
    ),
    RuleKind(
        name="distinct_words",
        family="lexical",
        wording="Use at least {n} different words.",
        fit=lambda sought: {"n": max(2, len(sought.seen.counts) - integer(sought.rng, 1, 6))},
        holds=lambda answer, rule: len(answer.counts) >= rule["n"],
    ),
    RuleKind(
        name="word_ending",
        family="lexical",
        wording='Words that end in "{ending}": use at least this many: {n}.',
        fit=_ending,
        holds=lambda answer, rule: _n_ending(answer, rule["ending"]) >= rule["n"],
        repeats=3,
    ),
)
LEXICAL: tuple[RuleKind, ...] = (*_OPENING, *_INCLUDED, *LETTERS)
