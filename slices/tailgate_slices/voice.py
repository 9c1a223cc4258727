"""Open prompts without a right answer: how a model writes, in numbers. Described, never gated."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType

from tailgate_slices.drawing import fixed_values, item_id, pick
from tailgate_slices.grading import COMMON_MODES, bounded, is_loop, words
from tailgate_slices.item import Answer, Card, Grade, Item, Slice, TokenCounter, item_rng

ANSWER_TOKENS = 96
REPEATED_WORDS = 4  # length of the runs of words that count as repetition

_SUBJECTS: tuple[str, ...] = (
    *("rain", "snow", "tea", "music", "trains", "rivers", "winter", "summer", "markets", "bridges", "forests"),
    *("mountains", "beaches", "libraries", "museums", "bicycles", "gardens", "clouds", "stars", "holidays"),
    *("festivals", "dancing", "cooking", "painting", "reading", "sleep", "friendship", "patience", "kindness"),
    *("history", "science", "football", "chess", "swimming", "coffee", "chocolate", "flowers", "trees"),
    *("windows", "streets", "islands", "deserts", "castles", "kitchens", "weather", "birthdays", "maps", "dreams"),
)
_TEMPLATES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "list": (
            "List a few things that come to mind about {}.",
            "Give me some ideas for a day that is all about {}.",
            "What are good reasons to care about {}? Make a list.",
            "Name some questions that a child may ask about {}.",
        ),
        "letter": (
            "Write a letter to a friend about {}.",
            "Write a letter to a newspaper about {}.",
            "Write a short thank-you note that mentions {}.",
            "Write an invitation to an evening about {}.",
        ),
        "explanation": (
            "Explain to a child what is special about {}.",
            "Explain why people care about {}.",
            "How would you introduce somebody to {}?",
            "What should everybody know about {}?",
        ),
        "description": (
            "Describe {} to somebody who has never known anything like it.",
            "Describe a picture of {}.",
            "What comes to your senses when you think of {}?",
            "Describe a place that is known for {}.",
        ),
        "advice": (
            "I want to spend more time on {}. What do you advise?",
            "My friend is tired of {}. What should I tell her?",
            "Give a beginner advice about {}.",
            "How can a small town make more of {}?",
        ),
        "opinion": (
            "What do you think about {}?",
            "Do people talk too much about {}?",
            "Do you find {} overrated? Tell me your view.",
            "Should schools teach more about {}?",
        ),
        "dialogue": (
            "Write a dialogue between two friends about {}.",
            "Write a talk between a grandmother and a child about {}.",
            "Two strangers on a train talk about {}. What do they say?",
            "Write an interview with an expert on {}.",
        ),
        "story": (
            "Tell a story about {}.",
            "Write the beginning of a novel about {}.",
            "Tell a funny story about a man who loved {}.",
            "Write a fairy tale about {} and a fox.",
        ),
    }
)
_TONES: Mapping[str, str] = MappingProxyType(
    {"plain": "", "brief": " Keep it brief.", "friendly": " Be friendly.", "formal": " Use a formal tone."}
)
_HEDGES: frozenset[tuple[str, ...]] = frozenset(
    tuple(phrase.split())
    for phrase in (
        *("perhaps", "maybe", "possibly", "probably", "presumably", "apparently", "arguably", "generally", "usually"),
        *("might", "may", "could be", "seems", "seem", "appears to", "tends to", "tend to", "in general", "sort of"),
        *("kind of", "more or less", "to some extent", "i think", "i believe", "i guess", "i suppose", "in my opinion"),
        *("it depends", "not sure", "as far as i know", "it is possible", "it is important to note"),
        *("it is worth noting", "as an ai", "as a language model", "some people say", "some may say"),
    )
)
_APOLOGIES: frozenset[tuple[str, ...]] = frozenset(
    tuple(phrase.split())
    for phrase in ("sorry", "i apologize", "i apologise", "apologies", "forgive me", "pardon me", "i regret")
)
_LONGEST_PHRASE = max(map(len, _HEDGES | _APOLOGIES))
_BULLET = re.compile(r"(?:[-*+\u2022]|[0-9]{1,3}[.)])\s")
_HEADING = re.compile(r"#{1,6}\s|\*\*[^*]{1,80}\*\*:?$")
_SENTENCE_END = re.compile(r"[.!?\u2026]+[\"')\]\u201d]?(?=\s|$)")
_EMOJI = re.compile("[\U0001f300-\U0001faff\u2600-\u27bf\U0001f1e6-\U0001f1ff]")


class Voice(Slice):
    """Letters, stories, opinions: any answer counts, and what is measured is how it is written."""

    name = "voice"
    version = "2"
    axes: Mapping[str, tuple[str, ...]] = MappingProxyType({"kind": tuple(_TEMPLATES), "tone": tuple(_TONES)})
    descriptive = True
    card = Card(
        catches="Drift of style: length, repetition, poorer words, more hedges or apologies, another layout.",
        why="Users notice a changed voice before any benchmark does.",
        scoring=(
            "1 for any answer with a word in it that is no repetition loop; else 0. The signals are what counts: "
            "compare their means before and after. Rates are over words, sentences or lines of the answer. For a "
            "ratio of lengths divide the means of `length_words` (or `length_chars`), where no text counts as 0."
        ),
        provenance="Generated from wordings and subjects written for this project; no text of others.",
        licence="Apache-2.0",
        failure_modes={**COMMON_MODES, "no_words": "marks without a single word"},
        limits=(
            "English; counts forms and phrases, not quality. Answers end at 96 tokens, so lengths above are cut; the "
            "signal `truncated` says how often."
        ),
    )

    def item(self, *, stratum: str, seed: int, index: int, tokens: TokenCounter | None) -> Item:
        """Draw a kind of text, a tone, a wording and a subject."""
        fixed = fixed_values(self, stratum)
        rng = item_rng(self.name, self.version, seed, stratum, index)
        kind = fixed["kind"] if "kind" in fixed else pick(rng, self.axes["kind"])
        tone = fixed["tone"] if "tone" in fixed else pick(rng, self.axes["tone"])
        wording = int(rng.integers(len(_TEMPLATES[kind])))
        subject = pick(rng, _SUBJECTS)
        return Item(
            id=item_id(self, stratum, seed, index),
            slice=self.name,
            stratum=stratum,
            index=index,
            prompt=_TEMPLATES[kind][wording].format(subject) + _TONES[tone],
            references=(),
            max_new_tokens=ANSWER_TOKENS,
            attributes={"kind": kind, "tone": tone, "wording": f"{kind}-{wording}", "subject": subject},
        )

    def grade(self, item: Item, answer: Answer) -> Grade:
        """Measure the answer; only an answer that is none fails."""
        text, cut = bounded(answer.text), answer.finish_reason == "length"
        signals = {**style(text), "truncated": float(cut)}
        if not text:
            return Grade(score=0.0, failure_mode="length" if cut else "empty", signals=signals)
        if is_loop(text):
            return Grade(score=0.0, failure_mode="degenerate", signals=signals)
        if not words(text):
            return Grade(score=0.0, failure_mode="no_words", signals=signals)
        return Grade(score=1.0, failure_mode=None, signals=signals)

    def min_context(self, stratum: str) -> int:
        """A short prompt, its chat template and the answer."""
        fixed_values(self, stratum)
        return 96 + ANSWER_TOKENS


def style(text: str) -> dict[str, float]:
    """What can be counted on a text; where there is none, only its length. A rate over nothing is left out."""
    if not text:
        return {"length_chars": 0.0, "length_words": 0.0}
    said = words(text)
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    found = {
        "length_chars": float(len(text)),
        "length_words": float(len(said)),
        "emoji": float(len(_EMOJI.findall(text))),
        "bullet_share": _share(sum(_BULLET.match(line) is not None for line in lines), len(lines)),
        "heading_share": _share(sum(_HEADING.match(line) is not None for line in lines), len(lines)),
        "code_share": _share(_lines_of_code(lines), len(lines)),
        **_of_sentences(text),
        **_of_words(said),
    }
    return {name: value for name, value in found.items() if value is not None}


def _of_sentences(text: str) -> dict[str, float | None]:
    n, n_questions, n_words = 0, 0, 0
    for sentence, end in _sentences(text):
        n, n_questions, n_words = n + 1, n_questions + ("?" in end), n_words + len(words(sentence))
    return {
        "sentences": float(n),
        "words_per_sentence": _share(n_words, n),
        "question_share": _share(n_questions, n),
    }


def _sentences(text: str) -> Iterator[tuple[str, str]]:
    """Sentences that hold a letter or digit, each with the marks that end it; a line ends one as well."""
    for line in text.split("\n"):
        start = 0
        for found in (*_SENTENCE_END.finditer(line), None):
            stop, end = (found.start(), found[0]) if found else (len(line), "")
            if any(char.isalnum() for char in line[start:stop]):
                yield line[start:stop], end
            start = found.end() if found else stop


def _of_words(said: Sequence[str]) -> dict[str, float | None]:
    phrases = Counter(run for size in range(1, _LONGEST_PHRASE + 1) for run in _runs(said, size))
    repeated = Counter(_runs(said, REPEATED_WORDS))
    pairs = list(pairwise(said))
    n_runs = sum(repeated.values())
    return {
        "distinct_1": _share(len(set(said)), len(said)),
        "distinct_2": _share(len(set(pairs)), len(pairs)),
        "repetition_share": _share(n_runs - len(repeated), n_runs),
        "hedges_per_100_words": _share(100 * sum(phrases[hedge] for hedge in _HEDGES), len(said)),
        "apologizes": float(any(phrases[apology] for apology in _APOLOGIES)) if said else None,
    }


def _runs(said: Sequence[str], size: int) -> Iterator[tuple[str, ...]]:
    return zip(*(said[start:] for start in range(size)), strict=False)


def _lines_of_code(lines: Sequence[str]) -> int:
    """Lines between code fences, fences included; a fence that is never closed reaches to the end."""
    inside, n = False, 0
    for line in lines:
        fence = line.startswith("```")
        n += inside or fence
        inside ^= fence
    return n


def _share(part: float, whole: int) -> float | None:
    return part / whole if whole else None
