"""How numbers and untrusted text are written in every report.

Model output is hostile: it may hold terminal escapes, bidirectional overrides, NULs, lone surrogates and tokens of
100 kB. Everything that reaches a reader passes through `visible` first.
"""

from __future__ import annotations

import math
import unicodedata
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal

MINUS = "\u2212"
NOT_RECORDED = "not recorded"
# Controls, formats (bidi among them), surrogates, private use, unassigned, line and paragraph separators.
_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# Joiners shape ordinary words in Persian and in Indic scripts, so they stay.
_KEPT = frozenset("\n\t\u200c\u200d")


def visible(text: str) -> str:
    """Replace every invisible or unprintable character by its code point, such as ``⟨U+202E⟩``.

    Newline, tab and the zero-width joiners stay. The result encodes to UTF-8 and holds no character that XML forbids.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_shown(char) for char in text)


def _shown(char: str) -> str:
    if char in _KEPT or unicodedata.category(char) not in _HIDDEN_CATEGORIES:
        return char
    return f"⟨U+{ord(char):04X}⟩"


def one_line(text: str, limit: int = 200) -> str:
    """`text` on one line, its whitespace collapsed, made visible and cut after `limit` characters."""
    return head(" ".join(text.split()), limit)


def left_out(n_chars: int) -> str:
    """Say that `n_chars` characters are not shown."""
    return f"[… {n_chars:,} characters left out …]"


def head(text: str, limit: int) -> str:
    """The first `limit` characters made visible, then how many are left out."""
    if len(text) <= limit:
        return visible(text)
    return f"{visible(text[:limit])} {left_out(len(text) - limit)}"


def tail(text: str, limit: int) -> str:
    """How many characters are left out, then the last `limit` characters made visible."""
    if len(text) <= limit:
        return visible(text)
    return f"{left_out(len(text) - limit)} {visible(text[-limit:])}"


def middle_out(text: str, head_limit: int, tail_limit: int) -> str:
    """Both ends made visible and the middle counted: a long prompt asks its question at one of its ends."""
    n_cut = len(text) - head_limit - tail_limit
    if n_cut <= 0:
        return visible(text)
    return f"{visible(text[:head_limit])} {left_out(n_cut)} {visible(text[-tail_limit:])}"


def display_width(text: str) -> int:
    """Columns that `text` takes on a terminal: wide characters count two, combining ones none."""
    return sum(_columns(char) for char in text)


def _columns(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def points(value: float | None, *, decimals: int = 1) -> str:
    """A signed difference of scores in percentage points, ``−3.1``; ``n/a`` when there is none."""
    if value is None or math.isnan(value):
        return "n/a"
    if math.isinf(value):
        return "+∞" if value > 0 else f"{MINUS}∞"
    return _signed(_scaled(value, decimals, ROUND_HALF_EVEN), decimals)


def percent(value: float | None) -> str:
    """A score or rate as a percentage with one decimal, ``81.0 %``; ``n/a`` when there is none."""
    if value is None or not math.isfinite(value):
        return "n/a"
    return f"{_scaled(value, 1, ROUND_HALF_EVEN):.1f} %"


def lower_bound(value: float, margin: float) -> str:
    """A lower bound in points, rounded down, with enough decimals to show on which side of -margin it lies."""
    return _bound(value, margin, ROUND_FLOOR)


def upper_bound(value: float, margin: float) -> str:
    """An upper bound in points, rounded up, with enough decimals to show on which side of -margin it lies."""
    return _bound(value, margin, ROUND_CEILING)


def _bound(value: float, margin: float, rounding: str) -> str:
    if not math.isfinite(value):
        return points(value)
    for decimals in (1, 2, 3):
        rounded = _scaled(value, decimals, rounding)
        line = -_scaled(margin, 6, ROUND_HALF_EVEN)
        if (rounded > line) == (value > -margin) and (rounded < line) == (value < -margin):
            break
    return _signed(rounded, decimals)


def _scaled(value: float, decimals: int, rounding: str) -> Decimal:
    # Nine digits are more than a score has; without the cut, 0.04 - 0.014 = 0.026000000000000002 would round up to 2.7.
    exact = Decimal(repr(round(float(value), 9)))
    return (100 * exact).quantize(Decimal(1).scaleb(-decimals), rounding=rounding)


def _signed(value: Decimal, decimals: int) -> str:
    if value == 0:
        return f"{0:.{decimals}f}"
    return f"{value:+.{decimals}f}".replace("-", MINUS)


def evidence(log_e: float) -> str:
    """An e-value from its natural logarithm, in a form that never overflows: ``0.05``, ``35``, ``10^12``."""
    if math.isnan(log_e):
        return "n/a"
    if math.isinf(log_e):
        return "infinite" if log_e > 0 else "0"
    power = log_e / math.log(10)
    if abs(power) >= 4:
        return f"10^{power:.0f}".replace("-", MINUS)
    return f"{math.exp(log_e):.3g}"


def count(number: int, noun: str) -> str:
    """``1 cell``, ``3 cells``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
