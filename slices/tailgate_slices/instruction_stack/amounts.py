"""Rules of format that count or forbid: words, sentences, lines, characters, marks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from tailgate_slices.drawing import integer, pick
from tailgate_slices.instruction_stack.draft import LINED
from tailgate_slices.instruction_stack.reading import Reading, spoken, starts_with, without_marker
from tailgate_slices.instruction_stack.rule import Fitting, Params, RuleKind, when

MOST_LINES = 18  # rules about single lines that an item may hold, of each kind
_SENTENCED = ("prose", "lines", "paragraphs", "quoted", "closed")  # people and checker agree on what a sentence is
_SPOKEN = ("prose", "lines", "paragraphs", "quoted", "closed", "titled", "bullets", "repeated", "postscript")
_FORBIDDEN: Mapping[str, str] = MappingProxyType(
    {
        ",": "commas",
        ";": "semicolons",
        ":": "colons",
        "!": "exclamation marks",
        "?": "question marks",
        "(": "parentheses",
        "-": "hyphens",
        '"': "double quotation marks",
        "@": "at signs",
        "*": "asterisks",
    }
)
_FINAL: Mapping[str, str] = MappingProxyType({".": "a full stop", "!": "an exclamation mark", "?": "a question mark"})


def _around(sought: Fitting, n: int) -> Params:
    return {"low": max(1, n - integer(sought.rng, 1, 5)), "high": n + integer(sought.rng, 2, 8)}


def _between(size: Callable[[Reading], int]) -> Callable[[Reading, Params], bool]:
    return lambda answer, rule: rule["low"] <= size(answer) <= rule["high"]


def _at_most(size: Callable[[Reading], int]) -> Callable[[Reading, Params], bool]:
    return lambda answer, rule: size(answer) <= rule["n"]


def _exactly(size: Callable[[Reading], int]) -> Callable[[Reading, Params], bool]:
    return lambda answer, rule: size(answer) == rule["n"]


def _n_words(answer: Reading) -> int:
    return len(answer.tokens)


def _n_sentences(answer: Reading) -> int:
    return len(answer.sentences)


def _n_lines(answer: Reading) -> int:
    return len(answer.lines)


def _longest_line(answer: Reading) -> int:
    return max((len(spoken(line)) for line in answer.lines), default=0)


def _longest_sentence(answer: Reading) -> int:
    return max((len(spoken(sentence)) for sentence in answer.sentences), default=0)


def _a_line(sought: Fitting) -> int | None:
    """Place of some line, where lines are a matter of the reference's shape."""
    if not sought.of(*LINED) or len(sought.seen.lines) < 2:
        return None
    return integer(sought.rng, 1, len(sought.seen.lines))


def _line_begins(sought: Fitting) -> Params | None:
    k = _a_line(sought)
    first = spoken(without_marker(sought.seen.lines[k - 1]))[0].strip(".,;:!?*") if k else ""
    return when(first.isalpha(), k=k or 0, word=first)


def _line_words(sought: Fitting) -> Params | None:
    k = _a_line(sought)
    return {"k": k, "n": len(spoken(sought.seen.lines[k - 1]))} if k else None


def _line_ends(sought: Fitting) -> Params | None:
    k = _a_line(sought)
    last = spoken(sought.seen.lines[k - 1])[-1].strip(".,;:!?*()") if k else ""
    return when(last.isalpha(), k=k or 0, word=last)


def _holds_line_begins(answer: Reading, rule: Params) -> bool:
    lines = answer.lines
    return len(lines) >= rule["k"] and starts_with(without_marker(lines[rule["k"] - 1]), rule["word"])


def _holds_line_words(answer: Reading, rule: Params) -> bool:
    lines = answer.lines
    return len(lines) >= rule["k"] and bool(len(spoken(lines[rule["k"] - 1])) == rule["n"])


def _holds_line_ends(answer: Reading, rule: Params) -> bool:
    lines = answer.lines
    pieces = spoken(lines[rule["k"] - 1]) if len(lines) >= rule["k"] else ()
    return bool(pieces) and pieces[-1].casefold().strip(".,;:!?*()\"'") == rule["word"].casefold()


def _unused_mark(sought: Fitting) -> Params | None:
    mark = pick(sought.rng, tuple(_FORBIDDEN))
    return when(mark not in sought.seen.text, mark=mark, marks=_FORBIDDEN[mark])


def _final_mark(sought: Fitting) -> Params | None:
    mark = sought.seen.text[-1]
    return {"mark": mark, "marks": _FINAL[mark]} if mark in _FINAL else None


