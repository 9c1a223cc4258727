"""The thread that computes: a running batch for each variant, one step of one of them at a time.

Requests join between two steps and leave when they are over, cancelled, or their batch broke. What a step found goes
to the event loop in one call.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from tailgate.engine.native.session import Grown, LookedAt
from tailgate.engine.request import Request
from tailgate.errors import TailgateError

LOG = logging.getLogger(__name__)


class Running(Protocol):
    """A batch under way, as the native engine's `Session` is one."""

    @property
    def unfinished(self) -> int:
        """Requests that are not answered."""

    def submit(self, request: Request, *, keep_tops: bool = False) -> None:
        """Let a request join."""

    def look_at(self, key: str, tokens: tuple[int, ...]) -> None:
        """Ask for log-probabilities of given tokens."""

    def cancel(self, key: str) -> None:
        """Let a request leave."""

    def step(self) -> tuple[Grown | LookedAt, ...]:
        """One forward pass."""

    def close(self) -> None:
        """Count what was done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """No answer. `refused`: the request itself cannot be served; otherwise its batch broke."""

    key: str
    message: str
    refused: bool


Event = Grown | LookedAt | Failed


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ticket:
    """One sequence that is asked of a variant, and where its events go.

    `request`: it is to be answered; None: `given` tokens are to be looked at. `growth`: tell every step, not only the
    end.
    """

    key: str
    model: str
    events: asyncio.Queue[tuple[str, Event]]
    request: Request | None = None
    given: tuple[int, ...] = ()
    keep_tops: bool = False
    growth: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cancel:
    ticket: Ticket


_STOP = None
_Command = Ticket | _Cancel | None


class Worker:
    """Runs the batches of all variants in a thread of its own."""

    def __init__(self, open_session: Mapping[str, Callable[[], Running]]) -> None:
        self._open = dict(open_session)
        self._inbox: queue.SimpleQueue[_Command] = queue.SimpleQueue()
        self._sessions: dict[str, Running] = {}
        self._tickets: dict[str, Ticket] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="tailgate-worker", daemon=True)

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin; events go to queues of that loop."""
        self._loop = loop
        self._thread.start()

    def submit(self, ticket: Ticket) -> None:
        """Let a sequence join its variant's batch."""
        self._inbox.put(ticket)

    def cancel(self, ticket: Ticket) -> None:
        """Let a sequence leave; one that is over changes nothing."""
        self._inbox.put(_Cancel(ticket=ticket))

    def stop(self) -> None:
        """End after the step under way; what is unfinished is dropped."""
        self._inbox.put(_STOP)
        if self._thread.is_alive():
            self._thread.join()

    @property
    def alive(self) -> bool:
        """Whether it can answer."""
        return self._thread.is_alive() and self._error is None

    def _run(self) -> None:
        try:
            self._run_batches()
        except Exception as error:
            LOG.exception("the worker failed; every request fails from now on")
            self._error = error
            self._deliver([_broken(key, error) for key in self._tickets])
            while (command := self._inbox.get()) is not _STOP:
                if isinstance(command, Ticket):
                    self._tickets[command.key] = command
                    self._deliver([_broken(command.key, error)])

    def _run_batches(self) -> None:
        _keep_threads()
        self._sessions = {name: each() for name, each in self._open.items()}
        while self._take_commands():
            for name in self._open:
                if self._sessions[name].unfinished:
                    self._deliver(self._step(name))
        for session in self._sessions.values():
            session.close()

    def _take_commands(self) -> bool:
        """Take in what was asked meanwhile, waiting for it where nothing runs; False when it is to end."""
        idle = not any(session.unfinished for session in self._sessions.values())
        failed: list[Failed] = []
        try:
            while True:
                command = self._inbox.get(block=idle)
                if command is _STOP:
                    return False
                failed.extend(self._take(command))
                idle = False
        except queue.Empty:
            self._deliver(failed)
            return True

    def _take(self, command: Ticket | _Cancel) -> Iterable[Failed]:
        if isinstance(command, _Cancel):
            if self._tickets.pop(command.ticket.key, None) is not None:
                self._sessions[command.ticket.model].cancel(command.ticket.key)
            return
        self._tickets[command.key] = command
        session = self._sessions[command.model]
        try:
            if command.request is not None:
                session.submit(command.request, keep_tops=command.keep_tops)
            else:
                session.look_at(command.key, command.given)
        except TailgateError as error:
            yield Failed(key=command.key, message=str(error), refused=True)
        except Exception as error:
            LOG.exception("'%s' did not take a request", command.model)
            yield _broken(command.key, error)

    def _step(self, name: str) -> Iterable[Event]:
        session = self._sessions[name]
        try:
            return session.step()
        except Exception as error:
            # Whatever it was, the state of this batch is not to be trusted; the next request gets a new one.
            LOG.exception("a step of '%s' failed; its requests are lost", name)
            session.close()
            self._sessions[name] = self._open[name]()
            lost = [ticket.key for ticket in self._tickets.values() if ticket.model == name]
            return [_broken(key, error) for key in lost]

    def _deliver(self, events: Iterable[Event]) -> None:
        found: list[tuple[Ticket, Event]] = []
        for event in events:
            ticket = self._tickets.get(event.key)
            if ticket is None:
                continue
            over = not isinstance(event, Grown) or event.transcript is not None
            if over:
                del self._tickets[event.key]
            if over or ticket.growth:
                found.append((ticket, event))
        if found and self._loop is not None:
            self._loop.call_soon_threadsafe(_hand_out, found)


def _broken(key: str, error: Exception) -> Failed:
    return Failed(key=key, message=f"{type(error).__name__}: {error}", refused=False)


def _hand_out(events: list[tuple[Ticket, Any]]) -> None:
    for ticket, event in events:
        ticket.events.put_nowait((ticket.key, event))


def _keep_threads() -> None:
    """Fix the number of threads of this thread's matrix products, as the pipeline does for its own."""
    import torch

    torch.set_num_threads(torch.get_num_threads())
