"""The text of an answer while its tokens arrive: only what will not change is handed out."""

from __future__ import annotations

from collections.abc import Callable

REPLACEMENT = "\ufffd"  # what the bytes of an unfinished character decode to


class TextStream:
    """Decodes tokens as they come; holds back unfinished characters and what may become a stop string."""

    def __init__(self, decode: Callable[[tuple[int, ...]], str], stop: tuple[str, ...] = ()) -> None:
        self._decode, self._stop = decode, stop
        self._tokens: list[int] = []
        self._context = self._read = 0  # tokens before `_read` are decoded; those from `_context` on shape what follows
        self._held, self._sent = "", ""

    def grow(self, tokens: tuple[int, ...]) -> str:
        """Take tokens in; returns the text that is sure now."""
        self._tokens.extend(tokens)
        known = self._decode(tuple(self._tokens[self._context : self._read]))
        text = self._decode(tuple(self._tokens[self._context :]))
        if len(text) <= len(known) or text.endswith(REPLACEMENT):
            return ""
        self._context, self._read = self._read, len(self._tokens)
        found = self._held + text[len(known) :]
        sure = len(found) - _unsure(found, self._stop)
        self._held = found[sure:]
        self._sent += found[:sure]
        return found[:sure]

    def finish(self, text: str) -> str:
        """What is left of the whole answer's text.

        Raises
        ------
        ValueError
            The tokenizer decodes the whole to something else than its parts.
        """
        if not text.startswith(self._sent):
            raise ValueError("the tokenizer decodes the answer to another text than its parts; ask without stream")
        left = text[len(self._sent) :]
        self._sent = text
        return left


def _unsure(text: str, stop: tuple[str, ...]) -> int:
    """Characters at the end that may be the beginning of a stop string."""
    longest = min(len(text), max(map(len, stop), default=1) - 1)
    return next((n for n in range(longest, 0, -1) if any(word.startswith(text[-n:]) for word in stop)), 0)
