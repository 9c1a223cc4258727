"""Gate and run files: strict, frozen, an unknown key is an error."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from datetime import date
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tailgate.errors import ConfigError
from tailgate.records import CellKey

Fraction: TypeAlias = Annotated[float, Field(gt=0, lt=1)]
Margin: TypeAlias = Annotated[float, Field(ge=0.0001, lt=1)]  # a smaller one takes millions of items
Count: TypeAlias = Annotated[int, Field(gt=0)]
Value = TypeVar("Value", int, float)


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class GateConfig(_Frozen):
    """A gate file.

    `margin`, `chance`, `min_items` and `max_items` take one value, or a table whose keys are ``default``, a
    slice (``code``) or a cell (``"long_context/len=512"``); the most specific key wins. Without a margin for
    a cell, it is ``clip(margin_relative * (b_cal - chance), margin_floor, margin_ceiling)``.
    """

    schema_version: Annotated[int, Field(ge=1, le=1)] = 1
    alpha: Annotated[float, Field(gt=0, le=0.5)] = 0.05
    margin: Margin | dict[str, Margin] | None = None
    margin_relative: Fraction = 0.10
    margin_floor: Margin = 0.02
    margin_ceiling: Margin = 0.05
    chance: Annotated[float, Field(ge=0, lt=1)] | dict[str, Annotated[float, Field(ge=0, lt=1)]] | None = None
    min_items: Count | dict[str, Count] = 20
    max_items: Count | dict[str, Count] = 1000
    batch_items: Count = 20
    calibration_items: Count = 40
    informative_factor: Annotated[float, Field(ge=0)] = 4.0

    @property
    def sha256(self) -> str:
        """Hash of the resolved gate: equal gates have equal hashes however their files are written."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def named_targets(self) -> frozenset[str]:
        """Slices and cells that this gate names, to be checked against the suite."""
        tables = (self.margin, self.chance, self.min_items, self.max_items)
        return frozenset(key for table in tables if isinstance(table, dict) for key in table) - {"default"}


class RunConfig(_Frozen):
    """A run file: every option of `tailgate compare`; options on the command line win over it."""

    baseline: str | None = None
    candidates: list[str] = []
    suite: str | None = None
    gate: str | None = None
    engine: str | None = None
    engine_options: dict[str, str | int | float | bool] | None = None
    gpu_memory: Annotated[float, Field(gt=0, le=1)] | None = None
    allow_mixed_engines: bool | None = None
    executor: Literal["process", "ray"] | None = None
    workers: Count | None = None
    ray_address: str | None = None
    out: str | None = None
    store: str | None = None
    seed: int | None = None
    max_items: Count | None = None
    fixed_n: bool | None = None
    fail_fast: bool | None = None
    controls: Literal["auto", "none", "only"] | None = None
    confirm: bool | None = None
    residency: Literal["both", "one"] | None = None
    budget: str | None = None
    traffic: str | None = None
    unsafe_exec: bool | None = None
    device: str | None = None


class WaiverEntry(_Frozen):
    """One signed-off exception. `candidate` is the variant as it was written in the comparison."""

    cell: Annotated[str, Field(pattern=r"^[^/\s]+/\S+$")]
    candidate: Annotated[str, Field(min_length=1)]
    reason: Annotated[str, Field(min_length=1)]
    approved_by: Annotated[str, Field(min_length=1)]
    expires: date


class WaiverFile(_Frozen):
    """A file of exceptions, in version control beside the gate."""

    waivers: list[WaiverEntry]


def load_waivers(path: Path) -> tuple[WaiverEntry, ...]:
    """Read a waiver file.

    Raises
    ------
    ConfigError
        The file is missing, is not TOML, holds an unknown key or a bad value, or waives a cell twice.
    """
    if not path.is_file():
        raise ConfigError(f"no waiver file {path}; give a TOML file or leave --waivers out")
    found = _validate(WaiverFile, parse_toml(read_text(path), str(path)), f"waiver file {path}").waivers
    named = [(each.candidate, each.cell) for each in found]
    for each in named:
        if named.count(each) > 1:
            raise ConfigError(f"waiver file {path}: {each[1]} of {each[0]} is waived twice; keep one")
    return tuple(found)


