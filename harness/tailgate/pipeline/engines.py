"""Engines by name, loaded when chosen."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from importlib import metadata
from typing import Any, cast

from tailgate.engine.batches import BatchLimits
from tailgate.errors import UsageError
from tailgate.pipeline.settings import EngineSettings
from tailgate.pipeline.sides import EngineChoice, EngineFactory

ENTRY_POINTS = "tailgate.engines"
NATIVE_OPTIONS = {"kernels": "torch|triton|reference", "graphs": "on|off"}
BUILT_IN = ("native", "reference", "vllm", "endpoint")


def engine_names() -> tuple[str, ...]:
    """Engines that can be chosen: the built-in ones, then those of other packages."""
    return (*BUILT_IN, *sorted(point.name for point in metadata.entry_points(group=ENTRY_POINTS)))


def choose_engine(name: str, config: Any, settings: EngineSettings | None = None) -> EngineChoice:
    """Find an engine that serves models of a configuration; `settings` reach those that load weights themselves.

    Where the native engine does not serve the architecture exactly the reference engine does, and says why.

    Raises
    ------
    UsageError
        No engine has that name, the package that offers it does not load, or it takes no options.
    MissingPackageError
        The package that it needs is not installed.
    """
    settings = settings or EngineSettings()
    if name == "vllm":
        from tailgate.pipeline.vllm_sides import vllm_choice

        return vllm_choice(settings)
    strange = [key for key, _ in settings.options if name != "native" or key not in NATIVE_OPTIONS]
    if strange:
        takes = (
            " and ".join(f"{key}={values}" for key, values in NATIVE_OPTIONS.items()) if name == "native" else "none"
        )
        raise UsageError(f"--engine-option {strange[0]}: the engine {name} takes {takes}; vllm takes its own")
    if name == "endpoint":
        from tailgate.pipeline.endpoint_sides import endpoint_choice

        return endpoint_choice(settings)
    if name == "native":
        from tailgate.engine.native.fit import refusal

        reason = refusal(config)
        if reason is None:
            return _native_engine(settings)
        note = f"engine: reference instead of native, which does not serve '{config.model_type}': {reason}"
        return replace(_reference_engine(), note=note)
    if name == "reference":
        return _reference_engine()
    for point in metadata.entry_points(group=ENTRY_POINTS, name=name):
        return _plugin_engine(point)
    raise UsageError(f"unknown engine '{name}'; known engines: {', '.join(engine_names())}")


def _native_engine(settings: EngineSettings) -> EngineChoice:
    from tailgate.engine.native import backend
    from tailgate.engine.native.engine import NativeEngine, NativeLimits
    from tailgate.engine.scheduler import StepLimits

    asked = dict(settings.options)
    chosen = backend.resolve(asked.get("kernels", "torch"))
    graphs = backend.resolve_graphs(asked.get("graphs", "off"), chosen, settings.device)
    by = {**backend.record(chosen, settings.device), **({"graphs": "on"} if graphs else {})}
    built_by = "" if chosen == "torch" else f"+{chosen}-{by['version']}-{by['target']}{'+graphs' if graphs else ''}"
    limits = NativeLimits(kernels=chosen, gpu_share=settings.gpu_memory, graphs=graphs)
    other = replace(
        limits,
        step=StepLimits(tokens=384, rows=24),
        reverse=True,
        share_prefixes=False,
        draft=False,
    )
    return EngineChoice(
        name="native",
        version=_with_transformers(NativeEngine.version + built_by),
        computed_by=by,
        build=partial(NativeEngine, limits=limits),
        rated=True,
        kv=frozenset({"int8", "fp8", "int4", "stored"}),
        build_other=partial(NativeEngine, limits=other),
        other="384-tokens-24-rows-reversed-unshared-undrafted",
    )


def _reference_engine() -> EngineChoice:
    from tailgate.engine.reference import ReferenceEngine

    return EngineChoice(
        name="reference",
        version=_with_transformers(ReferenceEngine.version),
        build=ReferenceEngine,
        rated=True,
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
