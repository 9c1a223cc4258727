"""Engines by name, loaded when chosen."""

from __future__ import annotations

from importlib import metadata
from typing import cast

from tailgate.errors import UsageError
from tailgate.pipeline.sides import EngineChoice, EngineFactory

ENTRY_POINTS = "tailgate.engines"


def engine_names() -> tuple[str, ...]:
    """Engines that can be chosen: the built-in one, then those of other packages."""
    return ("reference", *sorted(point.name for point in metadata.entry_points(group=ENTRY_POINTS)))


def choose_engine(name: str) -> EngineChoice:
    """Find an engine.

    Raises
    ------
    UsageError
        No engine has that name, or the package that offers it does not load.
    """
    if name == "reference":
        from tailgate.engine.reference import ReferenceEngine

        return EngineChoice(name=name, version=_with_transformers(ReferenceEngine.version), build=ReferenceEngine)
    for point in metadata.entry_points(group=ENTRY_POINTS, name=name):
        return _plugin_engine(point)
    raise UsageError(f"unknown engine '{name}'; known engines: {', '.join(engine_names())}")


def _plugin_engine(point: metadata.EntryPoint) -> EngineChoice:
    try:
        engine = point.load()
    except Exception as error:
        raise UsageError(f"engine '{point.name}' of {point.value} does not load: {error}") from error
    return EngineChoice(name=point.name, version=str(engine.version), build=cast(EngineFactory, engine))


def _with_transformers(version: str) -> str:
    return f"{version}+transformers-{metadata.version('transformers')}+torch-{metadata.version('torch')}"
