"""IFEval: prompts with instructions that a program can verify."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tailgate_slices.grading import RIGHT, failure
from tailgate_slices.item import Answer, Grade
from tailgate_slices.sources.finite import Question
from tailgate_slices.sources.ifeval_rules import RULES, missing_rule
from tailgate_slices.sources.judges import LONGEST_ANSWER, modes_of
from tailgate_slices.sources.rows import Row

GROUPS = tuple(dict.fromkeys(name.partition(":")[0] for name in RULES))
MAX_NEW_TOKENS = 1280


@dataclass(frozen=True)
class Follows:
    """All instructions of a row are followed (strict, by prompt); signals tell the share of them."""

    instructions: tuple[tuple[str, Mapping[str, Any]], ...]
    modes = modes_of(**{f"broke_{group}": f"an instruction of the kind {group} was not followed" for group in GROUPS})

    def needs(self) -> str | None:
        """Nothing."""
        return None

    def __call__(self, answer: Answer) -> Grade:
        """Check each instruction on the answer as it stands; an empty answer follows none."""
        text = answer.text[:LONGEST_ANSWER]
        broken = [name for name, arguments in self.instructions if not text.strip() or not RULES[name](text, arguments)]
        signals = {"instructions_followed": 1 - len(broken) / len(self.instructions)}
        if not broken:
            return Grade(score=RIGHT.score, failure_mode=None, signals=signals)
        mode = failure(answer, f"broke_{broken[0].partition(':')[0]}").failure_mode
        return Grade(score=0.0, failure_mode=mode, signals=signals)


def ifeval(row: Row) -> Question | str:
    """A row of IFEval, or the reason why it cannot be judged here."""
    names = row.fields["instruction_id_list"]
    given = [_given(each) for each in row.fields["kwargs"]]
    pairs = tuple(zip(names, given, strict=True))
    for name, arguments in pairs:
        if (reason := missing_rule(name, arguments) or _lacking(name, arguments)) is not None:
            return reason
    return Question(
        id=str(row.fields["key"]),
        values={"rules": str(len(pairs))},
        prompt=row.fields["prompt"],
        references=(),
        judge=Follows(instructions=pairs),
        max_new_tokens=MAX_NEW_TOKENS,
        attributes={"kinds": "+".join(sorted({name.partition(":")[0] for name in names}))},
    )


def _lacking(name: str, arguments: Mapping[str, Any]) -> str | None:
    """Whether an instruction lacks an argument, which would come to light when an answer is graded."""
    try:
        RULES[name]("One line.", arguments)
    except (KeyError, TypeError, ValueError):
        return f"{name} lacks an argument"
    return None


def _given(arguments: Mapping[str, Any] | None) -> dict[str, Any]:
    """Arguments that are set: tables fill up the others with None."""
    return {name: value for name, value in (arguments or {}).items() if value is not None}
