"""What a candidate probably says next: text the baseline wrote, where the two agree again. Policy only: no torch.

A draft never changes an answer: every token of it is checked, so a bad one costs time only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

LONGEST_SUFFIX = 8


@dataclass(slots=True, kw_only=True)
class Drafter:
    """Continues an answer from `source` after the longest suffix that both share.

    The length of a draft follows its luck: twice what was accepted of the last one, at least one token.
    """

    source: tuple[int, ...]
    longest: int = 32
    length: int = 4

    def propose(self, answer: Sequence[int], room: int) -> tuple[int, ...]:
        """At most `room` tokens that may follow `answer`; none where nothing matches."""
        if not answer or room < 1:
            return ()
        start = realign(answer, self.source)
        if start is None:
            return ()
        return self.source[start : start + min(self.length, room)]

    def learn(self, proposed: int, accepted: int) -> None:
        """Adapt the length of the next draft to how much of the last one was right."""
        if proposed:
            self.length = min(self.longest, max(1, 2 * accepted if accepted == proposed else accepted))


def realign(answer: Sequence[int], source: Sequence[int]) -> int | None:
    """Where `source` goes on after the longest suffix it shares with `answer`; None where not even one token is shared.

    Among equally long suffixes the one nearest to the answer's own position wins: most changes replace text in place.
    """
    best: tuple[int, int] | None = None
    found = None
    for end in range(1, len(source) + 1):
        if source[end - 1] != answer[-1]:
            continue
        length = _common_suffix(answer, source[:end])
        rank = (length, -abs(end - len(answer)))
        if end < len(source) and (best is None or rank > best):
            best, found = rank, end
    return found


def _common_suffix(first: Sequence[int], second: Sequence[int]) -> int:
    longest = min(len(first), len(second), LONGEST_SUFFIX)
    return next((n for n in range(longest) if first[-1 - n] != second[-1 - n]), longest)
