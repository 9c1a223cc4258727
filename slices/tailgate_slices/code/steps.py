"""Transformations of lists and numbers, each in English, in three languages, and as a function to check them by.

A step assigns a new value to the variable ``x``. In all texts ``$k`` stands for the step's parameter. Texts of more
lines than one are separated by newlines; Lua has no comprehensions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

Type: TypeAlias = Literal["ints", "number", "text", "words", "table"]
Parameter: TypeAlias = int | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One transformation: `near` names the step that a slip would turn it into."""

    name: str
    takes: Type
    gives: Type
    english: str
    python: str
    javascript: str
    lua: str
    apply: Callable[[Any, Any], Any]
    parameters: tuple[Parameter, ...] = ()
    near: str | None = None
    first_only: bool = False  # clear only on the function's own argument


def lua_filter(condition: str) -> str:
    """Lua that keeps the elements `v` of a list for which a condition holds."""
    return f"local y = {{}}\nfor _, v in ipairs(x) do if {condition} then y[#y + 1] = v end end\nx = y"


_DIGITS = tuple(range(1, 10))
_FEW = (1, 2, 3)
_FACTORS = (2, 3, 4, 5)

LISTS = (
    Step(name="add_each", takes="ints", gives="ints", parameters=_DIGITS, near="multiply_each",
         english="add $k to every number", python="[v + $k for v in x]", javascript="x.map(v => v + $k)",
         lua="for i, v in ipairs(x) do x[i] = v + $k end", apply=lambda x, k: [v + k for v in x]),
    Step(name="multiply_each", takes="ints", gives="ints", parameters=_FACTORS, near="add_each",
         english="multiply every number by $k", python="[v * $k for v in x]", javascript="x.map(v => v * $k)",
         lua="for i, v in ipairs(x) do x[i] = v * $k end", apply=lambda x, k: [v * k for v in x]),
    Step(name="square_each", takes="ints", gives="ints",
         english="replace every number by its square", python="[v * v for v in x]", javascript="x.map(v => v * v)",
         lua="for i, v in ipairs(x) do x[i] = v * v end", apply=lambda x, k: [v * v for v in x]),
    Step(name="keep_even", takes="ints", gives="ints", near="keep_odd",
         english="keep only the even numbers", python="[v for v in x if v % 2 == 0]",
         javascript="x.filter(v => v % 2 === 0)", lua=lua_filter("v % 2 == 0"),
         apply=lambda x, k: [v for v in x if v % 2 == 0]),
    Step(name="keep_odd", takes="ints", gives="ints", near="keep_even",
         english="keep only the odd numbers", python="[v for v in x if v % 2 != 0]",
         javascript="x.filter(v => v % 2 !== 0)", lua=lua_filter("v % 2 ~= 0"),
         apply=lambda x, k: [v for v in x if v % 2 != 0]),
    Step(name="keep_greater", takes="ints", gives="ints", parameters=_DIGITS, near="keep_smaller",
         english="keep only the numbers greater than $k", python="[v for v in x if v > $k]",
         javascript="x.filter(v => v > $k)", lua=lua_filter("v > $k"), apply=lambda x, k: [v for v in x if v > k]),
    Step(name="keep_smaller", takes="ints", gives="ints", parameters=_DIGITS, near="keep_greater",
         english="keep only the numbers smaller than $k", python="[v for v in x if v < $k]",
         javascript="x.filter(v => v < $k)", lua=lua_filter("v < $k"), apply=lambda x, k: [v for v in x if v < k]),
    Step(name="sort_up", takes="ints", gives="ints", near="sort_down",
         english="sort the numbers from small to large", python="sorted(x)",
         javascript="[...x].sort((a, b) => a - b)", lua="table.sort(x)", apply=lambda x, k: sorted(x)),
    Step(name="sort_down", takes="ints", gives="ints", near="sort_up",
         english="sort the numbers from large to small", python="sorted(x, reverse=True)",
         javascript="[...x].sort((a, b) => b - a)", lua="table.sort(x, function(a, b) return a > b end)",
         apply=lambda x, k: sorted(x, reverse=True)),
    Step(name="reverse", takes="ints", gives="ints", near="sort_down",
         english="reverse the order of the list", python="x[::-1]", javascript="[...x].reverse()",
         lua="local y = {}\nfor i = #x, 1, -1 do y[#y + 1] = x[i] end\nx = y", apply=lambda x, k: x[::-1]),
    Step(name="take_first", takes="ints", gives="ints", parameters=_FEW, near="take_last",
         english="keep only the first $k elements", python="x[:$k]", javascript="x.slice(0, $k)",
         lua="x = table.move(x, 1, math.min($k, #x), 1, {})", apply=lambda x, k: x[:k]),
    Step(name="take_last", takes="ints", gives="ints", parameters=_FEW, near="take_first",
         english="keep only the last $k elements", python="x[-$k:]", javascript="x.slice(-$k)",
         lua="x = table.move(x, math.max(1, #x - $k + 1), #x, 1, {})", apply=lambda x, k: x[-k:]),
    Step(name="drop_first", takes="ints", gives="ints", parameters=_FEW, near="take_first",
         english="remove the first $k elements", python="x[$k:]", javascript="x.slice($k)",
         lua="x = table.move(x, $k + 1, #x, 1, {})", apply=lambda x, k: x[k:]),
    Step(name="unique", takes="ints", gives="ints",
         english="remove repeated numbers, keeping the first of each", python="list(dict.fromkeys(x))",
         javascript="[...new Set(x)]",
         lua="local y, seen = {}, {}\n"
             "for _, v in ipairs(x) do if not seen[v] then seen[v] = true; y[#y + 1] = v end end\nx = y",
         apply=lambda x, k: list(dict.fromkeys(x))),
    Step(name="append_number", takes="ints", gives="ints", parameters=_DIGITS, near="prepend_number",
         english="put the number $k at the end", python="x + [$k]", javascript="[...x, $k]",
         lua="x[#x + 1] = $k", apply=lambda x, k: [*x, k]),
    Step(name="prepend_number", takes="ints", gives="ints", parameters=_DIGITS, near="append_number",
         english="put the number $k at the start", python="[$k] + x", javascript="[$k, ...x]",
         lua="table.insert(x, 1, $k)", apply=lambda x, k: [k, *x]),
    Step(name="total", takes="ints", gives="number", near="largest",
         english="take the sum of the numbers", python="sum(x)", javascript="x.reduce((a, b) => a + b, 0)",
         lua="local y = 0\nfor _, v in ipairs(x) do y = y + v end\nx = y", apply=lambda x, k: sum(x)),
    Step(name="largest", takes="ints", gives="number", near="smallest",
         english="take the largest number, or 0 if the list is empty", python="max(x, default=0)",
         javascript="x.length ? Math.max(...x) : 0", lua="x = #x > 0 and math.max(table.unpack(x)) or 0",
         apply=lambda x, k: max(x, default=0)),
    Step(name="smallest", takes="ints", gives="number", near="largest",
         english="take the smallest number, or 0 if the list is empty", python="min(x, default=0)",
         javascript="x.length ? Math.min(...x) : 0", lua="x = #x > 0 and math.min(table.unpack(x)) or 0",
         apply=lambda x, k: min(x, default=0)),
    Step(name="count", takes="ints", gives="number", near="total",
         english="count the elements", python="len(x)", javascript="x.length", lua="x = #x",
         apply=lambda x, k: len(x)),
)  # fmt: skip

