"""In our own process: engines whose work is done by the workers of a cluster."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from multiprocessing import Pipe
from typing import Any

from tailgate.engine.protocol import Counters
from tailgate.engine.request import ChoiceRequest, ChoiceScores, Draft, Request, Transcript, Verification
from tailgate.errors import SetupError
from tailgate.executor.chunks import AGAIN
from tailgate.executor.messages import Call, Close, Ended, Failed, Method, Opening, Part, Ready, Stop
from tailgate.executor.placement import Placement

CONNECT_S = 120.0
LEAVE_S = 30.0


class Cluster:
    """The workers of a run, reached through the process that speaks to Ray.

    Raises
    ------
    SetupError
        The cluster is not reached, speaks another version, or has no room.
    MissingPackageError
        Ray is not installed.
    """

    def __init__(self, placement: Placement) -> None:
        self.placement = placement
        self.lost = 0
        self.peak_bytes = 0  # of the largest worker so far
        self._connection, theirs = Pipe()
        self._driver = subprocess.Popen(  # noqa: S603  # our own interpreter and module
            [sys.executable, "-P", "-m", "tailgate.executor.driver", str(theirs.fileno())],
            env=_environment(),
            pass_fds=(theirs.fileno(),),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=None if os.environ.get("TAILGATE_DEBUG") else subprocess.DEVNULL,
            start_new_session=True,  # an interrupt is ours to handle: it ends this run, in order
        )
        theirs.close()
        try:
            self.ready = self._reach()
        except BaseException:
            self._connection.close()
            self._end(wait_s=5.0)
            raise

    def _reach(self) -> Ready:
        self._connection.send(self.placement)
        if not self._connection.poll(CONNECT_S):
            raise SetupError(
                f"the Ray cluster at '{self.placement.address}' did not answer within {CONNECT_S:.0f} s; "
                "see `ray status`"
            )
        ready = self._receive()
        assert isinstance(ready, Ready)
        return ready

    def _receive(self) -> Any:
        try:
            said = self._connection.recv()
        except (EOFError, ConnectionResetError) as error:
            raise SetupError(
                f"the connection to the Ray cluster at '{self.placement.address}' was lost; "
                f"see `ray status`, then {AGAIN}"
            ) from error
        if isinstance(said, Failed):
            raise said.error
        return said

    def call(self, call: Call) -> Iterator[Part]:
        """Parts of a call as they arrive."""
        self._send(call)
        try:
            while isinstance(said := self._answer_to_call(), Part):
                self.peak_bytes = max(self.peak_bytes, said.peak_bytes)
                yield said
            self.lost = said.lost
        except GeneratorExit:
            self._leave()
            raise
        except KeyboardInterrupt:
            self._connection.close()  # cut in the middle of a message, perhaps: nothing more can be read
            raise

    def _answer_to_call(self) -> Part | Ended:
        said = self._receive()
        assert isinstance(said, Part | Ended)
        return said

    def _leave(self) -> None:
        """End a call of which nothing more is wanted."""
        if self._connection.closed:
            return
        self._send(Stop())
        while isinstance(self._receive(), Part):
            pass

    def let_go(self, opening: Opening) -> None:
        """Free an engine on every worker."""
        if not self._connection.closed:
            self._send(Close(opening=opening))

    def _send(self, message: Any) -> None:
        try:
            self._connection.send(message)
        except (BrokenPipeError, ConnectionResetError) as error:
            self._receive()  # says why, if the driver still could
            raise SetupError(f"the connection to the Ray cluster was lost; {AGAIN}") from error

    def close(self) -> None:
        """End the workers and, where the cluster is our own, the cluster."""
        self._connection.close()
        self._end(wait_s=LEAVE_S)

    def _end(self, wait_s: float) -> None:
        try:
            self._driver.wait(wait_s)
        except subprocess.TimeoutExpired:
            self._driver.kill()
            self._driver.wait()


class SpreadEngine:
    """An engine of the cluster: the same answers as one engine here, computed by many."""

    def __init__(self, cluster: Cluster, opening: Opening, name: str, version: str) -> None:
        self.name, self.version = name, version
        self.counters = Counters()
        self._cluster, self._opening = cluster, opening

    def generate(self, requests: Sequence[Request]) -> Iterator[tuple[Transcript, ...]]:
        """Answer requests greedily."""
        yield from self._call("generate", requests)

    def verify(self, drafts: Sequence[Draft]) -> Iterator[tuple[Verification, ...]]:
        """Answer requests greedily, knowing what the baseline answered."""
        yield from self._call("verify", drafts)

    def score(self, requests: Sequence[ChoiceRequest]) -> Iterator[tuple[ChoiceScores, ...]]:
        """Log-likelihoods of choices that share a context."""
        yield from self._call("score", requests)

    def _call(self, method: Method, asked: Sequence[Any]) -> Iterator[Any]:
        for part in self._cluster.call(Call(opening=self._opening, method=method, asked=tuple(asked))):
            for name, value in asdict(part.counters).items():
                setattr(self.counters, name, getattr(self.counters, name) + value)
            yield part.batch

    def close(self) -> None:
        """Free it on every worker."""
        self._cluster.let_go(self._opening)


def _environment() -> dict[str, str]:
    """Ours, with the modules that we see; Ray's telemetry off, and workers as urgent as a process of ours would be."""
    settings = {
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
        "RAY_worker_niceness": "0",
    }
    return {**os.environ, **settings, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
