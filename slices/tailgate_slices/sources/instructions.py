"""IFEval: prompts with instructions that a program can verify, strictly and loosely."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tailgate_slices.grading import RIGHT, failure
from tailgate_slices.item import Answer, Grade
from tailgate_slices.sources import fields as strict
from tailgate_slices.sources.finite import Question
from tailgate_slices.sources.ifeval_arguments import missing_argument, set_arguments
from tailgate_slices.sources.ifeval_rules import RULES, missing_rule
from tailgate_slices.sources.judges import LONGEST_ANSWER, modes_of
from tailgate_slices.sources.rows import Row

GROUPS = tuple(dict.fromkeys(name.partition(":")[0] for name in RULES))
MAX_NEW_TOKENS = 1280


@dataclass(frozen=True)
class Follows:
    """All instructions of a row are followed (strict, by prompt).

    Signals tell the share of them, and whether all are followed loosely: each by the answer or by what remains of it
    without asterisks, without its first or last line, or both.
    """

    instructions: tuple[tuple[str, Mapping[str, Any]], ...]
    modes = modes_of(**{f"broke_{group}": f"an instruction of the kind {group} was not followed" for group in GROUPS})

    def needs(self) -> str | None:
        """Nothing."""
        return None

    def __call__(self, answer: Answer) -> Grade:
        """Check each instruction on the answer as it stands; an empty answer follows none."""
        text = answer.text[:LONGEST_ANSWER]
        broken = [name for name, arguments in self.instructions if not text.strip() or not RULES[name](text, arguments)]
        signals = {
            "instructions_followed": 1 - len(broken) / len(self.instructions),
            "followed_loosely": float(self._loosely(broken, text)),
        }
        if not broken:
            return Grade(score=RIGHT.score, failure_mode=None, signals=signals)
        mode = failure(answer, f"broke_{broken[0].partition(':')[0]}").failure_mode
        return Grade(score=0.0, failure_mode=mode, signals=signals)

    def _loosely(self, broken: Sequence[str], text: str) -> bool:
        """Whether each broken instruction is followed by one of the answer's variants; they may differ."""
        others = [each for each in loose_variants(text) if each.strip()] if broken else []
        return all(
            any(RULES[name](each, arguments) for each in others)
            for name, arguments in self.instructions
            if name in broken
        )


def loose_variants(text: str) -> tuple[str, ...]:
    """An answer without its first line, its last line, or both, each with and without asterisks."""
    lines = text.split("\n")
    cut = ("\n".join(lines[1:]).strip(), "\n".join(lines[:-1]).strip(), "\n".join(lines[1:-1]).strip())
    return tuple(dict.fromkeys([text, *cut, *(each.replace("*", "") for each in (text, *cut))]))


def ifeval(row: Row) -> Question | str:
    """A row of IFEval, or the reason why it cannot be judged here."""
    names, given = strict.texts(row, "instruction_id_list"), row.fields["kwargs"]
    if not isinstance(given, list | tuple) or len(given) != len(names):
        raise strict.refused(row, "kwargs", f"a list of {len(names)} objects, one for each instruction")
    pairs = tuple(zip(names, map(set_arguments, given), strict=True))
    for name, arguments in pairs:
        if (reason := missing_rule(name, arguments) or missing_argument(name, arguments)) is not None:
            return reason
    return Question(
        id=strict.written(row, "key"),
        values={"rules": str(len(pairs))},
        prompt=strict.text(row, "prompt"),
        references=(),
        judge=Follows(instructions=pairs),
        max_new_tokens=MAX_NEW_TOKENS,
        attributes={"kinds": "+".join(sorted({name.partition(":")[0] for name in names}))},
    )
