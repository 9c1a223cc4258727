"""What an answer says that a program prints. Linear in the text."""

from __future__ import annotations

import re

from tailgate_slices.code.claims import stating_sentence, without_calculation, without_rejected
from tailgate_slices.grading import signed_numbers, words

_LONGEST_HEADING = 200
_OPENING = re.compile(r"\s*(?:sure|certainly|of course|okay|ok|yes)\b[ \t]{0,4}[,.!:][ \t]{0,4}", re.IGNORECASE)
_BARE_HEADING = re.compile(r"(?:the )?(?:final )?(?:output|answer|result)(?: is)?", re.IGNORECASE)
_MORE = re.compile(  # a reason, or the place
    r"\s{1,4}because\b|[,.;]\s{1,4}(?:(?:this|that|it) is )?(?:because|since|as|which)\b"
    r"|\s{1,4}(?:to|on|in) (?:the|your) (?:console|screen|terminal|standard output)\b",
    re.IGNORECASE,
)
_FIRST = re.compile(  # "12 is the output"
    r"\W{0,4}(?!(?:this|that|it|here|what)\b)(\w{1,200})\W{0,4} (?:is|will be) (?:the output|the result|printed)\b",
    re.IGNORECASE,
)
_QUOTED = re.compile("\"([^\"\n]{1,200})\"|(?<!\\w)'([^'\n]{1,200})'(?!\\w)|\u201c([^\u201c\u201d\n]{1,200})\u201d")
_LISTED = re.compile(  # what stands between values of a list; "and" at an end or in quotes is a value itself
    r"\s{0,4}(?:[;/|]|,(?![0-9])|\bor\b|(?<![\"'\u201c`*])\band\b(?![\"'\u201d`*])(?=\W{1,8}\w))\s{0,4}"
)
_NO_LIST = re.compile(r"[^\W\d_]|[=*+]")  # between numbers: words or a calculation
_VARIABLES = ("x", "s")  # of the programs; no output is called like them


def outputs_given(text: str, kind: str) -> tuple[str, ...]:
    """The last value of a type (`int` or `str`) in what an answer presents as the output.

    Others come before it where the answer gives them beside it, as in "3 or 4": then it says nothing.
    """
    output = _presented(without_rejected(text.replace("\r\n", "\n")), kind)
    segments = [segment for segment in _segments(output) if _values(segment, kind)]
    given: list[str] = []
    for segment in reversed(segments):
        values = _values(segment, kind)
        alone = _is_alone(segment, kind)
        given += reversed(values) if alone else values[-1:]
        if not alone:
            break
    return tuple(reversed(dict.fromkeys(given)))


def _presented(text: str, kind: str) -> str:
    """A code block, else the last code or quotes in the first paragraph, else that paragraph without its reason."""
    before, fence, inside = text.partition("```")
    if fence:
        language, newline, rest = inside.partition("```")[0].partition("\n")
        return rest if newline and language.strip().isalnum() else inside.partition("```")[0]
    paragraph = without_calculation(stating_sentence(_first_paragraph(before)))
    spans = [span for span in _spans(paragraph) if _values(span, kind)]
    if spans:
        return spans[-1]
    quoted = list(_QUOTED.finditer(paragraph)) if kind == "str" else []
    if quoted:
        return paragraph[: quoted[-1].end()]
    first = _FIRST.match(paragraph)
    stated = first[1] if first and kind == "str" else _MORE.split(paragraph, maxsplit=1)[0]
    return stated if _values(stated, kind) else paragraph


def _first_paragraph(text: str) -> str:
    """Lines up to an empty one, after the headings: "The output of this code is:"."""
    opening = _OPENING.match(text)
    behind = text[opening.end() :] if opening else text
    lines = (behind if behind.strip() else text).split("\n")  # "ok." may be the output itself
    start = next((at for at, line in enumerate(lines) if line.strip() and not _is_heading(line)), len(lines))
    end = next((at for at in range(start, len(lines)) if not lines[at].strip()), len(lines))
    return "\n".join(lines[start:end])


def _is_heading(line: str) -> bool:
    plain = line.strip(" \t#*_")
    return (plain.endswith(":") and len(plain) <= _LONGEST_HEADING) or _BARE_HEADING.fullmatch(plain) is not None


def _spans(paragraph: str) -> list[str]:
    """Code in a line, other than that of the question: ``x``, ``print(x)``."""
    parts = paragraph.split("`")
    if len(parts) % 2 == 0:
        return []
    return [part for part in parts[1::2] if part.strip() not in _VARIABLES and "(" not in part]


def _segments(output: str) -> list[str]:
    """The members of a list, where the output is one: separated by marks, or one on each line."""
    lines = [line for line in output.split("\n") if line.strip()]
    if all(len(words(line)) == 1 for line in lines):
        return lines
    return _LISTED.split(output)


def _values(text: str, kind: str) -> tuple[str, ...]:
    return signed_numbers(text) if kind == "int" else words(text, fold=False)


def _is_alone(segment: str, kind: str) -> bool:
    """Whether a segment holds nothing but values."""
    return _NO_LIST.search(segment) is None if kind == "int" else len(words(segment)) == 1
