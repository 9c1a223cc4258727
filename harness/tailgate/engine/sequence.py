"""One sequence on its way through the engine: what is known, what is computed, what is asked next. No torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum

from tailgate.engine.drafts import Drafter

Over = Callable[[Sequence[int], int], bool]  # (answer, tokens of it looked at before) -> has the answer ended?


class Stage(Enum):
    """What a forward pass computes for a sequence."""

    PREFIX = "the key-values of a beginning that others share"
    FORCE = "its tokens, then given ones, looking at the prediction of each"
    DECODE = "its own next tokens"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What the model predicts at one position.

    `margin` is the difference between the two largest logits, `log_prob` that of the token that was asked for (nan
    where none was), `kl_floor` a lower bound on the divergence from the baseline (nan where it is not known). `top`
    is whatever the engine keeps of the distribution.
    """

    best: int
    finite: bool = True
    margin: float = float("inf")
    log_prob: float = float("nan")
    kl_floor: float = float("nan")
    top: object | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Tokens of one sequence that share a forward pass; predictions are wanted from `first_row` of them on."""

    sequence: LiveSequence
    start: int  # position of the first token
    tokens: tuple[int, ...]
    first_row: int
    drafted: int = 0  # how many of the tokens are guesses


@dataclass(slots=True, kw_only=True, eq=False)
class LiveSequence:
    """A prompt and what is known of its answer.

    `tokens` are final: prompt, then accepted answer. `computed` of the tokens fed so far have key-values in the blocks
    of `table`; those behind the final tokens are overwritten when the answer takes another way.
    """

    number: int
    tokens: list[int]
    stage: Stage
    budget: int = 0
    forced: tuple[int, ...] = ()
    over: Over = lambda answer, looked_at: False
    drafter: Drafter | None = None
    parent: LiveSequence | None = None
    children: list[LiveSequence] = field(default_factory=list)
    prompt_length: int = 0
    computed: int = 0
    table: list[int] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    forced_rows: list[Row] = field(default_factory=list)
    draft: tuple[int, ...] = ()
    nonfinite: bool = False
    admitted: int = 0

    def __post_init__(self) -> None:
        self.prompt_length = len(self.tokens)

    @property
    def answer(self) -> list[int]:
        """Accepted tokens behind the prompt."""
        return self.tokens[self.prompt_length :]

    @property
    def longest(self) -> int:
        """Tokens of key-values the sequence can need."""
        return self.prompt_length + max(self.budget, len(self.forced))

    @property
    def decodes(self) -> bool:
        """Whether only the newest token (and guesses behind it) are left to be fed."""
        return self.stage is Stage.DECODE and self.computed == len(self.tokens) - 1

    def stream(self) -> list[int]:
        """Everything that is to be fed."""
        if self.stage is Stage.FORCE:
            return self.tokens + list(self.forced)
        return self.tokens + list(self.draft)

    def next_span(self, room: int, spare: int | None = None) -> Span:
        """The next tokens to feed, at most `room`, with at most `spare` guesses that are not sure."""
        self.draft = self._propose(room, spare) if self.decodes else ()
        stream = self.stream()
        stop = min(len(stream), self.computed + room)
        return Span(
            sequence=self,
            start=self.computed,
            tokens=tuple(stream[self.computed : stop]),
            first_row=self._first_row(stop),
            drafted=len(self.draft),
        )

    def _propose(self, room: int, spare: int | None) -> tuple[int, ...]:
        left = min(room, self.budget - len(self.answer)) - 1
        return self.drafter.propose(self.answer, left, spare) if self.drafter else ()

    def _first_row(self, stop: int) -> int:
        if self.stage is Stage.PREFIX:
            return stop - self.computed
        first = len(self.tokens) - 1 + len(self.forced_rows if self.stage is Stage.FORCE else ())
        return min(max(first, self.computed), stop) - self.computed

    def advance(self, span: Span, rows: Sequence[Row]) -> list[Row]:
        """Take in what a forward pass found; returns the rows that decided tokens of the answer."""
        self.computed += len(span.tokens)
        if self.stage is Stage.FORCE:
            self.forced_rows.extend(rows)
            if len(self.forced_rows) <= len(self.forced):
                return []
            return self._settle()
        if self.stage is Stage.DECODE and rows:
            decided = self._accept(span.tokens[span.first_row + 1 :], rows)
            if self.drafter:
                self.drafter.learn(span.drafted, len(decided) - 1)
            return decided
        return []

    def _settle(self) -> list[Row]:
        """After the last given token: keep what the model would have said itself, and go on from there."""
        if self.budget == 0:
            return []
        self.stage = Stage.DECODE
        return self._accept(self.forced, self.forced_rows)

    def _accept(self, guesses: Sequence[int], rows: Sequence[Row]) -> list[Row]:
        looked_at = len(self.answer)
        right = next((n for n, (guess, row) in enumerate(zip(guesses, rows, strict=False)) if guess != row.best), None)
        decided = list(rows[: (len(guesses) if right is None else right) + 1])
        self.nonfinite = not all(row.finite for row in decided)
        self.tokens.extend(row.best for row in decided)
        self.rows.extend(decided)
        self.computed = min(self.computed, len(self.tokens) - 1)
        self._end_if_over(looked_at)
        return decided

    def _end_if_over(self, looked_at: int) -> None:
        if self.nonfinite or len(self.answer) >= self.budget or self.over(self.answer, looked_at):
            self.budget = 0

    @property
    def done(self) -> bool:
        """Whether nothing is left to be computed for this sequence."""
        if self.stage is Stage.PREFIX:
            return self.computed == len(self.tokens)
        if self.stage is Stage.FORCE:
            return len(self.forced_rows) > len(self.forced)
        return self.budget == 0

    def forget(self) -> None:
        """Give up the key-values; what is known stays."""
        self.table, self.computed, self.draft, self.parent = [], 0, (), None
