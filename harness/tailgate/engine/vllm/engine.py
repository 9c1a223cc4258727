"""The engine over vLLM: many scripts at once, as many as its memory takes, each asking its next question at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from tailgate.engine.dialogue import NEAR_TIE, Ask, Dialogue, Reply, Script
from tailgate.engine.finish import Ending
from tailgate.engine.protocol import Counters, ServedCheckpoint
from tailgate.engine.request import ChoiceRequest, ChoiceScores, Draft, Request, Transcript, Verification
from tailgate.engine.vllm.serving import Serving
from tailgate.errors import SetupError

YIELD_AT = 16  # finished answers handed over at once: what a kill can lose

Asked = TypeVar("Asked", Request, Draft, ChoiceRequest)
Done = TypeVar("Done")


@dataclass(frozen=True, slots=True, kw_only=True)
class VllmLimits:
    """How many scripts may be under way; `reverse` begins with the shortest: another order for a noise floor."""

    scripts: int = 256
    reverse: bool = False


class VllmEngine:
    """Greedy answers of a checkpoint that vLLM serves; the same rules of ending as every engine here."""

    name = "vllm"
    version = "1"

    def __init__(
        self, serving: Serving, checkpoint: ServedCheckpoint, dtype: str, limits: VllmLimits | None = None
    ) -> None:
        self.counters = Counters()
        self.limits = limits or VllmLimits()
        self._serving = serving
        self._context = checkpoint.context_length
        ending = Ending(decode=checkpoint.decode, eos_token_ids=frozenset(checkpoint.eos_token_ids))
        near_tie = NEAR_TIE.get(dtype, NEAR_TIE["float32"])
        self._dialogue = Dialogue(ending=ending, near_tie=near_tie, counters=self.counters, block=serving.block)

    def generate(self, requests: Sequence[Request]) -> Iterator[tuple[Transcript, ...]]:
        """Answer requests greedily, longest first."""
        yield from self._run(requests, [each.longest for each in requests], self._dialogue.answer)

    def verify(self, drafts: Sequence[Draft]) -> Iterator[tuple[Verification, ...]]:
        """Look at the baseline's answers, and decode only from where the candidate leaves them."""
        yield from self._run(drafts, [each.request.longest for each in drafts], self._dialogue.verify)

    def score(self, requests: Sequence[ChoiceRequest]) -> Iterator[tuple[ChoiceScores, ...]]:
        """Log-likelihoods of choices that share a context."""
        yield from self._run(requests, [each.longest for each in requests], self._dialogue.score)

    def close(self) -> None:
        """End vLLM's processes."""
        self._serving.close()

    def _run(
        self, asked: Sequence[Asked], lengths: Sequence[int], script: Callable[[Asked], Script[Done]]
    ) -> Iterator[tuple[Done, ...]]:
        if lengths and max(lengths) > self._context:
            raise SetupError(
                f"a prompt and its answer may take {max(lengths)} tokens, vLLM was opened for {self._context}; "
                "raise --engine-option max_model_len"
            )
        order = sorted(range(len(asked)), key=lambda i: lengths[i] if self.limits.reverse else -lengths[i])
        waiting = [(lengths[i], script(asked[i])) for i in reversed(order)]
        under_way: Conversations[Done] = Conversations(self._serving, self.counters)
        done: list[Done] = []
        try:
            while waiting or under_way:
                while waiting and under_way.has_room(waiting[-1][0], self.limits.scripts):
                    under_way.begin(*waiting.pop())
                done += under_way.step()
                while len(done) >= YIELD_AT:
                    yield tuple(done[:YIELD_AT])
                    del done[:YIELD_AT]
            if done:
                yield tuple(done)
        finally:
            self._serving.drop()


@dataclass(slots=True, kw_only=True)
class _Open(Generic[Done]):
    """A script that waits for replies."""

    script: Script[Done]
    length: int
    asks: tuple[Ask, ...]
    replies: dict[int, Reply]


class Conversations(Generic[Done]):
    """The scripts under way on one server, and what each still waits for."""

    def __init__(self, serving: Serving, counters: Counters) -> None:
        self._serving, self._counters = serving, counters
        self._open: dict[int, _Open[Done]] = {}
        self._done: list[Done] = []
        self._begun = self._steps = 0

    def __bool__(self) -> bool:
        return bool(self._open or self._done)

    def has_room(self, length: int, scripts: int) -> bool:
        """Whether one more script fits: what the others had computed must still be remembered when they ask again."""
        held = sum(each.length for each in self._open.values())
        return not self._open or (len(self._open) < scripts and held + length <= self._serving.room)

    def begin(self, length: int, script: Script[Done]) -> None:
        """Start a script."""
        self._begun += 1
        self._go_on(self._begun, length, script, None)

    def step(self) -> list[Done]:
        """Let the server compute once; results of the scripts that came to their end."""
        if self._open:
            self._counters.forwards += 1
            for name, reply in self._serving.step():
                self._take(name, reply)
        done, self._done = self._done, []
        return done

    def _take(self, name: str, reply: Reply) -> None:
        number, index, _ = map(int, name.split("-"))
        waiting = self._open[number]
        waiting.replies[index] = reply
        if len(waiting.replies) == len(waiting.asks):
            del self._open[number]
            replies = tuple(waiting.replies[i] for i in range(len(waiting.asks)))
            self._go_on(number, waiting.length, waiting.script, replies)

    def _go_on(self, number: int, length: int, script: Script[Done], replies: tuple[Reply, ...] | None) -> None:
        try:
            asks = next(script) if replies is None else script.send(replies)
        except StopIteration as ended:
            self._done.append(ended.value)
            return
        self._open[number] = _Open(script=script, length=length, asks=asks, replies={})
        for index, ask in enumerate(asks):
            self._steps += 1
            self._serving.submit(f"{number}-{index}-{self._steps}", ask)
