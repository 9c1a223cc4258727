"""The answers to one HTTP request: several sequences that are asked together and dropped together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from math import isnan

from tailgate.engine.distribution import TopTokens
from tailgate.engine.native.session import Grown, LookedAt
from tailgate.engine.request import Request, Transcript
from tailgate.serve.errors import ApiError, refused
from tailgate.serve.worker import Event, Failed, Ticket, Worker


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What is asked: tokens to continue with at most `budget` more; `look`: their own log-probabilities, too."""

    tokens: tuple[int, ...]
    budget: int
    stop: tuple[str, ...] = ()
    look: bool = False


@dataclass(slots=True, kw_only=True)
class Answer:
    """What became of a prompt. `seen`: the model on the prompt's own tokens, where that was asked for."""

    prompt: Prompt
    transcript: Transcript | None = None
    tops: tuple[TopTokens, ...] = ()
    seen: LookedAt | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """Tokens that answer number `index` grew by; `over`: they were its last."""

    index: int
    tokens: tuple[int, ...]
    tops: tuple[TopTokens, ...]
    over: bool


class Generation:
    """Sequences on their way. Must be closed, whatever happens: what is unfinished then is cancelled."""

    def __init__(self, worker: Worker, model: str, key: str, on_close: Callable[[], None]) -> None:
        self._worker, self._model, self._key, self._on_close = worker, model, key, on_close
        self._events: asyncio.Queue[tuple[str, Event]] = asyncio.Queue()
        self._under_way: dict[str, tuple[int, Ticket]] = {}
        self.answers: list[Answer] = []
        self._closed = False

    def begin(self, prompts: Sequence[Prompt], *, keep_tops: bool, growth: bool) -> None:
        """Ask. A budget of no tokens is answered by nothing."""
        for index, prompt in enumerate(prompts):
            self.answers.append(Answer(prompt=prompt))
            for ticket in self._tickets(index, prompt, keep_tops=keep_tops, growth=growth):
                self._under_way[ticket.key] = (index, ticket)
                self._worker.submit(ticket)

    def _tickets(self, index: int, prompt: Prompt, *, keep_tops: bool, growth: bool) -> Iterator[Ticket]:
        key = f"{self._key}-{index}"
        if prompt.look and len(prompt.tokens) > 1:
            yield Ticket(key=f"{key}-prompt", model=self._model, events=self._events, given=prompt.tokens)
        if prompt.budget == 0:
            self.answers[index].transcript = Transcript(key=key, tokens=(), text="", finish_reason="length")
            return
        request = Request(key=key, prompt_ids=prompt.tokens, max_new_tokens=prompt.budget, stop=prompt.stop)
        yield Ticket(
            key=key, model=self._model, events=self._events, request=request, keep_tops=keep_tops, growth=growth
        )

    async def grow(self) -> AsyncIterator[Growth]:
        """What the answers grow by, until all are over.

        Raises
        ------
        ApiError
            An answer failed; the others are cancelled when this is closed.
        """
        while self._under_way:
            key, event = await self._events.get()
            index, _ = self._under_way[key]
            if isinstance(event, Failed):
                raise _failure(event)
            if isinstance(event, LookedAt):
                del self._under_way[key]
                if any(map(isnan, event.log_probs)):
                    raise self._nonfinite()
                self.answers[index].seen = event
                continue
            if event.transcript is not None:
                del self._under_way[key]
                if event.transcript.finish_reason == "nonfinite":
                    raise self._nonfinite()
            self._take(self.answers[index], event)
            yield Growth(index=index, tokens=event.tokens, tops=event.tops, over=event.transcript is not None)

    def _nonfinite(self) -> ApiError:
        return ApiError(500, f"model '{self._model}' gave logits that are not finite", code="nonfinite")

    def _take(self, answer: Answer, event: Grown) -> None:
        answer.transcript = event.transcript
        if event.transcript is not None:
            answer.tops = event.transcript.tops

    @property
    def unfinished(self) -> int:
        """Sequences that are not over."""
        return len(self._under_way)

    async def finish(self) -> list[Answer]:
        """Wait for all answers."""
        async for _ in self.grow():
            pass
        return self.answers

    def close(self) -> None:
        """Cancel what is unfinished; closing twice changes nothing."""
        if self._closed:
            return
        self._closed = True
        for _, ticket in self._under_way.values():
            self._worker.cancel(ticket)
        self._on_close()


def _failure(event: Failed) -> ApiError:
    if event.refused:
        return refused(event.message, "prompt")
    return ApiError(500, f"the batch of this request failed: {event.message[:300]}", code="batch_failed")
