"""What is sent back: completions, chat completions, pieces of both, in the shapes of OpenAI's interface."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tailgate.engine.distribution import TopTokens
from tailgate.serve.generation import Answer
from tailgate.serve.hosting import Hosted
from tailgate.serve.text import REPLACEMENT


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What every body of one answer begins with."""

    id: str
    created: int
    hosted: Hosted

    def wrap(self, kind: str, choices: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """A body around choices."""
        return {
            "id": self.id,
            "object": kind,
            "created": self.created,
            "model": self.hosted.name,
            "system_fingerprint": self.hosted.fingerprint[:16],
            "choices": list(choices),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One token with the distribution it was taken from."""

    token: int
    top: TopTokens

    @property
    def log_prob(self) -> float:
        """Log-probability of the token in nats."""
        place = (self.top.ids == self.token).nonzero()[0]
        return float(self.top.log_probs[place[0] if len(place) else 0])


def usage(answers: Sequence[Answer]) -> dict[str, int]:
    """Tokens read and written."""
    prompt = sum(len(answer.prompt.tokens) for answer in answers)
    new = sum(len(answer.transcript.tokens) for answer in answers if answer.transcript)
    return {"prompt_tokens": prompt, "completion_tokens": new, "total_tokens": prompt + new}


def looks(tokens: Sequence[int], tops: Sequence[TopTokens]) -> list[Look]:
    """Tokens with their distributions; an end of text has one more, which is left out."""
    return [Look(token=token, top=top) for token, top in zip(tokens, tops, strict=False)]


def completion_logprobs(hosted: Hosted, answer: Answer, n_top: int, *, echo: bool) -> dict[str, Any]:
    """`logprobs` of a completion: of the answer, and of the prompt before it where that was asked for."""
    assert answer.transcript is not None
    rows = _rows(hosted, looks(answer.transcript.tokens, answer.tops), n_top)
    if not echo:
        return _columns(rows, 0)
    tokens = answer.prompt.tokens
    first = (hosted.token_text(tokens[0]), None, None)
    seen = answer.seen
    told = zip(tokens[1:], seen.log_probs, seen.tops, strict=True) if seen else ()
    prompt = [(hosted.token_text(token), value, _alternatives(hosted, top, n_top)) for token, value, top in told]
    return _columns([first, *prompt, *rows], 0)


def completion_piece(hosted: Hosted, found: Sequence[Look], n_top: int, offset: int) -> dict[str, Any]:
    """`logprobs` of a piece of a stream; `offset`: characters of text before it."""
    return _columns(_rows(hosted, found, n_top), offset)


_Row = tuple[str, float | None, dict[str, float] | None]


def _rows(hosted: Hosted, found: Sequence[Look], n_top: int) -> list[_Row]:
    return [(hosted.token_text(look.token), look.log_prob, _alternatives(hosted, look.top, n_top)) for look in found]


def _columns(rows: Sequence[_Row], offset: int) -> dict[str, Any]:
    offsets = []
    for text, _, _ in rows:
        offsets.append(offset)
        offset += len(text)
    return {
        "tokens": [row[0] for row in rows],
        "token_logprobs": [row[1] for row in rows],
        "top_logprobs": [row[2] for row in rows],
        "text_offset": offsets,
    }


def _alternatives(hosted: Hosted, top: TopTokens, n_top: int) -> dict[str, float] | None:
    """The likeliest tokens by their text; of several with one text the likeliest stays."""
    found: dict[str, float] = {}
    for token, value in zip(top.ids[:n_top].tolist(), top.log_probs[:n_top].tolist(), strict=True):
        found.setdefault(hosted.token_text(token), value)
    return found or None


def chat_logprobs(hosted: Hosted, found: Sequence[Look], n_top: int) -> dict[str, Any]:
    """`logprobs` of a chat completion or of a piece of it."""
    return {"content": [_chat_token(hosted, look, n_top) for look in found], "refusal": None}


def _chat_token(hosted: Hosted, look: Look, n_top: int) -> dict[str, Any]:
    best = zip(look.top.ids[:n_top].tolist(), look.top.log_probs[:n_top].tolist(), strict=True)
    return {
        **_named(hosted.token_text(look.token), look.log_prob),
        "top_logprobs": [_named(hosted.token_text(token), value) for token, value in best],
    }


def _named(text: str, log_prob: float) -> dict[str, Any]:
    # A token may be a part of a character; its bytes are not known from its text then.
    known = None if REPLACEMENT in text else list(text.encode())
    return {"token": text, "logprob": log_prob, "bytes": known}