AMOUNTS: tuple[RuleKind, ...] = (
    RuleKind(
        name="words_between",
        family="format",
        wording="Use between {low} and {high} words in all.",
        fit=lambda sought: _around(sought, len(sought.seen.tokens)) if sought.of(*_SPOKEN) else None,
        holds=_between(_n_words),
        group="words",
    ),
    RuleKind(
        name="words_at_most",
        family="format",
        wording="Use at most {n} words in all.",
        fit=lambda sought: {"n": len(sought.seen.tokens) + integer(sought.rng, 3, 15)},
        holds=_at_most(_n_words),
        group="words",
    ),
    RuleKind(
        name="words_at_least",
        family="format",
        wording="Use at least {n} words in all.",
        fit=lambda sought: {"n": max(3, len(sought.seen.tokens) - integer(sought.rng, 3, 15))},
        holds=lambda answer, rule: len(answer.tokens) >= rule["n"],
        group="words",
    ),
    RuleKind(
        name="sentences_exactly",
        family="format",
        wording="Write exactly {n} sentences.",
        fit=lambda sought: when(
            sought.of(*_SENTENCED) and len(sought.seen.sentences) > 1, n=len(sought.seen.sentences)
        ),
        holds=_exactly(_n_sentences),
        group="sentences",
    ),
    RuleKind(
        name="sentences_at_most",
        family="format",
        wording="Write at most {n} sentences.",
        fit=lambda sought: when(
            sought.of(*_SENTENCED), n=max(2, len(sought.seen.sentences) + integer(sought.rng, 0, 2))
        ),
        holds=_at_most(_n_sentences),
        group="sentences",
    ),
    RuleKind(
        name="sentence_words_at_most",
        family="format",
        wording="No sentence may have more than {n} words.",
        fit=lambda sought: when(sought.of(*_SENTENCED), n=_longest_sentence(sought.seen) + integer(sought.rng, 0, 3)),
        holds=_at_most(_longest_sentence),
    ),
    RuleKind(
        name="lines_exactly",
        family="format",
        wording="Write exactly {n} lines, not counting blank ones.",
        fit=lambda sought: when(len(sought.seen.lines) > 1 and not sought.of("paragraphs"), n=len(sought.seen.lines)),
        holds=_exactly(_n_lines),
        group="lines",
    ),
    RuleKind(
        name="lines_between",
        family="format",
        wording="Write between {low} and {high} lines, not counting blank ones.",
        fit=lambda sought: _around(sought, len(sought.seen.lines)) if len(sought.seen.lines) > 1 else None,
        holds=_between(_n_lines),
        group="lines",
    ),
    RuleKind(
        name="one_line",
        family="format",
        wording="Write everything on one line.",
        fit=lambda sought: when(len(sought.seen.lines) == 1),
        holds=lambda answer, rule: len(answer.lines) == 1,
        group="lines",
    ),
    RuleKind(
        name="line_words_at_most",
        family="format",
        wording="No line may have more than {n} words.",
        fit=lambda sought: when(sought.of(*LINED), n=_longest_line(sought.seen) + integer(sought.rng, 0, 3)),
        holds=_at_most(_longest_line),
    ),
    RuleKind(
        name="characters_at_most",
        family="format",
        wording="Use at most {n} characters in all, spaces included.",
        fit=lambda sought: {"n": len(sought.seen.text) // 10 * 10 + 10 * integer(sought.rng, 1, 6)},
        holds=lambda answer, rule: len(answer.text) <= rule["n"],
    ),
    RuleKind(
        name="no_blank_lines",
        family="format",
        wording="Leave no blank lines.",
        fit=lambda sought: when(len(sought.seen.lines) > 1),
        holds=lambda answer, rule: answer.blank_lines == 0,
    ),
    RuleKind(
        name="no_mark",
        family="format",
        wording="Do not use any {marks} ({mark}).",
        fit=_unused_mark,
        holds=lambda answer, rule: rule["mark"] not in answer.text,
        repeats=5,
    ),
    RuleKind(
        name="no_digits",
        family="format",
        wording="Do not use any digits.",
        fit=lambda sought: when(True),
        holds=lambda answer, rule: not any(char.isdigit() for char in answer.text),
    ),
    RuleKind(
        name="latin_only",
        family="format",
        wording="Use letters of the Latin alphabet only.",
        fit=lambda sought: when(True),
        holds=lambda answer, rule: not answer.has_other_script,
        group="script",
    ),
    RuleKind(
        name="ascii_only",
        family="format",
        wording="Use plain ASCII characters only.",
        fit=lambda sought: when(True),
        holds=lambda answer, rule: answer.text.isascii(),
        group="script",
    ),
    RuleKind(
        name="final_mark",
        family="format",
        wording="End the whole answer with {marks}.",
        fit=_final_mark,
        holds=lambda answer, rule: answer.text.endswith(rule["mark"]),
    ),
    RuleKind(
        name="line_begins",
        family="format",
        wording='Let the first word of line {k} be "{word}".',
        fit=_line_begins,
        holds=_holds_line_begins,
        repeats=MOST_LINES,
    ),
    RuleKind(
        name="line_words",
        family="format",
        wording="Let line {k} have exactly {n} words.",
        fit=_line_words,
        holds=_holds_line_words,
        repeats=MOST_LINES,
    ),
    RuleKind(
        name="line_ends",
        family="format",
        wording='Let the last word of line {k} be "{word}".',
        fit=_line_ends,
        holds=_holds_line_ends,
        repeats=MOST_LINES,
    ),
)
