"""Where an answer ends: end-of-text, a stop string or the budget, whichever comes first. No torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from tailgate.engine.distribution import TopTokens
from tailgate.engine.request import Request, Transcript, cut_at_stop


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """The end-of-text ids of a model and its tokenizer's decoding."""

    decode: Callable[[tuple[int, ...]], str]
    eos_token_ids: frozenset[int]

    def watch(self, request: Request) -> Callable[[Sequence[int], int], bool]:
        """A test whether an answer is over, given how many of its tokens were looked at before."""

        def over(answer: Sequence[int], looked_at: int) -> bool:
            return self._end(request, answer, looked_at) is not None or len(answer) >= request.max_new_tokens

        return over

    def cut(self, request: Request, answer: Sequence[int]) -> Transcript:
        """The answer up to its end; whatever was generated behind it is left out."""
        answer = answer[: request.max_new_tokens]
        end = self._end(request, answer, 0)
        tokens = tuple(answer if end is None else answer[:end])
        text = self.decode(tokens)
        if end is None:
            return Transcript(key=request.key, tokens=tokens, text=text, finish_reason="length")
        stopped = cut_at_stop(text, request.stop) if request.stop else None
        return Transcript(
            key=request.key, tokens=tokens, text=text if stopped is None else stopped, finish_reason="stop"
        )

    def _end(self, request: Request, answer: Sequence[int], looked_at: int) -> int | None:
        """Tokens that belong to the answer, or None while it goes on."""
        for index in range(looked_at, len(answer)):
            if answer[index] in self.eos_token_ids:
                return index
            if request.stop and cut_at_stop(self.decode(tuple(answer[: index + 1])), request.stop) is not None:
                return index + 1
        return None


def with_tops(transcript: Transcript, tops: tuple[TopTokens, ...]) -> Transcript:
    """A transcript that keeps the distributions behind its tokens, and behind its end."""
    return replace(transcript, tops=tops)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception of torch or of the system means that memory ran out."""
    text = str(error)
    return isinstance(error, MemoryError) or "out of memory" in text or "can't allocate memory" in text
