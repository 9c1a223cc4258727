"""The workers of a run: started, given chunks, replaced when they die."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tailgate.errors import SetupError
from tailgate.executor.chunks import AGAIN, Chunk, Deck
from tailgate.executor.messages import Call, Opening, Part
from tailgate.executor.placement import Layout
from tailgate.executor.worker import Worker

POLL_S = 1.0
START_S = 180.0  # without any worker at work, this long for one to start
FETCH_S = 120.0  # for an answer to cross the network
MOST_FAILED_STARTS = 3  # in a row


@dataclass(slots=True, kw_only=True, eq=False)
class _Seat:
    """A worker and what it is waited for: its start, or the parts of a chunk."""

    actor: Any
    waited: Any = None  # ObjectRef of its start, or ObjectRefGenerator of parts; None: idle
    chunk: Chunk | None = None
    answered: set[str] = field(default_factory=set)
    opened: set[Opening] = field(default_factory=set)
    started: float = field(default_factory=time.monotonic)


class Fleet:
    """As many workers as the layout says, for as long as the cluster has room for them.

    Parameters
    ----------
    ray : the module, connected.
    layout : how many workers, and what each reserves.
    """

    def __init__(self, ray: Any, layout: Layout) -> None:
        self.layout = layout
        self.lost = 0
        self._ray = ray
        self._seats: list[_Seat] = []
        self._failed_starts = 0

    def run(self, call: Call, stopped: Callable[[], bool]) -> Iterator[Part]:
        """Answer all requests of a call, in whatever order they finish.

        Raises
        ------
        SetupError
            No worker starts, or the same requests lose worker after worker.
        """
        deck = Deck(call.asked, self.layout.workers)
        try:
            while (deck or self._busy()) and not stopped():
                self._fill_seats()
                self._hand_out(deck, call)
                for seat in self._landed():
                    yield from self._land(seat, deck)
        finally:
            for seat in self._busy():
                self._drop(seat)

    def close(self, opening: Opening) -> None:
        """Let go of an engine on every worker."""
        for seat in self._seats:
            # Not waited for: a worker that is gone has let go of it, any other does so before its next call.
            seat.actor.close.remote(opening)
            seat.opened.discard(opening)

    def _busy(self) -> list[_Seat]:
        return [seat for seat in self._seats if seat.chunk is not None]

    def _fill_seats(self) -> None:
        while len(self._seats) < self.layout.workers:
            maker = self._ray.remote(Worker).options(
                num_cpus=self.layout.threads, num_gpus=self.layout.gpus, max_restarts=0, max_task_retries=0
            )
            actor = maker.remote()
            self._seats.append(_Seat(actor=actor, waited=actor.ready.remote()))

    def _hand_out(self, deck: Deck, call: Call) -> None:
        # Who holds the engine already goes first: a few requests are not worth loading it elsewhere.
        for seat in sorted(self._seats, key=lambda each: call.opening not in each.opened):
            if not deck:
                return
            if seat.waited is None:
                seat.opened.add(call.opening)
                seat.chunk, seat.answered = deck.take(), set()
                part = Call(opening=call.opening, method=call.method, asked=seat.chunk.asked)
                seat.waited = seat.actor.answer.options(num_returns="streaming").remote(part)

    def _landed(self) -> list[_Seat]:
        """Seats of which something is there to fetch, after at most `POLL_S`."""
        waited = {seat.waited: seat for seat in self._seats if seat.waited is not None}
        ready, _ = self._ray.wait(list(waited), num_returns=1, timeout=POLL_S, fetch_local=False)
        at_work = any(seat.chunk is not None or seat.waited is None for seat in self._seats)
        if not ready and not at_work and time.monotonic() - max(seat.started for seat in self._seats) > START_S:
            raise SetupError(
                f"no worker could start within {START_S:.0f} s: the Ray cluster has no free {self._needs()}; "
                f"free some or add nodes, then {AGAIN}"
            )
        return [waited[each] for each in ready]

    def _needs(self) -> str:
        return f"{self.layout.threads} CPUs" + (f" and {self.layout.gpus} GPU" if self.layout.gpus else "")

    def _land(self, seat: _Seat, deck: Deck) -> Iterator[Part]:
        """Take in what a seat has to give: that it has started, a part, its end, or its loss."""
        try:
            if seat.chunk is None:
                self._ray.get(seat.waited, timeout=FETCH_S)
                seat.waited, self._failed_starts = None, 0
                return
            part: Part = self._ray.get(next(seat.waited), timeout=FETCH_S)
        except StopIteration:
            seat.waited = seat.chunk = None
        except self._ray.exceptions.RayTaskError as error:
            raise error.cause from error
        except self._ray.exceptions.RayError as error:
            self._lose(seat, deck, error)
        else:
            seat.answered |= {key_of_answer(each) for each in part.batch}
            yield part

    def _lose(self, seat: _Seat, deck: Deck, error: Exception) -> None:
        chunk, why = seat.chunk, f"{type(error).__name__}: {_first_line(error)}"
        self._drop(seat)
        if chunk is not None:
            self.lost += 1
            deck.give_back(chunk, seat.answered, why)
            return
        self._failed_starts += 1
        if self._failed_starts >= MOST_FAILED_STARTS:
            raise SetupError(
                f"{self._failed_starts} workers in a row did not start ({why}); every node needs the same tailgate, "
                "torch and transformers installed"
            ) from error

    def _drop(self, seat: _Seat) -> None:
        """Forget a worker and end its process, which may still be alive behind a broken connection."""
        self._seats.remove(seat)
        seat.chunk = seat.waited = None
        self._ray.kill(seat.actor, no_restart=True)


def key_of_answer(answer: Any) -> str:
    """Key of the request that an answer belongs to."""
    return str(answer.key if hasattr(answer, "key") else answer.transcript.key)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [""])[0].strip()
