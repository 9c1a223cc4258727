"""Suites: which strata of which slices are gated, from which seed, by which gate."""

from __future__ import annotations

import hashlib
import json
import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Any, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, RootModel, ValidationError

from tailgate_slices.drawing import fixed_values
from tailgate_slices.item import Slice, SliceError
from tailgate_slices.registry import did_you_mean, get_slice, provide

MAX_CELLS = 24  # a block is corrected for the number of cells: more of them would hide real damage

Name: TypeAlias = Annotated[str, Field(min_length=1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteCell:
    """One gated cell. A required cell must fit the model's context; any other is left out, and listed.

    `gate_by` is the axis that the suite gates its slice by, and `file` what its slice was read from.
    """

    slice: str
    stratum: str
    gate_by: str
    required: bool = False
    file: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """A resolved suite.

    `calibration` maps the address of a baseline to its shipped scores: cell name -> ``{"n": 40, "correct": 31}``.
    `sha256` covers everything but the calibration: equal suites have equal hashes however their files are written.
    """

    name: str
    version: str
    seed: int
    gate: str
    cells: tuple[SuiteCell, ...]
    sha256: str
    calibration: Mapping[str, Mapping[str, Mapping[str, int]]]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class _SliceTable(_Strict):
    name: Name
    gate_by: Name
    strata: Annotated[list[Name], Field(min_length=1)]
    required: list[Name] = []
    file: Name | None = None  # the data of a slice that is read from a file; relative to the suite's own


class _SuiteFile(_Strict):
    name: Name
    version: Name
    seed: Annotated[int, Field(ge=0, lt=2**63)]
    gate: Name
    slices: Annotated[list[_SliceTable], Field(min_length=1)]


class _Score(_Strict):
    n: Annotated[int, Field(gt=0)]
    correct: Annotated[int, Field(ge=0)]


class _CalibrationFile(RootModel[dict[str, dict[str, _Score]]]):
    model_config = ConfigDict(strict=True)


def suite_names() -> tuple[str, ...]:
    """Names of the suites that ship with the package, in alphabetical order."""
    files = _shipped().iterdir()
    return tuple(sorted(file.name.removesuffix(".toml") for file in files if file.name.endswith(".toml")))


def load_suite(source: str | Path) -> Suite:
    """Load a suite: the name of one that ships with the package, or a TOML file.

    A file ``<suite>.calibration.json`` beside it is read as its shipped calibration.

    Raises
    ------
    SliceError
        No such suite, or the file is not TOML, has an unknown key, names an unknown slice or stratum, names a
        cell twice, or has no cell or more than 24.
    """
    names = suite_names()
    if str(source) in names:
        return _load(_shipped() / f"{source}.toml", _shipped() / f"{source}.calibration.json", f"suite {source}")
    path = Path(source)
    if not path.is_file():
        hint = did_you_mean(str(source), names)
        raise SliceError(f"no suite '{source}'{hint}; give a TOML file or one of {', '.join(names)}")
    return _load(path, path.with_suffix(".calibration.json"), f"suite file {path}")


def suite_text(suite: Suite, kept: Set[str], name: str, folder: Path) -> str:
    """A suite file, as TOML, with some of a suite's cells (by ``slice/stratum``) under another name.

    The files of its slices are named as seen from `folder`, where the text will lie.
    """
    lines = [f"name = {_toml(name)}", 'version = "1"', f"seed = {suite.seed}", f"gate = {_toml(suite.gate)}"]
    cells = [cell for cell in suite.cells if f"{cell.slice}/{cell.stratum}" in kept]
    for maker in dict.fromkeys(cell.slice for cell in cells):
        lines += ["", "[[slices]]", *_table_lines([cell for cell in cells if cell.slice == maker], folder)]
    return "\n".join([*lines, ""])


def _table_lines(cells: Sequence[SuiteCell], folder: Path) -> Iterator[str]:
    first = cells[0]
    yield f"name = {_toml(first.slice)}"
    if first.file is not None:
        # Real paths: a link on the way would change what ".." means.
        yield f"file = {_toml(Path(os.path.relpath(first.file.resolve(), folder.resolve())).as_posix())}"
    yield f"gate_by = {_toml(first.gate_by)}"
    yield f"strata = {_toml([cell.stratum for cell in cells])}"
    if required := [cell.stratum for cell in cells if cell.required]:
        yield f"required = {_toml(required)}"


def _toml(value: str | list[str]) -> str:
    """Texts as TOML, which quotes them as JSON does but knows no pairs of surrogates."""
    return json.dumps(value, ensure_ascii=False)


def _shipped() -> Traversable:
    return resources.files("tailgate_slices") / "suites"


def _load(file: Traversable, calibration: Traversable, where: str) -> Suite:
    try:
        data = tomllib.loads(_read(file, where))
    except tomllib.TOMLDecodeError as error:
        raise SliceError(f"{where} is not valid TOML: {error}; correct the file") from error
    try:
        parsed = _SuiteFile.model_validate(data)
    except ValidationError as error:
        raise SliceError(f"{where}: {_first_problem(error)}") from None
    cells = _cells(parsed, where, file.parent if isinstance(file, Path) else None)
    return Suite(
        name=parsed.name,
        version=parsed.version,
        seed=parsed.seed,
        gate=parsed.gate,
        cells=cells,
        sha256=_hash(parsed, cells),
        calibration=_calibration(calibration, where),
    )


def _read(file: Traversable, where: str) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SliceError(f"{where} cannot be read: {error}; give a readable UTF-8 file") from error


def _cells(suite: _SuiteFile, where: str, folder: Path | None) -> tuple[SuiteCell, ...]:
    _check_files(suite, where, folder)
    cells = tuple(cell for table in suite.slices for cell in _table_cells(table, where, folder))
    if len(cells) > MAX_CELLS:
        raise SliceError(f"{where} has {len(cells)} cells, at most {MAX_CELLS} are allowed; remove some strata")
    seen: set[tuple[str, str]] = set()
    for cell in cells:
        if (cell.slice, cell.stratum) in seen:
            raise SliceError(f"{where} names the cell {cell.slice}/{cell.stratum} twice; remove one")
        seen.add((cell.slice, cell.stratum))
    return cells


def _check_files(suite: _SuiteFile, where: str, folder: Path | None) -> None:
    """Refuse two files under one name: a name stands for one slice, so both tables would read the later one."""
    files: dict[str, Path | None] = {}
    for table in suite.slices:
        file = _file(table, folder)
        first = files.setdefault(table.name, file)
        if (first and first.resolve()) != (file and file.resolve()):
            named = " and ".join(f"'{each}'" if each else "no file" for each in (first, file))
            raise SliceError(
                f"{where} reads {table.name} from {named}; give one of them another name, or both the same file"
            )


def _table_cells(table: _SliceTable, where: str, folder: Path | None) -> Iterator[SuiteCell]:
    try:
        found = _maker(table, folder)
    except SliceError as error:
        raise SliceError(f"{where}: {error}") from error
    if table.gate_by not in found.axes:
        raise SliceError(
            f"{where}: {table.name} is gated by '{table.gate_by}', its axes are {', '.join(found.axes)}; choose one"
        )
    for stratum in (*table.strata, *table.required):
        try:
            fixed = fixed_values(found, stratum)
        except SliceError as error:
            raise SliceError(f"{where}: {error}") from error
        if table.gate_by not in fixed:
            raise SliceError(f"{where}: stratum '{stratum}' of {table.name} fixes no {table.gate_by}; add it")
    for stratum in table.required:
        if stratum not in table.strata:
            raise SliceError(f"{where}: {table.name} requires '{stratum}', not among its strata; add it to strata")
    for stratum in table.strata:
        yield SuiteCell(
            slice=table.name,
            stratum=stratum,
            gate_by=table.gate_by,
            required=stratum in table.required,
            file=_file(table, folder),
        )


def _maker(table: _SliceTable, folder: Path | None) -> Slice:
    """The slice of a table: by name, or read from its file."""
    from tailgate_slices.sources import is_source, open_source  # loads no data by itself

    if table.file is None and not is_source(table.name):
        return get_slice(table.name)
    found = open_source(table.name, _file(table, folder))
    provide(found)
    return found


def _file(table: _SliceTable, folder: Path | None) -> Path | None:
    return None if table.file is None else (folder or Path()) / table.file


def _hash(suite: _SuiteFile, cells: tuple[SuiteCell, ...]) -> str:
    content: dict[str, Any] = {
        "name": suite.name,
        "version": suite.version,
        "seed": suite.seed,
        "gate": suite.gate,
        "cells": [[cell.slice, cell.stratum, cell.required] for cell in cells],
    }
    # The version of a slice read from a file carries the hash of its content.
    if files := {table.name: get_slice(table.name).version for table in suite.slices if table.file is not None}:
        content["files"] = files
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _calibration(file: Traversable, where: str) -> dict[str, dict[str, dict[str, int]]]:
    if not file.is_file():
        return {}
    try:
        parsed = _CalibrationFile.model_validate_json(_read(file, f"calibration of {where}"))
    except ValidationError as error:
        raise SliceError(f"calibration of {where}: {_first_problem(error)}; measure it again") from None
    for scores in parsed.root.values():
        for cell, score in scores.items():
            if score.correct > score.n:
                raise SliceError(
                    f"calibration of {where}: {cell} has {score.correct} correct of {score.n}; measure it again"
                )
    return {key: {cell: score.model_dump() for cell, score in scores.items()} for key, scores in parsed.root.items()}


def _first_problem(error: ValidationError) -> str:
    problem: Any = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in problem["loc"]) or "content"
    if problem["type"] == "extra_forbidden":
        return f"unknown key '{where}' = {problem['input']!r}; remove it"
    if problem["type"] == "missing":
        return f"'{where}' is missing; add it"
    seen = repr(problem["input"])
    return f"'{where}' = {seen[:80]}: {problem['msg'].lower()}; correct it"
