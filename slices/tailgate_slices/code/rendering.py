"""Recipes as functions in three languages, and values as their literals."""

from __future__ import annotations

import json
import re
from typing import Any

from tailgate_slices.code.recipes import Recipe, Use
from tailgate_slices.code.steps import Type
from tailgate_slices.sandbox.program import Language

NAMES: dict[Language, str] = {"python": "Python", "javascript": "JavaScript", "lua": "Lua"}
TYPES: dict[Language, dict[Type, str]] = {
    "python": {"ints": "a list of integers", "number": "an integer", "text": "a string", "words": "a list of strings",
               "table": "a dictionary from strings to integers"},
    "javascript": {"ints": "an array of integers", "number": "an integer", "text": "a string",
                   "words": "an array of strings", "table": "an object with integer values"},
    "lua": {"ints": "a table that lists integers", "number": "an integer", "text": "a string",
            "words": "a table that lists strings", "table": "a table from strings to integers"},
}  # fmt: skip
GAP = "[MISSING]"
_INDENT: dict[Language, str] = {"python": "    ", "javascript": "  ", "lua": "  "}
_COMMENT: dict[Language, str] = {"python": "# ", "javascript": "// ", "lua": "-- "}
_HEAD: dict[Language, str] = {
    "python": "def {name}(x):", "javascript": "function {name}(x) {{", "lua": "function {name}(x)",
}  # fmt: skip
_TAIL: dict[Language, tuple[str, ...]] = {
    "python": ("    return x",), "javascript": ("  return x;", "}"), "lua": ("  return x", "end"),
}  # fmt: skip


def statements(use: Use, language: Language) -> list[str]:
    """The lines of one step, not indented."""
    if language == "lua":
        return use.text(use.step.lua).split("\n")
    text = use.text(use.step.python if language == "python" else use.step.javascript)
    return [f"x = {text}" if language == "python" else f"x = {text};"]


def function_source(name: str, recipe: Recipe, language: Language) -> str:
    """The whole function."""
    lines = [line for use in recipe.uses for line in statements(use, language)]
    return around(name, language, [_INDENT[language] + line for line in lines])


def around(name: str, language: Language, body: list[str]) -> str:
    """A function with these lines, already indented, between its head and its return."""
    return "\n".join([_HEAD[language].format(name=name), *body, *_TAIL[language]])


def with_gap(name: str, recipe: Recipe, language: Language, gap: range) -> str:
    """The function with a comment for every step; the steps of the gap have their comments and one mark."""
    body = []
    for at, use in enumerate(recipe.uses):
        body.append(_COMMENT[language] + use.text(use.step.english))
        if at not in gap:
            body += statements(use, language)
        elif at == gap[-1]:
            body.append(GAP)
    return around(name, language, [_INDENT[language] + line for line in body])


def missing_lines(recipe: Recipe, language: Language, gap: range) -> str:
    """What stands in the gap, not indented."""
    return "\n".join(line for at in gap for line in statements(recipe.uses[at], language))


def fill(source: str, lines: str) -> str:
    """A function with its gap filled by lines that have an indent of their own."""
    at = source.index(GAP)
    indent = source[source.rfind("\n", 0, at) + 1 : at]
    filled = "\n".join(indent + line for line in lines.split("\n")) if lines else indent
    return source.replace(indent + GAP, filled, 1)


def inner_return(lines: str) -> str:
    """Lines of Lua whose last one may return: by itself, that is allowed only at the end of a block."""
    before, newline, last = lines.rpartition("\n")
    return f"{before}{newline}do {last}\nend" if re.match(r"return\b", last) else lines


def literal(value: Any, language: Language) -> str:
    """A value as one writes it in a language."""
    if language != "lua" or not isinstance(value, (list, dict)):
        return json.dumps(value)
    if isinstance(value, list):
        return "{" + ", ".join(literal(each, language) for each in value) + "}"
    return "{" + ", ".join(f"{_lua_key(key)} = {literal(each, language)}" for key, each in value.items()) + "}"


def _lua_key(key: str) -> str:
    return key if re.fullmatch("[A-Za-z]+", key) else f"[{json.dumps(key)}]"
