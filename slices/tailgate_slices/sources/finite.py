"""A slice with an end: questions read from data, in one order whatever the seed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

from tailgate_slices.drawing import fixed_values
from tailgate_slices.item import Answer, Attribute, Card, Grade, Item, Slice, SliceError, TokenCounter, item_rng

_FORBIDDEN = re.compile(r"[,=/\x00-\x1f]+")  # they would break the name of a stratum, or of a cell
LONGEST_VALUE = 80


class Judge(Protocol):
    """Grades the answers of one question, and says which failure modes it knows."""

    @property
    def modes(self) -> Mapping[str, str]:
        """Failure modes, with their meaning, beyond the common ones."""

    def __call__(self, answer: Answer) -> Grade:
        """Judge an answer."""

    def needs(self) -> str | None:
        """What this machine lacks to judge; None: nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One row of data as it will be asked: `values` places it on every axis of its slice."""

    id: str
    values: Mapping[str, str]
    prompt: str
    references: tuple[str, ...]
    judge: Judge
    max_new_tokens: int = 256
    stop: tuple[str, ...] = ()
    cluster: str | None = None
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    system: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What a slice made from data is called and says of itself.

    `template` counts the ways in which rows have been asked and judged; with the hash of the data it is the version.
    """

    name: str
    template: str
    sha256: str
    card: Card
    chance: float = 0.0
    descriptive: bool = False


class FiniteSlice(Slice):
    """Questions of a file. Item `index` is the index-th in a fixed order that looks random.

    The order is drawn from the hash of the data, so the first n items are a random sample of it. Questions that share
    a text stand together.
    """

    def __init__(self, identity: Identity, axes: Sequence[str], questions: Sequence[Question]) -> None:
        if not questions:
            raise SliceError(f"{identity.name} has no question left; give data with at least one usable row")
        self.name = identity.name
        self.version = f"{identity.template}+{identity.sha256[:8]}"
        self.card = identity.card
        self.chance = identity.chance
        self.descriptive = identity.descriptive
        self.uses_system = any(question.system for question in questions)
        self.axes: Mapping[str, tuple[str, ...]] = MappingProxyType(
            {axis: _sorted(dict.fromkeys(question.values[axis] for question in questions)) for axis in axes}
        )
        self._ordered = _in_order(questions, identity.sha256)
        self._by_id = {question.id: question for question in questions}
        if len(self._by_id) != len(questions):
            raise SliceError(f"{identity.name}: {_repeated(questions)}; ids must differ")
        self._parts: dict[str, tuple[Question, ...]] = {}

    def item(self, *, stratum: str, seed: int, index: int, tokens: TokenCounter | None) -> Item:
        """Question `index` of a stratum, whatever the seed.

        Raises
        ------
        SliceError
            The stratum is unknown or has fewer questions.
        """
        questions = self.questions(stratum)
        if not 0 <= index < len(questions):
            raise SliceError(
                f"{self.name}: stratum '{stratum}' has {len(questions)} items, there is none with index {index}; "
                "ask for fewer"
            )
        question = questions[index]
        return Item(
            id=self._prefix(stratum) + question.id,
            slice=self.name,
            stratum=stratum,
            index=index,
            prompt=question.prompt,
            references=question.references,
            max_new_tokens=question.max_new_tokens,
            stop=question.stop,
            cluster=question.cluster,
            attributes={**question.values, **question.attributes},
            system=question.system,
        )

    def grade(self, item: Item, answer: Answer) -> Grade:
        """Judge an answer as the item's row asks.

        Raises
        ------
        SliceError
            The item comes from other data.
        """
        question = self._by_id.get(item.id.removeprefix(self._prefix(item.stratum)))
        if question is None:
            raise SliceError(f"item '{item.id}' is not of {self.name}@{self.version}; give the data it was drawn from")
        return question.judge(answer)

    def questions(self, stratum: str) -> tuple[Question, ...]:
        """All questions of a stratum, in order."""
        if stratum not in self._parts:
            wanted = fixed_values(self, stratum).items()
            self._parts[stratum] = tuple(each for each in self._ordered if wanted <= each.values.items())
        return self._parts[stratum]

    def min_context(self, stratum: str) -> int:
        """An upper estimate, for the tokenizer is not known here: see `token_estimate`."""
        asked = self.questions(stratum)
        return max((64 + token_estimate(q.system + q.prompt) + q.max_new_tokens for q in asked), default=64)

    def needs(self, stratum: str) -> str | None:
        """What the judges of a stratum lack on this machine."""
        kinds = {type(question.judge): question.judge for question in self.questions(stratum)}
        return next((lacking for judge in kinds.values() if (lacking := judge.needs()) is not None), None)

    def executes(self, stratum: str) -> tuple[str, ...]:
        """Languages of the programs that the judges of a stratum run."""
        judges = {type(question.judge) for question in self.questions(stratum)}
        return tuple(sorted({language for judge in judges for language in getattr(judge, "executes", ())}))

    def cluster_items(self, stratum: str) -> int:
        """Most questions of a stratum that share a text."""
        counts: dict[str, int] = {}
        for question in self.questions(stratum):
            if question.cluster is not None:
                counts[question.cluster] = counts.get(question.cluster, 0) + 1
        return max(counts.values(), default=1)

    def size(self, stratum: str) -> int:
        """Questions that a stratum has."""
        return len(self.questions(stratum))

    def _prefix(self, stratum: str) -> str:
        return f"{self.name}@{self.version}/{stratum}/"


def token_estimate(text: str) -> int:
    """Tokens that a byte-level tokenizer hardly exceeds.

    A letter or space of ASCII counts a third, any other ASCII character one, any other character a token per byte.
    """
    ascii_text = text.encode("ascii", "ignore").decode()
    letters = sum(char.isalpha() or char == " " for char in ascii_text)
    others = len(text.encode("utf-8", "surrogatepass")) - len(ascii_text)
    return letters // 3 + 1 + len(ascii_text) - letters + others


def stratum_value(text: object, *, default: str = "unknown") -> str:
    """A field of published data as the value of an axis: signs that would break a stratum's name become hyphens."""
    value = _FORBIDDEN.sub("-", str(text if text is not None else "")).strip(" -")[:LONGEST_VALUE]
    return value or default


def is_stratum_value(text: str) -> bool:
    """Whether a text can be the value of an axis as it stands."""
    return bool(text) and text == text.strip() and len(text) <= LONGEST_VALUE and not _FORBIDDEN.search(text)


def _sorted(values: Iterable[str]) -> tuple[str, ...]:
    """Numbers by size, which is easy to hard; names as they came."""
    listed = tuple(values)
    return tuple(sorted(listed, key=int)) if all(value.isdecimal() for value in listed) else listed


def _in_order(questions: Sequence[Question], sha256: str) -> tuple[Question, ...]:
    groups: dict[tuple[str, str], list[Question]] = {}
    for question in questions:
        key = ("text", question.cluster) if question.cluster is not None else ("id", question.id)
        groups.setdefault(key, []).append(question)
    shuffled = item_rng("order", sha256).permutation(len(groups))
    listed = list(groups.values())
    return tuple(question for place in shuffled for question in listed[int(place)])


def _repeated(questions: Sequence[Question]) -> str:
    seen: set[str] = set()
    for question in questions:
        if question.id in seen:
            return f"the id '{question.id}' occurs twice"
        seen.add(question.id)
    return "an id occurs twice"
