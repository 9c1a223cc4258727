"""Patterns of users match as Python's do, in linear time."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tailgate_slices.item import SliceError
from tailgate_slices.sources.linear_regex import LinearRegex


@pytest.mark.parametrize(
    ("pattern", "right", "wrong"),
    [
        (r"^\d{3}-\d{4}$", "555-1234", "5555-1234"),
        (r"(?i)yes|no", "YES", "maybe"),
        (r"\border #[A-Z]{2}\d+\b", "your order #AB12 is here", "reorder #AB12"),
        (r"^(a|b)*c$", "ababc", "abxc"),
        (r"(?m)^end$", "the\nend\nof", "the end"),
        (r"a.c", "abc", "a\nc"),
        (r"(?s)a.c", "a\nc", "ac"),
        (r"(?x) a b  # comment", "ab", "a b"),
        (r"[^\W\d_]+é", "café", "123é"),
        (r"\Astart\b.*\bend\Z", "start and end", "a start and end"),
        (r"colou?r", "color", "colr"),
        (r"x{2,3}y", "axxy", "axy"),
        (r"(?:ab){2}", "abab", "ab"),
        (r"a+?b", "aab", "b"),
        (r"(?i:A)B", "aB", "ab"),
        (r"\S\D\W", "a-!", "1 2"),
        (r"\Ba", "ba", "a"),
        (r"", "", None),
    ],
)
def test_pattern_finds_what_pythons_re_finds(pattern, right, wrong):
    compiled = LinearRegex(pattern)
    assert compiled.search(right)
    assert re.search(pattern, right)
    if wrong is not None:
        assert not compiled.search(wrong)
        assert not re.search(pattern, wrong)


ATOMS = st.sampled_from(["a", "b", "ab", ".", "[ab]", "[^a]", r"\w", r"\b", "^", "$", r"\s", "A"])


@st.composite
def patterns(draw, depth=3):
    if depth == 0 or draw(st.booleans()):
        return draw(ATOMS)
    inner = [draw(patterns(depth=depth - 1)) for _ in range(draw(st.integers(1, 3)))]
    joined = draw(st.sampled_from(["", "|"])).join(inner)
    repeat = draw(st.sampled_from(["", "?", "*", "+", "{2}", "{0,2}", "*?", "{1,}"]))
    return f"(?:{joined}){repeat}"


@settings(max_examples=400, deadline=None, derandomize=True)
@given(
    pattern=patterns(),
    text=st.text(alphabet="abA \n.", max_size=12),
    flag=st.sampled_from(["", "(?i)", "(?m)", "(?s)"]),
)
def test_any_regular_pattern_agrees_with_pythons_re(pattern, text, flag):
    assert LinearRegex(flag + pattern).search(text) == (re.search(flag + pattern, text) is not None)


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*b", "(a*)*b", ".*.*.*.*x", "(.*a){12}b"])
def test_pattern_that_blows_up_elsewhere_is_quick_here(pattern):
    started = time.process_time()
    LinearRegex(pattern).search("a" * 4000 + "!")
    assert time.process_time() - started < 2.0


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        (r"(a)\1", "refers to a group"),
        (r"(a)?(?(1)b|c)", "refers to a group"),
        (r"a(?=b)", "looks ahead"),
        (r"(?<!a)b", "looks ahead or behind"),
        (r"(?>a+)b", "atomic group"),
        (r"a++b", "possessive"),
        (r"(?a)\w", "flag other than"),
        (r"(unclosed", "does not compile"),
        (r"a{1000}", "too large"),
        (r"((((){900}){900}){900}){900}", "too large"),
        (r"a{99999999999999999999}", "does not compile"),
        ("(" * 5000 + ")" * 5000, "does not compile"),
    ],
)
def test_pattern_that_cannot_be_matched_in_linear_time_is_refused(pattern, message):
    with pytest.raises(SliceError, match=message):
        LinearRegex(pattern)
