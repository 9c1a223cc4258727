"""Text to calibrate with: passages of a language or a kind, drawn from the slices, without end.

Items are drawn with a seed that no suite has. Their words are the slices' own all the same, and short questions recur
by chance: a model calibrated on a language has seen the kind of text that its slice asks for.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from tailgate_slices.drawing import pick
from tailgate_slices.item import Item, Slice, item_rng
from tailgate_slices.long_context.filler import REGISTERS, Counter, draw_filler
from tailgate_slices.low_resource.languages import LANGUAGES
from tailgate_slices.registry import get_slice

FILLER_SLICE = "long_context"  # whose version the running text goes by
PARAGRAPH_BYTES = 600
ANSWERS = 24  # in a passage of answers alone


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Where the passages of a key come from: slices (name, stratum or none), and registers of running text.

    `answers`: passages of answers alone come too, since the questions of that slice are put in English.
    """

    slices: tuple[tuple[str, str | None], ...] = ()
    registers: tuple[tuple[str, str], ...] = ()
    answers: bool = False


def _recipes() -> dict[str, Recipe]:
    spoken = sorted({language for name, language in REGISTERS if name == "diary"})
    found = {
        language: Recipe(registers=tuple(key for key in REGISTERS if key[1] == language and key[0] != "code"))
        for language in spoken
    }
    found["en"] = Recipe(slices=(("general", None),), registers=found["en"].registers)
    listings = tuple(key for key in REGISTERS if key[0] == "code")
    found["code"] = Recipe(slices=(("code", None),), registers=listings)
    found["math"] = Recipe(slices=(("multihop_arithmetic", None),))
    for code in LANGUAGES:
        found[code] = Recipe(slices=(("low_resource", f"lang={code}"),), answers=True)
    return found


RECIPES: Mapping[str, Recipe] = MappingProxyType(_recipes())


def passages(key: str, seed: int) -> Iterator[str]:
    """Passages of a key of `RECIPES`; the same ones for the same key, seed and versions of slices."""
    recipe = RECIPES[key]
    streams = [
        *(_items(get_slice(name), stratum, seed) for name, stratum in recipe.slices),
        *(_answers(get_slice(name), stratum, seed) for name, stratum in recipe.slices if recipe.answers),
        *(_paragraphs(register, seed) for register in recipe.registers),
    ]
    for stream in itertools.cycle(streams):
        yield next(stream)


def origin(key: str) -> str:
    """Slices with their versions, and registers, that the passages of a key come from."""
    recipe = RECIPES[key]
    named = [f"{name}@{get_slice(name).version}" for name, _ in recipe.slices]
    if recipe.registers:
        named.append(f"{FILLER_SLICE}@{get_slice(FILLER_SLICE).version} filler")
    return ", ".join(named)


def _items(maker: Slice, stratum: str | None, seed: int) -> Iterator[str]:
    """Questions with their answers."""
    for item in _drawn(maker, stratum, _apart("items", seed)):
        yield "\n".join((item.prompt, *item.references[:1]))


def _answers(maker: Slice, stratum: str | None, seed: int) -> Iterator[str]:
    """Answers in letters, many to a passage."""
    items = _drawn(maker, stratum, _apart("answers", seed))
    found = (text for item in items for text in item.references[:1] if any(char.isalpha() for char in text))
    while True:
        yield ", ".join(itertools.islice(found, ANSWERS))


def _drawn(maker: Slice, stratum: str | None, seed: int) -> Iterator[Item]:
    strata = (stratum,) if stratum else maker.strata
    for number in itertools.count():
        yield maker.item(stratum=strata[number % len(strata)], seed=seed, index=number // len(strata), tokens=None)


def _apart(purpose: str, seed: int) -> int:
    """A seed that no suite is given: 60 bits of a hash."""
    return int.from_bytes(hashlib.sha256(f"quantize\x1f{purpose}\x1f{seed}".encode()).digest()[:8], "big") >> 4


def _paragraphs(register: tuple[str, str], seed: int) -> Iterator[str]:
    short = REGISTERS[register].short
    for number in itertools.count():
        rng = item_rng("quantize", *register, seed, number)
        lines = draw_filler(rng, register, PARAGRAPH_BYTES, Counter("bytes", _Bytes())).lines
        size, kept = 0, []
        for line in lines:
            if size >= PARAGRAPH_BYTES:
                break
            kept.append(line)
            size += len(line.encode())
        yield "\n".join((*kept, pick(rng, short)))


class _Bytes:
    """Counts bytes: how long a paragraph is does not depend on the model."""

    sha256 = "bytes"

    def count(self, text: str) -> int:
        return len(text.encode())
