"""Which tokens share the next forward pass: continuous batching under a token and a block budget. No torch.

Sequences that decode go first, then prompts in chunks; waiting ones are admitted while tokens and blocks last. When
blocks run out the youngest sequence gives up its own and starts over later with everything it knows.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tailgate.engine.blocks import BlockPool, Copy, OutOfBlocksError, runs
from tailgate.engine.sequence import LiveSequence, Row, Span, Stage
from tailgate.errors import SetupError


@dataclass(frozen=True, slots=True, kw_only=True)
class StepLimits:
    """Bounds of one forward pass.

    `tokens` packed into it, at most `rows` sequences under way at once. Up to `cheap_rows` a row more adds
    little to a pass: guesses are cheap there, and made beyond only where they are sure. A shared beginning shorter than
    `copy_below` tokens is copied to each reader, a longer one is read in place: a copy keeps a sequence in one piece.
    """

    tokens: int = 1024
    rows: int = 64
    copy_below: int = 256
    cheap_rows: int = 48

    LEAST_TOKENS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One forward pass: key-values to copy first, then the spans to compute."""

    copies: tuple[Copy, ...]
    spans: tuple[Span, ...]


@dataclass(slots=True, kw_only=True)
class Tally:
    """What the scheduler did, for the manifest."""

    preemptions: int = 0
    reused_tokens: int = 0
    drafted_tokens: int = 0
    accepted_drafts: int = 0


