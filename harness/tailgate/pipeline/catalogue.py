"""What can be asked and compared here: slices, items, methods. No torch; a tokenizer only where lengths need one."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tailgate.errors import UsageError
from tailgate.variants.registry import methods
from tailgate_slices.cards import card_of, problems_of
from tailgate_slices.drawing import fixed_values, stratum_of
from tailgate_slices.item import Card, Slice, SliceError
from tailgate_slices.registry import get_slice, slice_names
from tailgate_slices.sources import check_file, is_source, open_source
from tailgate_slices.sources.catalogue import CATALOGUE
from tailgate_slices.sources.published import benchmark_card
from tailgate_slices.sources.standing import what_counts


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemRequest:
    """Which items of a slice to print."""

    slice: str
    n: int
    seed: int
    settings: tuple[str, ...]
    tokenizer: str
    file: Path | None = None  # the data of a slice that is read from some


def list_slices() -> list[dict[str, Any]]:
    """Name, version, axis and strata of every slice; those of published ones come with data."""
    found = [get_slice(name) for name in slice_names()]
    return [
        {
            "name": each.name,
            "version": each.version,
            "axis": each.axis,
            "strata": list(each.strata),
            "axes": _axes(each),
        }
        for each in found
    ] + [_without_data(name) for name in CATALOGUE]


def list_lines(rows: Sequence[dict[str, Any]]) -> list[str]:
    """The slices for a terminal."""
    return [f"{row['name']}: {', '.join(row['strata']) or 'published, its strata come with its data'}" for row in rows]


def show_slice(name: str, file: Path | None = None) -> dict[str, Any]:
    """The card of a slice as JSON; that of a published one needs no data, and has its strata with them.

    Raises
    ------
    UsageError
        The slice is unknown, or its data cannot be read.
    """
    if file is None and name in CATALOGUE:
        benchmark = CATALOGUE[name]
        return {**_without_data(name), "chance": benchmark.chance, **_card(benchmark_card(benchmark), name)}
    found = _slice(name, file)
    return {
        "name": found.name,
        "version": found.version,
        "axis": found.axis,
        "strata": list(found.strata),
        "axes": _axes(found),
        "chance": found.chance,
        **_card(card_of(found), name),
    }


def _without_data(name: str) -> dict[str, Any]:
    """A published slice as far as it is known without its rows; its version goes on with their hash."""
    axes = CATALOGUE[name].axes
    return {
        "name": name,
        "version": CATALOGUE[name].template,
        "axis": axes[0],
        "strata": [],
        "axes": {axis: [] for axis in axes},
    }


def _card(card: Card, name: str) -> dict[str, Any]:
    """The card, and for which production prompts the slice's cells count where traffic is given."""
    fields = asdict(replace(card, failure_modes={}))
    return {**fields, "traffic": f"its cells stand for {what_counts(name)}", "failure_modes": dict(card.failure_modes)}


def card_lines(card: dict[str, Any]) -> list[str]:
    """A card for a terminal."""
    lines = [f"{card['name']} {card['version']}"]
    for key, value in card.items():
        if key == "failure_modes":
            lines += ["failure modes:", *(f"  {mode}: {meaning}" for mode, meaning in value.items())]
        elif key not in ("name", "version"):
            lines.append(f"{key}: {_shown(value)}")
    return lines


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{key} {' '.join(each)}" for key, each in value.items())
    return ", ".join(value) if isinstance(value, list) else str(value)


def generate_items(request: ItemRequest) -> Iterator[dict[str, Any]]:
    """Items of a slice, round-robin over its strata.

    Raises
    ------
    UsageError
        The slice, a stratum or a setting is unknown, its data cannot be read, or n is not positive or more than there
        are items.
    """
    found = _slice(request.slice, request.file)
    if request.n < 1:
        raise UsageError(f"--n {request.n}: give a number of at least 1")
    strata = _strata(request.settings, found)
    _check_sizes(request.n, strata, found)
    tokens = _tokens(request.tokenizer) if found.uses_tokenizer else None
    for number in range(request.n):
        stratum, index = strata[number % len(strata)], number // len(strata)
        item = found.item(stratum=stratum, seed=request.seed, index=index, tokens=tokens)
        fields = {**asdict(item), "references": list(item.references), "attributes": dict(item.attributes)}
        yield {name: value for name, value in fields.items() if name != "system" or value}


def lint_cards() -> list[str]:
    """What is missing on the cards of the slices, published ones included, or overdue today."""
    today = datetime.now(UTC).date()
    cards = {name: card_of(get_slice(name)) for name in slice_names()}
    cards |= {name: benchmark_card(benchmark) for name, benchmark in CATALOGUE.items()}
    return [problem for name, card in cards.items() for problem in problems_of(card, name, today)]


def check_prompts(file: Path) -> dict[str, Any]:
    """What a file of one's own prompts holds.

    Raises
    ------
    UsageError
        The file has a fault; the message names the line.
    """
    try:
        found = check_file(file)
    except SliceError as error:
        raise UsageError(str(error)) from error
    return {
        "path": found.path,
        "sha256": found.sha256,
        "rows": found.rows,
        "strata": dict(found.strata),
        "graders": dict(found.graders),
        "warnings": list(found.warnings),
    }


def check_lines(found: dict[str, Any]) -> list[str]:
    """A checked file for a terminal."""
    counts = [f"{name}: {_counts(found[name])}" for name in ("strata", "graders")]
    return [f"{found['path']}: {found['rows']} prompts", *counts, *(f"warning: {each}" for each in found["warnings"])]


def _counts(table: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in table.items())


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


def _slice(name: str, file: Path | None) -> Slice:
    """A slice by name, or made from its data."""
    try:
        if is_source(name):
            return open_source(name, file)
        found = get_slice(name)
    except SliceError as error:
        raise UsageError(str(error)) from error
    if file is not None:
        raise UsageError(f"--file {file}: {name} is made without data; leave --file out, or name the slice own:{name}")
    return found


def _check_sizes(n: int, strata: Sequence[str], found: Slice) -> None:
    for place, stratum in enumerate(strata):
        asked, size = (n - place + len(strata) - 1) // len(strata), found.size(stratum)
        if size is not None and asked > size:
            raise UsageError(
                f"--n {n} asks for {asked} items of {found.name}/{stratum}, which has {size}; "
                f"give --n {size * len(strata)} or less"
            )


def _axes(found: Slice) -> dict[str, list[str]]:
    return {axis: list(values) for axis, values in found.axes.items()}


def _strata(settings: tuple[str, ...], found: Slice) -> tuple[str, ...]:
    """Every combination of the values asked for; all of the first axis where none of its values is."""
    asked: dict[str, list[str]] = {}
    for setting in settings:
        try:
            fixed = fixed_values(found, setting)
        except SliceError as error:
            raise UsageError(f"--set {setting}: {error}") from error
        for axis, value in fixed.items():
            asked.setdefault(axis, []).append(value)
    asked.setdefault(found.axis, list(found.axes[found.axis]))
    values = {axis: [value for value in found.axes[axis] if value in chosen] for axis, chosen in asked.items()}
    return tuple(
        stratum_of(found, dict(zip(values, chosen, strict=True))) for chosen in itertools.product(*values.values())
    )


def _tokens(spec: str) -> Any:
    from tailgate.variants.source import find_source
    from tailgate.variants.spec import parse_spec
    from tailgate.variants.tokenizer import load_tokenizer

    parsed = parse_spec(spec, methods())
    return load_tokenizer(find_source(parsed.model, parsed.options))
