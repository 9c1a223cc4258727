"""Code in the text that a model wrote: in fences or bare, with or without words around it. Linear in the text."""

from __future__ import annotations

import re

from tailgate_slices.grading import MAX_CHARS, bounded
from tailgate_slices.sandbox.program import Language

_FENCE = "```"
_LABELS = {"python", "py", "python3", "javascript", "js", "node", "lua", "code", "text", "plaintext", ""}
_STARTS: dict[Language, tuple[str, ...]] = {
    "python": ("def ", "import ", "from ", "async def "),
    "javascript": ("function ", "const ", "let ", "var ", "async function ", "export "),
    "lua": ("function ", "local "),
}
_TOP_LEVEL = re.compile(r"(?:def|class|import|from|async|@|#|[A-Za-z_][A-Za-z0-9_]{0,40} =)")
_EXPORT = re.compile(r"^export (?:default )?", re.MULTILINE)
_CODE_SIGNS = ("=", "(", "for ", "if ", "return", "[", "local ")


def whole_function(text: str, function: str, language: Language) -> str | None:
    """Source that defines the function, None where the answer has none."""
    text = bounded(text).replace("\r\n", "\n")
    for block in _fenced(text):
        if _defines(block, function, language):
            return _plain(block, language)
    if _FENCE in text:
        return None
    bare = _bare(text, language)
    return _plain(bare, language) if bare is not None and _defines(bare, function, language) else None


def some_function(text: str, language: Language) -> str | None:
    """Source that defines something, under whatever name; None where the answer has no code."""
    text = bounded(text).replace("\r\n", "\n")
    blocks = _fenced(text) if _FENCE in text else [bare for bare in [_bare(text, language)] if bare is not None]
    return next((block for block in blocks if _starts_code(block, language)), None)


def lines_of_gap(text: str) -> str | None:
    """Lines to put in a gap, without a common indent; None where the answer has none."""
    text = text[:MAX_CHARS].replace("\r\n", "\n").strip("\n").rstrip()  # the indent of the first line tells
    blocks = _fenced(text)
    if _FENCE in text:
        return _dedented(blocks[0]) if blocks and blocks[0].strip() else None
    spans = text.split("`")
    if len(spans) == 3 and "\n" not in spans[1] and spans[1].strip():
        return spans[1].strip()
    lines = text.split("\n")
    start = next((at for at, line in enumerate(lines) if _looks_like_code(line)), 0)
    end = next((at for at in range(start, len(lines)) if not lines[at].strip()), len(lines))
    return _dedented("\n".join(lines[start:end])) or None


def _fenced(text: str) -> list[str]:
    """The contents of fenced blocks, the last of which may be unfinished."""
    blocks = []
    for inside in text.split(_FENCE)[1::2][:8]:
        label, newline, rest = inside.partition("\n")
        labelled = newline and label.strip().lower() in _LABELS
        blocks.append((rest if labelled else inside).rstrip())
    return blocks


def _defines(source: str, function: str, language: Language) -> bool:
    name = re.escape(function)
    pattern = {
        "python": rf"\bdef {name}\b|\b{name} = ?lambda\b",
        "javascript": rf"\bfunction {name}\b|\b{name} = ",
        "lua": rf"\bfunction {name}\b|\b{name} = function\b",
    }[language]
    return re.search(pattern, source) is not None


def _starts_code(source: str, language: Language) -> bool:
    return any(start in source for start in _STARTS[language])


def _plain(source: str, language: Language) -> str:
    return _EXPORT.sub("", source) if language == "javascript" else source


def _bare(text: str, language: Language) -> str | None:
    """Code without a fence: from its first line to the line after which words begin."""
    found = [at for at in (text.find(start) for start in _STARTS[language]) if at >= 0]
    if not found:
        return None
    lines = text[min(found) :].split("\n")
    cut = {"python": _end_of_python, "javascript": _end_of_braces, "lua": _end_of_lua}[language]
    return "\n".join(lines[: cut(lines)]).rstrip()


def _end_of_python(lines: list[str]) -> int:
    for at, line in enumerate(lines[1:], start=1):
        if line.strip() and not line[0].isspace() and not _TOP_LEVEL.match(line):
            return at
    return len(lines)


def _end_of_braces(lines: list[str]) -> int:
    """After the last line of the first run that begins with a brace; a one-liner is its first line."""
    if "{" not in lines[0] or (lines[0].count("{") == lines[0].count("}")):
        return 1
    return next((at + 1 for at, line in enumerate(lines) if line.startswith("}")), len(lines))


def _end_of_lua(lines: list[str]) -> int:
    if lines[0].rstrip().endswith(" end"):
        return 1
    return next((at + 1 for at, line in enumerate(lines) if line.rstrip() == "end"), len(lines))


def _looks_like_code(line: str) -> bool:
    if line.lstrip().startswith(("for ", "if ", "while ")):
        return True
    return any(sign in line for sign in _CODE_SIGNS) and not line.rstrip().endswith(":")


def _dedented(block: str) -> str:
    """Lines without a common indent; a first line whose indent the prompt had given already is one of them."""
    lines = [line.rstrip() for line in block.strip("\n").split("\n")]
    indents = [len(line) - len(line.lstrip()) for line in lines if line]
    if not indents:
        return ""
    rest = min(indents[1:], default=indents[0])
    if indents[0] < rest and not lines[0].endswith((":", "{", "do", "then")):
        return "\n".join([lines[0].lstrip(), *(line[rest:] for line in lines[1:])])
    return "\n".join(line[min(indents) :] for line in lines)
