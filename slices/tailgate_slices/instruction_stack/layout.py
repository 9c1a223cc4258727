"""Rules of format that shape a whole answer: lists, titles, quotation marks, JSON."""

from __future__ import annotations

import re

from tailgate_slices.grading import words
from tailgate_slices.instruction_stack.draft import DIVIDERS, KEYS, MARKS, PREFIXES, TAGS
from tailgate_slices.instruction_stack.reading import Reading
from tailgate_slices.instruction_stack.rule import Fitting, Params, RuleKind, when

_TITLE = re.compile(r"<<[^<>\n]{1,200}>>")
_PLACEHOLDER = re.compile(r"\[[^\[\]\n]{1,60}\]")
_EMPHASIS = re.compile(r"\*[^*\s][^*\n]{0,60}\*")
_QUOTES = (('"', '"'), ("\u201c", "\u201d"))


def _bulleted(answer: Reading, mark: str) -> int:
    return sum(line.startswith(f"{mark} ") for line in answer.lines)


def _is_numbered(answer: Reading, rule: Params) -> bool:
    numbered = (line.startswith(f"{n}. ") for n, line in enumerate(answer.lines, 1))
    return len(answer.lines) == rule["n"] and all(numbered)


def _alternates(answer: Reading, rule: Params) -> bool:
    prefixes = (rule["first"].casefold(), rule["second"].casefold())
    found = (line.casefold().startswith(prefixes[place % 2]) for place, line in enumerate(answer.lines))
    return len(answer.lines) >= 2 and all(found)


def _has_keys(answer: Reading, rule: Params) -> bool:
    return answer.record is not None and sorted(answer.record) == sorted(rule["keys"].split(" and "))


def _keys(sought: Fitting) -> Params | None:
    return when(sought.of("record"), keys=" and ".join(sought.seen.record or KEYS[0]))


def _is_quoted(answer: Reading, rule: Params) -> bool:
    pairs = ((answer.text[:1], answer.text[-1:]) == pair for pair in _QUOTES)
    return len(answer.text) > 2 and any(pairs)


def _is_fenced(answer: Reading, rule: Params) -> bool:
    lines = answer.lines
    return len(lines) >= 3 and lines[0].startswith("```") and lines[-1] == "```"


def _is_tagged(answer: Reading, rule: Params) -> bool:
    tag = rule["tag"].casefold()
    return answer.folded.startswith(f"<{tag}>") and answer.folded.endswith(f"</{tag}>")


def _has_sections(answer: Reading, rule: Params) -> bool:
    found = [line.casefold().rstrip(":") for line in answer.lines if line.casefold().startswith("part ")]
    return found == [f"part {n}" for n in range(1, rule["n"] + 1)]


def _shouted(answer: Reading) -> int:
    return sum(len(token) > 1 and token.isupper() and token.strip(".,!?*").isalpha() for token in answer.tokens)


def _last_line(sought: Fitting) -> Params | None:
    return when(sought.of("closed", "lines") and len(sought.seen.lines) > 1, line=sought.seen.lines[-1])


