"""Answering, verifying and scoring by asking a server of tokens: what to ask next, given what it said. No transport.

Each script is a generator: it yields the questions of its next step, is sent the replies to them in the same order, and
returns what is known at the end. Whoever runs it decides how questions travel and how many are under way.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import Self, TypeAlias, TypeVar

from tailgate.engine.finish import Ending
from tailgate.engine.protocol import Counters
from tailgate.engine.request import (
    ChoiceRequest,
    ChoiceScores,
    Draft,
    Request,
    TokenStats,
    Transcript,
    Verification,
    first_divergence,
)

# Margins in nats between the two likeliest tokens below which another order of summation may choose the other token.
NEAR_TIE = {"float32": 1e-3, "float16": 5e-2, "bfloat16": 4e-1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """Continue a prompt greedily, or look at the prompt itself.

    `look_from`: from this token of the prompt on, say how likely each was; None: do not look. `fresh`: compute all of
    the prompt, even where a part of it was computed before.
    """

    prompt_ids: tuple[int, ...]
    max_new_tokens: int
    stop: tuple[str, ...] = ()
    look_from: int | None = None
    fresh: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """What was predicted where a token stands: that token's log-probability, the likeliest token, and by how much.

    `margin`: between the two likeliest, in nats; nan where it is not known.
    """

    log_prob: float
    likeliest: int
    margin: float = math.nan

    @property
    def nonfinite(self) -> bool:
        """Whether there is no distribution to choose from. (A probability of zero is one.)"""
        return math.isnan(self.log_prob) or self.log_prob == math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a server said.

    `tokens`: as generated, an end-of-text token included where the server says it. `predictions`: those behind them;
    empty where not served. `looked`: those behind the prompt's tokens from `look_from` on, None where not computed.
    `ended`: the server itself held the answer for finished before its budget.
    """

    tokens: tuple[int, ...]
    predictions: tuple[Prediction, ...] = ()
    looked: tuple[Prediction | None, ...] = ()
    ended: bool = False
    reused_tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sight:
    """How a model sees a text: what it predicts at each of its tokens, and the token behind the last."""

    looked: tuple[Prediction, ...]
    next_token: tuple[int, ...]
    next_prediction: tuple[Prediction, ...]

    @classmethod
    def of(cls, reply: Reply) -> Self:
        known = tuple(each for each in reply.looked if each is not None)
        assert len(known) == len(reply.looked), "a prompt that is computed whole leaves no prediction out"
        return cls(looked=known, next_token=reply.tokens[:1], next_prediction=reply.predictions[:1])