NUMBERS = (
    Step(name="plus", takes="number", gives="number", parameters=_DIGITS, near="minus",
         english="add $k", python="x + $k", javascript="x + $k", lua="x = x + $k", apply=lambda x, k: x + k),
    Step(name="minus", takes="number", gives="number", parameters=_DIGITS, near="plus",
         english="subtract $k", python="x - $k", javascript="x - $k", lua="x = x - $k", apply=lambda x, k: x - k),
    Step(name="times", takes="number", gives="number", parameters=_FACTORS, near="plus",
         english="multiply by $k", python="x * $k", javascript="x * $k", lua="x = x * $k", apply=lambda x, k: x * k),
    Step(name="square", takes="number", gives="number",
         english="square the number", python="x * x", javascript="x * x", lua="x = x * x",
         apply=lambda x, k: x * x),
    Step(name="absolute", takes="number", gives="number",
         english="take the absolute value", python="abs(x)", javascript="Math.abs(x)", lua="x = math.abs(x)",
         apply=lambda x, k: abs(x)),
    Step(name="at_least", takes="number", gives="number", parameters=_DIGITS, near="at_most",
         english="if the number is smaller than $k, replace it by $k", python="max(x, $k)",
         javascript="Math.max(x, $k)", lua="x = math.max(x, $k)", apply=max),
    Step(name="at_most", takes="number", gives="number", parameters=_DIGITS, near="at_least",
         english="if the number is larger than $k, replace it by $k", python="min(x, $k)",
         javascript="Math.min(x, $k)", lua="x = math.min(x, $k)", apply=min),
    Step(name="digits", takes="number", gives="text",
         english="write the number as a string in decimal", python="str(x)", javascript="String(x)",
         lua="x = tostring(x)", apply=lambda x, k: str(x)),
)  # fmt: skip
