"""How a candidate finds the baseline's answer, token by token: what the report shades."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator

from tailgate.engine.request import TokenStats, Transcript

MOST_TOKENS = 256  # of an answer: each is decoded behind all those before it
HIGHEST = 99.9  # nats

Decode = Callable[[tuple[int, ...]], str]


def characters_before(transcript: Transcript, tokens: int, decode: Decode) -> int:
    """Characters of an answer before one of its tokens.

    A token can end inside a character, which then decodes to a replacement mark: the common prefix with the whole text
    is what a reader sees as common.
    """
    prefix = decode(transcript.tokens[:tokens])
    return next(
        (i for i, (a, b) in enumerate(zip(prefix, transcript.text, strict=False)) if a != b),
        min(len(prefix), len(transcript.text)),
    )


def token_surprise(transcript: Transcript, stats: TokenStats | None, decode: Decode) -> str | None:
    """JSON of ``[characters, nats]`` for the tokens of the baseline's answer, as the candidate found them.

    Nats are the candidate's negative log-probability of the token, to a tenth. None where it did not look.
    """
    if stats is None or not transcript.tokens:
        return None
    told = list(_told(transcript, stats, decode))
    return json.dumps(told, separators=(",", ":")) if told else None


def _told(transcript: Transcript, stats: TokenStats, decode: Decode) -> Iterator[tuple[int, float]]:
    at = 0
    for number, log_prob in enumerate(stats.log_probs[: min(len(transcript.tokens), MOST_TOKENS)], 1):
        end = max(at, characters_before(transcript, number, decode))
        yield end - at, HIGHEST if math.isnan(log_prob) else round(min(-log_prob, HIGHEST), 1)
        at = end
