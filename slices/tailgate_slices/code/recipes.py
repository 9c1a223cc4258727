"""Compositions of steps: drawn so that every step matters, mutated so that the change shows, and checked by example."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args

import numpy as np

from tailgate_slices.code.steps import Parameter, Step, Type
from tailgate_slices.code.text_steps import STEPS
from tailgate_slices.drawing import integer, pick
from tailgate_slices.item import item_rng

WORDS = ("cat", "tree", "a", "sand", "moon", "tent", "ice", "stone", "on", "sunset", "bee", "river", "note", "oasis")
_START: tuple[Type, ...] = ("ints", "ints", "ints", "text", "text", "words", "table", "number")
_EDGES: dict[Type, tuple[Any, ...]] = {
    "ints": ([], [0], [5, 5, 2], [3, -1, 8, 4]),
    "number": (0, 1, -7, 12),
    "text": ("a", "on a tree", "stone", "bee bee"),
    "words": ([], ["ice"], ["on", "on"], ["tent", "a", "river"]),
    "table": ({}, {"cat": 0}, {"tree": 4, "a": 11}, {"on": 2, "bee": 2}),
}
_RANDOM = 10
_TRIES = 2000
_LARGEST = 10**6
_BY_TYPE: dict[Type, tuple[Step, ...]] = {
    each: tuple(step for step in STEPS.values() if step.takes == each) for each in get_args(Type)
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """A step with its parameter."""

    step: Step
    parameter: Parameter | None

    def text(self, template: str) -> str:
        """One of the step's texts with the parameter in place."""
        return template.replace("$k", str(self.parameter))


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Steps applied one after the other to one argument."""

    uses: tuple[Use, ...]

    @property
    def takes(self) -> Type:
        """Type of the argument."""
        return self.uses[0].step.takes

    @property
    def gives(self) -> Type:
        """Type of the result."""
        return self.uses[-1].step.gives

    def apply(self, argument: Any) -> Any:
        """What the function returns; the argument is not changed."""
        for use in self.uses:
            argument = use.step.apply(argument, use.parameter)
        return argument

    def dumps(self) -> str:
        """Text to keep in an item's attributes."""
        return json.dumps([[use.step.name, use.parameter] for use in self.uses])

    @staticmethod
    def loads(text: str) -> Recipe:
        """The recipe of such a text."""
        return Recipe(uses=tuple(Use(step=STEPS[name], parameter=value) for name, value in json.loads(text)))


def hidden_arguments(kind: Type, item_id: str) -> tuple[Any, ...]:
    """Arguments of the examples for an item's answer: fixed corner cases, then random ones, the first of them again.

    A function must agree with the recipe on all of them; the repeated one asks whether it gives the same result twice.
    """
    rng = item_rng("code hidden arguments", item_id)
    drawn = [draw_argument(rng, kind) for _ in range(_RANDOM)]
    return (*_EDGES[kind], *drawn, drawn[0])


def draw_argument(rng: np.random.Generator, kind: Type) -> Any:
    """A random argument of a type, small enough to check by hand."""
    if kind == "number":
        return integer(rng, -20, 50)
    if kind == "ints":
        return [int(value) for value in rng.integers(-9, 21, size=integer(rng, 2, 7))]
    words = [WORDS[int(at)] for at in rng.integers(len(WORDS), size=integer(rng, 2, 5))]
    if kind == "table":
        return dict(zip(words, map(int, rng.integers(0, 13, size=len(words))), strict=True))
    return " ".join(words) if kind == "text" else words


def draw_recipe(rng: np.random.Generator, n_steps: int, item_id: str) -> Recipe:
    """Draw steps whose types fit and each of which changes the result of some hidden argument."""
    tests: dict[Type, tuple[Any, ...]] = {}
    for _ in range(_TRIES):
        recipe = _chain(rng, pick(rng, _START), n_steps)
        if recipe is None:
            continue
        kind = recipe.takes
        tests.setdefault(kind, hidden_arguments(kind, item_id))
        if is_telling(recipe, tests[kind]):
            return recipe
    raise AssertionError(f"no recipe of {n_steps} steps in {_TRIES} draws")


def _chain(rng: np.random.Generator, kind: Type, n_steps: int) -> Recipe | None:
    uses: list[Use] = []
    for _ in range(n_steps):
        taken = {use.step.name for use in uses}
        options = [step for step in _BY_TYPE[kind] if step.name not in taken and not (step.first_only and uses)]
        if not options:
            return None
        step = pick(rng, options)
        uses.append(Use(step=step, parameter=pick(rng, step.parameters) if step.parameters else None))
        kind = step.gives
    return Recipe(uses=tuple(uses))


def is_telling(recipe: Recipe, arguments: Sequence[Any]) -> bool:
    """Whether results differ between arguments, stay small, and would differ without any one of the steps."""
    results = [recipe.apply(argument) for argument in arguments]
    if len({json.dumps(result) for result in results}) < 3 or not all(map(_is_small, results)):
        return False
    for at, use in enumerate(recipe.uses):
        if use.step.takes == use.step.gives:
            rest = recipe.uses[:at] + recipe.uses[at + 1 :]
            without = [Recipe(uses=rest).apply(argument) for argument in arguments] if rest else list(arguments)
            if without == results:
                return False
    return True


def _is_small(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= 60
    if isinstance(value, dict):
        return all(map(_is_small, value.values()))
    return all(map(_is_small, value)) if isinstance(value, list) else abs(value) <= _LARGEST


def mutants(recipe: Recipe) -> tuple[Recipe, ...]:
    """Recipes with one slip: another parameter next to the right one, or the step easily taken for it."""
    found = []
    for at, use in enumerate(recipe.uses):
        for other in _slips(use):
            uses = (*recipe.uses[:at], other, *recipe.uses[at + 1 :])
            found.append(Recipe(uses=uses))
    return tuple(found)


def _slips(use: Use) -> list[Use]:
    slips = []
    if use.step.near is not None:
        slips.append(replace(use, step=STEPS[use.step.near]))
    if use.parameter in use.step.parameters:
        at = use.step.parameters.index(use.parameter)
        slips.append(replace(use, parameter=use.step.parameters[at - 1]))
    return slips


def draw_mutant(rng: np.random.Generator, recipe: Recipe, arguments: Sequence[Any]) -> Recipe | None:
    """A mutant that some argument tells from the recipe; None where there is none."""
    wanted = [recipe.apply(argument) for argument in arguments]
    options = [mutant for mutant in mutants(recipe) if [mutant.apply(argument) for argument in arguments] != wanted]
    return pick(rng, options) if options else None
