"""Several dependent steps: names handed on, sums, stories, units, rates, tables and dates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from tailgate_slices.drawing import fixed_values, item_id
from tailgate_slices.item import Answer, Attribute, Card, Grade, Item, Slice, TokenCounter, item_rng
from tailgate_slices.multihop_arithmetic.axes import AXES, STEPPED, Values, draw_values
from tailgate_slices.multihop_arithmetic.dates import calendar
from tailgate_slices.multihop_arithmetic.tasks import Cast, Problem, asides, draw_cast, stray_numbers, weave
from tailgate_slices.multihop_arithmetic.verdicts import MODES, judge
from tailgate_slices.multihop_arithmetic.wording import alias, chain, expression, story, total
from tailgate_slices.multihop_arithmetic.worked import worked
from tailgate_slices.multihop_arithmetic.worlds import rate, table, unit

FORMS: Mapping[str, Callable[[np.random.Generator, Values, Cast], Problem]] = MappingProxyType(
    {
        "alias": alias,
        "sum": total,
        "chain": chain,
        "story": story,
        "unit": unit,
        "rate": rate,
        "table": table,
        "calendar": calendar,
        "expression": expression,
    }
)
EXAMPLES = 2  # in a few-shot prompt
ASKS_STEPS = 'Work step by step, one equation a line. Then write the result after "Answer:".'
TEMPLATE_TOKENS = 96  # room for the chat template
_OWN_DISTRACTORS = ("alias", "chain")  # forms that weave them into their own lines
_SHORT_ANSWERS = ("alias", "sum", "chain", "story")


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A problem written out, and the numbers in it that have nothing to do with the answer."""

    text: str
    problem: Problem
    distractors: tuple[int, ...]

    @property
    def reference(self) -> str:
        """The right answer."""
        return self.problem.reference or str(self.problem.program.result)


class MultihopArithmetic(Slice):
    """A number handed on or changed in as many steps as the stratum has hops."""

    name = "multihop_arithmetic"
    version = "3"
    axes: Mapping[str, tuple[str, ...]] = AXES
    card = Card(
        catches="Errors that small weight noise starts and dependent steps carry on.",
        why="Published damage grows with the number of dependent steps.",
        scoring="1 if the final value equals the result, else 0. The final value is the number (date, day of the week) "
        "that the answer calls its answer, else the last one that it announces as a result, else the last one; "
        "operands, reasons and denied values are none, and two values for choice are wrong. For style=cot and few-cot "
        'it stands on the line after the last "Answer:". signals: log10_error, the distance from the result in powers '
        "of ten, at most 6; steps_right, the share of steps shown right (cot, few-cot).",
        provenance="Generated assignments, expressions, stories, conversions, rates, tables and dates; no text of "
        "others.",
        licence="Apache-2.0",
        failure_modes=MODES,
        limits="Whole numbers and one chain of steps; a right result may come from wrong steps. digits counts those of "
        "the start (of each number of days in form=calendar); later operands are one digit shorter, factors have one "
        "digit. A start that only loses may be larger, so that nothing falls below one. Divisions leave no remainder "
        "and at least two. Wordings that the grader understands are usual English ones. Unit and rate items of "
        "op=mixed multiply, add, subtract or divide. Which values of the axes exclude each other, an error says.",
    )

    def item(self, *, stratum: str, seed: int, index: int, tokens: TokenCounter | None) -> Item:
        """Draw the open axes, a problem, and the examples around it."""
        rng = item_rng(self.name, self.version, seed, stratum, index)
        values = draw_values(rng, fixed_values(self, stratum))
        task = draw_task(rng, values)
        return Item(
            id=item_id(self, stratum, seed, index),
            slice=self.name,
            stratum=stratum,
            index=index,
            prompt=_prompt(rng, values, task),
            references=(task.reference,),
            max_new_tokens=_budget(values, task),
            stop=("\nQuestion:",) if values.style in STEPPED else ("\n",),
            attributes=_attributes(values, task),
        )

    def grade(self, item: Item, answer: Answer) -> Grade:
        """Take the final value of the answer for its result."""
        return judge(item, answer)

    def min_context(self, stratum: str) -> int:
        """Prompt and answer of the longest item, with room for the chat template."""
        fixed = fixed_values(self, stratum)
        hops, noise = int(fixed.get("hops", AXES["hops"][-1])), int(fixed.get("noise", AXES["noise"][-1]))
        question = 40 + 16 * hops + 14 * noise
        few = (EXAMPLES + 1) * question + 40 + 10 * hops
        cot = question + 80 + 50 * hops
        few_cot = cot + EXAMPLES * (question + 20 + 20 * hops)
        longest = {"zero": question + 40 + 10 * hops, "few": few, "cot": cot, "few-cot": few_cot}
        return TEMPLATE_TOKENS + (longest[fixed["style"]] if "style" in fixed else max(longest.values()))


