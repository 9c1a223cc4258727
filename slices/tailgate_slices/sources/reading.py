"""What all readers of users' data share: JSON taken strictly, and values quoted in errors of one line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from tailgate_slices.item import SliceError

MOST_NESTED = 100  # what is nested deeper would break whatever walks it by recursion
_HALF = re.compile(r"\\u[dD][89a-fA-F]")  # half of a surrogate pair as an escape; whole pairs are parsed away


def shown(value: object, limit: int = 60) -> str:
    """A value as Python writes it, on one line and cut where it is long."""
    written = repr(value[: limit + 1] if isinstance(value, str) else value)
    return written if len(written) <= limit + 2 else f"{written[:limit]}..."


def first_line(error: BaseException, limit: int = 200) -> str:
    """The first line of what an exception says, or its kind where it says nothing."""
    return (str(error).splitlines() or [""])[0][:limit] or type(error).__name__


def parsed(text: str) -> Any:
    """The value of a JSON text.

    Raises
    ------
    SliceError
        It is no JSON, names a key twice, is nested too deeply, holds a number too long to be read, or half of a
        surrogate pair, which no tokenizer takes. The message says the reason alone.
    """
    try:
        value = json.loads(text, object_pairs_hook=_object)
    except RecursionError:
        raise SliceError(f"is nested deeper than {MOST_NESTED} levels; flatten it") from None
    except json.JSONDecodeError as error:
        raise SliceError(f"is not valid JSON: {error}; correct it") from None
    except SliceError:
        raise
    except ValueError:  # Python reads no whole number of over 4,300 digits
        raise SliceError("is not valid JSON: it holds a number of thousands of digits; shorten it") from None
    if text.count("[") + text.count("{") > MOST_NESTED:
        _check_depth(value)
    if _HALF.search(text) is not None:
        check_characters(value)
    return value


def check_characters(value: Any) -> None:
    """Refuse text with half of a surrogate pair, anywhere in a value."""
    for text in _texts(value):
        try:
            text.encode()
        except UnicodeEncodeError as error:
            code = f"\\u{ord(text[error.start]):04x}"
            raise SliceError(f"holds {code}, half of a character; write the whole character") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key, value in pairs:
        if key in made:
            raise SliceError(f"names the key {shown(key)} twice; keep one")
        made[key] = value
    return made


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(MOST_NESTED + 1):
        level = [inner for each in level for inner in _inside(each)]
    if level:
        raise SliceError(f"is nested deeper than {MOST_NESTED} levels; flatten it")


def _inside(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        yield from value.values()
    elif isinstance(value, list | tuple):
        yield from value


def _texts(value: Any) -> Iterator[str]:
    todo = [value]
    while todo:
        here = todo.pop()
        if isinstance(here, str):
            yield here
        elif isinstance(here, Mapping):
            todo.extend(here.keys())
        todo.extend(_inside(here))
