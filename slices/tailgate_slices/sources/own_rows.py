"""A row of own prompts, read strictly, as a question with its grader."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tailgate_slices.item import Answer, SliceError
from tailgate_slices.sources.finite import Judge, Question, is_stratum_value
from tailgate_slices.sources.json_schemas import compiled_schema
from tailgate_slices.sources.judges import Contains, Exact, Matches, NotEmpty, Number, as_number
from tailgate_slices.sources.linear_regex import LinearRegex
from tailgate_slices.sources.reading import parsed, shown
from tailgate_slices.sources.rows import Row

COLUMNS = (
    *("prompt", "system", "id", "reference", "references", "grader", "pattern", "schema"),
    *("stratum", "cluster", "max_new_tokens", "stop", "subject", "source"),
)
GRADERS = ("exact", "contains", "regex", "number", "json_schema", "none")
MAX_NEW_TOKENS = 256
MOST_NEW_TOKENS = 32_768
_FIELDS = {"regex": "pattern", "json_schema": "schema"}  # what a grader reads in place of references


def filled(row: Row) -> dict[str, Any]:
    """Fields that hold a value: an empty CSV cell and a JSON null are none."""
    return {name: value for name, value in row.fields.items() if value is not None and value != ""}


def question_of(row: Row, path: Path) -> Question:
    """The question of a row.

    Raises
    ------
    SliceError
        The row has a fault; the message names the line.
    """
    where = f"{path.name} line {row.line}"
    unknown = [name for name in row.fields if name not in COLUMNS]
    if unknown:
        raise SliceError(f"{where}: unknown column {shown(unknown[0])}; known columns: {', '.join(COLUMNS)}")
    fields = filled(row)
    references = _references(fields, where)
    if any(not reference.strip() for reference in references):
        raise SliceError(f"{where} has a reference of white space alone; write what is right")
    stratum = _text(fields, "stratum", where) or "all"
    if not is_stratum_value(stratum):
        raise SliceError(
            f"{where}: stratum {shown(stratum)} holds a comma, '=', '/', a control sign or outer spaces, "
            "or has over 80 characters; rename it"
        )
    prompt = _text(fields, "prompt", where)
    if not prompt.strip():
        raise SliceError(f"{where} has no prompt; write one")
    system = _text(fields, "system", where)
    if system and not system.strip():
        raise SliceError(f"{where} has a system prompt of white space alone; write one or leave it out")
    return Question(
        id=_identifier(fields, row, where),
        values={"stratum": stratum},
        prompt=prompt,
        system=system,
        references=references,
        judge=_judge(fields, references, where),
        max_new_tokens=_budget(fields, where),
        stop=_texts(fields, "stop", where),
        cluster=_text(fields, "cluster", where) or None,
        attributes={"grader": grader_of(fields, where), **_origin(fields, where)},
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
            value = parsed(value)
        except SliceError as error:
            raise SliceError(f"{where}: {name} begins with '[' and is no JSON list: it {error}") from None
    listed = [value] if isinstance(value, str | int | float) and not isinstance(value, bool) else value
    if not isinstance(listed, list | tuple):
        raise SliceError(f"{where}: {name} is {type(value).__name__}; write a text or a list of texts")
    if not all(_is_plain(each) and each != "" for each in listed):
        raise SliceError(f"{where}: {name} holds something that is no text; write texts")
    return tuple(str(each) for each in listed)


def _is_plain(value: object) -> bool:
    """Whether a value is a text or a number; NaN and infinity are none, and no answer equals them."""
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, str | int) and not isinstance(value, bool)


def _references(fields: Mapping[str, Any], where: str) -> tuple[str, ...]:
    if "reference" in fields and "references" in fields:
        raise SliceError(f"{where} has both reference and references; keep one")
    if "reference" not in fields:
        return _texts(fields, "references", where)
    value = fields["reference"]
    if not _is_plain(value):
        found = shown(value) if isinstance(value, float) else type(value).__name__
        raise SliceError(f"{where}: reference is {found}; write a text, or a list in references")
    return (str(value),)


def grader_of(fields: Mapping[str, Any], where: str) -> str:
    """The grader that a row names, or the one that its fields ask for."""
    has_reference = "reference" in fields or "references" in fields
    given = fields.get("grader", "exact" if has_reference else "none")
    if given not in GRADERS:
        raise SliceError(f"{where}: unknown grader {shown(given)}; choose from {', '.join(GRADERS)}")
    return str(given)


def _budget(fields: Mapping[str, Any], where: str) -> int:
    given = fields.get("max_new_tokens", MAX_NEW_TOKENS)
    number = int(given) if isinstance(given, str) and given.isascii() and given.isdigit() and len(given) < 8 else given
    if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= MOST_NEW_TOKENS:
        raise SliceError(f"{where}: max_new_tokens is {shown(given)}; write a whole number from 1 to {MOST_NEW_TOKENS}")
    return number


def _judge(fields: Mapping[str, Any], references: tuple[str, ...], where: str) -> Judge:
    grader = grader_of(fields, where)
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
            raise SliceError(f"{where}: its own grader rejects the reference {shown(reference)}; correct one of them")


def _number_judge(fields: Mapping[str, Any], references: tuple[str, ...]) -> Judge:
    if len(references) != 1 or as_number(references[0]) is None:
        raise SliceError(f"the grader number needs one number as reference, this is {shown(', '.join(references))}")
    return Number(reference=references[0])


def _schema_judge(fields: Mapping[str, Any], references: tuple[str, ...]) -> Judge:
    schema = fields["schema"]
    if isinstance(schema, str):
        try:
            schema = parsed(schema)
        except SliceError as error:
            raise SliceError(f"schema {error}") from None
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
