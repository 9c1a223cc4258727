"""What can be asked and compared here: slices, items, methods. No torch; a tokenizer only where lengths need one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from tailgate.errors import UsageError
from tailgate.variants.registry import methods
from tailgate_slices.item import SliceError
from tailgate_slices.registry import get_slice, slice_names


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemRequest:
    """Which items of a slice to print."""

    slice: str
    n: int
    seed: int
    settings: tuple[str, ...]
    tokenizer: str


def list_slices() -> list[dict[str, Any]]:
    """Name, version, axis and strata of every slice."""
    found = [get_slice(name) for name in slice_names()]
    return [
        {"name": each.name, "version": each.version, "axis": each.axis, "strata": list(each.strata)} for each in found
    ]


def show_slice(name: str) -> dict[str, Any]:
    """The card of a slice as JSON."""
    found = _slice(name)
    return {
        "name": found.name,
        "version": found.version,
        "axis": found.axis,
        "strata": list(found.strata),
        "chance": found.chance,
        **{key: dict(value) if key == "failure_modes" else value for key, value in asdict(found.card).items()},
    }


def card_lines(card: dict[str, Any]) -> list[str]:
    """A card for a terminal."""
    lines = [f"{card['name']} {card['version']}"]
    for key, value in card.items():
        if key == "failure_modes":
            lines += ["failure modes:", *(f"  {mode}: {meaning}" for mode, meaning in value.items())]
        elif key not in ("name", "version"):
            lines.append(f"{key}: {', '.join(value) if isinstance(value, list) else value}")
    return lines


def generate_items(request: ItemRequest) -> Iterator[dict[str, Any]]:
    """Items of a slice, round-robin over its strata.

    Raises
    ------
    UsageError
        The slice, a stratum or a setting is unknown, or n is not positive.
    """
    found = _slice(request.slice)
    if request.n < 1:
        raise UsageError(f"--n {request.n}: give a number of at least 1")
    strata = _strata(request.settings, found.strata, found.axis)
    tokens = _tokens(request.tokenizer) if found.uses_tokenizer else None
    for number in range(request.n):
        stratum, index = strata[number % len(strata)], number // len(strata)
        item = found.item(stratum=stratum, seed=request.seed, index=index, tokens=tokens)
        yield {**asdict(item), "references": list(item.references), "attributes": dict(item.attributes)}


def list_methods() -> list[dict[str, Any]]:
    """Name, summary and options of every method."""
    return [
        {
            "name": method.name,
            "summary": method.summary,
            "options": {key: asdict(option) for key, option in method.options.items()},
        }
        for method in methods().values()
    ]


def _slice(name: str) -> Any:
    try:
        return get_slice(name)
    except SliceError as error:
        raise UsageError(str(error)) from error


def _strata(settings: tuple[str, ...], strata: tuple[str, ...], axis: str) -> tuple[str, ...]:
    if not settings:
        return strata
    for setting in settings:
        if setting not in strata:
            raise UsageError(f"--set {setting}: no such stratum; choose {axis}=VALUE from {', '.join(strata)}")
    return tuple(stratum for stratum in strata if stratum in settings)


def _tokens(spec: str) -> Any:
    from tailgate.variants.source import find_source
    from tailgate.variants.spec import parse_spec
    from tailgate.variants.tokenizer import load_tokenizer

    parsed = parse_spec(spec, methods())
    return load_tokenizer(find_source(parsed.model, parsed.options))
