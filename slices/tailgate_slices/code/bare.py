"""Code that stands in a text without a fence: from a line that begins it to the line before words go on."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tailgate_slices.sandbox.program import Language

_NAME = r"[A-Za-z_$][\w$]{0,60}"
_BEGINS: dict[Language, str] = {
    "python": rf"(?:async )?def {_NAME} ?\(|import {_NAME}|from [\w.]{{1,60}} import |{_NAME} = ?lambda\b",
    "javascript": (
        rf"(?:export (?:default )?)?(?:async )?function ?\*? ?{_NAME} ?\("
        rf"|(?:export )?(?:const|let|var) {_NAME} = |import [\w$*{{\"']"
    ),
    "lua": rf"(?:local )?function [\w.:]{{1,60}} ?\(|local {_NAME} = ",
}
_AT_LINE = {language: re.compile(rf"^[ \t]{{0,8}}(?:{begins})", re.MULTILINE) for language, begins in _BEGINS.items()}
_ANYWHERE = {language: re.compile(rf"(?<![\w$.])(?:{begins})") for language, begins in _BEGINS.items()}
# What may stand at the margin after the first line and still be code.
_GOES_ON: dict[Language, re.Pattern[str]] = {
    "python": re.compile(rf"{_BEGINS['python']}|class {_NAME}[(:]|@{_NAME}|#|[)\]}}]|{_NAME} = "),
    "javascript": re.compile(rf"{_BEGINS['javascript']}|[}}\])]|//|/\*|{_NAME} = |module\.exports|export "),
    "lua": re.compile(rf"{_BEGINS['lua']}|--|end\b|[}})]|{_NAME} = |return {_NAME}$"),
}
_WORDS = re.compile(r"\b(?:function|do|then|end|repeat|until|elseif)\b")  # of Lua, that open and close


def starts_code(text: str, language: Language) -> bool:
    """Whether a definition or the like begins anywhere in a text."""
    return _ANYWHERE[language].search(text) is not None


def bare_blocks(text: str, language: Language) -> Iterator[str]:
    """Stretches of code in the order of the text."""
    begins = _AT_LINE[language] if _AT_LINE[language].search(text) else _ANYWHERE[language]
    at = 0
    while (found := begins.search(text, at)) is not None:
        start = found.start() + len(found[0]) - len(found[0].lstrip())
        block = "\n".join(_code_lines(text[start:].split("\n"), language))
        yield block.rstrip()
        at = start + max(len(block), 1)


def _code_lines(lines: list[str], language: Language) -> Iterator[str]:
    depth = 0
    for at, line in enumerate(lines):
        if at and depth <= 0 and line.strip() and not line[0].isspace() and not _GOES_ON[language].match(line):
            return
        yield line
        depth = _depth(line, depth, language)


def _depth(line: str, before: int, language: Language) -> int:
    """How many blocks are open after a line, as far as one can tell without a parser; Python has indents instead."""
    if language == "python":
        return 0
    if language == "javascript":
        return 0 if line.startswith("}") else before + line.count("{") - line.count("}")
    if line.rstrip() == "end" and not line[0].isspace():
        return 0
    return before + sum(_weight(word) for word in _WORDS.findall(line))


def _weight(word: str) -> int:
    return {"function": 1, "do": 1, "then": 1, "repeat": 1, "elseif": -1, "end": -1, "until": -1}[word]