def draw_task(rng: np.random.Generator, values: Values) -> Task:
    """Draw a problem and write it out, distractors between its sentences."""
    cast = draw_cast(rng)
    problem = FORMS[values.form](rng, values, cast)
    if values.form in _OWN_DISTRACTORS:
        return _written(problem.sentences, problem, problem.distractors)
    stray = stray_numbers(rng, values.noise, values.digits, problem.program)
    sentences = weave(rng, problem.sentences, asides(rng, cast, stray))
    return _written(tuple(sentences), problem, (*problem.distractors, *stray))


def _written(sentences: tuple[str, ...], problem: Problem, distractors: tuple[int, ...]) -> Task:
    text = " ".join([*sentences, problem.question]).replace(" \n", "\n").replace("\n ", "\n").strip()
    return Task(text=text, problem=problem, distractors=distractors)


def _prompt(rng: np.random.Generator, values: Values, task: Task) -> str:
    if values.style == "zero":
        return task.text
    if values.style == "cot":
        return f"{task.text}\n{ASKS_STEPS}"
    examples = _examples(rng, values, task)
    if values.style == "few":
        told = [f"Question: {each.text}\nAnswer: {each.problem.shown or each.reference}" for each in examples]
        return "\n\n".join([*told, f"Question: {task.text}\nAnswer:"])
    told = [f"Question: {each.text}\nSteps:\n{worked(each.problem)}\nAnswer: {each.reference}" for each in examples]
    return "\n\n".join([ASKS_STEPS, *told, f"Question: {task.text}\nSteps:"])


def _examples(rng: np.random.Generator, values: Values, task: Task) -> list[Task]:
    """Other problems of the same kind."""
    examples: list[Task] = []
    while len(examples) < EXAMPLES:
        other = draw_task(rng, values)
        if other.text != task.text:
            examples.append(other)
    return examples


def _budget(values: Values, task: Task) -> int:
    """Tokens for an equation with all operands, a sentence around a value, or a line for each step.

    Digits are counted as tokens of their own.
    """
    longest = max(len(str(value)) for value in task.problem.program.values)
    equation = 14 + values.hops * (3 + max(1, values.digits - 1)) + max(0, longest - 2)
    if values.style in STEPPED:
        return equation + 24 + values.hops * (16 + 2 * longest)
    return equation if values.form in _SHORT_ANSWERS else equation + 14


def _attributes(values: Values, task: Task) -> dict[str, Attribute]:
    found: dict[str, Attribute] = {
        "hops": values.hops,
        "digits": values.digits,
        "form": values.form,
        "op": values.op,
        "noise": values.noise,
        "style": values.style,
        "template": task.problem.template,
        "answer": task.problem.answer,
        "program": task.problem.program.text,
        "distractors": " ".join(map(str, task.distractors)),
    }
    if task.problem.answer == "number":
        found["result"] = task.problem.program.result
    return found
