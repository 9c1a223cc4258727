"""Lists of keys and values, as long as asked for in tokens."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tailgate_slices.item import TokenCounter

# Plain nouns and adjectives, one or two tokens each in common vocabularies.
_ADJECTIVES = (
    *("red", "blue", "green", "black", "white", "brown", "golden", "silver", "big", "small", "old", "new", "cold"),
    *("warm", "soft", "round", "flat", "light", "dark", "heavy", "quiet", "sharp", "clean", "dry", "wet", "tall"),
    *("thin", "thick", "long", "short", "wide", "narrow", "empty", "full", "broken", "wooden", "plastic", "paper"),
    *("iron", "glass"),
)
_NOUNS = (
    *("book", "lamp", "coin", "shell", "drum", "key", "clock", "rope", "ring", "bell", "stone", "cup", "kite", "hat"),
    *("fork", "map", "pen", "boat", "ball", "flag", "box", "chair", "table", "door", "window", "bottle", "basket"),
    *("candle", "mirror", "shoe", "shirt", "coat", "bag", "wheel", "knife", "spoon", "plate", "bowl", "brush"),
    "bridge",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Haystack:
    """A prompt whose lines give codes of objects, and which asks for one of them."""

    prompt: str
    key: str
    value: str
    line: int
    n_lines: int
    n_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Draw:
    keys: tuple[str, ...]
    values: tuple[str, ...]
    depth: float  # in [0, 1)

    def render(self, n_lines: int, n_tokens: int = 0) -> Haystack:
        line = math.floor(self.depth * n_lines)
        pairs = zip(self.keys[:n_lines], self.values[:n_lines], strict=True)
        text = "\n".join(f"The {key} is on the shelf. The code of the {key} is {value}." for key, value in pairs)
        return Haystack(
            prompt=f"{text}\nWhat is the code of the {self.keys[line]}?",
            key=self.keys[line],
            value=self.values[line],
            line=line,
            n_lines=n_lines,
            n_tokens=n_tokens,
        )


def build_haystack(rng: np.random.Generator, target_tokens: int, depth: float, tokens: TokenCounter) -> Haystack:
    """Draw keys and values, and take as many lines as fit.

    The prompt has at most `target_tokens` tokens, and one more line would exceed them; keys and values are
    all different.

    Parameters
    ----------
    rng
        Source of keys and values.
    target_tokens
        Upper limit for the whole prompt.
    depth
        Where the wanted line stands, in [0, 1): line ``floor(depth * n_lines)``.
    tokens
        Counter of the model under test.
    """
    pool = len(_ADJECTIVES) * len(_NOUNS)
    n_most = min(pool, max(4, target_tokens // 8))  # a line has 15 words
    places = rng.choice(pool, size=n_most, replace=False)
    draw = _Draw(
        keys=tuple(f"{_ADJECTIVES[place // len(_NOUNS)]} {_NOUNS[place % len(_NOUNS)]}" for place in places.tolist()),
        values=tuple(str(1000 + value) for value in rng.choice(9000, size=n_most, replace=False).tolist()),
        depth=depth,
    )
    return _fit(draw, target_tokens, tokens)


def _fit(draw: _Draw, target_tokens: int, tokens: TokenCounter) -> Haystack:
    probe = min(len(draw.keys), 8)
    short, long = (tokens.count(draw.render(n).prompt) for n in (1, probe))
    per_line = max(1.0, (long - short) / (probe - 1))
    n_lines = min(max(1, round(1 + (target_tokens - short) / per_line)), len(draw.keys))
    count = tokens.count(draw.render(n_lines).prompt)
    while count > target_tokens and n_lines > 1:
        n_lines -= max(1, int((count - target_tokens) / per_line / 2))
        count = tokens.count(draw.render(n_lines).prompt)
    while n_lines < len(draw.keys):
        more = tokens.count(draw.render(n_lines + 1).prompt)
        if more > target_tokens:
            break
        n_lines, count = n_lines + 1, more
    return draw.render(n_lines, count)
