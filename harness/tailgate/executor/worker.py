"""On the nodes: holds the engines of a run and answers chunks. No Ray."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from tailgate.engine.protocol import ClosingEngine, Counters, Engine
from tailgate.executor.messages import Call, Opening, Part


class Worker:
    """Opens an engine when it is first asked of it, and keeps it: both sides of a comparison take turns here."""

    def __init__(self) -> None:
        self._engines: dict[Opening, Engine] = {}

    def ready(self) -> int:
        """The process that it is."""
        return os.getpid()

    def answer(self, call: Call) -> Iterator[Part]:
        """Answer requests, handing over every finished batch at once."""
        engine = self._engine(call.opening)
        before = asdict(engine.counters)
        for batch in _batches(engine, call):
            now = asdict(engine.counters)
            done = Counters(**{name: now[name] - before[name] for name in now})
            before = now
            yield Part(batch=batch, counters=done, peak_bytes=_peak_bytes())

    def _engine(self, opening: Opening) -> Engine:
        if opening not in self._engines:
            self._engines[opening] = opening.open()
        return self._engines[opening]

    def close(self, opening: Opening) -> None:
        """Let go of an engine."""
        engine = self._engines.pop(opening, None)
        if isinstance(engine, ClosingEngine):
            engine.close()


def _batches(engine: Engine, call: Call) -> Iterator[tuple[Any, ...]]:
    methods: dict[str, Any] = {"generate": engine.generate, "verify": engine.verify, "score": engine.score}
    yield from methods[call.method](call.asked)


def _peak_bytes() -> int:
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
