"""Production prompts of the user, a JSON-lines or CSV file, as a slice."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from tailgate_slices.item import Card, SliceError
from tailgate_slices.sources.finite import FiniteSlice, Identity, Question
from tailgate_slices.sources.judges import NotEmpty
from tailgate_slices.sources.own_rows import filled, grader_of, question_of
from tailgate_slices.sources.reading import shown
from tailgate_slices.sources.rows import Data, read_data

TEMPLATE = "2"  # of how rows are asked and graded
LONG_PROMPT = 32_000  # characters
FEW_ITEMS = 100  # a cell rarely decides on fewer
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,60}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a file of prompts holds, and what may be wrong with it. Counts are by name."""

    path: str
    sha256: str
    rows: int
    strata: Mapping[str, int]
    graders: Mapping[str, int]
    warnings: tuple[str, ...]


class OwnPrompts(FiniteSlice):
    """The prompts of a file; each row names its grader, its stratum and its references.

    Columns: ``prompt`` (required), ``system`` (the system prompt before it), ``id``, ``reference`` or ``references``,
    ``grader`` (exact, contains, regex, number, json_schema, none; exact where there is a reference and none where
    there is not), ``pattern``, ``schema``, ``stratum``, ``cluster``, ``max_new_tokens``, ``stop``, ``subject`` (whose
    prompt it is: `tailgate erase` finds it by this id) and ``source``. In CSV, references and stop are one text or a
    JSON list, and an empty cell is no value.

    Raises
    ------
    SliceError
        The file has a fault; the message names the line.
    """

    def __init__(self, name: str, path: Path) -> None:
        if _NAME.fullmatch(name) is None:
            raise SliceError(f"'{name}' is no name for own prompts; use letters, digits, '_', '.' and '-'")
        data = _read(path)
        questions = [question_of(row, path) for row in data.rows]
        _check_ids(data, questions, path)
        identity = Identity(
            name=f"own:{name}",
            template=TEMPLATE,
            sha256=data.sha256,
            card=_card(path, questions),
            descriptive=all(isinstance(question.judge, NotEmpty) for question in questions),
        )
        super().__init__(identity, ("stratum",), questions)


def check_file(path: Path) -> Report:
    """Read a file of own prompts as `OwnPrompts` does, and count and warn.

    Raises
    ------
    SliceError
        The file has a fault; the message names the line.
    """
    data = _read(path)
    questions = [question_of(row, path) for row in data.rows]
    _check_ids(data, questions, path)
    graders = Counter(grader_of(filled(row), "") for row in data.rows)
    strata = Counter(question.values["stratum"] for question in questions)
    return Report(
        path=str(path),
        sha256=data.sha256,
        rows=len(questions),
        strata=MappingProxyType(dict(strata)),
        graders=MappingProxyType(dict(graders)),
        warnings=tuple(_warnings(data, questions, strata)),
    )


def _warnings(data: Data, questions: list[Question], strata: Mapping[str, int]) -> Iterator[str]:
    first: dict[tuple[str, str], int] = {}
    for row, question in zip(data.rows, questions, strict=True):
        asked = (question.system, question.prompt)
        if asked in first:
            yield f"line {row.line} repeats the prompt of line {first[asked]}"
        first.setdefault(asked, row.line)
        if (length := len(question.system) + len(question.prompt)) > LONG_PROMPT:
            yield f"line {row.line} has a very long prompt ({length:,} characters)"
    for stratum, count in strata.items():
        if count < FEW_ITEMS:
            yield f"stratum '{stratum}' has {count} prompts: too few for most verdicts, {FEW_ITEMS} or more are better"
    if all(isinstance(question.judge, NotEmpty) for question in questions):
        yield "no row has a reference or a grader: answers are measured, never gated"


def _read(path: Path) -> Data:
    if path.suffix not in (".jsonl", ".csv"):
        raise SliceError(f"own prompts are a .jsonl or .csv file, not '{path.name}'; convert it")
    return read_data(path)


def _check_ids(data: Data, questions: list[Question], path: Path) -> None:
    lines: dict[str, int] = {}
    for row, question in zip(data.rows, questions, strict=True):
        if question.id in lines:
            raise SliceError(
                f"{path.name} line {row.line} repeats the id {shown(question.id)} of line {lines[question.id]}"
            )
        lines[question.id] = row.line


def _card(path: Path, questions: list[Question]) -> Card:
    modes: dict[str, str] = {}
    for judge in {type(question.judge): question.judge for question in questions}.values():
        modes.update(judge.modes)
    return Card(
        catches="What breaks on your own traffic.",
        why="No public benchmark is your production.",
        scoring="By the grader of each row: exact, contains, regex, number, json_schema; none takes any text.",
        provenance=f"The file {path.name}, as it is.",
        licence="The file's own; it stays where it is.",
        failure_modes=modes,
        limits="A fixed set: it ends, and says nothing of prompts unlike its own.",
        owner="whoever keeps the file",
        review_by="2027-06-30",
    )
