"""Which prompts a cell stands for: by what its slice's items are, told in one sentence for each slice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Protocol

from tailgate_slices.grading import words
from tailgate_slices.item import SliceError
from tailgate_slices.low_resource.languages import LANGUAGES
from tailgate_slices.registry import get_slice
from tailgate_slices.sources import prompt_kinds as kinds
from tailgate_slices.sources.languages import short_code
from tailgate_slices.sources.translation import PIVOT, language_name

LONG = 128  # tokens from which a prompt is long enough to say something of context length
LATIN, ENGLISH = "LATIN", "en"
OPENING_WORDS = 5  # that two prompts made from one template share
# slice -> the kind of its items; the slices that go by length, language or wording are told below
KIND_OF: Mapping[str, str] = MappingProxyType(
    {
        "general": kinds.QUESTION,
        "multihop_arithmetic": kinds.ARITHMETIC,
        "gsm8k": kinds.ARITHMETIC,
        "mgsm": kinds.ARITHMETIC,
        "code": kinds.CODE,
        "humaneval": kinds.CODE,
        "humaneval_plus": kinds.CODE,
        "mbpp": kinds.CODE,
        "mbpp_plus": kinds.CODE,
        "cruxeval": kinds.CODE,
        "belebele": kinds.CHOICE,
        "global_mmlu": kinds.CHOICE,
        "xcopa": kinds.CHOICE,
        "longbench_v2": kinds.CHOICE,
        "flores": kinds.TRANSLATION,
        "instruction_stack": kinds.RULES,
        "ifeval": kinds.RULES,
        "voice": kinds.OPEN,
        "refusal_pairs": kinds.BORDERLINE,
        "xstest": kinds.BORDERLINE,
    }
)
SAID: Mapping[str, str] = MappingProxyType(
    {
        kinds.QUESTION: "English questions for a fact, in a line from who, what, where or when to a question mark",
        kinds.ARITHMETIC: "prompts with a formula, or two numbers and a word such as total, in English as far as known",
        kinds.CODE: "prompts with code in them, or that name a language of programs",
        kinds.CHOICE: "prompts with options A, B and so on below each other",
        kinds.TRANSLATION: "requests for a translation; of a pair of languages, those that name the one beside English",
        kinds.RULES: "English prompts that rule the form of the answer: its length, words or signs to leave out, JSON",
        kinds.OPEN: "English requests for a text: a letter, a story, a list, an explanation, an opinion",
        kinds.BORDERLINE: "English prompts with a word of harm or deceit in them, meant so or not",
        "length": "prompts of its length, to the next power of two from 128 tokens, in English as far as known",
        "language": "prompts in its language; where none is identified, those in its script unless that is Latin",
        "own": f"prompts that begin with the same {OPENING_WORDS} words as one of its own",
        "": "no prompt: nothing in a prompt tells that it is like its items",
    }
)


class CellLike(Protocol):
    """What is read of a suite's cell."""

    @property
    def slice(self) -> str:
        """Name of the slice."""

    @property
    def stratum(self) -> str:
        """Stratum of the cell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """What is seen on a prompt. `language` is None where nothing identifies languages or nothing is sure."""

    tokens: int
    script: str | None
    language: str | None
    kinds: frozenset[str]
    opening: tuple[str, ...]

    @property
    def may_be_english(self) -> bool:
        """Whether nothing says that the prompt is in another language."""
        return self.language in (None, ENGLISH) and self.script in (None, LATIN)


def length_band(tokens: int) -> int:
    """The next power of two, from 128."""
    return max(LONG, 1 << (max(tokens, 1) - 1).bit_length())


def opening_of(text: str) -> tuple[str, ...]:
    """The first words of a prompt."""
    return words(text[:400])[:OPENING_WORDS]


def what_counts(name: str) -> str:
    """Which prompts the cells of a slice stand for, in words."""
    base = name.partition(":")[0]
    if base in ("long_context", "ruler"):
        return SAID["length"]
    return SAID["language" if base == "low_resource" else "own" if base == "own" else KIND_OF.get(base, "")]


def stands_for(cell: CellLike, seen: Features) -> bool:
    """Whether a cell stands for a prompt: `what_counts` says by what."""
    base = cell.slice.partition(":")[0]
    values = dict(part.split("=", 1) for part in cell.stratum.split(",") if "=" in part)
    if base in ("long_context", "ruler"):
        return seen.may_be_english and seen.tokens >= LONG and values.get("len") == str(length_band(seen.tokens))
    if base == "low_resource":
        return _speaks(values, seen)
    if base == "own":
        return bool(seen.opening) and seen.opening in _openings(cell.slice, cell.stratum)
    kind = KIND_OF.get(base)
    return kind is not None and kind in seen.kinds and _fits(kind, values, seen)


def _fits(kind: str, values: Mapping[str, str], seen: Features) -> bool:
    """Whether a prompt of the right kind is in the cell's language, and of its sort where the cell fixes one."""
    if "language" in values:
        return seen.language == short_code(values["language"])
    if kind == kinds.TRANSLATION:
        others = [code for code in values.get("pair", "").split("-") if code not in ("", PIVOT)]
        return not others or any(f"{kind}/{language_name(code)}" in seen.kinds for code in others)
    if kind == kinds.OPEN and "kind" in values and f"{kind}/{values['kind']}" not in seen.kinds:
        return False
    if kind == kinds.CODE:
        return True
    return seen.may_be_english if kind == kinds.ARITHMETIC else seen.language == ENGLISH


def _speaks(values: Mapping[str, str], seen: Features) -> bool:
    if seen.language is not None:
        return values.get("lang") == seen.language
    known = LANGUAGES.get(values.get("lang", ""))
    return known is not None and seen.script not in (None, LATIN) and known.script == seen.script


def _openings(name: str, stratum: str) -> frozenset[tuple[str, ...]]:
    try:
        return _openings_of(name, get_slice(name).version, stratum)
    except SliceError:  # a suite that this process has not loaded: its prompts are not known
        return frozenset()


@lru_cache(maxsize=64)
def _openings_of(name: str, version: str, stratum: str) -> frozenset[tuple[str, ...]]:
    """Beginnings of the prompts of a stratum; the version, which carries the hash of the file, keeps them fresh."""
    maker = get_slice(name)
    items = (maker.item(stratum=stratum, seed=0, index=index, tokens=None) for index in range(maker.size(stratum) or 0))
    return frozenset(opening_of(item.prompt) for item in items)
