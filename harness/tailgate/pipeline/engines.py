"""Engines by name, loaded when chosen."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from importlib import metadata
from typing import Any, cast

from tailgate.engine.batches import BatchLimits
from tailgate.errors import UsageError
from tailgate.pipeline.sides import EngineChoice, EngineFactory

ENTRY_POINTS = "tailgate.engines"
BUILT_IN = ("native", "reference")


def engine_names() -> tuple[str, ...]:
    """Engines that can be chosen: the built-in ones, then those of other packages."""
    return (*BUILT_IN, *sorted(point.name for point in metadata.entry_points(group=ENTRY_POINTS)))


def choose_engine(name: str, config: Any) -> EngineChoice:
    """Find an engine that serves models of a configuration.

    Where the native engine does not serve the architecture exactly the reference engine does, and says why.

    Raises
    ------
    UsageError
        No engine has that name, or the package that offers it does not load.
    """
    if name == "native":
        from tailgate.engine.native.fit import refusal

        reason = refusal(config)
        if reason is None:
            return _native_engine()
        note = f"engine: reference instead of native, which does not serve '{config.model_type}': {reason}"
        return replace(_reference_engine(), note=note)
    if name == "reference":
        return _reference_engine()
    for point in metadata.entry_points(group=ENTRY_POINTS, name=name):
        return _plugin_engine(point)
    raise UsageError(f"unknown engine '{name}'; known engines: {', '.join(engine_names())}")


def _native_engine() -> EngineChoice:
    from tailgate.engine.native.engine import NativeEngine, NativeLimits
    from tailgate.engine.scheduler import StepLimits

    limits = NativeLimits(step=StepLimits(tokens=384, rows=24), reverse=True, share_prefixes=False, draft=False)
    return EngineChoice(
        name="native",
        version=_with_transformers(NativeEngine.version),
        build=NativeEngine,
        kv=frozenset({"int8", "fp8", "int4"}),
        build_other=partial(NativeEngine, limits=limits),
        other="384-tokens-24-rows-reversed-unshared-undrafted",
    )


def _reference_engine() -> EngineChoice:
    from tailgate.engine.reference import ReferenceEngine

    return EngineChoice(
        name="reference",
        version=_with_transformers(ReferenceEngine.version),
        build=ReferenceEngine,
        build_other=partial(ReferenceEngine, limits=BatchLimits(rows=7)),
        other="7-rows",
    )


def _plugin_engine(point: metadata.EntryPoint) -> EngineChoice:
    try:
        engine = point.load()
    except Exception as error:
        raise UsageError(f"engine '{point.name}' of {point.value} does not load: {error}") from error
    return EngineChoice(name=point.name, version=str(engine.version), build=cast(EngineFactory, engine))


def _with_transformers(version: str) -> str:
    return f"{version}+transformers-{metadata.version('transformers')}+torch-{metadata.version('torch')}"
