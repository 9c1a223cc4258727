"""Production prompts of the user, a JSON-lines or CSV file, as a slice."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tailgate_slices.item import Answer, Card, SliceError
from tailgate_slices.sources.finite import FiniteSlice, Identity, Judge, Question, is_stratum_value
from tailgate_slices.sources.json_schemas import compiled_schema
from tailgate_slices.sources.judges import Contains, Exact, Matches, NotEmpty, Number, as_number
from tailgate_slices.sources.linear_regex import LinearRegex
from tailgate_slices.sources.rows import Data, Row, read_data

COLUMNS = (
    *("prompt", "id", "reference", "references", "grader", "pattern", "schema"),
    *("stratum", "cluster", "max_new_tokens", "stop", "subject", "source"),
)
GRADERS = ("exact", "contains", "regex", "number", "json_schema", "none")
MAX_NEW_TOKENS = 256
MOST_NEW_TOKENS = 32_768
LONG_PROMPT = 32_000  # characters
FEW_ITEMS = 100  # a cell rarely decides on fewer
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,60}")
_FIELDS = {"regex": "pattern", "json_schema": "schema"}  # what a grader reads in place of references


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

    Columns: ``prompt`` (required), ``id``, ``reference`` or ``references``, ``grader`` (exact, contains, regex, number,
    json_schema, none; exact where there is a reference and none where there is not), ``pattern``, ``schema``,
    ``stratum``, ``cluster``, ``max_new_tokens``, ``stop``, ``subject`` (whose prompt it is: `tailgate erase` finds it
    by this id) and ``source``. In CSV, references and stop are one text or a JSON list,
    and an empty cell is no value.

    Raises
    ------
    SliceError
        The file has a fault; the message names the line.
    """

    def __init__(self, name: str, path: Path) -> None:
        if _NAME.fullmatch(name) is None:
            raise SliceError(f"'{name}' is no name for own prompts; use letters, digits, '_', '.' and '-'")
        data = _read(path)
        questions = [_question(row, path) for row in data.rows]
        _check_ids(data, questions, path)
        identity = Identity(
            name=f"own:{name}",
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
    questions = [_question(row, path) for row in data.rows]
    _check_ids(data, questions, path)
    graders = Counter(_grader(_filled(row), "") for row in data.rows)
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
    first: dict[str, int] = {}
    for row, question in zip(data.rows, questions, strict=True):
        if question.prompt in first:
            yield f"line {row.line} repeats the prompt of line {first[question.prompt]}"
        first.setdefault(question.prompt, row.line)
        if len(question.prompt) > LONG_PROMPT:
            yield f"line {row.line} has a very long prompt ({len(question.prompt):,} characters)"
    for stratum, count in strata.items():
        if count < FEW_ITEMS:
            yield f"stratum '{stratum}' has {count} prompts: too few for most verdicts, {FEW_ITEMS} or more are better"
    if all(isinstance(question.judge, NotEmpty) for question in questions):
        yield "no row has a reference or a grader: answers are measured, never gated"


def _read(path: Path) -> Data:
    if path.suffix not in (".jsonl", ".csv"):
        raise SliceError(f"own prompts are a .jsonl or .csv file, not '{path.name}'; convert it")
    return read_data(path)


def _filled(row: Row) -> dict[str, Any]:
    """Fields that hold a value: an empty CSV cell and a JSON null are none."""
    return {name: value for name, value in row.fields.items() if value is not None and value != ""}


def _question(row: Row, path: Path) -> Question:
    where = f"{path.name} line {row.line}"
    unknown = [name for name in row.fields if name not in COLUMNS]
    if unknown:
        raise SliceError(f"{where}: unknown column '{unknown[0]}'; known columns: {', '.join(COLUMNS)}")
    fields = _filled(row)
    references = _references(fields, where)
    if any(not reference.strip() for reference in references):
        raise SliceError(f"{where} has a reference of white space alone; write what is right")
    stratum = _text(fields, "stratum", where) or "all"
    if not is_stratum_value(stratum):
        raise SliceError(
            f"{where}: stratum {stratum[:60]!r} holds a comma, '=', '/', a control sign or outer spaces, "
            "or has over 80 characters; rename it"
        )
    prompt = _text(fields, "prompt", where)
    if not prompt.strip():
        raise SliceError(f"{where} has no prompt; write one")
    return Question(
        id=_identifier(fields, row, where),
        values={"stratum": stratum},
        prompt=prompt,
        references=references,
        judge=_judge(fields, references, where),
        max_new_tokens=_budget(fields, where),
        stop=_texts(fields, "stop", where),
        cluster=_text(fields, "cluster", where) or None,
        attributes={"grader": _grader(fields, where), **_origin(fields, where)},
    )


def _origin(fields: Mapping[str, Any], where: str) -> dict[str, str]:
    """Whose prompt it is and where it came from, as far as the row says."""
    found = {"subject_id": _text(fields, "subject", where), "source": _text(fields, "source", where)}
    return {name: value for name, value in found.items() if value}


def _identifier(fields: Mapping[str, Any], row: Row, where: str) -> str:
    given = fields.get("id", f"line-{row.line}")
    if isinstance(given, bool) or not isinstance(given, str | int):
        raise SliceError(f"{where}: id is {type(given).__name__}; write a text or a whole number")
    return str(given)


def _text(fields: Mapping[str, Any], name: str, where: str) -> str:
    value = fields.get(name, "")
    if name == "cluster" and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise SliceError(f"{where}: {name} is {type(value).__name__}; write a text")
    return value


def _texts(fields: Mapping[str, Any], name: str, where: str) -> tuple[str, ...]:
    """One text, a list of texts, or a JSON list in a CSV cell."""
    value = fields.get(name, ())
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            value = json.loads(value)
        except (json.JSONDecodeError, RecursionError):
            raise SliceError(f"{where}: {name} begins with '[' and is no JSON list; correct it") from None
    listed = [value] if isinstance(value, str | int | float) and not isinstance(value, bool) else value
    if not isinstance(listed, list | tuple):
        raise SliceError(f"{where}: {name} is {type(value).__name__}; write a text or a list of texts")
    if not all(isinstance(each, str | int | float) and not isinstance(each, bool) and each != "" for each in listed):
        raise SliceError(f"{where}: {name} holds something that is no text; write texts")
    return tuple(str(each) for each in listed)


def _references(fields: Mapping[str, Any], where: str) -> tuple[str, ...]:
    if "reference" in fields and "references" in fields:
        raise SliceError(f"{where} has both reference and references; keep one")
    if "reference" not in fields:
        return _texts(fields, "references", where)
    value = fields["reference"]
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise SliceError(f"{where}: reference is {type(value).__name__}; write a text, or a list in references")
    return (str(value),)


def _grader(fields: Mapping[str, Any], where: str) -> str:
    has_reference = "reference" in fields or "references" in fields
    given = fields.get("grader", "exact" if has_reference else "none")
    if given not in GRADERS:
        raise SliceError(f"{where}: unknown grader {given!r}; choose from {', '.join(GRADERS)}")
    return str(given)


def _budget(fields: Mapping[str, Any], where: str) -> int:
    given = fields.get("max_new_tokens", MAX_NEW_TOKENS)
    number = int(given) if isinstance(given, str) and given.isascii() and given.isdigit() and len(given) < 8 else given
    if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= MOST_NEW_TOKENS:
        raise SliceError(f"{where}: max_new_tokens is {given!r}; write a whole number from 1 to {MOST_NEW_TOKENS}")
    return number


def _judge(fields: Mapping[str, Any], references: tuple[str, ...], where: str) -> Judge:
    grader = _grader(fields, where)
    for other, needed in _FIELDS.items():
        if needed in fields and grader != other:
            raise SliceError(f"{where} has a {needed}, which only the grader {other} reads; set grader to {other}")
        if grader == other and needed not in fields:
            raise SliceError(f"{where}: the grader {grader} needs a {needed}; add one")
    if grader in ("exact", "contains", "number") and not references:
        raise SliceError(f"{where}: the grader {grader} needs a reference; add one, or set grader to none")
    try:
        judge = _JUDGES[grader](fields, references)
    except SliceError as error:
        raise SliceError(f"{where}: {error}") from None
    _check_references(judge, references, where)
    return judge


def _check_references(judge: Judge, references: tuple[str, ...], where: str) -> None:
    if isinstance(judge, NotEmpty):
        return
    for reference in references:
        if judge(Answer(text=reference, finish_reason="stop")).score < 1.0:
            raise SliceError(f"{where}: its own grader rejects the reference {reference[:60]!r}; correct one of them")


def _number_judge(fields: Mapping[str, Any], references: tuple[str, ...]) -> Judge:
    if len(references) != 1 or as_number(references[0]) is None:
        raise SliceError(f"the grader number needs one number as reference, this is {', '.join(references)[:60]!r}")
    return Number(reference=references[0])


def _schema_judge(fields: Mapping[str, Any], references: tuple[str, ...]) -> Judge:
    schema = fields["schema"]
    if isinstance(schema, str):
        try:
            schema = json.loads(schema)
        except (json.JSONDecodeError, RecursionError) as error:
            raise SliceError(f"schema is not valid JSON: {error}; correct it") from None
    return compiled_schema(schema)


def _pattern_judge(fields: Mapping[str, Any], references: tuple[str, ...]) -> Judge:
    if not isinstance(fields["pattern"], str):
        raise SliceError(f"pattern is {type(fields['pattern']).__name__}; write a text")
    return Matches(pattern=LinearRegex(fields["pattern"]))


_JUDGES: Mapping[str, Callable[[Mapping[str, Any], tuple[str, ...]], Judge]] = MappingProxyType(
    {
        "exact": lambda fields, references: Exact(references=references),
        "contains": lambda fields, references: Contains(references=references),
        "regex": _pattern_judge,
        "number": _number_judge,
        "json_schema": _schema_judge,
        "none": lambda fields, references: NotEmpty(),
    }
)


def _check_ids(data: Data, questions: list[Question], path: Path) -> None:
    lines: dict[str, int] = {}
    for row, question in zip(data.rows, questions, strict=True):
        if question.id in lines:
            raise SliceError(f"{path.name} line {row.line} repeats the id '{question.id}' of line {lines[question.id]}")
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
    )
