"""Several dependent steps: names handed on, sums, chains of variables, and small stories."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tailgate_slices.drawing import integer, item_id, level, pick, pick_distinct, require_stratum
from tailgate_slices.grading import COMMON_MODES, RIGHT, failure, settled, signed_numbers
from tailgate_slices.item import Answer, Card, Grade, Item, TokenCounter, item_rng

TEMPLATES = ("alias", "alias", "sum", "sum", "chain", "story")  # the share of each wording
_NAMES = ("Anna", "Ben", "Lucy", "Tom", "Mary", "Sam", "Kate", "Paul")
_THINGS = ("apples", "coins", "books", "cups", "shells", "pens", "stones", "balls")
_VARIABLES = tuple("ABCDEFGHJKLMNPQRSTUVWXYZ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """A start value and signed steps; the running value never falls below zero."""

    start: int
    steps: tuple[int, ...]

    @property
    def result(self) -> int:
        """The value after the last step."""
        return self.start + sum(self.steps)


class MultihopArithmetic:
    """A number handed on or changed in as many steps as the stratum has hops."""

    name = "multihop_arithmetic"
    version = "1"
    axis = "hops"
    strata: tuple[str, ...] = ("hops=1", "hops=2", "hops=3", "hops=4", "hops=6", "hops=8")
    chance = 0.0
    uses_tokenizer = False
    card = Card(
        catches="Errors that small weight noise starts and dependent steps carry on.",
        scoring="1 if the last number of the answer equals the result; else 0.",
        provenance="Generated assignments, expressions, variable chains and one-line stories; no text of others.",
        licence="Apache-2.0",
        failure_modes={
            **COMMON_MODES,
            "order_of_magnitude": "off by a factor of ten or more",
            "wrong_sign": "the result with the other sign",
            "wrong_number": "another number",
            "unparsable": "no number at all",
        },
        limits="Handing on, addition and subtraction of small numbers; a right result may come from wrong steps.",
    )

    def item(self, *, stratum: str, seed: int, index: int, tokens: TokenCounter | None) -> Item:
        """Draw a wording, a number of digits and the steps."""
        require_stratum(self, stratum)
        rng = item_rng(self.name, self.version, seed, stratum, index)
        hops = level(stratum)
        template = pick(rng, TEMPLATES)
        digits = integer(rng, 1, 2)
        steps = draw_steps(rng, hops, digits, moving=template != "alias")
        return Item(
            id=item_id(self, stratum, seed, index),
            slice=self.name,
            stratum=stratum,
            index=index,
            prompt=_render(rng, template, steps),
            references=(str(steps.result),),
            max_new_tokens=14 + 4 * hops,
            stop=("\n",),
            attributes={"template": template, "digits": digits, "result": steps.result},
        )

    def grade(self, item: Item, answer: Answer) -> Grade:
        """Take the last number of the answer for its result."""
        found = signed_numbers(settled(answer))
        if not found:
            return failure(answer, "unparsable")
        wanted = int(item.references[0])
        # A number of more digits than any result has is out by orders of magnitude; int() of a huge one is slow.
        given = int(found[-1]) if len(found[-1]) <= 20 else 10**20
        if given == wanted:
            return RIGHT
        return failure(answer, _how_wrong(given, wanted))

    def min_context(self, stratum: str) -> int:
        """Few-shot examples and question, with room for the chat template, and the answer."""
        require_stratum(self, stratum)
        return 256 + 32 * level(stratum)


def draw_steps(rng: np.random.Generator, hops: int, digits: int, *, moving: bool) -> Steps:
    """Draw a start value of one or two digits and one-digit steps that keep the value at one or above.

    Where the value is not moving, every step is zero: it is handed on as it is.
    """
    value = start = integer(rng, 2, 9) if digits == 1 else integer(rng, 10, 60)
    steps = []
    for _ in range(hops):
        size = integer(rng, 1, 9) if moving else 0
        sign = pick(rng, (1, -1)) if value > size else 1
        steps.append(sign * size)
        value += sign * size
    return Steps(start=start, steps=tuple(steps))


def _how_wrong(given: int, wanted: int) -> str:
    if wanted != 0 and given == -wanted:
        return "wrong_sign"
    low, high = sorted((abs(given), abs(wanted)))
    return "order_of_magnitude" if high >= 10 * low and high >= 10 else "wrong_number"


def _render(rng: np.random.Generator, template: str, steps: Steps) -> str:
    if template == "sum":
        return f"Write the result of {steps.start}{''.join(map(_signed, steps.steps))} as an equation."
    if template in ("alias", "chain"):
        return _chain(rng, steps)
    return _story(rng, steps)


def _signed(step: int) -> str:
    if step == 0:
        return ""
    return f" + {step}" if step > 0 else f" - {-step}"


def _chain(rng: np.random.Generator, steps: Steps) -> str:
    names = pick_distinct(rng, _VARIABLES, len(steps.steps) + 1)
    lines = [f"{names[0]} = {steps.start}."]
    lines += [f"{new} = {old}{_signed(step)}." for old, new, step in zip(names, names[1:], steps.steps, strict=False)]
    return f"{' '.join(lines)} Write the value of {names[-1]} as a number."


def _story(rng: np.random.Generator, steps: Steps) -> str:
    name, thing = pick(rng, _NAMES), pick(rng, _THINGS)
    moves = [f"{'gets' if step > 0 else 'loses'} {abs(step)}" for step in steps.steps]
    return f"{name} has {steps.start} {thing}, {', then '.join(moves)}. How many {thing} does {name} have now?"
