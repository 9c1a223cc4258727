"""One supervised process: bounded output, a wall clock, and an end of the whole group."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Literal

from tailgate_slices.sandbox.endings import ending
from tailgate_slices.sandbox.program import Limits, Result

_CHUNK = 65536
_POLL_S = 0.05  # how long a pipe that a stray child holds open is waited for after the program's end
_END_S = 0.5  # how long the end of what has been killed is waited for


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command line with its open files and environment."""

    argv: Sequence[str]
    stdin: int
    environment: Mapping[str, str]
    pass_fds: tuple[int, ...] = ()
    folder: str | None = None


def supervise(command: Command, limits: Limits) -> Result:
    """Run a command until it ends, writes too much or its time is over; nothing of its group is left afterwards."""
    started = time.monotonic()
    with subprocess.Popen(  # noqa: S603 -- running programs is what this is for; no shell sees the arguments
        command.argv,
        stdin=command.stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=dict(command.environment),
        cwd=command.folder,
        pass_fds=command.pass_fds,
        start_new_session=True,
    ) as process:
        written = _Written(process, limits.output_bytes)
        try:
            stopped = written.collect(started + limits.wall_s)
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            written.drain()
        code = _signed_code(process.wait())
    stdout, stderr = written.texts()
    seconds = time.monotonic() - started
    ended = stopped or ending(code, stderr, timed_out=seconds >= limits.cpu_s)
    return Result(ended=ended, exit_code=code, stdout=stdout, stderr=stderr, seconds=seconds)


class _Written:
    """What a process writes to its two pipes, up to a limit."""

    def __init__(self, process: subprocess.Popen[bytes], limit: int) -> None:
        self._process = process
        self._limit = limit
        self._pipes: tuple[IO[bytes], ...] = tuple(pipe for pipe in (process.stdout, process.stderr) if pipe)
        self._parts: dict[int, bytearray] = {pipe.fileno(): bytearray() for pipe in self._pipes}

    def collect(self, deadline: float) -> Literal["timeout", "output"] | None:
        """Read until the process ends; why it has to be stopped, None if it ended by itself."""
        with selectors.DefaultSelector() as selector:
            for pipe in self._pipes:
                selector.register(pipe, selectors.EVENT_READ)
            while selector.get_map():
                if time.monotonic() > deadline:
                    return "timeout"
                ready = selector.select(_POLL_S)
                if not ready and self._process.poll() is not None:
                    break
                for key, _ in ready:
                    if not self._read(key.fd):
                        selector.unregister(key.fileobj)
                if sum(map(len, self._parts.values())) > self._limit:
                    return "output"
        return self._wait(deadline)

    def drain(self) -> None:
        """Wait until nobody holds the pipes: the kernel ends the processes of a namespace one by one."""
        deadline = time.monotonic() + _END_S
        with selectors.DefaultSelector() as selector:
            for pipe in self._pipes:
                selector.register(pipe, selectors.EVENT_READ)
            while selector.get_map() and time.monotonic() < deadline:
                for key, _ in selector.select(_POLL_S):
                    if not os.read(key.fd, _CHUNK):
                        selector.unregister(key.fileobj)

    def texts(self) -> tuple[str, str]:
        """Standard output and standard error, cut at the limit."""
        out, error = (bytes(part[: self._limit]).decode(errors="replace") for part in self._parts.values())
        return out, error

    def _read(self, fd: int) -> int:
        chunk = os.read(fd, _CHUNK)
        self._parts[fd] += chunk
        return len(chunk)

    def _wait(self, deadline: float) -> Literal["timeout"] | None:
        try:
            self._process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            return "timeout"
        return None


def _signed_code(code: int) -> int:
    """Exit code, negative for a signal; wrappers hand a signal on as 128 and its number."""
    return 128 - code if 128 < code <= 128 + 64 else code
