"""Text to hide needles in: lines of a register and a language, drawn from templates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from string import Formatter
from types import MappingProxyType

import numpy as np

from tailgate_slices.item import TokenCounter, item_rng
from tailgate_slices.long_context import filler_english as english
from tailgate_slices.long_context import filler_languages as languages

SAMPLES = 8  # fillings of a template by which its tokens are estimated
_MOST_SLOTS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Register:
    """Templates of one kind of text in one language."""

    name: str
    language: str
    templates: tuple[str, ...]
    slots: Mapping[str, tuple[str, ...]]
    short: tuple[str, ...]  # lines of a few tokens, which bring a text to its length
    frame: str = "{}"  # how a needle stands in such a text


@dataclass(frozen=True, slots=True, kw_only=True)
class Filler:
    """Drawn lines and, for each, the estimated tokens of its template."""

    lines: tuple[str, ...]
    weights: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Counter:
    """A token counter that is equal to any other of the same tokenizer: tables and texts are kept by it."""

    sha256: str
    counter: TokenCounter = field(compare=False)

    def count(self, text: str) -> int:
        """Number of tokens of `text`."""
        return self.counter.count(text)


def _english(name: str, templates: tuple[str, ...], short: tuple[str, ...], frame: str = "{}") -> Register:
    return Register(name=name, language="en", templates=templates, slots=english.SLOTS, short=short, frame=frame)


def _diary(
    language: str, templates: tuple[str, ...], slots: Mapping[str, tuple[str, ...]], short: tuple[str, ...]
) -> Register:
    return Register(name="diary", language=language, templates=templates, slots=slots, short=short)


_ALL = (
    _english("diary", english.DIARY, english.DIARY_SHORT),
    _english("minutes", english.MINUTES, english.MINUTES_SHORT),
    _english("log", english.LOG, english.LOG_SHORT, "INFO note: {}"),
    _english("letters", english.LETTERS, english.LETTERS_SHORT),
    _english("recipes", english.RECIPES, english.RECIPES_SHORT),
    Register(
        name="code",
        language="python",
        templates=english.PYTHON,
        slots=english.SLOTS,
        short=english.PYTHON_SHORT,
        frame="# {}",
    ),
    Register(
        name="code",
        language="javascript",
        templates=english.JAVASCRIPT,
        slots=english.SLOTS,
        short=english.JAVASCRIPT_SHORT,
        frame="// {}",
    ),
    _diary("de", languages.GERMAN, languages.GERMAN_SLOTS, languages.GERMAN_SHORT),
    _diary("fr", languages.FRENCH, languages.FRENCH_SLOTS, languages.FRENCH_SHORT),
    _diary("es", languages.SPANISH, languages.SPANISH_SLOTS, languages.SPANISH_SHORT),
    _diary("it", languages.ITALIAN, languages.ITALIAN_SLOTS, languages.ITALIAN_SHORT),
    _diary("ru", languages.RUSSIAN, languages.RUSSIAN_SLOTS, languages.RUSSIAN_SHORT),
)
REGISTERS: Mapping[tuple[str, str], Register] = MappingProxyType({(each.name, each.language): each for each in _ALL})
LISTINGS: tuple[tuple[str, str], ...] = tuple(key for key in REGISTERS if key[0] == "code")
# English twice as often as all other languages together, and code as one register of several.
_ENGLISH = tuple(key for key in REGISTERS if key[1] == "en")
_FOREIGN = tuple(key for key in REGISTERS if key[0] == "diary" and key[1] != "en")
PROSE: tuple[tuple[str, str], ...] = (*_ENGLISH, *_ENGLISH, ("code", "python"), *_FOREIGN)


def draw_filler(rng: np.random.Generator, key: tuple[str, str], target: int, tokens: Counter) -> Filler:
    """Lines of a register with about a tenth more than `target` tokens together."""
    table, templates = template_tokens(key, tokens), _compiled(key)
    n_lines = int(1.1 * target * len(table) / sum(table)) + 16
    picks = rng.integers(len(templates), size=n_lines).tolist()
    draws = rng.integers(2**31, size=(n_lines, _MOST_SLOTS)).tolist()
    lines = tuple(_fill(templates[pick], row) for pick, row in zip(picks, draws, strict=True))
    return Filler(lines=lines, weights=tuple(table[pick] for pick in picks))


@lru_cache(maxsize=256)
def template_tokens(key: tuple[str, str], tokens: Counter) -> tuple[float, ...]:
    """Mean tokens of a line, its end included, for each template of a register."""
    rng = item_rng("templates", *key)
    means = []
    for template in _compiled(key):
        rows = rng.integers(2**31, size=(SAMPLES, _MOST_SLOTS)).tolist()
        text = "".join(f"{_fill(template, row)}\n" for row in rows)
        means.append(max(1.0, tokens.count(text) / SAMPLES))
    return tuple(means)


_Template = tuple[tuple[str, tuple[str, ...]], ...]  # literal text, and what may follow it


@lru_cache(maxsize=64)
def _compiled(key: tuple[str, str]) -> tuple[_Template, ...]:
    register = REGISTERS[key]
    return tuple(_parse(template, register.slots) for template in register.templates)


def _parse(template: str, slots: Mapping[str, tuple[str, ...]]) -> _Template:
    pieces = Formatter().parse(template)
    return tuple((literal, slots[name] if name else ("",)) for literal, name, _, _ in pieces)


def _fill(template: _Template, row: list[int]) -> str:
    # A literal brace ends a piece without a slot, so there may be more pieces than numbers: the row goes round.
    line = "".join(
        literal + options[row[place % _MOST_SLOTS] % len(options)] for place, (literal, options) in enumerate(template)
    )
    return line[:1].upper() + line[1:] if line[:1].islower() and line.endswith((".", "?")) else line
