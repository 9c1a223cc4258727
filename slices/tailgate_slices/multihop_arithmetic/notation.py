"""One way of writing for what answers write in many: digits, signs, thousands, words for operations, LaTeX, markdown.

Model output is hostile: everything here is linear in the bounded text.
"""

from __future__ import annotations

import re
import unicodedata

_THOUSANDS = re.compile(r"(?<=[0-9]),(?=[0-9]{3}(?![0-9]))")
_GROUPS = re.compile(r"(?<![0-9.,])[0-9]{1,3}(?:[ '\u00a0\u2009\u202f\u2019][0-9]{3})+(?![0-9])")
_FRACTION = re.compile(r"\\[dt]?frac\{([^{}]*)\}\{([^{}]*)\}")
_LATEX = (
    (_FRACTION, r"\1 / \2"),
    (re.compile(r"\\(?:times|cdot|ast)(?![a-zA-Z])"), " * "),
    (re.compile(r"\\div(?![a-zA-Z])"), " / "),
    (re.compile(r"\\\\"), "\n"),
    (re.compile(r"\{,\}|\\[,;:!]"), ""),
    (re.compile(r"\\[a-zA-Z]{1,20}|\\[()\[\] ]|[{}&$]"), " "),
)
_BOLD = re.compile(r"\*\*|__")
_ITALIC = re.compile(r"(?:^|(?<=[=:])|(?<=[=:] ))\*(?=[0-9])|(?<=[0-9])\*(?=[ \t]*(?:$|[.,;)]))", re.MULTILINE)
# A line that begins with an equals sign goes on from the one before.
_CONTINUED = re.compile(r"[ \t]*\n[ \t&]*(?==)")
_WORDS = (
    (re.compile(r"\bplus\s(?=\s?[$(]?[0-9])", re.IGNORECASE), "+ "),
    (re.compile(r"\b(?:times|multiplied by)\s(?=\s?[$(]?[0-9])", re.IGNORECASE), "* "),
    (re.compile(r"\bdivided by\s(?=\s?[$(]?[0-9])", re.IGNORECASE), "/ "),
    (re.compile(r"\bnegative\s+(?=[0-9])", re.IGNORECASE), "-"),
)
# "is minus 3" is a sign, "5 minus 3" an operation.
_MINUS = re.compile(
    r"(?P<sign>(?:^|[=:(]|\b(?:is|be|equals|gives|answer|result|to))\s{0,3})?\bminus\s+(?=[0-9])",
    re.IGNORECASE | re.MULTILINE,
)


def plain(text: str) -> str:
    """The text with ASCII digits, ``+ - * /``, thousands written on end, and neither LaTeX nor emphasis."""
    digits = (str(unicodedata.decimal(char, char)) for char in text)
    written = "".join(digits).replace("\u2212", "-").replace("\u2013", "-")
    for pattern, plainly in _LATEX if any(mark in written for mark in "\\{$") else ():
        written = pattern.sub(plainly, written)
    written = _CONTINUED.sub(" ", _ITALIC.sub("", _BOLD.sub("", written)))
    written = _GROUPS.sub(_together, _THOUSANDS.sub("", written))
    for pattern, plainly in _WORDS:
        written = pattern.sub(plainly, written)
    return _MINUS.sub(_minus, written)


def _together(match: re.Match[str]) -> str:
    return "".join(char for char in match[0] if char.isdigit())


def _minus(match: re.Match[str]) -> str:
    return "- " if match["sign"] is None else f"{match['sign']}-"