@dataclass(slots=True, kw_only=True)
class Scheduler:
    """Takes sequences in, hands out steps, and lets finished sequences go."""

    pool: BlockPool
    limits: StepLimits
    tally: Tally = field(default_factory=Tally)
    waiting: deque[LiveSequence] = field(default_factory=deque)
    running: list[LiveSequence] = field(default_factory=list)
    shared: list[LiveSequence] = field(default_factory=list)  # computed beginnings that others still wait for
    token_budget: int = 0
    _admissions: int = 0
    _spare: int = 0

    def __post_init__(self) -> None:
        self.token_budget = self.limits.tokens

    def add(self, sequences: Iterable[LiveSequence]) -> None:
        """Queue sequences in the order in which they should begin.

        Raises
        ------
        SetupError
            The key-value budget is smaller than one of them.
        """
        for sequence in sequences:
            self._check_fits(sequence)
            self.waiting.append(sequence)

    def _check_fits(self, sequence: LiveSequence) -> None:
        if self.pool.blocks_for(sequence.longest) > self.pool.count:
            raise SetupError(
                f"the key-value budget holds {self.pool.count * self.pool.size} tokens and one request needs "
                f"{sequence.longest}; raise the budget"
            )
        for child in sequence.children:
            self._check_fits(child)

    @property
    def unfinished(self) -> bool:
        """Whether anything is left to compute."""
        return bool(self.waiting or self.running)

    def step(self) -> Step:
        """Plan the next forward pass."""
        copies: list[Copy] = []
        spans: list[Span] = []
        left = self.token_budget
        self._spare = self._spare_guesses()
        for sequence in sorted(self.running, key=lambda each: not each.decodes):
            if left > 0 and sequence in self.running and (span := self._span(sequence, left, spans)):
                spans.append(span)
                left -= len(span.tokens)
        while left > 0 and (admitted := self._admit(copies)):
            if span := self._span(admitted, left, spans):
                spans.append(span)
                left -= len(span.tokens)
        if not spans:
            raise SetupError("no sequence fits into the key-value budget; raise the budget")
        return Step(copies=tuple(copies), spans=tuple(spans))

    def _spare_guesses(self) -> int:
        """Guesses for each sequence that decodes which the next pass computes at next to no cost."""
        decoding = sum(each.decodes for each in self.running)
        return max(0, self.limits.cheap_rows // decoding - 1) if decoding else 0

    def advance(self, span: Span, rows: Sequence[Row]) -> list[Row]:
        """Take in the rows of a span; returns those that decided tokens of an answer."""
        sequence = span.sequence
        decided = sequence.advance(span, rows)
        self.tally.drafted_tokens += span.drafted
        self.tally.accepted_drafts += max(0, len(decided) - 1) if span.drafted else 0
        if sequence.done:
            self._finish(sequence)
        return decided

    def cancel(self, sequence: LiveSequence) -> None:
        """Let go of a sequence nobody waits for any more, and of beginnings that it alone would have read."""
        for queue in (self.running, self.waiting, self.shared):
            if sequence in queue:
                queue.remove(sequence)
        parent = sequence.parent
        self._release(sequence)
        if parent is not None:
            parent.children.remove(sequence)
            if not parent.children:
                self.cancel(parent)

    def end_step(self, step: Step) -> None:
        """Serve those that waited first next time."""
        served = {id(span.sequence) for span in step.spans}
        self.running.sort(key=lambda each: id(each) in served)

    def shrink(self) -> bool:
        """Halve the token budget after a step that did not fit into memory; False when it cannot shrink further."""
        if self.token_budget <= self.limits.LEAST_TOKENS:
            return False
        self.token_budget = max(self.limits.LEAST_TOKENS, self.token_budget // 2)
        return True

    def _span(self, sequence: LiveSequence, room: int, planned: Sequence[Span]) -> Span | None:
        span = sequence.next_span(room, self._spare)
        while not self._cover(sequence, span.start + len(span.tokens)):
            if not self._make_room(sequence, planned):
                return None
        return span

    def _cover(self, sequence: LiveSequence, tokens: int) -> bool:
        try:
            self.pool.grow(sequence.table, tokens, sequence.number, sequence.longest)
        except OutOfBlocksError:
            return False
        return True

    def _make_room(self, sequence: LiveSequence, planned: Sequence[Span]) -> bool:
        """Free blocks for a sequence: shared beginnings first, then the youngest; False when it must wait itself."""
        if self.shared:
            self._drop_shared()
            return True
        taken = {id(span.sequence) for span in planned}
        youngest = max(
            (each for each in self.running if id(each) not in taken or each is sequence),
            key=lambda each: each.admitted,
        )
        self._preempt(youngest)
        return youngest is not sequence

    def _preempt(self, sequence: LiveSequence) -> None:
        self.running.remove(sequence)
        self._release(sequence)
        self.waiting.appendleft(sequence)
        self.tally.preemptions += 1

    def _release(self, sequence: LiveSequence) -> None:
        self.pool.release(sequence.table, sequence.number)
        sequence.forget()

    def _drop_shared(self) -> None:
        """Let those that still wait for a shared beginning compute it themselves."""
        for beginning in self.shared:
            for child in beginning.children:
                child.parent = None
            self._release(beginning)
        self.shared.clear()

    def _admit(self, copies: list[Copy]) -> LiveSequence | None:
        if not self.waiting or len(self.running) >= self.limits.rows:
            return None
        sequence = self.waiting[0]
        if not self._has_room_for(sequence):
            if self.running or not self.shared:
                return None
            self._drop_shared()
            return self._admit(copies)
        self.waiting.popleft()
        self._admissions += 1
        sequence.admitted = self._admissions
        self.running.append(sequence)
        if sequence.parent is not None:
            copies.extend(self._fork(sequence, sequence.parent))
        return sequence

    def _has_room_for(self, sequence: LiveSequence) -> bool:
        """Whether prompt and a block of answer fit, counting what is read in place."""
        inherited = 0
        if sequence.parent and len(sequence.parent.tokens) >= self.limits.copy_below:
            inherited = len(sequence.parent.tokens) // self.pool.size
        needed = min(sequence.longest, len(sequence.tokens) + len(sequence.forced) + self.pool.size)
        return self.pool.blocks_for(needed) - inherited <= self.pool.free

    def _fork(self, child: LiveSequence, parent: LiveSequence) -> tuple[Copy, ...]:
        """Give a child the key-values of its beginning: whole blocks in place, the rest copied."""
        length, size = len(parent.tokens), self.pool.size
        in_place = length // size if length >= self.limits.copy_below else 0
        child.table = parent.table[:in_place]
        self.pool.share(child.table)
        self.pool.grow(child.table, length, child.number, child.longest)
        child.computed = length
        self.tally.reused_tokens += length
        found = _copies(parent.table, child.table, size, in_place * size, length)
        parent.children.remove(child)
        child.parent = None
        if not parent.children:
            self.shared.remove(parent)
            self._release(parent)
        return found

    def _finish(self, sequence: LiveSequence) -> None:
        self.running.remove(sequence)
        if sequence.stage is Stage.PREFIX:
            self.shared.append(sequence)
            self.waiting.extendleft(reversed(sequence.children))
        else:
            self._release(sequence)


def _copies(source: Sequence[int], target: Sequence[int], size: int, start: int, stop: int) -> tuple[Copy, ...]:
    """Copies of tokens `start` to `stop - 1` from one table's slots to another's, in pieces that are runs of both."""
    found = []
    position = start
    while position < stop:
        first = runs(source, size, position, stop)[0]
        second = runs(target, size, position, stop)[0]
        tokens = min(first.tokens, second.tokens)
        found.append(Copy(source=first.slot, target=second.slot, tokens=tokens))
        position += tokens
    return tuple(found)
