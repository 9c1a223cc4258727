"""A toy slice and a fake engine: the pipeline with every answer under the test's control."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from tailgate.engine.protocol import Counters, ServedModel
from tailgate.engine.request import Draft, Request, Transcript, Verification, first_divergence
from tailgate.pipeline.sides import EngineChoice
from tailgate_slices.item import Answer, Card, Grade, Item, Slice, TokenCounter, item_rng

Answering = Callable[[str], str | None]  # word asked for -> answer; None: non-finite logits


class Toy(Slice):
    """Asks for a word to be said back."""

    name = "toy"
    version = "1"
    axes: Mapping[str, tuple[str, ...]] = MappingProxyType({"level": ("1", "2", "9")})
    card = Card(
        catches="nothing",
        why="tests",
        scoring="equality",
        provenance="drawn",
        licence="Apache-2.0",
        failure_modes={},
        limits="toy",
    )

    def item(self, *, stratum: str, seed: int, index: int, tokens: TokenCounter | None) -> Item:
        """One word."""
        rng = item_rng("toy", seed, stratum, index)
        word = "".join(rng.choice(list("abcdefgh"), size=6))
        return Item(
            id=f"toy@1/{stratum}/s{seed}/{index}",
            slice="toy",
            stratum=stratum,
            index=index,
            prompt=f"say {word}",
            references=(word,),
            max_new_tokens=8,
        )

    def grade(self, item: Item, answer: Answer) -> Grade:
        """Equality."""
        right = answer.text == item.references[0]
        return Grade(score=float(right), failure_mode=None if right else "wrong")

    def min_context(self, stratum: str) -> int:
        """Level 9 is too long for a tiny model."""
        return 10_000 if stratum == "level=9" else 40


@dataclass(kw_only=True)
class FakeEngine:
    """Answers as the test says: one rule for the baseline (`generate`), one for the candidate (`verify`)."""

    model: ServedModel
    baseline: Answering
    candidate: Answering
    interrupt_after: int | None = None
    name: str = "fake"
    version: str = "1"
    counters: Counters = field(default_factory=Counters)
    batch: int = 7

    def generate(self, requests: Sequence[Request]) -> Iterator[tuple[Transcript, ...]]:
        """Answer by the baseline's rule."""
        for start in range(0, len(requests), self.batch):
            self._maybe_interrupt()
            yield tuple(self._answer(request, self.baseline) for request in requests[start : start + self.batch])

    def verify(self, drafts: Sequence[Draft]) -> Iterator[tuple[Verification, ...]]:
        """Answer by the candidate's rule."""
        for start in range(0, len(drafts), self.batch):
            self._maybe_interrupt()
            yield tuple(self._verify(draft) for draft in drafts[start : start + self.batch])

    def score(self, requests: object) -> Iterator[tuple[()]]:
        """The toy slice asks for no scores."""
        raise AssertionError(requests)

    def _verify(self, draft: Draft) -> Verification:
        transcript = self._answer(draft.request, self.candidate)
        return Verification(
            transcript=transcript, divergence_token=first_divergence(draft.baseline.tokens, transcript.tokens)
        )

    def _answer(self, request: Request, rule: Answering) -> Transcript:
        self.counters.forwards += 1
        self.counters.generated += 1
        text = rule(self.model.decode(request.prompt_ids).removeprefix("say "))
        if text is None:
            return Transcript(key=request.key, tokens=(), text="", finish_reason="nonfinite")
        return Transcript(key=request.key, tokens=tuple(map(ord, text)), text=text, finish_reason="stop")

    def _maybe_interrupt(self) -> None:
        if self.interrupt_after is not None:
            self.interrupt_after -= 1
            if self.interrupt_after < 0:
                raise KeyboardInterrupt


def fake_engine(
    baseline: Answering,
    candidate: Answering,
    interrupt_after: int | None = None,
    again: Answering | None = None,
) -> EngineChoice:
    """An engine choice that builds `FakeEngine`s; in other batches, where it has them, the rule is `again`."""

    def build(model: ServedModel, rule: Answering = candidate) -> FakeEngine:
        return FakeEngine(model=model, baseline=baseline, candidate=rule, interrupt_after=interrupt_after)

    other = None if again is None else lambda model: build(model, again)
    return EngineChoice(name="fake", version="1", build=build, build_other=other)
