"""The engine over a server: scripts of questions with bounded concurrency, every answer checked before it counts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from typing import Any, TypeVar

from tailgate.engine.dialogue import NEAR_TIE, Ask, Dialogue, Reply, Script
from tailgate.engine.endpoint.bodies import ChatCompletion, Completion
from tailgate.engine.endpoint.client import Client, shown
from tailgate.engine.endpoint.dialects import FINISHED, Dialect, body_of, reply_of
from tailgate.engine.endpoint.loop import Loop
from tailgate.engine.finish import Ending
from tailgate.engine.protocol import Counters
from tailgate.engine.request import (
    ChoiceRequest,
    ChoiceScores,
    Draft,
    Request,
    Transcript,
    Verification,
    cut_at_stop,
    first_divergence,
)
from tailgate.errors import IntegrityError, UsageError
from tailgate.records import FinishReason

YIELD_AT = 16  # finished answers handed over at once: what a kill can lose
NEVER_REMEMBER = 1 << 62  # a server that looks at a prompt computes all of it: asking for a part before gains nothing

Asked = TypeVar("Asked", Request, Draft, ChoiceRequest)
Done = TypeVar("Done")


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """How token ids become what a server reads, and its text becomes token ids; `vocabulary`: ids there are."""

    prompt: Callable[[tuple[int, ...]], str]  # special tokens included
    encode: Callable[[str], tuple[int, ...]]  # none added
    vocabulary: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointLimits:
    """Questions under way at once; `reverse` begins with the shortest: another order for a noise floor."""

    concurrency: int = 16
    reverse: bool = False


class EndpointEngine:
    """Greedy answers of a model at a server.

    Where the server tells token ids, answers end by the rules of every engine here; where it does not, it decides their
    end, and its text is tokenized again.
    """

    name = "endpoint"
    version = "1"

    def __init__(
        self, client: Client, dialect: Dialect, ending: Ending, texts: Texts, limits: EndpointLimits | None = None,
        *, chat: bool = False,
    ) -> None:  # fmt: skip
        self.counters = Counters()
        self.limits = limits or EndpointLimits()
        self._client, self._dialect, self._ending, self._texts, self._chat = client, dialect, ending, texts, chat
        self._eos = sorted(ending.eos_token_ids)
        self._dialogue = Dialogue(
            ending=ending,
            near_tie=NEAR_TIE["float32"],
            counters=self.counters,
            trusts_end=not dialect.ends_as_we_do,
            block=NEVER_REMEMBER,
        )
        self._loop = Loop()

    def generate(self, requests: Sequence[Request]) -> Iterator[tuple[Transcript, ...]]:
        """Answer requests greedily, longest first."""
        yield from self._run(requests, [each.longest for each in requests], self._answer)

    def verify(self, drafts: Sequence[Draft]) -> Iterator[tuple[Verification, ...]]:
        """Look at the baseline's answers where the server lets one look at prompts, else answer and compare."""
        yield from self._run(drafts, [each.request.longest for each in drafts], self._verify)

    def score(self, requests: Sequence[ChoiceRequest]) -> Iterator[tuple[ChoiceScores, ...]]:
        """Log-likelihoods of choices that share a context.

        Raises
        ------
        UsageError
            The server does not tell them.
        """
        if not self._dialect.looks or self._chat:
            raise UsageError(f"{self._client.place} tells no log-probabilities of prompts, which scoring choices needs")
        yield from self._run(requests, [each.longest for each in requests], self._score)

    def close(self) -> None:
        """Close the connections."""
        if self._loop.runs:
            self._loop.submit(self._client.close()).result()
            self._loop.close()

    def _run(
        self, asked: Sequence[Asked], lengths: Sequence[int], work: Callable[[Asked], Coroutine[Any, Any, Done]]
    ) -> Iterator[tuple[Done, ...]]:
        """Finished answers in batches as they come. When one fails, what is finished is handed over first."""
        order = sorted(range(len(asked)), key=lambda i: lengths[i] if self.limits.reverse else -lengths[i])
        room = asyncio.Semaphore(self.limits.concurrency)

        async def in_turn(each: Asked) -> Done:
            async with room:
                return await work(each)

        under_way: set[Future[Done]] = {self._loop.submit(in_turn(asked[i])) for i in order}
        done: list[Done] = []
        failed: BaseException | None = None
        try:
            while under_way and failed is None:
                finished, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                for future in finished:
                    if (error := future.exception()) is None:
                        done.append(future.result())
                    else:
                        failed = failed or error
                if len(done) >= YIELD_AT:
                    yield tuple(done)
                    done = []
            if done:
                yield tuple(done)
        finally:
            for future in under_way:
                future.cancel()
        if failed is not None:
            raise failed

    async def _answer(self, request: Request) -> Transcript:
        if self._chat:
            return await self._chat_answer(request)
        if self._dialect.token_ids:
            return await self._play(self._dialogue.answer(request))
        return await self._text_answer(request)

    async def _verify(self, draft: Draft) -> Verification:
        if self._dialect.looks and not self._chat:
            return await self._play(self._dialogue.verify(draft))
        transcript = await self._answer(draft.request)
        return Verification(
            transcript=transcript, divergence_token=first_divergence(draft.baseline.tokens, transcript.tokens)
        )

    async def _score(self, request: ChoiceRequest) -> ChoiceScores:
        return await self._play(self._dialogue.score(request))

    async def _play(self, script: Script[Done]) -> Done:
        """Carry a script's questions to the server until it knows its result."""
        try:
            asks = next(script)
            while True:
                asks = script.send(tuple(await asyncio.gather(*(self._ask(ask) for ask in asks))))
        except StopIteration as ended:
            found: Done = ended.value
            return found

    async def _ask(self, ask: Ask) -> Reply:
        response = await self._client.complete(body_of(ask, self._dialect, self._eos, self._texts.prompt))
        self._check(response, len(ask.prompt_ids), ask.max_new_tokens)
        return reply_of(ask, response.choices[0], response.usage, self._texts.vocabulary)

    async def _text_answer(self, request: Request) -> Transcript:
        ask = Ask(prompt_ids=request.prompt_ids, max_new_tokens=request.max_new_tokens, stop=request.stop)
        response = await self._client.complete(body_of(ask, self._dialect, self._eos, self._texts.prompt))
        self._check(response, len(request.prompt_ids), request.max_new_tokens)
        return self._told(request, response.choices[0].text, response.choices[0].finish_reason)

    async def _chat_answer(self, request: Request) -> Transcript:
        assert request.messages, "the pipeline keeps the messages that a prompt was made of"
        body: dict[str, Any] = {
            "messages": [{"role": role, "content": content} for role, content in request.messages],
            "max_tokens": request.max_new_tokens,
            "temperature": 0,
        }
        if request.stop:
            body["stop"] = list(request.stop)
        response = await self._client.chat(body)
        self._check(response, len(request.prompt_ids), request.max_new_tokens)
        message = response.choices[0].message
        if message.content is None:
            raise IntegrityError(
                f"{self._client.place} answered without a text (refusal: {shown(message.refusal or 'none')})"
            )
        return self._told(request, message.content, response.choices[0].finish_reason)

    def _told(self, request: Request, text: str, finish: str | None) -> Transcript:
        """An answer of which only the text is known."""
        stopped = cut_at_stop(text, request.stop) if request.stop else None
        text = text if stopped is None else stopped
        tokens = self._texts.encode(text)
        reason: FinishReason = "length" if finish == "length" else "stop"
        self.counters.generated += 1
        self.counters.prompt_tokens += len(request.prompt_ids)
        self.counters.new_tokens += len(tokens)
        return Transcript(key=request.key, tokens=tokens, text=text, finish_reason=reason)

    def _check(self, response: Completion | ChatCompletion, prompt_tokens: int, budget: int) -> None:
        """Refuse an answer that is not to what was asked.

        Raises
        ------
        IntegrityError
            Another model, another number of answers or prompt tokens, an unknown end, or one before the budget.
        """
        place, usage = self._client.place, response.usage
        self.counters.forwards += 1
        if response.model != place.model:
            raise IntegrityError(f"{place} answered as model '{shown(response.model)}'; address the model by that name")
        if len(response.choices) != 1:
            raise IntegrityError(f"{place} gave {len(response.choices)} answers to one question")
        finish = response.choices[0].finish_reason
        if finish not in FINISHED:
            raise IntegrityError(
                f"{place} ended an answer with '{shown(str(finish))}'; understood are {' and '.join(FINISHED)}"
            )
        if usage.prompt_tokens != prompt_tokens:
            raise IntegrityError(
                f"{place} read a prompt of {prompt_tokens} tokens as {usage.prompt_tokens}: its tokenizer or chat "
                "template is another one, or it cut the prompt; give tokenizer= what it was started from"
            )
        if usage.completion_tokens > budget or (finish == "length" and usage.completion_tokens < budget):
            raise IntegrityError(
                f"{place} ended an answer for its length after {usage.completion_tokens} of {budget} tokens; raise its "
                "limits, or lower context="
            )
