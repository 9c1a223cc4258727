"""What is true of each step whatever its argument: of its result, of sizes, of order, of parts and of repetition.

Properties of a recipe are put together from these. None of it asks a step what it computes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

Holds: TypeAlias = Callable[[Any, Any], bool]  # of a result and the step's parameter
Bounds: TypeAlias = tuple[float, float]
Bounded: TypeAlias = Callable[[float, Any], float]

_DIGITS = re.compile(r"0|-?[1-9][0-9]*")


def _all(holds: Holds) -> Holds:
    return lambda result, k: all(holds(each, k) for each in result)


def _all_values(holds: Holds) -> Holds:
    return lambda result, k: all(holds(each, k) for each in result.values())


def _is_square(value: int, _: Any) -> bool:
    return value >= 0 and math.isqrt(value) ** 2 == value


def _is_count(value: int, _: Any) -> bool:
    return value >= 0


def _at_most_k(result: Any, k: int) -> bool:
    return len(result) <= k


def _ascends(result: Any, _: Any) -> bool:
    return list(result) == sorted(result)


AFTER: Mapping[str, Holds] = MappingProxyType(
    {
        "multiply_each": _all(lambda v, k: v % k == 0),
        "square_each": _all(_is_square),
        "keep_even": _all(lambda v, k: v % 2 == 0),
        "keep_odd": _all(lambda v, k: v % 2 == 1),
        "keep_greater": _all(lambda v, k: v > k),
        "keep_smaller": _all(lambda v, k: v < k),
        "sort_up": _ascends,
        "sort_down": lambda result, k: _ascends(result[::-1], k),
        "take_first": _at_most_k,
        "take_last": _at_most_k,
        "unique": lambda result, k: len(set(result)) == len(result),
        "append_number": lambda result, k: result[-1:] == [k],
        "prepend_number": lambda result, k: result[:1] == [k],
        "count": _is_count,
        "times": lambda result, k: result % k == 0,
        "square": _is_square,
        "absolute": lambda result, k: result >= 0,
        "at_least": lambda result, k: result >= k,
        "at_most": lambda result, k: result <= k,
        "digits": lambda result, k: _DIGITS.fullmatch(result) is not None,
        "upper": lambda result, k: result == result.upper(),
        "lower": lambda result, k: result == result.lower(),
        "append_text": lambda result, k: result.endswith(k),
        "prepend_text": lambda result, k: result.startswith(k),
        "take_chars": _at_most_k,
        "remove_letter": lambda result, k: k not in result,
        "star_letter": lambda result, k: k not in result,
        "twice": lambda result, k: result == result[: len(result) // 2] * 2,
        "length": _is_count,
        "count_letter": _is_count,
        "split": _all(lambda word, k: word != "" and " " not in word),
        "first_words": _at_most_k,
        "last_words": _at_most_k,
        "long_words": _all(lambda word, k: len(word) > k),
        "upper_words": _all(lambda word, k: word == word.upper()),
        "join": lambda result, k: not result.startswith(k) and not result.endswith(k),
        "count_words": _is_count,
        "lengths": _all(_is_count),
        "tally": _all_values(lambda n, k: n >= 1),
        "multiply_values": _all_values(lambda v, k: v % k == 0),
        "greater_values": _all_values(lambda v, k: v > k),
        "smaller_values": _all_values(lambda v, k: v < k),
        "values": _ascends,
        "keys": lambda result, k: _ascends(result, k) and len(set(result)) == len(result),
        "count_entries": _is_count,
    }
)

SORTS = frozenset({"sort_up", "sort_down"})
REVERSALS = frozenset({"reverse", "reverse_text", "reverse_words"})
# Keep some elements by what they are, and take no note of the others.
FILTERS = frozenset(
    {"keep_even", "keep_odd", "keep_greater", "keep_smaller", "long_words", "remove_letter"}
    | {"greater_values", "smaller_values"}
)
HEADS, TAILS = frozenset({"take_first", "first_words", "take_chars"}), frozenset({"take_last", "last_words"})
BEHEADED = frozenset({"drop_first", "drop_chars"})
CUTS = HEADS | TAILS | BEHEADED
# Treat every element alike, wherever it stands.
MAPS = frozenset(
    {"add_each", "multiply_each", "square_each", "upper", "lower", "star_letter", "upper_words", "lengths"}
    | {"add_values", "multiply_values"}
)
# Numbers that are the sum of those of the parts.
SUMS = frozenset({"total", "count", "length", "count_letter", "count_words", "sum_values", "count_entries"})
# Do not look at the order of what they get, and what they give has none or always the same.
BLIND = frozenset({*SORTS, *SUMS, "largest", "smallest", "tally", "values", "keys"})
# Give the same elements, in another order, for the same elements in another order.
KEEP_TO_ELEMENTS = frozenset({*MAPS, *FILTERS, *REVERSALS, "unique", "append_number", "prepend_number"})
ONCE = frozenset({*SORTS, *FILTERS, "unique"})  # in any order, twice is once
ALONE_ONCE = frozenset(
    HEADS | TAILS | {"upper", "lower", "upper_words", "star_letter", "absolute", "at_least", "at_most"}
)
EVEN = frozenset({"absolute", "square"})  # of a number, without its sign


def _same(size: float, _: Any) -> float:
    return size


def _none(_size: float, _: Any) -> float:
    return 0.0


def _some(size: float, _: Any) -> float:
    return min(1.0, size)


def _each(names: Any, least: Bounded, most: Bounded) -> dict[str, tuple[Bounded, Bounded]]:
    return dict.fromkeys(names, (least, most))


def _fewer(size: float, k: float) -> float:
    return max(0.0, size - k)


def _one_more(size: float, _: Any) -> float:
    return size + 1


def _longer(size: float, k: Any) -> float:
    return size + len(k)


# Least and most elements of the result for so many elements; numbers that count them go on with their value.
SIZES: Mapping[str, tuple[Bounded, Bounded]] = MappingProxyType(
    {
        **_each(MAPS | SORTS | REVERSALS | {"values", "keys"}, _same, _same),
        **_each(("count", "length", "count_words", "count_entries"), _same, _same),
        **_each(FILTERS | {"count_letter"}, _none, _same),
        **_each(("unique", "tally"), _some, _same),
        **_each(HEADS | TAILS, min, min),
        **_each(BEHEADED, _fewer, _fewer),
        **_each(("append_number", "prepend_number"), _one_more, _one_more),
        **_each(("append_text", "prepend_text"), _longer, _longer),
        **_each(("twice",), lambda size, k: 2 * size, lambda size, k: 2 * size),
        **_each(("plus",), lambda value, k: value + k, lambda value, k: value + k),
        **_each(("minus",), lambda value, k: value - k, lambda value, k: value - k),
        **_each(("times",), lambda value, k: value * k, lambda value, k: value * k),
        **_each(("at_least",), max, max),
        **_each(("at_most",), min, min),
    }
)
