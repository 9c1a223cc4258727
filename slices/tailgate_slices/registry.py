"""Slices by name: the built-in ones, loaded when asked for, and those that other packages bring."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType
from typing import Any, cast

from tailgate_slices.item import Slice, SliceError

ENTRY_POINT_GROUP = "tailgate.slices"
BUILT_IN: Mapping[str, str] = MappingProxyType(
    {
        "general": "tailgate_slices.general:General",
        "long_context": "tailgate_slices.long_context:LongContext",
        "low_resource": "tailgate_slices.low_resource:LowResource",
        "multihop_arithmetic": "tailgate_slices.multihop_arithmetic:MultihopArithmetic",
        "code": "tailgate_slices.code:Code",
        "instruction_stack": "tailgate_slices.instruction_stack:InstructionStack",
        "refusal_pairs": "tailgate_slices.refusal_pairs:RefusalPairs",
        "voice": "tailgate_slices.voice:Voice",
    }
)
_MEMBERS = (
    *("name", "version", "axes", "card", "chance", "uses_tokenizer", "uses_system", "descriptive", "axis", "strata"),
    *("item", "grade", "min_context", "needs", "executes", "cluster_items", "size"),
)


def slice_names() -> tuple[str, ...]:
    """Names of all slices, built-in ones first, then those of plug-ins in alphabetical order.

    Raises
    ------
    SliceError
        Two packages bring a slice of the same name, or one takes the name of a built-in slice.
    """
    return (*BUILT_IN, *sorted(_plugins()))


def provide(maker: Slice) -> None:
    """Make a slice known that is read from a file, for as long as this process runs.

    Raises
    ------
    SliceError
        A built-in slice has the name already.
    """
    if maker.name in BUILT_IN:
        raise SliceError(f"a file cannot take the name '{maker.name}' of a built-in slice; choose another")
    _provided[maker.name] = maker
    get_slice.cache_clear()


_provided: dict[str, Slice] = {}  # a registry of the process, filled by the suites that it loads


@cache  # graders are looked up once per answer
def get_slice(name: str) -> Slice:
    """The slice of that name.

    Raises
    ------
    SliceError
        The name is unknown or taken twice, or the plug-in that brings it cannot be loaded.
    """
    if name in _provided:
        return _provided[name]
    plugins = _plugins()
    if name in BUILT_IN:
        module, _, attribute = BUILT_IN[name].partition(":")
        return cast(Slice, getattr(importlib.import_module(module), attribute)())
    if name in plugins:
        return _load_plugin(plugins[name])
    known = (*BUILT_IN, *sorted(plugins))
    raise SliceError(f"no slice '{name}'{did_you_mean(name, known)}; known slices: {', '.join(known)}")


def did_you_mean(name: str, known: tuple[str, ...]) -> str:
    """A hint for an error message: the known name closest to a mistyped one, or nothing."""
    close = difflib.get_close_matches(name, known, n=1)
    return f", did you mean '{close[0]}'?" if close else ""


def _plugins() -> dict[str, EntryPoint]:
    found: dict[str, EntryPoint] = {}
    for entry in entry_points(group=ENTRY_POINT_GROUP):
        other = "a built-in slice" if entry.name in BUILT_IN else None
        if entry.name in found and found[entry.name].value != entry.value:
            other = f"'{found[entry.name].value}'"
        if other is not None:
            raise SliceError(
                f"slice plug-in '{entry.value}' takes the name '{entry.name}' of {other}; rename or uninstall it"
            )
        found[entry.name] = entry
    return found


def _load_plugin(entry: EntryPoint) -> Slice:
    where = f"slice plug-in '{entry.name}' ({entry.value})"
    try:
        loaded: Any = entry.load()
        made = loaded() if isinstance(loaded, type) else loaded
    except Exception as error:  # foreign code: whatever it raises, the user needs to know which package it was
        reason = (str(error).splitlines() or [""])[0]
        raise SliceError(
            f"{where} failed to load: {type(error).__name__}: {reason}; fix or uninstall that package"
        ) from error
    missing = [member for member in _MEMBERS if not hasattr(made, member)]
    if missing:
        raise SliceError(
            f"{where} is no slice: it lacks {', '.join(missing)}; let it inherit from tailgate_slices.item.Slice"
        )
    if made.name != entry.name:
        raise SliceError(f"{where} calls itself '{made.name}'; its entry point and its name must agree")
    return cast(Slice, made)
