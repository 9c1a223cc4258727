"""What a run asks of engines that load weights themselves, or that ask servers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tailgate.errors import UsageError
from tailgate.pipeline.options import CompareOptions
from tailgate.variants.variant import Variant

DEFAULT_ENGINE, ENDPOINT = "native", "endpoint"
MOST_OF_A_GPU = 0.9  # where nothing else is said


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """Settings of the engines of a run.

    `device`: where the run computes. `options`: keywords of an engine, as written. `gpu_memory`: share of a GPU's
    memory for one engine. `cache`: where variants are written that an engine cannot read. `session`: whose answers may
    be used again of a server, whose weights may be others tomorrow.
    """

    device: str = "cpu"
    options: tuple[tuple[str, str], ...] = ()
    gpu_memory: float = MOST_OF_A_GPU
    cache: Path = Path("plain")
    session: str = ""


def engine_settings(options: CompareOptions, device: str, store: Path) -> EngineSettings:
    """The settings of a run whose store is in a folder.

    Raises
    ------
    UsageError
        The share of memory is no share, or no engine of the run takes one.
    """
    if options.gpu_memory is not None and (options.engine != "vllm" or not device.startswith("cuda")):
        raise UsageError(
            f"--gpu-memory {options.gpu_memory}: belongs to --engine vllm on a GPU; on a CPU give --engine-option "
            "kv_cache_memory_bytes="
        )
    asked = MOST_OF_A_GPU if options.gpu_memory is None else options.gpu_memory
    if not 0 < asked <= 1:
        raise UsageError(f"--gpu-memory {asked}: give a share of the GPU's memory above 0 and up to 1, e.g. 0.9")
    engines_at_once = 1 if options.residency == "one" else 2
    return EngineSettings(
        device=device,
        options=tuple(sorted(options.engine_options.items())),
        gpu_memory=asked / engines_at_once,
        cache=store / "plain",
        session=options.session or "",
    )


def engine_of(variant: Variant, options: CompareOptions) -> str:
    """The engine that answers for a side: a server is asked, weights are loaded.

    Raises
    ------
    UsageError
        The engine that was asked for cannot do that.
    """
    if variant.address is None:
        if options.engine == ENDPOINT:
            raise UsageError(
                f"--engine {ENDPOINT} asks servers, and '{variant.spec.text}' is no address; write "
                f"http://HOST:PORT/v1#MODEL@{ENDPOINT}:tokenizer=SPEC"
            )
        return options.engine or DEFAULT_ENGINE
    return ENDPOINT


def mixed_engines(engines: Mapping[str, str]) -> str | None:
    """What to say of sides that different engines answer, by variant as written; None: one engine answers for all."""
    if len(set(engines.values())) < 2:
        return None
    listed = ", ".join(f"'{spec}' by {name}" for spec, name in engines.items())
    return f"MIXED ENGINES: {listed}; a difference between the sides may be that of the engines"


def check_same_engine(engines: Mapping[str, str], options: CompareOptions) -> None:
    """Refuse sides that different engines would answer.

    Parameters
    ----------
    engines : variant as written -> name of the engine that answers for it.

    Raises
    ------
    UsageError
        They differ and --allow-mixed-engines was not given, or an engine was asked for that answers for no side.
    """
    names = set(engines.values())
    if options.engine not in (None, *names):
        raise UsageError(f"--engine {options.engine}: every side is an address, which is asked; leave --engine out")
    if len(names) > 1 and not options.allow_mixed_engines:
        listed = ", ".join(f"'{spec}' by {name}" for spec, name in engines.items())
        raise UsageError(
            f"the sides would be answered by different engines ({listed}), so that a difference could be the engine's; "
            "serve both alike, or give --allow-mixed-engines"
        )
