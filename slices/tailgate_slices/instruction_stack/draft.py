"""Reference answers: a text is written first, and rules that it keeps are found afterwards, so they agree by design."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType

import numpy as np

from tailgate_slices.drawing import integer, pick
from tailgate_slices.instruction_stack.vocabulary import (
    ABOUT,
    CATEGORIES,
    CLOSINGS,
    FEATURES,
    FEATURES_OF,
    FOREIGN,
    GREETINGS,
    SENTENCES,
    SLOT,
    TASKS,
    TOPICS,
)

MARKS = ("-", "*", "+", ">")  # before the lines of a list
PREFIXES = (("A:", "B:"), ("Left:", "Right:"), ("Odd:", "Even:"), ("Yes:", "No:"))
KEYS = (("title", "text"), ("topic", "story"), ("subject", "note"), ("heading", "body"))
TAGS = ("answer", "text", "note", "story")
DIVIDERS = ("***", "---", "===")
CASES = ("mixed",) * 5 + ("lower", "upper")


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A reference answer with what is known of how it was written."""

    text: str
    shape: str
    case: str
    topic: str
    task: str
    choice: int  # which of the marks, prefixes, keys, tags or dividers the shape took


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    """What a shape arranges."""

    sentences: tuple[str, ...]
    topic: str
    task: str
    choice: int
    closing: str


def write(rng: np.random.Generator, n_sentences: int, shapes: Sequence[str]) -> Draft:
    """Write about a topic drawn at random, in one of the given shapes."""
    topic, shape, case = pick(rng, TOPICS), pick(rng, shapes), pick(rng, CASES)
    task = pick(rng, TASKS).format(topic=topic)
    choice = integer(rng, 0, 3)
    parts = _Parts(
        sentences=tuple(_sentences(rng, topic, n_sentences)),
        topic=topic,
        task=task,
        choice=choice,
        closing=pick(rng, CLOSINGS),
    )
    text = SHAPES[shape](parts)
    text = {"lower": text.lower(), "upper": text.upper()}.get(case, text)
    return Draft(text=text, shape=shape, case=case, topic=topic, task=task, choice=choice)


def _sentences(rng: np.random.Generator, topic: str, n: int) -> Iterator[str]:
    allowed = {feature for feature, draw in zip(FEATURES, rng.random(len(FEATURES)), strict=True) if draw < 0.6}
    fitting = [text for text in SENTENCES if FEATURES_OF[text] <= allowed]
    n_about = 1 if n < 5 else integer(rng, 1, 3)
    greets, signs = (n > 2 and rng.random() < share for share in (0.25, 0.2))
    templates = ["{greeting} {name}."] if greets else []
    templates += [ABOUT[int(i)] for i in rng.permutation(len(ABOUT))[:n_about]]
    n_others = n - len(templates) - signs
    templates += [fitting[int(i)] for i in rng.permutation(len(fitting))[:n_others]]
    templates += ["Best wishes from {name}."] if signs else []
    fill = _Filler(rng, topic)
    return (fill(template) for template in templates)


class _Filler:
    """Fills the slots of sentences; a word of a category comes again only when all others were used."""

    def __init__(self, rng: np.random.Generator, topic: str) -> None:
        self._rng = rng
        self._topic = topic
        self._waiting: dict[str, list[str]] = {}

    def __call__(self, template: str) -> str:
        return SLOT.sub(lambda found: self._word(found[1]), template)

    def _word(self, slot: str) -> str:
        if slot == "topic":
            return self._topic
        if slot in CATEGORIES:
            if not self._waiting.get(slot):
                self._waiting[slot] = [CATEGORIES[slot][int(i)] for i in self._rng.permutation(len(CATEGORIES[slot]))]
            return self._waiting[slot].pop()
        return _FIGURES[slot](self._rng)


_FIGURES: Mapping[str, Callable[[np.random.Generator], str]] = MappingProxyType(
    {
        "price": lambda rng: str(integer(rng, 2, 90)),
        "hour": lambda rng: str(integer(rng, 1, 12)),
        "minute": lambda rng: str(5 * integer(rng, 2, 11)),
        "number": lambda rng: str(integer(rng, 2, 99)),
        "percent": lambda rng: str(integer(rng, 5, 95)),
        "year": lambda rng: str(integer(rng, 1850, 2020)),
        "foreign": lambda rng: pick(rng, FOREIGN),
        "greeting": lambda rng: pick(rng, GREETINGS),
    }
)


def _halves(parts: _Parts) -> tuple[str, ...]:
    """The sentences in two blocks, or in three where there are many."""
    n_blocks = 3 if len(parts.sentences) >= 6 else 2
    edges = [round(block * len(parts.sentences) / n_blocks) for block in range(n_blocks + 1)]
    blocks = (parts.sentences[low:high] for low, high in pairwise(edges))
    return tuple(" ".join(block) for block in blocks if block)


def _lines(parts: _Parts) -> str:
    return "\n".join(parts.sentences)


def _prose(parts: _Parts) -> str:
    return " ".join(parts.sentences)


def _prefixed(parts: _Parts) -> str:
    pair = PREFIXES[parts.choice]
    return "\n".join(f"{pair[place % 2]} {sentence}" for place, sentence in enumerate(parts.sentences))


def _record(parts: _Parts) -> str:
    title, text = KEYS[parts.choice]
    return json.dumps({title: f"About {parts.topic}", text: _prose(parts)}, ensure_ascii=False)


def _postscript(parts: _Parts) -> str:
    *before, last = parts.sentences
    return f"{' '.join(before)}\nP.S. {last}"


SHAPES: Mapping[str, Callable[[_Parts], str]] = MappingProxyType(
    {
        "prose": _prose,
        "lines": _lines,
        "paragraphs": lambda parts: "\n\n".join(_halves(parts)),
        "divided": lambda parts: f"\n{DIVIDERS[parts.choice % 3]}\n".join(_halves(parts)),
        "titled": lambda parts: f"<<All about {parts.topic}>>\n{_prose(parts)}",
        "headed": lambda parts: f"# About {parts.topic}\n{_lines(parts)}",
        "bullets": lambda parts: "\n".join(f"{MARKS[parts.choice]} {sentence}" for sentence in parts.sentences),
        "numbered": lambda parts: "\n".join(f"{n}. {sentence}" for n, sentence in enumerate(parts.sentences, 1)),
        "prefixed": _prefixed,
        "record": _record,
        "quoted": lambda parts: f'"{_prose(parts)}"',
        "repeated": lambda parts: f"{parts.task}\n{_lines(parts)}",
        "fenced": lambda parts: f"```\n{_lines(parts)}\n```",
        "tagged": lambda parts: f"<{TAGS[parts.choice]}>\n{_lines(parts)}\n</{TAGS[parts.choice]}>",
        "postscript": _postscript,
        "sections": lambda parts: "\n".join(f"Part {n}\n{block}" for n, block in enumerate(_halves(parts), 1)),
        "closed": lambda parts: f"{_lines(parts)}\n{parts.closing}",
    }
)
LINED = ("lines", "closed", "headed", "bullets")  # a sentence a line: rules about single lines make sense
