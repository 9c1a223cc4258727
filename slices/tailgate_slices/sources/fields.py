"""Fields of a published row, read strictly: a key that no answer matches, or any does, is an error with its line."""

from __future__ import annotations

from typing import Any

from tailgate_slices.item import SliceError
from tailgate_slices.sources.judges import as_number
from tailgate_slices.sources.reading import shown
from tailgate_slices.sources.rows import Row


def refused(row: Row, name: str, wanted: str) -> SliceError:
    """The error about a field that is not what is wanted."""
    return SliceError(f"{row.source} line {row.line}: {name} is {shown(row.fields[name])}; write {wanted}")


def text(row: Row, name: str) -> str:
    """A text with something in it."""
    value = row.fields[name]
    if not isinstance(value, str) or not value.strip():
        raise refused(row, name, "a text")
    return value


def written(row: Row, name: str) -> str:
    """A text, or a whole number as one."""
    value = row.fields[name]
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else text(row, name)


def whole(row: Row, name: str, low: int, high: int) -> int:
    """A whole number from `low` to `high`; CSV files give it as text."""
    value: Any = row.fields[name]
    if isinstance(value, str) and value.strip().removeprefix("-").isdecimal() and len(value) < 20:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise refused(row, name, f"a whole number from {low} to {high}")
    return value


def letter(row: Row, name: str, letters: str) -> int:
    """Place of one letter among some."""
    value = row.fields[name]
    stripped = value.strip() if isinstance(value, str) else ""
    if len(stripped) != 1 or stripped not in letters:
        raise refused(row, name, f"one of {', '.join(letters)}")
    return letters.index(stripped)


def texts(row: Row, name: str) -> tuple[str, ...]:
    """A list of texts with something in each, and at least one."""
    value = row.fields[name]
    listed = [str(each) if isinstance(each, int) and not isinstance(each, bool) else each for each in _listed(value)]
    if not listed or not all(isinstance(each, str) and each.strip() for each in listed):
        raise refused(row, name, "a list of texts")
    return tuple(listed)


def number(row: Row, name: str, found: str) -> str:
    """A number in what was `found` in a field, as a decimal that answers are compared with."""
    value = as_number(found.strip())
    plain = None if value is None else f"{value:f}"
    if plain is None or as_number(plain) != value:
        raise SliceError(
            f"{row.source} line {row.line}: the answer {shown(found.strip(), 40)} is no number; correct {name}"
        )
    return plain


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else []
