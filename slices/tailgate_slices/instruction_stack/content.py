"""Rules about what is said: questions, greetings, persons, reasons; with those of `naming` and `figures`."""

from __future__ import annotations

from collections.abc import Callable

from tailgate_slices.grading import words
from tailgate_slices.instruction_stack.figures import FIGURES
from tailgate_slices.instruction_stack.naming import NAMED
from tailgate_slices.instruction_stack.reading import Reading
from tailgate_slices.instruction_stack.rule import Fitting, Params, RuleKind, maybe, some, when
from tailgate_slices.instruction_stack.vocabulary import CATEGORIES, FOREIGN, GREETINGS

_WE = frozenset(("i", "we", "me", "us", "my", "our", "mine", "ours"))


def _has_any(*wanted: str) -> Callable[[Reading, Params], bool]:
    return lambda answer, rule: any(word in answer.counts for word in wanted)


def _greeting(sought: Fitting) -> Params | None:
    first = sought.seen.words[0]
    return maybe("word", next((word for word in GREETINGS if word.casefold() == first), None))


def _signature(sought: Fitting) -> Params | None:
    last = sought.seen.words[-4:]
    names = (name for name in CATEGORIES["name"] if last == words(f"Best wishes from {name}"))
    return maybe("name", next(names, None))


def _foreign(sought: Fitting) -> Params | None:
    return maybe("word", some(sought.rng, [word for word in FOREIGN if word in sought.seen.words]))


_MANNERS: tuple[RuleKind, ...] = (
    RuleKind(
        name="ask",
        family="content",
        wording="Ask the reader a question.",
        fit=lambda sought: when(True),
        holds=lambda answer, rule: "?" in answer.text,
        group="question",
    ),
    RuleKind(
        name="no_question",
        family="content",
        wording="Do not ask any question.",
        fit=lambda sought: when(True),
        holds=lambda answer, rule: "?" not in answer.text,
        group="question",
    ),
    RuleKind(
        name="exclaim",
        family="content",
        wording="Exclaim something, with an exclamation mark.",
        fit=lambda sought: when(True),
        holds=lambda answer, rule: "!" in answer.text,
    ),
    RuleKind(
        name="address_reader",
        family="content",
        wording='Address the reader as "you".',
        fit=lambda sought: when(True),
        holds=_has_any("you", "your", "yours"),
    ),
    RuleKind(
        name="first_person",
        family="content",
        wording='Write in the first person: use "I" or "we".',
        fit=lambda sought: when(True),
        holds=_has_any("i", "we"),
        group="person",
    ),
    RuleKind(
        name="no_first_person",
        family="content",
        wording='Do not write about yourself: use neither "I", "me", "my" nor "we", "us", "our".',
        fit=lambda sought: when(True),
        holds=lambda answer, rule: not _WE.intersection(answer.counts),
        group="person",
    ),
    RuleKind(
        name="greet",
        family="content",
        wording='Greet the reader first: begin with "{word}".',
        fit=_greeting,
        holds=lambda answer, rule: answer.words[:1] == (rule["word"].casefold(),),
    ),
    RuleKind(
        name="sign",
        family="content",
        wording='Sign the text: end with "Best wishes from {name}."',
        fit=_signature,
        holds=lambda answer, rule: answer.words[-4:] == words(f"Best wishes from {rule['name']}"),
    ),
    RuleKind(
        name="foreign_word",
        family="content",
        wording="Use the foreign word {word}, in its own letters.",
        fit=_foreign,
        holds=lambda answer, rule: rule["word"] in answer.words,
    ),
    RuleKind(
        name="compare",
        family="content",
        wording='Compare two things, with the word "than".',
        fit=lambda sought: when(True),
        holds=_has_any("than"),
    ),
    RuleKind(
        name="reason",
        family="content",
        wording='Give a reason, with the word "because" or "since".',
        fit=lambda sought: when(True),
        holds=_has_any("because", "since"),
    ),
    RuleKind(
        name="contrast",
        family="content",
        wording='Name a contrast, with the word "but".',
        fit=lambda sought: when(True),
        holds=_has_any("but"),
    ),
    RuleKind(
        name="sequence",
        family="content",
        wording='Tell what came first and what came next, with the words "first" and "then".',
        fit=lambda sought: when(True),
        holds=lambda answer, rule: "first" in answer.counts and "then" in answer.counts,
    ),
)
CONTENT: tuple[RuleKind, ...] = (*NAMED, *FIGURES, *_MANNERS)
