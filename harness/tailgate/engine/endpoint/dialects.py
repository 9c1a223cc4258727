"""What a server takes and tells beyond the text of an answer, and questions and replies in its words."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tailgate.engine.dialogue import Ask, Prediction, Reply
from tailgate.engine.endpoint.bodies import BY_ID, Choice, LogProb, LogProbs, ModelCard, Usage
from tailgate.errors import IntegrityError

FINISHED = ("stop", "length")
ALTERNATIVES = 2  # the likeliest two tokens tell the margin
# Sampling that a server's own settings may bring in, switched off. Only vLLM is known to take all of these.
VLLM_GREEDY: Mapping[str, Any] = {
    "top_p": 1.0, "top_k": 0, "min_p": 0.0, "repetition_penalty": 1.0, "presence_penalty": 0.0,
    "frequency_penalty": 0.0, "ignore_eos": True, "return_tokens_as_token_ids": True, "logprobs": ALTERNATIVES,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """What a server is known to understand.

    `token_ids`: it tells the ids of an answer's tokens. `prompt_ids`: it takes a prompt as token ids. `looks`: it tells
    how likely the tokens of a prompt are. `ends_as_we_do`: it ends answers at our end-of-text ids and stop strings
    alone, and tells the tokens of both: where it ends one that is not over it saw a stop string before the answer, in
    a character that prompt and answer share. `greedy`: fields that switch its own sampling off; without any, its
    settings are not known.
    """

    name: str
    prompt_ids: bool = True
    token_ids: bool = False
    looks: bool = False
    ends_as_we_do: bool = False
    greedy: Mapping[str, Any] | None = None

    def notes(self) -> tuple[str, ...]:
        """What a reader of its answers must know."""
        found = []
        if not self.prompt_ids:
            found.append(
                "prompts were sent as text: the server's tokenizer read them, the count of tokens was compared"
            )
        if not self.token_ids:
            found.append("the server told no token ids: answers were tokenized again here")
        if self.greedy is None:
            found.append("the server's sampling settings are not known: greedy answers rest on temperature 0 alone")
        return tuple(found)


VLLM = Dialect(name="vllm", token_ids=True, looks=True, ends_as_we_do=True, greedy=VLLM_GREEDY)
OURS = Dialect(name="tailgate", token_ids=True, greedy={})
PLAIN = Dialect(name="plain")
TEXT = Dialect(name="text", prompt_ids=False)


def dialect_of(card: ModelCard) -> Dialect:
    """The dialect of a server by who it says it is."""
    return {"vllm": VLLM, "tailgate": OURS}.get(card.owned_by or "", PLAIN)


def body_of(
    ask: Ask, dialect: Dialect, eos_token_ids: Sequence[int], text: Callable[[tuple[int, ...]], str]
) -> dict[str, Any]:
    """A question as the body of a request to the completions interface."""
    body: dict[str, Any] = {
        "prompt": list(ask.prompt_ids) if dialect.prompt_ids else text(ask.prompt_ids),
        "max_tokens": ask.max_new_tokens,
        "temperature": 0,
        **(dialect.greedy or {}),
    }
    if ask.stop:
        body["stop"] = list(ask.stop)
    if dialect.token_ids:
        body["return_token_ids"] = True
    if dialect.looks:
        body["stop_token_ids"] = list(eos_token_ids)
        if ask.look_from is not None:
            body["prompt_logprobs"] = ALTERNATIVES
    return body


def reply_of(ask: Ask, choice: Choice, usage: Usage, vocabulary: int) -> Reply:
    """What a server that tells token ids said.

    Raises
    ------
    IntegrityError
        It left out what it was asked for, contradicts itself, or tells a token that the model does not have.
    """
    tokens = tuple(choice.token_ids or ())
    if choice.token_ids is None:
        raise IntegrityError("the server told no token ids, which it was asked for; is it another server than it says?")
    if usage.completion_tokens != len(tokens):
        raise IntegrityError(f"the server counts {usage.completion_tokens} tokens of an answer and told {len(tokens)}")
    if (strange := next((token for token in tokens if not 0 <= token < vocabulary), None)) is not None:
        raise IntegrityError(
            f"the server told token {strange}, the vocabulary has {vocabulary}; give tokenizer= its own model"
        )
    return Reply(
        tokens=tokens,
        predictions=_predictions(tokens, choice.logprobs),
        looked=() if ask.look_from is None else _looked(ask.prompt_ids, ask.look_from, choice.prompt_logprobs),
        ended=choice.finish_reason == "stop",
    )


def _predictions(tokens: tuple[int, ...], told: LogProbs | None) -> tuple[Prediction, ...]:
    """Predictions behind generated tokens, where the server writes tokens by their ids."""
    if told is None or told.top_logprobs is None or len(told.top_logprobs) != len(tokens):
        return ()
    found = []
    for token, own, rivals in zip(tokens, told.token_logprobs, told.top_logprobs, strict=False):
        ids = [_told_id(name) for name in rivals or ()]
        if rivals is None or None in ids:
            return ()
        log_probs = {each: value for each, value in zip(ids, rivals.values(), strict=True) if each is not None}
        found.append(_prediction(token, {**log_probs, token: math.nan if own is None else own}))
    return tuple(found)


def _told_id(name: str) -> int | None:
    """The id of a token that is written by it; None where it is written as text."""
    number = name.removeprefix(BY_ID)
    return int(number) if name.startswith(BY_ID) and number.isascii() and number.isdigit() else None


def _looked(
    prompt: tuple[int, ...], start: int, told: list[dict[int, LogProb] | None] | None
) -> tuple[Prediction, ...]:
    if told is None or len(told) != len(prompt) or any(row is None for row in told[max(start, 1) :]):
        raise IntegrityError("the server told no log-probabilities of the prompt, which it was asked for")
    rows = [{token: row.logprob for token, row in (told[i] or {}).items()} for i in range(start, len(prompt))]
    return tuple(_prediction(prompt[start + i], row) for i, row in enumerate(rows))


def _prediction(token: int, log_probs: Mapping[int, float]) -> Prediction:
    own = log_probs.get(token, math.nan)
    ranked = sorted(log_probs.items(), key=lambda row: (-row[1], row[0]))
    if math.isnan(own) or len(ranked) < ALTERNATIVES:
        return Prediction(log_prob=own, likeliest=token)
    return Prediction(log_prob=own, likeliest=ranked[0][0], margin=ranked[0][1] - ranked[1][1])
