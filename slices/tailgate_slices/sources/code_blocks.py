"""Code in the text of an answer: between fences, after an introduction, or as the bare end of what was asked."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Sequence

_FENCE = re.compile(r"```[A-Za-z0-9+_.-]{0,16}[ \t]*\r?\n")
# A line at the margin that a program may hold. Prose begins with other words, or with capital letters.
_STATEMENT = re.compile(
    r"(?:async def|def|class|import|from|if|elif|else|for|while|try|except|finally|with|return|assert|raise|del|pass|"
    r"global|nonlocal)\b|[@#)\]}]|\"\"\"|'''"
    r"|[A-Za-z_][\w.]*(?:\(|(?:\[[^\]]{0,80}\]|, ?[A-Za-z_]\w*)* ?(?:[-+*/|&]?=|: ?[\w\[\]]{1,40} ?=))"
)
# A completion without fences ends where the original evaluation stops the model; a chat model has no such stops,
# because a whole program in a block would end at its first line.
COMPLETION_STOPS = ("\nclass", "\ndef", "\n#", "\nif", "\nprint")


def fenced_blocks(text: str) -> tuple[str, ...]:
    """Contents of the code blocks between triple backticks; the last one may be unclosed."""
    blocks, at = [], 0
    while (opening := _FENCE.search(text, at)) is not None:
        end = text.find("```", opening.end())
        blocks.append(text[opening.end() : end if end >= 0 else len(text)])
        at = end + 3 if end >= 0 else len(text)
    return tuple(blocks)


def program(text: str, function: str, stub: str = "") -> str | None:
    """The program of an answer; None where there is no code.

    It is the first fenced block that defines the function, or the first block; without blocks the lines from the
    first statement to the last one before prose. Where nothing defines the function, the answer goes on with `stub`.
    """
    blocks = fenced_blocks(text)
    defines = re.compile(rf"\bdef {re.escape(function)}\b")
    if blocks:
        code = next((block for block in blocks if defines.search(block)), blocks[0])
    elif not stub or defines.search(text):
        code = text if _compiles(text) else _statements(text, defines)
    else:
        code = completion(text)
    if not code.strip():
        return None
    return code if defines.search(code) or not stub else stub + code


def _compiles(text: str) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # odd escapes in an answer are no news
        try:
            ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return False
    return True


def completion(text: str) -> str:
    """The rest of a function: indented lines up to a stop of the original or the first line of prose at the margin."""
    lines = text.split("\n")
    first = next((place for place, line in enumerate(lines) if line[:1] in (" ", "\t") and line.strip()), 0)
    kept = lines[first:] if _is_prose(lines[:first]) else lines
    body = "\n".join(kept)
    ends = [place for stop in COMPLETION_STOPS if (place := body.find(stop)) > 0]
    body = body[: min(ends, default=len(body))]
    return "\n".join(_up_to_prose(body.split("\n")))


def _statements(text: str, defines: re.Pattern[str]) -> str:
    """The lines of a program without its introduction and what is said behind it."""
    lines = text.split("\n")
    found = next((place for place, line in enumerate(lines) if defines.match(line)), None)
    if found is None:  # defined inside a class, or not at all: as it stands
        return text
    start = found
    while start and (_is_code(lines[start - 1]) or not lines[start - 1].strip()):
        start -= 1
    return "\n".join([*lines[start:found], *_up_to_prose(lines[found:])])


def _up_to_prose(lines: Sequence[str]) -> list[str]:
    kept: list[str] = []
    for place, line in enumerate(lines):
        if place and not _is_code(line) and line.strip():
            break
        kept.append(line)
    return kept


def _is_code(line: str) -> bool:
    return line[:1] in (" ", "\t") or _STATEMENT.match(line) is not None


def _is_prose(lines: Sequence[str]) -> bool:
    return all(not line.strip() or not _is_code(line) for line in lines)
