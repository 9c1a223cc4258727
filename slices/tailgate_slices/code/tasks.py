"""Items whose answers are run: a function to write from a specification, to repair, or to complete."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from tailgate_slices.code.execution import Hidden, Verdict, verdict
from tailgate_slices.code.extraction import (
    before_stray_fence,
    function_before_cut,
    lines_of_gap,
    some_function,
    whole_function,
)
from tailgate_slices.code.recipes import Recipe, draw_argument, draw_mutant, draw_recipe, hidden_arguments
from tailgate_slices.code.rendering import (
    GAP,
    NAMES,
    TYPES,
    fill,
    function_source,
    inner_return,
    literal,
    missing_lines,
    with_gap,
)
from tailgate_slices.drawing import integer, pick
from tailgate_slices.grading import RIGHT, bounded, failure
from tailgate_slices.item import Answer, Grade, Item
from tailgate_slices.sandbox.program import Language

_FUNCTIONS = ("convert", "transform", "process", "change", "compute", "solve", "build", "adapt")
_WORDS = 48  # tokens for words around the code
_EXAMPLES = 12  # arguments looked at for one that shows something


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What a task is about, before it is worded."""

    language: Language
    function: str
    recipe: Recipe
    example: Any

    def call(self, recipe: Recipe | None = None) -> str:
        """The example as a call with its result: of the recipe, or of another in its place."""
        result = (recipe or self.recipe).apply(self.example)
        return f"{self.function}({literal(self.example, self.language)}) returns {literal(result, self.language)}"

    def steps(self) -> str:
        """The steps in English: one as a sentence, several as a numbered list."""
        texts = [use.text(use.step.english) for use in self.recipe.uses]
        if len(texts) == 1:
            return f"Task: {texts[0]}, and return the result."
        listed = "\n".join(f"{number}. {text}" for number, text in enumerate(texts, start=1))
        return f"Do these steps in order, and return the result:\n{listed}"

    @property
    def argument(self) -> str:
        """What ``x`` is."""
        return f"x is {TYPES[self.language][self.recipe.takes]}"

    def attributes(self) -> dict[str, str]:
        """What a grader needs to know again."""
        return {"function": self.function, "recipe": self.recipe.dumps(), "example": json.dumps(self.example)}


def draw_spec(rng: np.random.Generator, size: int, language: Language, item: Item) -> Item:
    """A function of `size` steps to write from their description and one example."""
    asked = _draw(rng, size, language, item)
    prompt = (
        f"Write a {NAMES[language]} function {asked.function}(x). {asked.argument}. {asked.steps()}\n"
        f"Example: {asked.call()}."
    )
    return _finished(item, asked, prompt, function_source(asked.function, asked.recipe, language))


def draw_repair(rng: np.random.Generator, size: int, language: Language, item: Item) -> Item:
    """A function of `size` steps with a slip in one of them, and a call that shows it."""
    while True:
        asked = _draw(rng, size, language, item)
        mutant = draw_mutant(rng, asked.recipe, hidden_arguments(asked.recipe.takes, item.id))
        example = None if mutant is None else _telling_argument(rng, asked.recipe, mutant)
        if mutant is not None and example is not None:
            break
    asked = replace(asked, example=example)
    wrong = function_source(asked.function, mutant, language)
    should = literal(asked.recipe.apply(example), language)
    prompt = (
        f"This {NAMES[language]} function has a mistake.\n{_fenced(wrong, language)}\n{asked.argument}. "
        f"{asked.steps()}\nBut {asked.call(mutant)} instead of {should}. Write the corrected function."
    )
    done = _finished(item, asked, prompt, function_source(asked.function, asked.recipe, language))
    return replace(
        done,
        max_new_tokens=2 * done.max_new_tokens - _WORDS,  # some write the wrong function down again first
        attributes={**done.attributes, "mutant": mutant.dumps()},
    )


