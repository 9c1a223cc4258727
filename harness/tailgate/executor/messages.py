"""What passes between our own process, the one that speaks to Ray, and the workers.

All of it is pickled, by Ray as by the connection to its driver. Both ends are our own processes; nothing that a
checkpoint, a server or a file holds is ever unpickled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol

from tailgate.engine.protocol import Counters, Engine
from tailgate.executor.chunks import Asked
from tailgate.executor.placement import Layout

Method = Literal["generate", "verify", "score"]


class Opening(Protocol):
    """How a worker comes by an engine: small, hashable, and the same text on every node."""

    def open(self) -> Engine:
        """Load what is needed and build the engine."""

    def __hash__(self) -> int:
        """Equal openings open the same engine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """Requests to be answered by one method of an engine."""

    opening: Opening
    method: Method
    asked: tuple[Asked, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Close:
    """Let go of an engine on every worker."""

    opening: Opening


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Leave the call that is under way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A finished batch of a worker, the work done since its last one, and the worker's peak memory so far in bytes."""

    batch: tuple[Any, ...]  # Transcript, Verification or ChoiceScores
    counters: Counters
    peak_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """The cluster is reached and has room for the workers."""

    layout: Layout
    ray: str  # its version


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A call has ended; `lost` workers were lost since the run began."""

    lost: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """A call, or reaching the cluster, has failed."""

    error: Exception
