"""Properties that a function must have because of its steps, with the calls that show whether it has them.

They say nothing of single results: a sorted list is in order and holds what was given; a filter keeps no more than
fits, in the order of the argument; a part is treated like the whole; twice is once. The calls are made in the sandbox,
in whatever language; what they returned is judged here, where a program cannot reach. Arguments are longer than those
of the examples: what only works on short ones is found out.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import dropwhile, takewhile
from typing import Any

import numpy as np

from tailgate_slices.code import traits
from tailgate_slices.code.recipes import WORDS, Recipe
from tailgate_slices.code.steps import Type
from tailgate_slices.drawing import integer
from tailgate_slices.item import item_rng


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """An argument, and how often the function is applied."""

    argument: Any
    times: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Property:
    """A relation between the results of some calls."""

    name: str
    calls: tuple[Call, ...]
    related: Callable[..., bool]  # by their results, in the order of the calls
    gives: Type

    def holds(self, results: list[Any]) -> bool:
        """Whether results, as they came from the sandbox, have the right type and are related."""
        plain = [_plain(result, self.gives) for result in results]
        return None not in plain and self.related(*plain)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Drawn:
    """Two arguments without a common part, and the first in another order."""

    first: Any
    second: Any
    shuffled: Any


def properties(recipe: Recipe, item_id: str) -> tuple[Property, ...]:
    """The properties of a recipe, on arguments that depend on the item."""
    drawn = _draw(item_rng("code properties", item_id), recipe.takes)
    return tuple(made for make in _MAKERS for made in make(recipe, drawn))


def _after(recipe: Recipe, drawn: _Drawn) -> Iterator[Property]:
    """What is true of every result of the last step."""
    last = recipe.uses[-1]
    holds = traits.AFTER.get(last.step.name)
    if holds is not None:
        for argument in (drawn.first, drawn.second):
            yield _property(recipe, "last step", lambda result: holds(result, last.parameter), Call(argument=argument))


def _size(recipe: Recipe, drawn: _Drawn) -> Iterator[Property]:
    """How much there is of the result, or how large a number that counts is."""
    if recipe.takes == "number" or not all(use.step.name in traits.SIZES for use in recipe.uses):
        return
    least = most = float(len(drawn.first))
    for use in recipe.uses:
        bounds = traits.SIZES[use.step.name]
        least, most = bounds[0](least, use.parameter), bounds[1](most, use.parameter)

    def related(result: Any) -> bool:
        return least <= (result if recipe.gives == "number" else len(result)) <= most

    yield _property(recipe, "size", related, Call(argument=drawn.first))


def _members(recipe: Recipe, drawn: _Drawn) -> Iterator[Property]:
    """Nothing new is in the result; in order, where no step changes that; all of it, where every step only orders."""
    related = _membership(recipe, drawn.first)
    if related is not None:
        yield _property(recipe, "members", related, Call(argument=drawn.first))


def _membership(recipe: Recipe, argument: Any) -> Callable[[Any], bool] | None:
    names = set(_names(recipe))
    ordering, choosing = traits.SORTS | traits.REVERSALS, traits.FILTERS | traits.CUTS | {"unique"}
    if names == {"largest"}:
        return lambda result: result in argument and all(each <= result for each in argument)
    if names == {"smallest"}:
        return lambda result: result in argument and all(each >= result for each in argument)
    if recipe.takes == recipe.gives == "table":
        chosen = names <= choosing
        return lambda result: result.items() <= argument.items() if chosen else result.keys() <= argument.keys()
    if names <= ordering:
        return lambda result: Counter(result) == Counter(argument)
    if names <= choosing:
        return lambda result: _is_subsequence(result, argument)
    return (lambda result: Counter(result) <= Counter(argument)) if names <= ordering | choosing else None


def _order(recipe: Recipe, drawn: _Drawn) -> Iterator[Property]:
    """The order of the argument does not matter."""
    rest = list(dropwhile(lambda name: name in traits.KEEP_TO_ELEMENTS, _names(recipe)))
    if recipe.takes == "table" or (rest and rest[0] in traits.BLIND):
        calls = (Call(argument=drawn.first), Call(argument=drawn.shuffled))
        yield _property(recipe, "order of the argument", lambda first, second: bool(first == second), *calls)


def _rest(recipe: Recipe, drawn: _Drawn) -> Iterator[Property]:
    """What the first step leaves out does not matter."""
    other = _with_other_rest(recipe, drawn)
    if other is not None:
        calls = (Call(argument=drawn.first), Call(argument=other))
        yield _property(recipe, "what is left out", lambda first, second: bool(first == second), *calls)


def _with_other_rest(recipe: Recipe, drawn: _Drawn) -> Any:
    """The first argument with something else where its first step does not look."""
    name, k, first = recipe.uses[0].step.name, recipe.uses[0].parameter, drawn.first
    if name in traits.FILTERS:
        return _only(first, lambda part: traits.AFTER[name](part, k))
    if not isinstance(k, int):
        return None
    if name in traits.HEADS:
        return first[:k] + drawn.second
    if name in traits.TAILS:
        return drawn.second + first[-k:]
    return drawn.second[:k] + first[k:] if name in traits.BEHEADED else None


def _only(argument: Any, holds: Callable[[Any], bool]) -> Any:
    """The elements of an argument for which something holds, each taken as an argument of its own."""
    if isinstance(argument, dict):
        return {key: value for key, value in argument.items() if holds({key: value})}
    kept = [each for each in argument if holds([each])]
    return "".join(kept) if isinstance(argument, str) else kept


def _parts(recipe: Recipe, drawn: _Drawn) -> Iterator[Property]:
    """The result of two parts together is that of the one and that of the other."""
    rest = list(dropwhile(lambda name: name in traits.MAPS | traits.FILTERS | traits.REVERSALS, _names(recipe)))
    if recipe.takes == "number" or (rest and not (rest[0] in traits.SUMS and set(rest[1:]) <= {"times"})):
        return
    backwards = sum(name in traits.REVERSALS for name in _names(recipe)) % 2 == 1

    def related(whole: Any, first: Any, second: Any) -> bool:
        return bool(whole == (_joined(second, first) if backwards else _joined(first, second)))

    arguments = (_joined(drawn.first, drawn.second), drawn.first, drawn.second)
    yield _property(recipe, "parts", related, *(Call(argument=argument) for argument in arguments))


def _twice(recipe: Recipe, drawn: _Drawn) -> Iterator[Property]:
    """Twice is once, or gives the argument back."""
    names = _names(recipe)
    alone = names[0] if len(names) == 1 else ""
    if alone in traits.REVERSALS:
        again = Call(argument=drawn.first, times=2)
        yield _property(recipe, "there and back", lambda result: bool(result == drawn.first), again)
    elif set(names) <= traits.ONCE or alone in traits.ALONE_ONCE:
        calls = (Call(argument=drawn.first), Call(argument=drawn.first, times=2))
        yield _property(recipe, "twice is once", lambda once, twice: bool(once == twice), *calls)


def _number(recipe: Recipe, drawn: _Drawn) -> Iterator[Property]:
    """How a result changes with a number: by so much for one more; not with its sign; not beyond a bound."""
    if recipe.takes != "number":
        return
    x, names = drawn.first, _names(recipe)
    if set(names) <= {"plus", "minus", "times"}:
        slope = math.prod(int(use.parameter or 1) for use in recipe.uses if use.step.name == "times")
        calls = (Call(argument=x), Call(argument=x + 1))
        yield _property(recipe, "slope", lambda before, after: bool(after - before == slope), *calls)
    shifts = list(takewhile(lambda use: use.step.name in ("plus", "minus"), recipe.uses))
    zero = sum(int(use.parameter or 0) * (-1 if use.step.name == "plus" else 1) for use in shifts)
    rest = recipe.uses[len(shifts) :]
    if rest and rest[0].step.name in ("at_least", "at_most"):
        at = zero + int(rest[0].parameter or 0)
        beyond = at - x if rest[0].step.name == "at_least" else at + x
        calls = (Call(argument=at), Call(argument=beyond))
        yield _property(recipe, "bound", lambda at, beyond: bool(at == beyond), *calls)
    if next((use.step.name for use in rest if use.step.name != "times"), "") in traits.EVEN:
        calls = (Call(argument=zero + x), Call(argument=zero - x))
        yield _property(recipe, "sign", lambda plus, minus: bool(plus == minus), *calls)


_MAKERS: tuple[Callable[[Recipe, _Drawn], Iterator[Property]], ...] = (
    *(_after, _size, _members, _order, _rest, _parts, _twice, _number),
)


def _property(recipe: Recipe, name: str, related: Callable[..., bool], *calls: Call) -> Property:
    return Property(name=name, calls=calls, related=related, gives=recipe.gives)


def _names(recipe: Recipe) -> list[str]:
    return [use.step.name for use in recipe.uses]


def _draw(rng: np.random.Generator, kind: Type) -> _Drawn:
    if kind == "number":
        value = integer(rng, 60, 200)
        return _Drawn(first=value, second=-value - 1, shuffled=value)
    if kind == "table":
        keys = [WORDS[int(at)] for at in rng.permutation(len(WORDS))]
        entries = list(zip(keys, map(int, rng.integers(-9, 31, size=len(keys))), strict=True))
        half = len(keys) // 2
        return _Drawn(first=dict(entries[:half]), second=dict(entries[half:]), shuffled=dict(entries[half - 1 :: -1]))
    first, second = (_long(rng, kind) for _ in range(2))
    mixed = [first[int(at)] for at in rng.permutation(len(first))]
    return _Drawn(first=first, second=second, shuffled="".join(mixed) if kind == "text" else mixed)


def _long(rng: np.random.Generator, kind: Type) -> Any:
    n = integer(rng, 12, 20)
    if kind == "ints":
        return [int(value) for value in rng.integers(-30, 41, size=n)]
    words = [WORDS[int(at)] for at in rng.integers(len(WORDS), size=n)]
    return " ".join(words) if kind == "text" else words


def _joined(first: Any, second: Any) -> Any:
    return {**first, **second} if isinstance(first, dict) else first + second


def _is_subsequence(part: Any, whole: Any) -> bool:
    left = iter(whole)
    return all(any(each == one for one in left) for each in part)


def _plain(value: Any, kind: Type) -> Any:
    """A result as a value of its type, 2.0 as 2 and Lua's empty table as either kind; None where it is none."""
    if kind == "text":
        return value if isinstance(value, str) else None
    if kind == "number":
        return _whole(value)
    if kind == "table":
        value = {} if value == [] else value
        if not isinstance(value, dict) or None in (numbers := [_whole(each) for each in value.values()]):
            return None
        return dict(zip(value, numbers, strict=True))
    if not isinstance(value, list):
        return None
    members = [_whole(each) if kind == "ints" else each if isinstance(each, str) else None for each in value]
    return None if None in members else members


def _whole(value: Any) -> int | None:
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None
