"""Values of an answer that only repeat the question: its own sentences, and what other names than the asked one hold.

Model output is hostile: everything here is linear in the bounded text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence, Set
from dataclasses import dataclass

from tailgate_slices.multihop_arithmetic.reading import Found

STOP = re.compile(r"[.!?;](?=\s|$)|\n")
_ASKED = re.compile(r"Write the value of ([A-Z]) as a number")
_TERM = r"[(`\"'\[]?(?:\b[A-Za-z]\b(?:['\u2019]s value)?|(?<![\w.])-?[0-9]+(?:\.[0-9]+)?)[)`\"'\]]?"
_SIDE = rf"{_TERM}(?:(?:[ \t]?[-+*/\u00d7\u00b7\u00f7][ \t]?|[ \t]x[ \t]){_TERM})*+"
_EQUALS = (
    r"[ \t]?(?::?={1,3}|[:\u2248\u2192]|->|(?:,[ \t])?(?:which[ \t])?\b(?:is|was|be|has|holds|equals|becomes|gives)\b"
    r"(?:[ \t](?:also|now|then|still|equal to|set to|the value(?: of)?|the number|a value of|the same(?: value)? as)\b)"
    r"{0,2})[ \t]?"
)
# Begins at no operand further on: a long expression is read once.
_EQUATION = re.compile(rf"(?<![+*/\u00d7\u00b7\u00f7])(?<![0-9]-)(?<![0-9A-Z)] [-+*/] ){_SIDE}(?:{_EQUALS}{_SIDE})+")
_EQUALS_SIGN = re.compile(_EQUALS)
_LETTER = re.compile(r"[A-Za-z]")
_NAME = re.compile(r"\b[A-Za-z]\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the question tells and asks."""

    operands: Set[int | float] = frozenset()
    name: str = ""  # of the variable that is asked for, if any
    sentences: Set[str] = frozenset()


def read_told(prompt: str, operands: Set[int]) -> Told:
    """What the last question of a prompt tells."""
    question = prompt.rpartition("Question: ")[2]
    asked = _ASKED.findall(question)
    sentences = (_folded(question[start:end]) for start, end in spans(question))
    return Told(operands=operands, name=asked[-1] if asked else "", sentences=frozenset(filter(None, sentences)))


def own_values(text: str, found: Sequence[Found], told: Told) -> list[Found]:
    """The values that are neither in a sentence of the question nor given to a variable that is not asked for."""
    dropped = _echoes(text, found, told)
    if told.name:
        dropped += [match.span() for match in _EQUATION.finditer(text) if _of_another(match[0], told.name)]
    return [each for each in found if not any(start <= each.start < end for start, end in dropped)]


def spans(text: str) -> list[tuple[int, int]]:
    """Where sentences begin and end."""
    ends = [match.end() for match in STOP.finditer(text)]
    return list(zip([0, *ends], [*ends, len(text)], strict=True))


def _echoes(text: str, found: Sequence[Found], told: Told) -> list[tuple[int, int]]:
    """Sentences that the question has, and the beginning of one at the end of an echo or with several values."""
    echoes: list[tuple[int, int]] = []
    for start, end in spans(text):
        said = _folded(text[start:end])
        begun = [each for each in told.sentences if each.startswith(said)] if _LETTER.search(said) else []
        # "Tom has 5 cups" may answer "Tom has 5 cups, gets 2, then loses 2. How many ...".
        whole = any(len(each) <= len(said) + 1 for each in begun)
        if whole or (begun and (echoes or _several(found, start, end))):
            echoes.append((start, end))
    return echoes


def _several(found: Sequence[Found], start: int, end: int) -> bool:
    return sum(start <= each.start < end for each in found) > 1


def _folded(sentence: str) -> str:
    return " ".join(sentence.casefold().split())


def _of_another(equation: str, name: str) -> bool:
    """Whether an equation has names, and the asked one nowhere alone on a side."""
    sides = [_bare(side) for side in _EQUALS_SIGN.split(equation.replace(" x ", " * "))]
    return name not in sides and any(_NAME.fullmatch(part) for side in sides for part in re.split(r"[-+*/ ]", side))


def _bare(side: str) -> str:
    return side.partition("'s")[0].partition("\u2019s")[0].strip(" \t()[]`\"'").upper()