LAYOUT: tuple[RuleKind, ...] = (
    RuleKind(
        name="bullets",
        family="format",
        wording='Write exactly {n} bullet points, each a line that begins with "{mark} ".',
        fit=lambda sought: when(sought.of("bullets"), n=len(sought.seen.lines), mark=MARKS[sought.draft.choice]),
        holds=lambda answer, rule: _bulleted(answer, rule["mark"]) == rule["n"],
    ),
    RuleKind(
        name="line_marks",
        family="format",
        wording='Begin every line with "{mark} ".',
        fit=lambda sought: when(sought.of("bullets"), mark=MARKS[sought.draft.choice]),
        holds=lambda answer, rule: 0 < _bulleted(answer, rule["mark"]) == len(answer.lines),
    ),
    RuleKind(
        name="numbered",
        family="format",
        wording='Write a numbered list of {n} lines, which begin with "1. ", "2. " and so on, and nothing else.',
        fit=lambda sought: when(sought.of("numbered"), n=len(sought.seen.lines)),
        holds=_is_numbered,
    ),
    RuleKind(
        name="paragraphs",
        family="format",
        wording="Write exactly {n} paragraphs, with a blank line between them.",
        fit=lambda sought: when(sought.of("paragraphs"), n=len(sought.seen.paragraphs)),
        holds=lambda answer, rule: len(answer.paragraphs) == rule["n"],
    ),
    RuleKind(
        name="dividers",
        family="format",
        wording="Put exactly {n} lines into the text that consist of {mark} and nothing else.",
        fit=lambda sought: when(
            sought.of("divided"),
            n=sought.seen.lines.count(DIVIDERS[sought.draft.choice % 3]),
            mark=DIVIDERS[sought.draft.choice % 3],
        ),
        holds=lambda answer, rule: answer.lines.count(rule["mark"]) == rule["n"],
    ),
    RuleKind(
        name="title",
        family="format",
        wording="Give the text a title in double angle brackets, such as <<my title>>.",
        fit=lambda sought: when(sought.of("titled")),
        holds=lambda answer, rule: _TITLE.search(answer.text) is not None,
    ),
    RuleKind(
        name="heading",
        family="format",
        wording='Make the first line a heading that begins with "# ".',
        fit=lambda sought: when(sought.of("headed")),
        holds=lambda answer, rule: answer.text.startswith("# "),
    ),
    RuleKind(
        name="json_keys",
        family="format",
        wording="Answer with one JSON object that has exactly the keys {keys}, and nothing else.",
        fit=_keys,
        holds=_has_keys,
    ),
    RuleKind(
        name="quoted",
        family="format",
        wording="Put double quotation marks around the whole answer.",
        fit=lambda sought: when(sought.of("quoted")),
        holds=_is_quoted,
    ),
    RuleKind(
        name="repeat_task",
        family="format",
        wording="First repeat the user's request word for word on a line of its own.",
        fit=lambda sought: when(sought.of("repeated"), task=sought.draft.task),
        holds=lambda answer, rule: bool(answer.lines) and words(answer.lines[0]) == words(rule["task"]),
    ),
    RuleKind(
        name="alternate_prefixes",
        family="format",
        wording='Begin the lines in turn with "{first}" and "{second}".',
        fit=lambda sought: when(
            sought.of("prefixed"), first=PREFIXES[sought.draft.choice][0], second=PREFIXES[sought.draft.choice][1]
        ),
        holds=_alternates,
    ),
    RuleKind(
        name="fenced",
        family="format",
        wording="Put a line of three backticks (```) before the answer and another one after it.",
        fit=lambda sought: when(sought.of("fenced")),
        holds=_is_fenced,
    ),
    RuleKind(
        name="tagged",
        family="format",
        wording="Put the whole answer between <{tag}> and </{tag}>.",
        fit=lambda sought: when(sought.of("tagged"), tag=TAGS[sought.draft.choice]),
        holds=_is_tagged,
    ),
    RuleKind(
        name="postscript",
        family="format",
        wording='Make the last line a postscript that begins with "P.S.".',
        fit=lambda sought: when(sought.of("postscript")),
        holds=lambda answer, rule: bool(answer.lines) and answer.lines[-1].casefold().startswith("p.s."),
    ),
    RuleKind(
        name="sections",
        family="format",
        wording='Divide the text into {n} parts, each below a line of its own: "Part 1", "Part 2" and so on.',
        fit=lambda sought: when(
            sought.of("sections"), n=sum(line.casefold().startswith("part ") for line in sought.seen.lines)
        ),
        holds=_has_sections,
    ),
    RuleKind(
        name="last_line",
        family="format",
        wording="Make the last line exactly this: {line}",
        fit=_last_line,
        holds=lambda answer, rule: bool(answer.lines) and answer.lines[-1] == rule["line"],
    ),
    RuleKind(
        name="lower_case",
        family="format",
        wording="Use lower case letters only.",
        fit=lambda sought: when(sought.draft.case == "lower"),
        holds=lambda answer, rule: answer.text == answer.text.lower(),
    ),
    RuleKind(
        name="upper_case",
        family="format",
        wording="Use capital letters only.",
        fit=lambda sought: when(sought.draft.case == "upper"),
        holds=lambda answer, rule: answer.text == answer.text.upper(),
    ),
    RuleKind(
        name="capital_words",
        family="format",
        wording="Write at least {n} of the words wholly in CAPITAL letters.",
        fit=lambda sought: when(sought.draft.case == "mixed" and _shouted(sought.seen) > 0, n=_shouted(sought.seen)),
        holds=lambda answer, rule: _shouted(answer) >= rule["n"],
    ),
    RuleKind(
        name="placeholder",
        family="format",
        wording="Include a placeholder in square brackets, such as [address].",
        fit=lambda sought: when(True),
        holds=lambda answer, rule: _PLACEHOLDER.search(answer.text) is not None,
    ),
    RuleKind(
        name="emphasis",
        family="format",
        wording="Put at least one word between asterisks, such as *this*.",
        fit=lambda sought: when(True),
        holds=lambda answer, rule: _EMPHASIS.search(answer.text) is not None,
    ),
)
