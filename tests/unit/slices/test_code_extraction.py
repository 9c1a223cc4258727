"""How code is found in an answer: in fences or bare, whole or to be put in a gap. Nothing is run here."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tailgate_slices.code.extraction import function_before_cut, lines_of_gap, some_function, whole_function
from tailgate_slices.sandbox import LANGUAGES

PYTHON = "def f(x):\n    y = 1\n\n    return x + y"
JAVASCRIPT = "function f(x) {\n  return x + 1;\n}"
LUA = "function f(x)\n  return x + 1\nend"
SOURCES = {"python": PYTHON, "javascript": JAVASCRIPT, "lua": LUA}


@pytest.mark.parametrize(
    ("language", "source", "text"),
    [
        ("python", PYTHON, PYTHON),
        ("python", PYTHON, f"```python\n{PYTHON}\n```"),
        ("python", PYTHON, f"```\n{PYTHON}\n```\nIt adds one."),
        ("python", PYTHON, f"Here it is:\n\n```py\n{PYTHON}"),
        ("python", PYTHON, f"Sure!\n{PYTHON}\n\nThis function adds one to x."),
        ("python", PYTHON, f"First `pip install x`.\n```text\nno code\n```\nThen:\n```python\n{PYTHON}\n```"),
        ("python", PYTHON, f"```python\n{PYTHON}\n```".replace("\n", "\r\n")),
        ("python", f"import math\n{PYTHON}", f"import math\n{PYTHON}\nExplanation: it adds."),
        ("python", f"{PYTHON}\n\nprint(f(1))", f"```python\n{PYTHON}\n\nprint(f(1))\n```"),
        ("python", "f = lambda x: x + 1", "```python\nf = lambda x: x + 1\n```"),
        ("javascript", JAVASCRIPT, JAVASCRIPT),
        ("javascript", JAVASCRIPT, f"{JAVASCRIPT}\n\nThis function adds one."),
        ("javascript", JAVASCRIPT, f"```js\nexport default {JAVASCRIPT}\n```"),
        ("javascript", "const f = x => x + 1;", "const f = x => x + 1;\nIt adds one."),
        ("javascript", "function f(x) { return x + 1; }", "function f(x) { return x + 1; } \nIt adds one."),
        ("javascript", f"const k = 1;\n\n{JAVASCRIPT}", f"const k = 1;\n\n{JAVASCRIPT}\nLet me explain."),
        ("lua", LUA, LUA),
        ("lua", f"local k = 1\n{LUA}", f"local k = 1\n{LUA}\nIt adds one."),
        ("lua", LUA, f"Here:\n{LUA}\nIt adds one."),
        ("lua", f"local {LUA}", f"```lua\nlocal {LUA}\n```"),
        ("lua", "function f(x) return x + 1 end", "function f(x) return x + 1 end\nIt adds one."),
    ],
)
def test_function_is_found_in_whatever_frame(language, source, text):
    assert whole_function(text, "f", language).strip() == source


OLD = {language: source.replace("1", "2") for language, source in SOURCES.items()}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "text",
    [
        "Before:\n```\n{old}\n```\nAfter:\n```\n{new}\n```",
        "Before:\n```\n{old}\n```\nAfter:\n```\n{new}",
        "```\n{old}\n```\n" * 9 + "```\n{new}\n```\nIt is used like this:\n```\nf(3)\n```",
        "Before:\n\n{old}\n\nAfter:\n\n{new}\n\nIt adds one.",
        "This function f should add one:\n{new}",
    ],
)
def test_last_block_that_defines_the_function_counts(language, text):
    answer = text.format(old=OLD[language], new=SOURCES[language])
    assert whole_function(answer, "f", language) == SOURCES[language]


def test_block_that_the_budget_cut_counts_only_where_there_is_no_other():
    cut = f"```python\n{PYTHON}\n```\nOr shorter:\n```python\ndef f(x):\n    ret"
    assert whole_function(cut, "f", "python", cut=True) == PYTHON
    assert whole_function(f"```python\n{PYTHON}", "f", "python", cut=True) == PYTHON


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "text",
    [
        "{new}\n```\n\nThis function uses a `sum`.",
        "{new}\n\nprint(f(3))\n```",
        "{old}\n```\n\nIt is wrong:\n{new}\n```\n",
        "{new}\n\nIt is used like this:\n```\nprint(f(3))\n```",
    ],
)
def test_function_outside_of_fences_is_found_where_none_within_is(language, text):
    answer = text.format(old=OLD[language], new=SOURCES[language])
    found = whole_function(answer, "f", language)
    assert found.removesuffix("\n\nprint(f(3))") == SOURCES[language]
    assert some_function(answer, language) is not None


@pytest.mark.parametrize("language", LANGUAGES)
def test_function_in_a_fence_counts_before_one_outside(language):
    answer = f"{OLD[language]}\n\n```\n{SOURCES[language]}\n```\n{OLD[language]}"
    assert whole_function(answer, "f", language) == SOURCES[language]


@pytest.mark.parametrize("language", LANGUAGES)
def test_last_statement_is_left_out_only_where_the_text_ends_in_it(language):
    tail = {"python": "@cache\ndef g(", "javascript": "console.log(f([\n  1,", "lua": "for i = 1, 3 do\n  print("}[
        language
    ]
    begun = {"python": "import f\n", "javascript": "", "lua": ""}[language]
    whole = f"{begun}{SOURCES[language]}"
    for text in (f"{whole}\n\n{tail}", f"```\n{whole}\n\n{tail}"):
        found = function_before_cut(text, "f", language)
        assert found is None or found == whole
    assert function_before_cut(f"```\n{whole}\n\n{tail}", "f", language) == whole
    assert function_before_cut(f"```\n{whole}\n\n{tail}\n```\nIt is", "f", language) is None
    assert function_before_cut(SOURCES[language], "f", language) is None
    assert function_before_cut("f", "f", language) is None


@pytest.mark.parametrize(
    ("module", "script"),
    [
        ("import fs from 'fs';", "const fs = require('fs');"),
        ('import fs from "fs"', 'const fs = require("fs");'),
        ("import * as fs from 'fs';", "const fs = require('fs');"),
        ("import { a, b as c } from 'fs';", "const { a, b: c } = require('fs');"),
        ("import fs, { a } from 'fs';", "const fs = require('fs'); const { a } = require('fs');"),
        ("import 'fs';", "require('fs');"),
    ],
)
@pytest.mark.parametrize("exported", ["export {new}", "export default {new}", "{new}\nexport {{ f }};"])
def test_module_of_javascript_is_put_as_a_script(module, script, exported):
    answer = f"```js\n{module}\n{exported.format(new=JAVASCRIPT)}\n```"
    assert whole_function(answer, "f", "javascript").strip() == f"{script}\n{JAVASCRIPT}"


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("python", "return x + 1"),
        ("python", "I cannot define f."),
        ("python", "def g(x):\n    return x"),
        ("python", "```python\nx = 1\n```"),
        ("javascript", "def f(x): return x"),
        ("lua", JAVASCRIPT.replace("function", "fn")),
        ("python", ""),
    ],
)
def test_answer_that_does_not_define_the_function_has_none(language, text):
    assert whole_function(text, "f", language) is None


def test_function_of_another_name_is_some_function():
    assert some_function("```python\ndef g(x):\n    return x\n```", "python") is not None
    assert some_function("Add one to x.", "python") is None


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("x = x + 1", "x = x + 1"),
        ("    x = x + 1", "x = x + 1"),
        ("`x = x + 1`", "x = x + 1"),
        ("The missing line is `x = x + 1`.", "x = x + 1"),
        ("The missing line is:\n\n```python\n    x = x + 1\n```\nIt adds.", "x = x + 1"),
        ("The missing line is:\nx = x + 1", "x = x + 1"),
        ("x = x + 1\n\nThis adds one.", "x = x + 1"),
        ("for v in x:\n    y += v", "for v in x:\n    y += v"),
        ("    for v in x:\n        y += v", "for v in x:\n    y += v"),
        ("y = 0\n    for v in x:\n        y += v", "y = 0\nfor v in x:\n    y += v"),
        ("x = x + 1\r\nx = 2 * x", "x = x + 1\nx = 2 * x"),
        ("", None),
        ("```python\n```", None),
        ("``` ```", None),
        ("x = x + 1\n```", "x = x + 1"),
        ("x = x + 1\n```\n\nThis line adds (one).", "x = x + 1"),
        ("The missing line is\n```\nx = x + 1", "x = x + 1"),
        ("Add f(x) here\n```\nx = x + 1", "x = x + 1"),
    ],
)
def test_missing_lines_are_found_without_their_indent(text, lines):
    assert lines_of_gap(text) == lines


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    text=st.one_of(
        st.text(max_size=300),
        st.lists(st.sampled_from(["```", "def f(x):", "\n", "    ", "x", "`", "{", "\x00", "\ud800"])).map("".join),
    )
)
def test_any_text_can_be_searched_for_code(text):
    for language in LANGUAGES:
        whole_function(text, "f", language)
        some_function(text, language)
        function_before_cut(text, "f", language)
    lines_of_gap(text)


@pytest.mark.parametrize(
    "text",
    [
        "import " * 10**5,
        "local f = \n" * 10**5,
        "import {" * 10**5,
        "`" * 10**6,
        "def f(" * 10**5,
        "\n" * 10**6,
        "function f " * 10**5,
        "x = " * 10**5,
    ],
)
def test_huge_text_is_searched_quickly(text):
    started = time.perf_counter()
    for language in LANGUAGES:
        whole_function(text, "f", language)
        some_function(text, language)
        function_before_cut(text, "f", language)
    lines_of_gap(text)
    assert time.perf_counter() - started < 1.0