class NightlyConfig(_Frozen):
    """A nightly file: the run, and what is done around it.

    `folder`, relative to the file, keeps the runs, the log and the lock. `webhook_env` names the environment variable
    that holds the address of a Slack-compatible webhook: the address is a secret and does not belong into a file.
    """

    folder: str = "nightly"
    keep_days: Count = 30
    webhook_env: str | None = None
    run: RunConfig


def load_nightly_config(path: Path) -> NightlyConfig:
    """Read a nightly file.

    Raises
    ------
    ConfigError
        The file is missing, is not TOML, or holds an unknown key or a bad value.
    """
    if not path.is_file():
        raise ConfigError(f"no nightly file {path}; give a TOML file")
    return _validate(NightlyConfig, parse_toml(read_text(path), str(path)), f"nightly file {path}")


def load_run_config(path: Path) -> RunConfig:
    """Read a run file.

    Raises
    ------
    ConfigError
        The file is missing, is not TOML, or holds an unknown key or a bad value.
    """
    if not path.is_file():
        raise ConfigError(f"no run file {path}; give a TOML file")
    return _validate(RunConfig, parse_toml(read_text(path), str(path)), f"run file {path}")


def parse_duration(text: str) -> float:
    """Seconds of a duration like ``90s``, ``20m`` or ``1.5h``.

    Raises
    ------
    ConfigError
        The text is no positive duration.
    """
    units = {"s": 1.0, "m": 60.0, "h": 3600.0}
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh])", text.strip())
    if match is None or float(match[1]) == 0:
        raise ConfigError(f"'{text}' is no duration; write e.g. 90s, 20m or 1.5h")
    return float(match[1]) * units[match[2]]


def value_for(setting: Value | dict[str, Value] | None, key: CellKey) -> Value | None:
    """The most specific value of a setting for a cell: cell, then slice, then ``default``."""
    if not isinstance(setting, dict):
        return setting
    for name in (str(key), key.slice, "default"):
        if name in setting:
            return setting[name]
    return None


def load_gate(source: str | Path) -> GateConfig:
    """Read a gate: the name of one that ships with the package (``default``, ``quick``), or a TOML file.

    Raises
    ------
    ConfigError
        The file is missing, is not TOML, or holds an unknown key or a bad value.
    """
    shipped = resources.files("tailgate") / "gates" / f"{source}.toml"
    if shipped.is_file():
        return parse_gate(shipped.read_text(encoding="utf-8"), str(source))
    path = Path(source)
    if not path.is_file():
        raise ConfigError(f"gate '{source}' is neither a file nor one of default, quick; give a TOML file or a name")
    return parse_gate(read_text(path), str(path))


def parse_gate(text: str, name: str) -> GateConfig:
    """Parse the text of a gate file; `name` appears in error messages."""
    return _validate(GateConfig, parse_toml(text, name), f"gate {name}")


def read_text(path: Path) -> str:
    """Read a UTF-8 file, or say in one line why not."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {path}: {error}") from error


def parse_toml(text: str, name: str) -> dict[str, Any]:
    """Parse TOML, naming the file in the error."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{name} is not valid TOML: {error}") from error


Model = TypeVar("Model", bound=BaseModel)


def _validate(model: type[Model], data: dict[str, Any], name: str) -> Model:
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise ConfigError(f"{name}: {_first_problem(model, error)}") from None


def _first_problem(model: type[BaseModel], error: ValidationError) -> str:
    problem = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        return f"unknown key '{where}'; known keys: {', '.join(model.model_fields)}"
    return f"{where} = {problem['input']!r}: {problem['msg'].lower()}"