def draw_complete(rng: np.random.Generator, size: int, language: Language, item: Item) -> Item:
    """A function with `size` of its steps missing, next to one that is there."""
    asked = _draw(rng, size + 1, language, item)
    start = integer(rng, 0, 1)
    gap = range(start, start + size)
    missing = missing_lines(asked.recipe, language, gap)
    source = with_gap(asked.function, asked.recipe, language, gap)
    lines = "lines" if "\n" in missing else "line"
    prompt = (
        f"Complete this {NAMES[language]} function. {asked.argument}.\n{_fenced(source, language)}\n"
        f"Example: {asked.call()}.\nWrite only the missing {lines} in place of {GAP}."
    )
    done = _finished(item, asked, prompt, missing)
    attributes = {**done.attributes, "gap_start": start, "gap_size": size}
    return replace(done, stop=("\n```\n",), attributes=attributes)


DRAW: Mapping[str, Callable[[np.random.Generator, int, Language, Item], Item]] = MappingProxyType(
    {"spec": draw_spec, "repair": draw_repair, "complete": draw_complete}
)


def _draw(rng: np.random.Generator, n_steps: int, language: Language, item: Item) -> _Asked:
    recipe = draw_recipe(rng, n_steps, item.id)
    examples = [draw_argument(rng, recipe.takes) for _ in range(_EXAMPLES)]
    # An example whose result is empty or the argument itself shows little.
    shown = next((one for one in examples if recipe.apply(one) not in (one, [], {}, "", 0)), examples[0])
    return _Asked(language=language, function=pick(rng, _FUNCTIONS), recipe=recipe, example=shown)


def _telling_argument(rng: np.random.Generator, recipe: Recipe, mutant: Recipe) -> Any:
    drawn = (draw_argument(rng, recipe.takes) for _ in range(_EXAMPLES))
    return next((one for one in drawn if recipe.apply(one) != mutant.apply(one)), None)


def _finished(item: Item, asked: _Asked, prompt: str, reference: str) -> Item:
    return replace(
        item,
        prompt=prompt,
        references=(reference,),
        max_new_tokens=_WORDS + len(reference) // 2,
        attributes={**item.attributes, **asked.attributes()},
    )


def _fenced(source: str, language: Language) -> str:
    return f"```{language}\n{source}\n```"


def grade_executed(item: Item, answer: Answer) -> Grade:
    """Run what an answer defines on the item's hidden tests.

    Raises
    ------
    SandboxUnavailable
        Programs in the item's language cannot be run here.
    """
    facts = item.attributes
    language: Language = facts["language"]  # type: ignore[assignment]  # drawn from the axis
    function = str(facts["function"])
    completing, cut = facts["task"] == "complete", answer.finish_reason == "length"
    # To complete, lines in a fence say more than the function with its gap that may stand before them.
    text = before_stray_fence(answer.text) if completing else answer.text
    source = whole_function(text, function, language, cut=cut, beside=not completing)
    whole = source is not None
    if source is None and completing:
        source = _completed(item, answer, language)
    if source is None:
        named = some_function(answer.text, language) is not None and not completing
        return failure(answer, "wrong_signature" if named else "no_code")
    hidden = Hidden(
        language=language,
        function=function,
        recipe=str(facts["recipe"]),
        example=str(facts["example"]),
        item_id=item.id,
    )
    found = verdict(source, hidden)
    if cut and whole and found.mode == "syntax_error":
        before = function_before_cut(text, function, language)
        found = verdict(before, hidden) if before is not None else found
    return _graded(answer, found)


def _completed(item: Item, answer: Answer, language: Language) -> str | None:
    if not bounded(answer.text):
        return None
    lines = lines_of_gap(answer.text)
    if lines is None:
        return None
    if language == "lua":
        lines = inner_return(lines)
    start, size = int(item.attributes["gap_start"]), int(item.attributes["gap_size"])
    recipe = Recipe.loads(str(item.attributes["recipe"]))
    return fill(with_gap(str(item.attributes["function"]), recipe, language, range(start, start + size)), lines)


def _graded(answer: Answer, found: Verdict) -> Grade:
    signals = {"tests_passed": found.passed}
    if found.mode is None:
        return replace(RIGHT, signals=signals)
    return replace(failure(answer, found.mode), signals=signals)
