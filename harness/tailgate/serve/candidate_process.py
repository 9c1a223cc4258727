"""The process of a shadowing candidate as the server sees it: started, asked, ended, started again."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tailgate.serve.messages import Seen, jobs_line
from tailgate.serve.options import KEY_VARIABLE, ShadowOptions
from tailgate.store.shadow import Pair

LOG = logging.getLogger(__name__)
MOST_FAILURES = 5  # in a row, after which a candidate is given up
LOAD_S = 1800.0
LINE_BYTES = 1 << 20  # longest line a candidate may write


@dataclass(frozen=True, slots=True, kw_only=True)
class Shadowed:
    """The baseline that is shadowed, and the command that starts the candidate's process."""

    baseline: str
    fingerprint: str
    command: tuple[str, ...]


class CandidateError(Exception):
    """The candidate's process is of no use any more; the message says why."""


class Candidate:
    """The candidate's process. It is started again, ever later, until it failed too often in a row."""

    def __init__(self, shadowed: Shadowed, options: ShadowOptions) -> None:
        self._shadowed, self._options = shadowed, options
        self._process: asyncio.subprocess.Process | None = None
        self.failures = 0
        self.pair: Pair | None = None

    @property
    def running(self) -> bool:
        """Whether it may be asked."""
        return self._process is not None and self._process.returncode is None

    @property
    def given_up(self) -> bool:
        """Whether it failed too often."""
        return self.failures >= MOST_FAILURES

    async def start(self) -> None:
        """Start it and wait until it is loaded."""
        if self._process is not None:
            await self.fail("ended by itself")
            if self.given_up:
                return
        await asyncio.sleep(2**self.failures - 1)
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._shadowed.command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                env=_environment(),
                start_new_session=True,  # an interrupt at the terminal is the server's to handle
                limit=LINE_BYTES,
            )
            async with asyncio.timeout(LOAD_S):
                fingerprint = str((await self.read())["ready"])
        except TimeoutError:
            await self.fail(f"was not loaded after {LOAD_S:g} s")
            return
        except (CandidateError, OSError, KeyError) as error:
            await self.fail(f"did not start: {error}")
            return
        except asyncio.CancelledError:
            await self.kill()
            raise
        self.pair = Pair(
            baseline=self._shadowed.baseline,
            baseline_fingerprint=self._shadowed.fingerprint,
            candidate=self._options.candidate,
            candidate_fingerprint=fingerprint,
        )
        LOG.info("shadow candidate '%s' is ready", self._options.candidate)

    async def ask(self, batch: Sequence[Seen]) -> None:
        """Send answers to verify."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(jobs_line(batch))
        await self._process.stdin.drain()

    async def read(self) -> dict[str, Any]:
        """What it says next.

        Raises
        ------
        CandidateError
            Its process ended, or it says what cannot be read.
        """
        assert self._process is not None
        assert self._process.stdout is not None
        try:
            line = await self._process.stdout.readline()
            found = json.loads(line) if line else None
        except ValueError as error:  # too long a line, or no JSON
            raise CandidateError(f"wrote what cannot be read: {error}") from error
        if not isinstance(found, dict):
            raise CandidateError("its process ended" if found is None else "wrote no object")
        return found

    async def fail(self, reason: str) -> None:
        """Give up this process."""
        await self.kill()
        self.failures += 1
        last = "; it is given up" if self.given_up else "; it is started again"
        LOG.warning("shadow candidate '%s' %s%s", self._options.candidate, reason, last)

    async def kill(self) -> None:
        """End the process, whatever it does."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.returncode is None:
            process.kill()
        await process.wait()
        if process.stdin is not None:
            process.stdin.close()


def _environment() -> dict[str, str]:
    """Ours without the API key; threads that spin would take the server's cores at any priority."""
    kept = {name: value for name, value in os.environ.items() if name != KEY_VARIABLE}
    return {**kept, "OMP_WAIT_POLICY": "PASSIVE"}
