"""What an engine is asked and what it returns. No torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

import numpy as np

from tailgate.engine.distribution import TopTokens
from tailgate.records import FinishReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Continue a prompt greedily until end-of-text, a stop string or the budget.

    The answer ends with the first token after which the decoded answer contains a stop string; its text is cut
    before that string.
    """

    key: str
    prompt_ids: tuple[int, ...]
    max_new_tokens: int
    stop: tuple[str, ...] = ()
    messages: tuple[tuple[str, str], ...] = ()  # role and content of the turns it was made of, for chat servers
    subject: str = ""  # whose prompt it is; answers are kept with it, so that they can be erased

    @property
    def longest(self) -> int:
        """Tokens of context the request can need."""
        return len(self.prompt_ids) + self.max_new_tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """An answer: the tokens as generated (end-of-text left out), their text, and why it ended.

    `tops`, where an engine keeps them: the distribution each token was chosen from, and one more for an end by
    end-of-text.
    """

    key: str
    tokens: tuple[int, ...]
    text: str
    finish_reason: FinishReason
    tops: tuple[TopTokens, ...] = field(default=(), compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A request to the candidate, with the baseline's transcript of the same prompt."""

    request: Request
    baseline: Transcript


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenStats:
    """The candidate on each token of the baseline's answer, the baseline's text before it given.

    `agrees`: the token is the candidate's likeliest, too. `log_probs`: the candidate's, of the token, in nats.
    `margins`: difference of the candidate's two largest logits. `kl_floors`: lower bound on KL(baseline || candidate)
    in nats, nan where the baseline's distribution was not kept.
    """

    agrees: tuple[bool, ...]
    log_probs: tuple[float, ...]
    margins: tuple[float, ...]
    kl_floors: tuple[float, ...]

    def to_bytes(self) -> bytes:
        """Thirteen bytes a token: a flag and three fp32."""
        floats = np.array([self.log_probs, self.margins, self.kl_floors], dtype="<f4")
        return np.array(self.agrees, dtype=np.uint8).tobytes() + floats.tobytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The inverse of `to_bytes`."""
        n = len(data) // 13
        agrees = np.frombuffer(data, np.uint8, n)
        log_probs, margins, floors = np.frombuffer(data, "<f4", 3 * n, n).reshape(3, n).astype(float).tolist()
        return cls(
            agrees=tuple(map(bool, agrees)), log_probs=tuple(log_probs), margins=tuple(margins), kl_floors=tuple(floors)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """The candidate's own greedy answer, and where it first leaves the baseline's."""

    transcript: Transcript
    stats: TokenStats | None = None
    divergence_token: int | None  # index of the first answer token that differs; None: the answers are the same


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceRequest:
    """Several continuations of one context, to be scored by likelihood."""

    key: str
    context_ids: tuple[int, ...]
    choices: tuple[tuple[int, ...], ...]

    @property
    def longest(self) -> int:
        """Tokens of context the request can need."""
        return len(self.context_ids) + max(map(len, self.choices))


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceScores:
    """Summed log-likelihood of each choice (nats), and its length in tokens."""

    key: str
    log_likelihoods: tuple[float, ...]
    lengths: tuple[int, ...]

    @property
    def normalized(self) -> tuple[float, ...]:
        """Log-likelihood per token of each choice: no choice wins by being short."""
        return tuple(total / length for total, length in zip(self.log_likelihoods, self.lengths, strict=True))


def first_divergence(first: tuple[int, ...], second: tuple[int, ...]) -> int | None:
    """Index of the first token at which two answers differ; None when they are equal."""
    for index, (a, b) in enumerate(zip(first, second, strict=False)):
        if a != b:
            return index
    return None if len(first) == len(second) else min(len(first), len(second))


def cut_at_stop(text: str, stop: tuple[str, ...]) -> str | None:
    """Text before the earliest stop string, or None when it holds none."""
    found = [position for word in stop if (position := text.find(word)) >= 0]
    return text[: min(found)] if found else None
