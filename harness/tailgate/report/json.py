"""``verdict.json``: the decision as other programs read it."""

from __future__ import annotations

import json
import math
import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from tailgate.errors import RunFolderError
from tailgate.records import SCHEMA_VERSION, RunVerdict
from tailgate.report.refusals import CONFIDENCE, OVER, UNDER
from tailgate.report.view import RefusalRow, ReportView, SignalRow

Record = TypeVar("Record")

# JSON has no infinities: the number becomes null, and this key of the same object says what it was.
NONFINITE_KEY = "nonfinite_reason"
_NONFINITE = {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}


def dump(verdict: RunVerdict) -> str:
    """The text of ``verdict.json``: equal verdicts give equal bytes, and nothing in it depends on the clock."""
    return json.dumps(verdict_to_dict(verdict), indent=2, allow_nan=False)


def render(view: ReportView) -> str:
    """The text of a run's ``verdict.json``: the verdict, and beside each candidate what a decision leaves out.

    ``refusals`` is a list of cells with both refusal rates, ``null`` where there was no item; ``signals`` a list of
    means of what graders measured beside the score; each is absent where it would be empty.
    """
    data = verdict_to_dict(view.verdict)
    for written, candidate in zip(data["candidates"], view.candidates, strict=True):
        if candidate.refusals:
            written["refusals"] = [_refusals(row) for row in candidate.refusals]
        if candidate.signals:
            written["signals"] = [_signal(row) for row in candidate.signals]
    return json.dumps(data, indent=2, allow_nan=False) + "\n"


def _refusals(row: RefusalRow) -> dict[str, Any]:
    numbers = ("n", "baseline", "candidate", "delta", "low", "high")
    sides = {OVER: row.over, UNDER: row.under}
    rates = {name: {key: getattr(side, key) for key in numbers} for name, side in sides.items()}
    return {"cell": row.cell, "confidence": CONFIDENCE, **rates}


def _signal(row: SignalRow) -> dict[str, Any]:
    return {
        "cell": row.cell,
        "signal": row.signal,
        "n": row.items,
        "baseline": row.before,
        "candidate": row.after,
    }


def load(text: str, name: str = "verdict.json") -> RunVerdict:
    """Read what `dump` wrote; `name` appears in error messages.

    Raises
    ------
    RunFolderError
        The text is not JSON, or not a verdict that this version can read.
    """
    try:
        data = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise RunFolderError(f"{name} is not valid JSON: {error}; run `tailgate gate` again on its folder") from None
    return verdict_from_dict(data)


def verdict_to_dict(verdict: RunVerdict) -> dict[str, Any]:
    """A verdict as plain dicts, lists, strings and finite numbers; `verdict_from_dict` undoes it exactly.

    A number that is not finite becomes null, and `NONFINITE_KEY` in the same object maps its field to ``inf``,
    ``-inf`` or ``nan``.
    """
    ordered = {"schema_version": verdict.schema_version}
    return ordered | _record_to_dict(verdict)


def _record_to_dict(record: Any) -> dict[str, Any]:
    out: dict[str, Any] = {}
    nonfinite: dict[str, str] = {}
    for each in fields(record):
        value = getattr(record, each.name)
        if isinstance(value, float) and not math.isfinite(value):
            nonfinite[each.name] = str(value)
            value = None
        out[each.name] = _plain(value)
    if nonfinite:
        out[NONFINITE_KEY] = nonfinite
    return out


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return _record_to_dict(value)
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    if isinstance(value, Mapping):
        return {key: value[key] for key in sorted(value)}
    return value


def verdict_from_dict(data: Mapping[str, Any]) -> RunVerdict:
    """Rebuild a verdict; keys that this version does not know are ignored, because the schema may grow.

    Raises
    ------
    RunFolderError
        The schema is newer, or a key is missing or holds a value of the wrong type.
    """
    if not isinstance(data, Mapping):
        raise RunFolderError(f"a verdict must be a JSON object, found {_seen(data)}; run `tailgate gate` again")
    version = data.get("schema_version")
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise RunFolderError(
            f"the verdict has schema_version {version}, this tailgate reads up to {SCHEMA_VERSION}; upgrade tailgate"
        )
    if version != SCHEMA_VERSION:
        raise RunFolderError(f"the verdict has schema_version {_seen(version)}, expected {SCHEMA_VERSION}")
    return _record_from_dict(RunVerdict, data, "verdict")


def _record_from_dict(record: type[Record], data: Any, where: str) -> Record:
    if not isinstance(data, Mapping):
        raise _bad(where, "an object", data)
    hints = get_type_hints(record)
    nonfinite = data.get(NONFINITE_KEY, {})
    if not isinstance(nonfinite, Mapping):
        raise _bad(f"{where}.{NONFINITE_KEY}", "an object", nonfinite)
    values: dict[str, Any] = {}
    for each in fields(record):  # type: ignore[arg-type]  # every caller passes a dataclass of records.py
        path = f"{where}.{each.name}"
        if each.name not in data:
            raise RunFolderError(f"{path} is missing; run `tailgate gate` again on the run folder")
        value = data[each.name]
        if value is None and nonfinite.get(each.name) in _NONFINITE:
            value = _NONFINITE[nonfinite[each.name]]
        values[each.name] = _decode(hints[each.name], value, path)
    return record(**values)


def _decode(hint: Any, value: Any, where: str) -> Any:
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        inner = next(arg for arg in args if arg is not type(None))
        return None if value is None else _decode(inner, value, where)
    if origin is Literal:
        if value not in args:
            raise _bad(where, f"one of {', '.join(args)}", value)
        return value
    if origin is tuple:
        return tuple(_decode(args[0], part, f"{where}[{i}]") for i, part in enumerate(_list(value, where)))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        if not isinstance(value, Mapping):
            raise _bad(where, "an object", value)
        return {key: _decode(args[1], part, f"{where}[{key!r}]") for key, part in value.items()}
    if is_dataclass(hint):
        return _record_from_dict(hint, value, where)  # type: ignore[arg-type]  # is_dataclass narrows to an instance
    return _scalar(hint, value, where)


def _list(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise _bad(where, "a list", value)
    return value


def _scalar(hint: type, value: Any, where: str) -> Any:
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not hint:
        raise _bad(where, f"a value of type {hint.__name__}", value)
    return value


def _bad(where: str, expected: str, value: Any) -> RunFolderError:
    return RunFolderError(f"{where[:200]} must be {expected}, found {_seen(value)}; run `tailgate gate` again")


def _seen(value: Any) -> str:
    # ascii(): the file may hold anything, and the message goes to a terminal.
    return ascii(value)[:80]
