"""Blocks of the key-value store: which sequence owns which, shared by count. Policy only: no torch.

Blocks are handed out in runs as long as they can be: attention reads a run of neighbouring blocks as one slice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tailgate.errors import SetupError

NOBODY = -1


class OutOfBlocksError(SetupError):
    """No block is free."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Neighbouring slots of the store that hold neighbouring tokens of one sequence."""

    slot: int
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """Key-values to be copied before the next forward pass: `tokens` slots from `source` to `target`."""

    source: int
    target: int
    tokens: int


class BlockPool:
    """Reference-counted blocks of `size` tokens.

    A reader may hold free blocks behind those it owns, to grow into; others take them only when nothing else is free.
    """

    def __init__(self, count: int, size: int = 16) -> None:
        self.count, self.size = count, size
        self.free = count
        self._readers = [0] * count
        self._holder = [NOBODY] * count

    def blocks_for(self, tokens: int) -> int:
        """Blocks that `tokens` tokens fill."""
        return -(-tokens // self.size)

    def grow(self, table: list[int], tokens: int, holder: int, room: int = 0) -> None:
        """Extend a table until it covers `tokens` tokens, in as few runs as possible.

        Parameters
        ----------
        table : block ids of one sequence, extended in place.
        holder : who asks; holds blocks for later growth.
        room : tokens the sequence may need in the end.

        Raises
        ------
        OutOfBlocksError
            Fewer blocks are free than are needed; the table is as it was.
        """
        missing = self.blocks_for(tokens) - len(table)
        if missing > self.free:
            raise OutOfBlocksError(f"{missing} blocks wanted, {self.free} free; raise the key-value budget")
        for _ in range(missing):
            block = self._next(table, holder, self.blocks_for(room) - len(table))
            self._readers[block] = 1
            self.free -= 1
            table.append(block)

    def share(self, blocks: Iterable[int]) -> None:
        """Count one more reader of each block."""
        for block in blocks:
            self._readers[block] += 1

    def release(self, blocks: Iterable[int], holder: int) -> None:
        """Count one reader less; a block without readers is free again. What the reader held is given up."""
        for block in blocks:
            self._readers[block] -= 1
            self.free += self._readers[block] == 0
        self._holder = [NOBODY if held == holder else held for held in self._holder]

    def _next(self, table: Sequence[int], holder: int, room: int) -> int:
        behind = table[-1] + 1 if table else self.count
        if behind < self.count and self._readers[behind] == 0 and self._holder[behind] in (NOBODY, holder):
            return behind
        start = self._find_run(max(room, 1))
        for block in range(start, min(start + room, self.count)):
            if self._readers[block] == 0 and self._holder[block] == NOBODY:
                self._holder[block] = holder
        return start

    def _find_run(self, length: int) -> int:
        """First block of the first unheld free run of that length, else of the longest, else any free block."""
        best, best_length, start = -1, 0, 0
        for block in range(self.count + 1):
            if block < self.count and self._readers[block] == 0 and self._holder[block] == NOBODY:
                continue
            if block - start > best_length:
                best, best_length = start, block - start
            if best_length >= length:
                return best
            start = block + 1
        return best if best_length else self._readers.index(0)


def runs(table: Sequence[int], size: int, start: int, stop: int) -> tuple[Run, ...]:
    """The slots of tokens `start` to `stop - 1` of a sequence, as few runs as they lie in."""
    found: list[Run] = []
    position = start
    while position < stop:
        end = min(stop, (position // size + 1) * size)
        slot = table[position // size] * size + position % size
        if found and found[-1].slot + found[-1].tokens == slot:
            found[-1] = Run(slot=found[-1].slot, tokens=found[-1].tokens + end - position)
        else:
            found.append(Run(slot=slot, tokens=end - position))
        position = end
    return tuple(found)
