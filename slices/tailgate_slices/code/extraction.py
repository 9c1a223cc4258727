"""Code in the text that a model wrote: in fences or bare, with or without words around it. Linear in the text."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from tailgate_slices.code.bare import bare_blocks, starts_code
from tailgate_slices.code.cuts import without_last_statement
from tailgate_slices.code.modules import as_script
from tailgate_slices.grading import MAX_CHARS, bounded
from tailgate_slices.sandbox.program import Language

_FENCE = "```"
_LABELS = {"python", "py", "python3", "javascript", "js", "node", "lua", "code", "text", "plaintext", ""}
_PROSE = re.compile(r"[A-Z][\w'\u2019]{0,30},? [\w`'\"]")
_CODE_SIGNS = ("=", "(", "for ", "if ", "return", "[", "local ")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Block:
    """A piece of code; `closed` unless the text ends within its fence."""

    source: str
    closed: bool


def whole_function(
    text: str, function: str, language: Language, *, cut: bool = False, beside: bool = True
) -> str | None:
    """Source that defines the function, None where the answer has none.

    The last block that defines it counts: what stands before is the old version, or a draft. One that the text ends
    within counts last where the answer was `cut` there. `beside` says that code outside of fences counts if none
    within does.
    """
    block = _chosen(text, function, language, cut=cut, beside=beside)
    return None if block is None else as_script(block.source, language)


def function_before_cut(text: str, function: str, language: Language) -> str | None:
    """The source without the statement that a cut answer ends within; None where it is needed, or not cut."""
    block = _chosen(text, function, language, cut=True)
    if block is None or not _plain(text).endswith(block.source.rstrip()):
        return None
    before = without_last_statement(block.source, language)
    return as_script(before, language) if before and _defines(before, function, language) else None


def some_function(text: str, language: Language) -> str | None:
    """The last source that defines something, under whatever name; None where the answer has no code."""
    blocks = _blocks(text, language, lambda source: starts_code(source, language))
    return blocks[-1].source if blocks else None


def lines_of_gap(text: str) -> str | None:
    """Lines to put in a gap, without a common indent; None where the answer has none."""
    text = text[:MAX_CHARS].replace("\r\n", "\n").strip("\n").rstrip()  # the indent of the first line tells
    text = before_stray_fence(text).rstrip()
    if _FENCE in text:
        first = _fenced(text)[0].source
        return _dedented(first) if first.strip() else None
    spans = text.split("`")
    if len(spans) == 3 and "\n" not in spans[1] and spans[1].strip():
        return spans[1].strip()
    lines = text.split("\n")
    start = next((at for at, line in enumerate(lines) if _looks_like_code(line)), 0)
    end = next((at for at in range(start, len(lines)) if not lines[at].strip()), len(lines))
    return _dedented("\n".join(lines[start:end])) or None


def before_stray_fence(text: str) -> str:
    """The code before a closing fence that nothing opened; any other text as it is."""
    before, fence, behind = text.partition(_FENCE)
    code = before.rstrip().rpartition("\n")[2]
    if not fence or not code.strip() or not (code.lstrip().startswith(("}", "end")) or _looks_like_code(code)):
        return text
    label, _, rest = behind.partition("\n")
    return before if not label.strip() and (not rest.strip() or _PROSE.match(rest.lstrip())) else text


def _chosen(text: str, function: str, language: Language, *, cut: bool, beside: bool = True) -> _Block | None:
    blocks = _blocks(text, language, lambda source: _defines(source, function, language), beside=beside)
    whole = [block for block in blocks if block.closed or not cut] or blocks
    return whole[-1] if whole else None


def _plain(text: str) -> str:
    return bounded(text).replace("\r\n", "\n")


def _blocks(text: str, language: Language, wanted: Callable[[str], bool], *, beside: bool = True) -> list[_Block]:
    """Fenced blocks that are wanted, else what looks like such code outside of fences: some are never opened."""
    text = _plain(text)
    before = before_stray_fence(text)
    text = before + text[len(before) :].replace(_FENCE, "", 1) if before != text else text
    fenced = [block for block in _fenced(text) if wanted(block.source)]
    if fenced or (_FENCE in text and not beside):
        return fenced
    bare = (source for outside in text.split(_FENCE)[::2] for source in bare_blocks(outside, language))
    return [_Block(source=source, closed=True) for source in bare if wanted(source)]


def _fenced(text: str) -> list[_Block]:
    """The contents of fenced blocks, the last of which may be unfinished."""
    pieces = text.split(_FENCE)
    blocks = []
    for at in range(1, len(pieces), 2):
        label, newline, rest = pieces[at].partition("\n")
        labelled = newline and label.strip().lower() in _LABELS
        source = (rest if labelled else pieces[at]).rstrip()
        blocks.append(_Block(source=source, closed=at + 1 < len(pieces)))
    return blocks


def _defines(source: str, function: str, language: Language) -> bool:
    name = re.escape(function)
    pattern = {
        "python": rf"\bdef {name}\b|\b{name} = ?lambda\b",
        "javascript": rf"\bfunction {name}\b|\b{name} = ",
        "lua": rf"\bfunction {name}\b|\b{name} = function\b",
    }[language]
    return re.search(pattern, source) is not None


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
