"""What the user asked for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, Protocol, Self

from tailgate.config import parse_duration
from tailgate.errors import ConfigError, RunFolderError, UsageError

PATHS = frozenset({"out", "store", "traffic"})


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareOptions:
    """The options of one comparison; None means: what the suite or the machine says."""

    baseline: str
    candidates: tuple[str, ...]
    suite: str = "tail"
    gate: str | None = None
    engine: str | None = None  # native, or endpoint where the sides are addresses
    engine_options: Mapping[str, str] = field(default_factory=dict)
    gpu_memory: float | None = None  # share of a GPU that engines with memory of their own may take
    allow_mixed_engines: bool = False
    executor: Literal["process", "ray"] = "process"
    workers: int | None = None
    ray_address: str | None = None
    out: Path | None = None
    resume: Path | None = None
    store: Path | None = None
    seed: int | None = None
    max_items: int | None = None
    fixed_n: bool = False
    fail_fast: bool = False
    confirm: bool = False
    budget_s: float | None = None
    controls: Literal["auto", "none", "only"] = "auto"
    residency: Literal["both", "one"] = "both"
    traffic: Path | None = None
    unsafe_exec: bool = False
    device: str | None = None
    session: str | None = None  # told to servers' answers, so that another run does not take them for its own
    argv: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The options as JSON, for the manifest."""
        data = {each.name: getattr(self, each.name) for each in fields(self)}
        return {key: str(value) if isinstance(value, Path) else value for key, value in data.items()}

    @classmethod
    def from_manifest(cls, manifest: Mapping[str, Any], resume: Path) -> Self:
        """The options of an earlier run, to be continued in its folder."""
        try:
            data = dict(manifest["options"])
            for key in ("candidates", "argv"):
                data[key] = tuple(data[key])
            for key in ("store", "traffic"):
                data[key] = Path(data[key]) if data.get(key) else None
            return cls(**{**data, "out": None, "resume": resume})
        except (KeyError, TypeError, ValueError) as error:
            raise RunFolderError(
                f"the manifest in {resume} holds no options to resume from ({error}); start a new run with --out"
            ) from error


def options_from_table(table: Mapping[str, Any], argv: tuple[str, ...] = ()) -> CompareOptions:
    """The options of a run file or of a command line, in which an option that is not given is missing.

    Raises
    ------
    UsageError
        There is no baseline, or nothing to compare it with.
    ConfigError
        The budget is no duration.
    """
    merged = dict(table)
    if "baseline" not in merged or not (merged.get("candidates") or merged.get("controls") == "only"):
        raise UsageError("compare needs BASELINE and CANDIDATE, e.g. tailgate compare smollm2 smollm2@bnb-nf4")
    if "budget" in merged:
        merged["budget_s"] = parse_duration(merged.pop("budget"))
    for name in PATHS & merged.keys():
        merged[name] = Path(merged[name])
    merged["candidates"] = tuple(merged.get("candidates", ()))
    if "engine_options" in merged:
        merged["engine_options"] = {key: _as_written(value) for key, value in merged["engine_options"].items()}
    return CompareOptions(**merged, argv=argv)


def parse_engine_options(given: list[str]) -> dict[str, str]:
    """Options written as `key=value`, by key.

    Raises
    ------
    ConfigError
        One is not written so, or is given twice.
    """
    parsed: dict[str, str] = {}
    for each in given:
        key, equals, value = each.partition("=")
        if not key or not equals or not value:
            raise ConfigError(f"--engine-option {each}: write key=value, e.g. tensor_parallel_size=2")
        if key in parsed:
            raise ConfigError(f"--engine-option {key} is given twice; keep one")
        parsed[key] = value
    return parsed


def _as_written(value: object) -> str:
    """A value of a run file as it would be written on the command line."""
    return value if isinstance(value, str) else json.dumps(value)


class Observer(Protocol):
    """Hears how far a run has come."""

    def note(self, text: str) -> None:
        """Something worth a line."""

    def stage(self, name: str, total: int | None) -> None:
        """A stage begins; `total` answers at most, None when unknown."""

    def advance(self, n: int) -> None:
        """`n` more answers of the stage are there."""


class Silent:
    """An observer that says nothing."""

    def note(self, text: str) -> None:
        """Say nothing."""

    def stage(self, name: str, total: int | None) -> None:
        """Say nothing."""

    def advance(self, n: int) -> None:
        """Say nothing."""