Done = TypeVar("Done")
Script: TypeAlias = Generator[tuple[Ask, ...], tuple[Reply, ...], Done]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialogue:
    """The scripts, for a model that ends its answers at `ending`.

    `trusts_end`: what the server holds for finished is finished, whatever we see of it (it may cut what we would see).
    `block`: tokens that a server remembers together; a shorter prompt is not worth a question of its own.
    """

    ending: Ending
    near_tie: float
    counters: Counters
    trusts_end: bool = False
    block: int = 16

    def answer(self, request: Request) -> Script[Transcript]:
        """Answer a request from its beginning."""
        transcript = yield from self._go_on(request, [])
        return transcript

    def _go_on(self, request: Request, tokens: list[int]) -> Script[Transcript]:
        over = self.ending.watch(request)
        while True:
            ask = Ask(
                prompt_ids=(*request.prompt_ids, *tokens),
                max_new_tokens=request.max_new_tokens - len(tokens),
                stop=request.stop,
            )
            (reply,) = yield (ask,)
            self._count_tokens(ask, reply)
            self._count_ties(reply.predictions)
            if any(each.nonfinite for each in reply.predictions):
                return self._closed(request, _nothing(request))
            looked_at = len(tokens)
            tokens += reply.tokens
            if over(tokens, looked_at):
                return self._closed(request, self.ending.cut(request, tokens))
            if self.trusts_end and reply.ended:
                return self._closed(request, _ended(self.ending, request, tokens))
            assert reply.tokens, "a question for at least one token was answered with none"

    def verify(self, draft: Draft) -> Script[Verification]:
        """Look how the candidate sees the baseline's answer, and decode only from where it would leave it."""
        request, drafted = draft.request, draft.baseline.tokens
        if not drafted:
            transcript = yield from self.answer(request)
            return Verification(transcript=transcript, divergence_token=first_divergence(drafted, transcript.tokens))
        yield from self._remember(request.prompt_ids)
        (sight,) = yield from self._look(request.prompt_ids, (drafted,))
        if any(each.nonfinite for each in (*sight.looked, *sight.next_prediction)):
            transcript = self._closed(request, _nothing(request))
        else:
            transcript = yield from self._leave(request, drafted, sight)
        return Verification(
            transcript=transcript,
            divergence_token=first_divergence(drafted, transcript.tokens),
            stats=_stats(drafted, sight.looked),
        )

    def _leave(self, request: Request, drafted: tuple[int, ...], sight: _Sight) -> Script[Transcript]:
        """The candidate's own answer, given how it sees the drafted one."""
        own = (*(each.likeliest for each in sight.looked), *sight.next_token)
        agreed = next((i for i, token in enumerate(drafted) if own[i] != token), len(drafted))
        self.counters.drafted_tokens += len(drafted)
        self.counters.accepted_drafts += agreed
        self._count_ties((*sight.looked, *sight.next_prediction)[: agreed + 1])
        tokens = list(own[: agreed + 1])
        # Before its last token the baseline's answer was not over, and up to `agreed` these are the same tokens.
        if self.ending.watch(request)(tokens, min(agreed, len(drafted) - 1)):
            return self._closed(request, self.ending.cut(request, tokens))
        transcript = yield from self._go_on(request, tokens)
        return transcript

    def score(self, request: ChoiceRequest) -> Script[ChoiceScores]:
        """Look at each choice behind the context."""
        yield from self._remember(request.context_ids)
        sights = yield from self._look(request.context_ids, request.choices)
        return ChoiceScores(
            key=request.key,
            log_likelihoods=tuple(sum(each.log_prob for each in sight.looked) for sight in sights),
            lengths=tuple(map(len, request.choices)),
        )

    def _remember(self, context: tuple[int, ...]) -> Script[None]:
        """Let the server compute what stands before, but for its last token: what follows it must be predicted anew.

        Servers compute logits for the whole of a prompt that is looked at, unless they remember a part of it.
        """
        if len(context) > self.block:
            ask = Ask(prompt_ids=context[:-1], max_new_tokens=1)
            (reply,) = yield (ask,)
            self._count_tokens(ask, reply)

    def _look(self, before: tuple[int, ...], texts: Sequence[tuple[int, ...]]) -> Script[tuple[_Sight, ...]]:
        asks = [Ask(prompt_ids=before + text, max_new_tokens=1, look_from=len(before)) for text in texts]
        replies = list((yield tuple(asks)))
        # A server that remembers the text itself does not compute it again, unless told to.
        missing = [i for i, reply in enumerate(replies) if None in reply.looked]
        if missing:
            again = yield tuple(replace(asks[i], fresh=True) for i in missing)
            for i, reply in zip(missing, again, strict=True):
                replies[i] = reply
        for ask, reply in zip(asks, replies, strict=True):
            self._count_tokens(ask, reply)
        return tuple(_Sight.of(reply) for reply in replies)

    def _count_tokens(self, ask: Ask, reply: Reply) -> None:
        self.counters.reused_tokens += reply.reused_tokens
        self.counters.computed_tokens += len(ask.prompt_ids) - reply.reused_tokens + len(reply.tokens)

    def _count_ties(self, predictions: Sequence[Prediction]) -> None:
        self.counters.near_ties += sum(each.margin < self.near_tie for each in predictions)

    def _closed(self, request: Request, transcript: Transcript) -> Transcript:
        self.counters.generated += 1
        self.counters.prompt_tokens += len(request.prompt_ids)
        self.counters.new_tokens += len(transcript.tokens)
        return transcript


def _nothing(request: Request) -> Transcript:
    return Transcript(key=request.key, tokens=(), text="", finish_reason="nonfinite")


def _ended(ending: Ending, request: Request, tokens: Sequence[int]) -> Transcript:
    text = ending.decode(tuple(tokens))
    return Transcript(key=request.key, tokens=tuple(tokens), text=text, finish_reason="stop")


def _stats(drafted: tuple[int, ...], looked: Sequence[Prediction]) -> TokenStats:
    return TokenStats(
        agrees=tuple(each.likeliest == token for each, token in zip(looked, drafted, strict=True)),
        log_probs=tuple(each.log_prob for each in looked),
        margins=tuple(each.margin for each in looked),
        kl_floors=(math.nan,) * len(drafted),
    )
