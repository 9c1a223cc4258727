"""What a model probably says next, guessed from text: the baseline's answer, its own prompt, answers to other items.

A draft never changes an answer: every token of it is checked, so a bad one costs time only. Policy only: no torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

BREAK = -1  # separates texts that do not follow each other
LONGEST_SUFFIX = 8
PLACES = 8  # latest places of a pair that are looked at
PROMPT_TOKENS = 4096  # last tokens of a prompt that are searched: bounds the index of a long document


@dataclass(slots=True)
class Text:
    """Tokens that grow, and where each pair of neighbours occurs among them."""

    tokens: list[int] = field(default_factory=list)
    _places: dict[tuple[int, int], list[int]] = field(default_factory=dict)

    def extend(self, tokens: Iterable[int]) -> None:
        """Append tokens."""
        for token in tokens:
            self.tokens.append(token)
            if len(self.tokens) > 1:
                self._places.setdefault((self.tokens[-2], token), []).append(len(self.tokens))

    def clear(self) -> None:
        """Begin anew."""
        self.tokens.clear()
        self._places.clear()

    def find(self, answer: Sequence[int]) -> Match:
        """Where the text goes on after the longest suffix of `answer`, of two tokens or more; the latest such place."""
        best = Match(text=self.tokens, start=len(self.tokens), suffix=0)
        if len(answer) < 2:
            return best
        for place in reversed(self._places.get((answer[-2], answer[-1]), [])[-PLACES:]):
            if place == len(self.tokens) or self.tokens[place] == BREAK:
                continue
            suffix = _common_suffix(answer, self.tokens, place)
            if suffix > best.suffix:
                best = Match(text=self.tokens, start=place, suffix=suffix)
        return best


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A place in a text behind `suffix` tokens that end an answer, too."""

    text: Sequence[int]
    start: int
    suffix: int

    def draft(self, length: int) -> tuple[int, ...]:
        """At most `length` tokens of the text from there on."""
        found = tuple(self.text[self.start : self.start + length])
        return found[: found.index(BREAK)] if BREAK in found else found


@dataclass(slots=True, kw_only=True)
class Drafter:
    """Continues an answer as the text does that shares its longest suffix.

    Texts are `told`, the baseline's answer; the sequence's own `prompt` and answer; `others`, answers to other items.
    A draft that is sure (a long suffix, or a draft before it that was all right) may be as long as it likes; any other
    keeps to the rows that cost next to nothing.

    Length and demands follow the luck of the last draft: what was all right is doubled, what was cut goes one token
    beyond what was accepted, and after a draft of which nothing was right a longer suffix is asked for.
    """

    told: tuple[int, ...] = ()
    prompt: Sequence[int] = ()
    others: Text | None = None
    longest: int = 16
    length: int = 4
    least_suffix: int = 1
    _own: Text | None = None
    _answered: int = 0
    _all_right: bool = False

    MOST_DEMANDING = 5
    SURE_SUFFIX = 6

    def propose(self, answer: Sequence[int], room: int, spare: int | None = None) -> tuple[int, ...]:
        """At most `room` tokens that may follow `answer`, `spare` unless they are sure; none if too little matches."""
        if not answer or room < 1:
            return ()
        matches = [realign(answer, self.told), self._grown(answer).find(answer)]
        if self.others is not None:
            matches.append(self.others.find(answer))
        best = max(matches, key=lambda match: match.suffix)
        if best.suffix < self.least_suffix:
            return ()
        sure = self._all_right or best.suffix >= self.SURE_SUFFIX
        return best.draft(min(self.length, room if sure or spare is None else min(room, spare)))

    def _grown(self, answer: Sequence[int]) -> Text:
        if self._own is None:
            self._own = Text()
            self._own.extend(self.prompt[-PROMPT_TOKENS:])
        self._own.extend(answer[self._answered :])
        self._answered = len(answer)
        return self._own

    def learn(self, proposed: int, accepted: int) -> None:
        """Adapt to how much of the last draft was right."""
        if not proposed:
            return
        self._all_right = accepted == proposed
        self.length = min(self.longest, 2 * accepted if accepted == proposed else accepted + 1)
        self.least_suffix = (
            max(1, self.least_suffix - 1) if accepted else min(self.MOST_DEMANDING, self.least_suffix + 1)
        )


def realign(answer: Sequence[int], told: Sequence[int]) -> Match:
    """Where `told` goes on after the longest suffix it shares with `answer`, a single token included.

    Among equally long suffixes the one nearest to the answer's own position wins: most changes replace text in place.
    """
    best, nearest = Match(text=told, start=len(told), suffix=0), 0
    for end in range(1, len(told)):
        if told[end - 1] != answer[-1]:
            continue
        suffix, distance = _common_suffix(answer, told, end), abs(end - len(answer))
        if (suffix, -distance) > (best.suffix, -nearest):
            best, nearest = Match(text=told, start=end, suffix=suffix), distance
    return best


def _common_suffix(answer: Sequence[int], text: Sequence[int], end: int) -> int:
    longest = min(len(answer), end, LONGEST_SUFFIX)
    return next((n for n in range(longest) if answer[-1 - n] != text[end - 1 - n]), longest)
