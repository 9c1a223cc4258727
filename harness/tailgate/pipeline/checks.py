"""Do the two sides belong together, and do the strata fit the model? Answered before the first item."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from tailgate.errors import ConfigError, IntegrityError, UsageError
from tailgate.gate import CellSpec
from tailgate.pipeline.sides import EngineChoice, Side
from tailgate.records import CellKey
from tailgate.variants.variant import Facts, Variant
from tailgate_slices.registry import get_slice
from tailgate_slices.sandbox import unsafe_from_environment, why_not
from tailgate_slices.suites import Suite, SuiteCell


def cell_spec(key: CellKey, calibration_items: int) -> CellSpec:
    """What the gate must know of a cell. Of a slice with an end the last items are the calibration draw.

    Raises
    ------
    ConfigError
        The slice has hardly more items than the calibration draw takes.
    """
    maker = get_slice(key.slice)
    shared, size = maker.cluster_items(key.stratum), maker.size(key.stratum)
    if size is not None and size <= calibration_items:
        raise ConfigError(
            f"{key} has {size} items, {calibration_items} of them would go to calibration; "
            "give more items or lower calibration_items in the gate"
        )
    return CellSpec(
        key=key,
        chance=maker.chance,
        clustered=shared > 1,
        cluster_items=shared,
        descriptive=maker.descriptive,
        size=None if size is None else size - calibration_items,
    )


def check_pair(baseline: Variant, candidate: Variant) -> None:
    """Refuse a candidate that does not descend from the baseline.

    Raises
    ------
    IntegrityError
        Architecture, vocabulary, tokenizer or chat template differ.
    """
    sides = f"'{candidate.spec.text}' and '{baseline.spec.text}'"
    for what, seen, expected in (
        ("architectures", candidate.architecture, baseline.architecture),
        ("vocabulary sizes", candidate.vocabulary_size, baseline.vocabulary_size),
        ("tokenizers", _short(candidate.tokenizer.sha256), _short(baseline.tokenizer.sha256)),
        ("chat templates", _short(candidate.tokenizer.template_sha256), _short(baseline.tokenizer.template_sha256)),
    ):
        if seen != expected:
            raise IntegrityError(
                f"the {what} of {sides} differ ({seen} against {expected}); compare a checkpoint with its own parent"
            )


def check_kv(variant: Variant, engine: EngineChoice) -> None:
    """Refuse a way of storing keys and values that the engine does not serve.

    Raises
    ------
    UsageError
        It does not serve it.
    """
    if variant.kv and variant.kv not in engine.kv:
        served = f"serves {', '.join(sorted(engine.kv))}" if engine.kv else "stores them as computed"
        raise UsageError(
            f"variant '{variant.spec.text}': kv={variant.kv}, but engine {engine.name} {served}; use --engine native"
        )


def served_part(variant: Variant, engine: EngineChoice) -> Variant:
    """The variant with the context that its engine serves, where that is less than its configuration says."""
    limit = engine.context(variant) if engine.context else None
    if limit is None:
        return variant
    return replace(variant, context_limit=min(limit, variant.context_limit or limit))


def check_ends(baseline: Side, candidate: Facts, name: str) -> None:
    """Refuse a candidate that ends its answers at other tokens than the baseline.

    Raises
    ------
    IntegrityError
        The end-of-text ids differ.
    """
    ours, theirs = sorted(candidate.eos_token_ids), sorted(baseline.facts().eos_token_ids)
    if ours != theirs:
        raise IntegrityError(
            f"the end-of-text ids of '{name}' and '{baseline.variant.spec.text}' differ ({ours} against {theirs}); "
            "give both the same eos_token_id in their generation_config.json"
        )


def inapplicable_strata(suite: Suite, sides: Sequence[Variant]) -> dict[str, str]:
    """Strata that exceed the context of a side, or that this machine cannot serve, with the reason.

    Raises
    ------
    ConfigError
        The suite requires such a stratum, or no stratum is left.
    """
    context = min(side.context_length for side in sides)
    found: dict[str, str] = {}
    for cell in suite.cells:
        name, reason = f"{cell.slice}/{cell.stratum}", _obstacle(cell, context)
        if reason is None:
            continue
        if cell.required:
            raise ConfigError(f"suite {suite.name} requires {name}, which {reason}; choose another suite")
        found[name] = reason
    if len(found) == len(suite.cells):
        raise ConfigError(
            f"no stratum of suite {suite.name} can be served, the first because it {next(iter(found.values()))}; "
            "choose another suite"
        )
    return found


def ungraded_strata(suite: Suite, outside: Mapping[str, str]) -> tuple[str, ...]:
    """Those of the strata left out whose programs cannot run here in any language: there is no sandbox.

    A missing interpreter is a language less; a missing sandbox leaves unknown what the suite was chosen to know.
    """
    if why_not("python", unsafe=unsafe_from_environment()) is None:
        return ()
    asked = ((f"{cell.slice}/{cell.stratum}", cell) for cell in suite.cells)
    return tuple(name for name, cell in asked if name in outside and get_slice(cell.slice).executes(cell.stratum))


def _obstacle(cell: SuiteCell, context: int) -> str | None:
    maker = get_slice(cell.slice)
    if (needed := maker.min_context(cell.stratum)) > context:
        return f"needs {needed} tokens of context, the model has {context}"
    lacking = maker.needs(cell.stratum)
    return None if lacking is None else f"cannot be served here: {lacking}"


def _short(digest: str | None) -> str:
    return digest[:12] if digest else "none"
