"""Which share of production traffic the cells of a suite stand for, and what their deltas mean for it."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

from tailgate_slices.item import SliceError, TokenCounter
from tailgate_slices.low_resource.scripts import dominant_script
from tailgate_slices.sources.rows import Row, read_data

COLUMNS = ("prompt", "weight", "id")
LONG = 128  # tokens from which a prompt is long enough to say something of context length
MAX_READ = 20_000  # characters looked at for code and arithmetic
LATIN = "LATIN"
_CODE_SIGNS = (
    re.compile(r"```"),
    re.compile(r"^\s{0,40}(?:def|class) \w{1,80}\s?[(:]", re.MULTILINE),
    re.compile(r"^\s{0,40}(?:import|#include|using|package) ?[\w.<>\"]{1,80};?$", re.MULTILINE),
    re.compile(r"^\s{0,40}from [\w.]{1,80} import \w", re.MULTILINE),
    re.compile(r"\b\w{1,80}\([^()\n]{0,80}\)[;:]?\s?$", re.MULTILINE),
    re.compile(r"\b(?:function|func|fn) \w{1,80}\s?\("),
    re.compile(r"^\s{0,40}(?:const|let|var) \w{1,80} ?=", re.MULTILINE),
    re.compile(r"[;{}]\s?$", re.MULTILINE),
    re.compile(r"\b(?:SELECT|INSERT|UPDATE|DELETE)\b.{1,200}\b(?:FROM|INTO|SET)\b"),
    re.compile(r"\b(?:python|javascript|typescript|sql|regex|bash|c\+\+|stack trace|traceback)\b", re.IGNORECASE),
)
# Without spaces a hyphen or slash between digits is a date, a range or a telephone number.
_FORMULA = re.compile(r"\d ?[+*×÷^=] ?[(\d]|\d [-/\u2212] [(\d]")
_NUMBER = re.compile(r"\d[\d.,]{0,30}")
_ASKS_AMOUNT = re.compile(
    r"\b(?:how (?:many|much)|total|sum|average|percent|calculate|compute|left|each|altogether|remain\w{0,6})\b|%|[$€£]",
    re.IGNORECASE,
)

LanguageOf = Callable[[str], str | None]


class CellLike(Protocol):
    """What is read of a suite's cell."""

    @property
    def slice(self) -> str:
        """Name of the slice."""

    @property
    def stratum(self) -> str:
        """Stratum of the cell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """One production prompt and how often it comes."""

    text: str
    weight: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """What is seen on a prompt. `language` is None where nothing identifies languages or nothing is sure."""

    tokens: int
    script: str | None
    language: str | None
    code: bool
    arithmetic: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CellShare:
    """Share of the traffic that a cell stands for; cells may share prompts."""

    slice: str
    stratum: str
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """Shares of the traffic, by weight: of each feature family, of each cell, and of what no cell stands for."""

    n_prompts: int
    families: Mapping[str, float]
    cells: tuple[CellShare, ...]
    uncovered: float
    uncovered_families: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightedDelta:
    """Deltas of cells, weighted by traffic.

    `mean` gives each prompt the mean delta of the cells that stand for it, `worst` the lowest of them; both are over
    the measured share alone, and None where that is nothing. Descriptive: it never decides.
    """

    mean: float | None
    worst: float | None
    measured_share: float


def read_traffic(path: Path) -> tuple[Prompt, ...]:
    """Read prompts from a JSON-lines or CSV file with the columns prompt and, if wanted, weight and id.

    Raises
    ------
    SliceError
        The file has a fault; the message names the line.
    """
    prompts = tuple(_prompt(row, path) for row in read_data(path).rows)
    if not sum(prompt.weight for prompt in prompts) > 0:
        raise SliceError(f"{path.name}: all weights are zero; give at least one prompt a weight")
    return prompts


def _prompt(row: Row, path: Path) -> Prompt:
    where = f"{path.name} line {row.line}"
    unknown = [name for name in row.fields if name not in COLUMNS]
    if unknown:
        raise SliceError(f"{where}: unknown column '{unknown[0]}'; known columns: {', '.join(COLUMNS)}")
    text = row.fields.get("prompt")
    if not isinstance(text, str) or not text.strip():
        raise SliceError(f"{where} has no prompt; write one")
    return Prompt(text=text, weight=_weight(row.fields.get("weight"), where))


def _weight(given: Any, where: str) -> float:
    if given is None or given == "":
        return 1.0
    try:
        weight = float(given) if not isinstance(given, bool) else float("nan")
    except (TypeError, ValueError):
        weight = float("nan")
    if not 0.0 <= weight < float("inf"):
        raise SliceError(f"{where}: weight is {given!r}; write a number that is not negative")
    return weight


def features(text: str, tokens: TokenCounter, language_of: LanguageOf | None = None) -> Features:
    """Look at one prompt."""
    part = text[:MAX_READ]
    return Features(
        tokens=tokens.count(text),
        script=dominant_script(part),
        language=language_of(part) if language_of is not None else None,
        code=is_code(part),
        arithmetic=is_arithmetic(part),
    )


def is_code(text: str) -> bool:
    """Whether a prompt holds code or asks for it: a fenced block, a definition, or two other kinds of signs."""
    signs = [sign.search(text[:MAX_READ]) is not None for sign in _CODE_SIGNS]
    return signs[0] or signs[1] or sum(signs) >= 2


def is_arithmetic(text: str) -> bool:
    """Whether a prompt asks to compute: a formula, or two numbers and a word such as *how many*."""
    part = text[:MAX_READ]
    if _FORMULA.search(part) is not None:
        return True
    return len(_NUMBER.findall(part)) >= 2 and _ASKS_AMOUNT.search(part) is not None


def lingua_language() -> LanguageOf | None:
    """Language identification by the package lingua (ISO 639-1 codes); None where it is not installed."""
    try:
        lingua: Any = importlib.import_module("lingua")
    except ImportError:
        return None
    detector = lingua.LanguageDetectorBuilder.from_all_languages().build()

    def identify(text: str) -> str | None:
        found = detector.detect_language_of(text[:1000])
        return None if found is None else str(found.iso_code_639_1.name).lower()

    return identify


def families_of(seen: Features) -> tuple[str, ...]:
    """Families of a prompt: ``length=512``, ``script=ETHIOPIC``, ``language=am``, code, arithmetic, or plain."""
    found = []
    if seen.tokens >= LONG:
        found.append(f"length={length_band(seen.tokens)}")
    if seen.script not in (None, LATIN):
        found.append(f"script={seen.script}")
    if seen.language not in (None, "en"):
        found.append(f"language={seen.language}")
    if seen.code:
        found.append("code")
    if seen.arithmetic:
        found.append("arithmetic")
    return tuple(found) or ("plain",)


def length_band(tokens: int) -> int:
    """The next power of two, from 128."""
    return max(LONG, 1 << (max(tokens, 1) - 1).bit_length())


def stands_for(cell: CellLike, seen: Features) -> bool:
    """Whether a cell of a built-in slice stands for a prompt; cells of other slices stand for none by themselves."""
    values = dict(part.split("=", 1) for part in cell.stratum.split(",") if "=" in part)
    if cell.slice == "long_context":
        return seen.tokens >= LONG and values.get("len") == str(length_band(seen.tokens))
    if cell.slice == "low_resource":
        return _speaks(values, seen)
    if cell.slice == "multihop_arithmetic":
        return seen.arithmetic
    if cell.slice == "code":
        return seen.code
    if cell.slice == "general":
        return families_of(seen) == ("plain",)
    return False


def _speaks(values: Mapping[str, str], seen: Features) -> bool:
    from tailgate_slices.low_resource.languages import LANGUAGES

    if seen.language is not None:
        return values.get("lang") == seen.language
    known = LANGUAGES.get(values.get("lang", ""))
    return known is not None and seen.script not in (None, LATIN) and known.script == seen.script


def coverage(prompts: Sequence[tuple[Prompt, Features]], cells: Sequence[CellLike]) -> Coverage:
    """Shares of the traffic in families and cells, and the share in none of the cells."""
    total = sum(prompt.weight for prompt, _ in prompts)
    if not total > 0:
        raise SliceError("there is no traffic: all weights are zero; give prompts with a weight")
    bare = [(prompt.weight, families_of(seen)) for prompt, seen in prompts if not _cells_of(seen, cells)]
    return Coverage(
        n_prompts=len(prompts),
        families=_shares(((prompt.weight, families_of(seen)) for prompt, seen in prompts), total),
        cells=tuple(
            CellShare(
                slice=cell.slice,
                stratum=cell.stratum,
                share=sum(prompt.weight for prompt, seen in prompts if stands_for(cell, seen)) / total,
            )
            for cell in cells
        ),
        uncovered=sum(weight for weight, _ in bare) / total,
        uncovered_families=_shares(bare, total),
    )


def _cells_of(seen: Features, cells: Sequence[CellLike]) -> tuple[CellLike, ...]:
    return tuple(cell for cell in cells if stands_for(cell, seen))


def _shares(weighted: Iterable[tuple[float, tuple[str, ...]]], total: float) -> Mapping[str, float]:
    sums: dict[str, float] = {}
    for weight, families in weighted:
        for family in families:
            sums[family] = sums.get(family, 0.0) + weight
    return MappingProxyType({family: sums[family] / total for family in sorted(sums)})


def weighted_delta(
    prompts: Sequence[tuple[Prompt, Features]], deltas: Mapping[tuple[str, str], float], cells: Sequence[CellLike]
) -> WeightedDelta:
    """The delta of the traffic, from deltas by (slice, stratum); cells without one are left out."""
    known = [cell for cell in cells if (cell.slice, cell.stratum) in deltas]
    total = sum(prompt.weight for prompt, _ in prompts)
    measured = mean = worst = 0.0
    for prompt, seen in prompts:
        found = [deltas[cell.slice, cell.stratum] for cell in _cells_of(seen, known)]
        if found:
            measured += prompt.weight
            mean += prompt.weight * sum(found) / len(found)
            worst += prompt.weight * min(found)
    if not measured > 0:
        return WeightedDelta(mean=None, worst=None, measured_share=0.0)
    return WeightedDelta(mean=mean / measured, worst=worst / measured, measured_share=measured / total)
