"""An answer beside its question, as graders read it."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import cached_property

from tailgate_slices.grading import bounded, words
from tailgate_slices.item import Answer, Item
from tailgate_slices.low_resource.scripts import normal, visible

FRAME = frozenset(["the", "word", "name", "is", "in", "for", "a", "of", "this", "answer"])
# How an answer may begin: "Sure! Here is the repeated text:".
ANNOUNCING = frozenset(
    [
        "sure",
        "certainly",
        "okay",
        "ok",
        "course",
        "here",
        "s",
        "you",
        "are",
        "go",
        "it",
        "text",
        "phrase",
        "repeated",
        "exactly",
    ]
)


@dataclass(frozen=True, kw_only=True)  # no slots: cached_property needs a dictionary
class Reading:
    """An answer beside its question, cut into words once."""

    item: Item
    answer: Answer

    @cached_property
    def text(self) -> str:
        """The answer without invisible characters; a dotted capital I counts as a small i."""
        return visible(bounded(self.answer.text)).replace("\u0130", "i")

    @cached_property
    def said(self) -> tuple[str, ...]:
        """The words of the answer."""
        return words(self.text)

    @cached_property
    def asked(self) -> frozenset[str]:
        """The words of the prompt."""
        return frozenset(normal(self.item.prompt))

    @cached_property
    def new(self) -> str:
        """What the answer holds beyond the words of the question and the frame of a sentence."""
        fresh = (word for word in self.said if word not in self.asked and word not in FRAME)
        return unicodedata.normalize("NFC", " ".join(fresh))

    @property
    def script(self) -> str:
        """The script that the answer should be in."""
        return str(self.item.attributes["script"])

    @property
    def lang(self) -> str:
        """The language that the answer should be in."""
        return str(self.item.attributes["lang"])

    @property
    def form(self) -> str:
        """How the answer is read."""
        return str(self.item.attributes["form"])

    @property
    def kind(self) -> str:
        """The kind of question within its task."""
        return str(self.item.attributes["kind"])
