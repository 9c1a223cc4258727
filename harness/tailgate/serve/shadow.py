"""Shadow mode on the server's side: answers of the baseline wait in a bounded queue for the candidate's process.

Offering an answer never waits. What does not fit into the queue, or meets a candidate that hangs, dies or does not
start, is dropped and counted. All waiting happens in a thread of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import threading
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from tailgate.errors import OutputError
from tailgate.serve.candidate_process import Candidate, CandidateError, Shadowed
from tailgate.serve.messages import Seen
from tailgate.serve.options import ShadowOptions
from tailgate.store.shadow import Pair, ShadowStore, Verified

LOG = logging.getLogger(__name__)
BATCH = 8  # answers a candidate is given at once
FLUSH_S = 5.0
PRUNE_S = 3600.0


class Shadow:
    """Takes answers, has them verified, and keeps what was found."""

    def __init__(self, options: ShadowOptions, shadowed: Shadowed, rng: random.Random | None = None) -> None:
        ShadowStore(options.folder).close()  # a folder that cannot be written is found before anything is served
        self.options, self.shadowed = options, shadowed
        self._rng = rng or random.Random()  # noqa: S311  # which requests are looked at is no secret
        self._waiting: deque[Seen] = deque()
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._unsaved: Counter[str] = Counter()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._arrived: asyncio.Event | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tailgate-shadow", daemon=True)

    def start(self) -> None:
        """Begin; the candidate loads in the background."""
        self._thread.start()

    def stop(self) -> None:
        """End the candidate's process and save the counts; answers that wait are dropped and counted."""
        self._stopping.set()
        self._wake()
        if self._thread.is_alive():
            self._thread.join(timeout=30)

    def takes(self) -> bool:
        """Whether the next request is one of the share that is looked at."""
        return self._rng.random() < self.options.rate

    def offer(self, seen: Seen | None) -> None:
        """Hand over an answer of the baseline; None: one that was not sampled, to be counted only. Never waits."""
        self._count("answered")
        if seen is None:
            return
        self._count("sampled")
        if len(self._waiting) >= self.options.queue:
            self._count("dropped: queue full")
            return
        self._waiting.append(seen)
        self._wake()

    def counts(self) -> dict[str, int]:
        """Answers since the start by what became of them."""
        with self._lock:
            return dict(self._counts)

    def _count(self, what: str, n: int = 1) -> None:
        if n:
            with self._lock:
                self._counts[what] += n
                self._unsaved[what] += n

    def _wake(self) -> None:
        loop, arrived = self._loop, self._arrived
        if loop is not None and arrived is not None:
            with contextlib.suppress(RuntimeError):  # the loop ended this very moment: nobody is left to wake
                loop.call_soon_threadsafe(arrived.set)

    def _run(self) -> None:
        try:
            asyncio.run(self._keep())
        except Exception:
            LOG.exception("shadow mode ended; answers are served on, nothing is verified any more")

    async def _keep(self) -> None:
        self._loop, self._arrived = asyncio.get_running_loop(), asyncio.Event()
        saver = _Saver(self.options)
        candidate = Candidate(self.shadowed, self.options)
        try:
            while not self._stopping.is_set():
                await self._turn(candidate, saver)
        finally:
            self._loop = None
            await candidate.kill()
            self._count("dropped: shutdown", len(self._waiting))
            self._waiting.clear()
            self._save(saver, None, ())
            saver.close()

    async def _turn(self, candidate: Candidate, saver: _Saver) -> None:
        """Start the candidate where it is not running, verify what waits, save."""
        assert self._arrived is not None
        if not candidate.given_up and not candidate.running:
            await self._unless_stopped(candidate.start())
        if not self._waiting or not (candidate.running or candidate.given_up):
            await _wait(self._arrived, FLUSH_S)
        self._arrived.clear()
        rows: list[Verified] = []
        batch = self._next() if candidate.running or candidate.given_up else []
        if batch and candidate.given_up:
            self._count("dropped: candidate given up", len(batch))
        elif batch:
            rows = await self._unless_stopped(self._verify(candidate, batch)) or []
        self._save(saver, candidate.pair, rows)
        saver.prune()

    def _next(self) -> list[Seen]:
        return [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]

    async def _unless_stopped(self, work: Any) -> Any:
        """Wait for something, but not longer than until the end."""
        task = asyncio.ensure_future(work)
        while not task.done():
            await asyncio.wait((task,), timeout=0.2)
            if self._stopping.is_set():
                task.cancel()
                await asyncio.wait((task,))
                return None
        return task.result()

    async def _verify(self, candidate: Candidate, batch: Sequence[Seen]) -> list[Verified]:
        by_key = {seen.request.key: seen for seen in batch}
        rows: list[Verified] = []
        try:
            async with asyncio.timeout(self.options.timeout_s):
                await candidate.ask(batch)
                while by_key:
                    found = await candidate.read()
                    seen = by_key.pop(found.get("key", ""), None)
                    if seen is None:
                        raise CandidateError("answered what it was not asked")
                    rows.extend(self._row(seen, found))
            candidate.failures = 0
        except TimeoutError:
            self._count("dropped: candidate too slow", len(by_key))
            await candidate.fail(f"took longer than {self.options.timeout_s:g} s for {len(batch)} answers")
        except (CandidateError, OSError) as error:
            self._count("dropped: candidate died", len(by_key))
            await candidate.fail(str(error))
        except asyncio.CancelledError:
            self._count("dropped: shutdown", len(by_key))
            raise
        return rows

    def _row(self, seen: Seen, found: Mapping[str, Any]) -> list[Verified]:
        if "error" in found:
            LOG.warning("the shadow candidate could not verify an answer: %s", str(found["error"])[:300])
            self._count("failed")
            return []
        row = found["row"]
        self._count("verified")
        self._count("diverged", int(row["divergence_token"] is not None))
        return [
            Verified(
                key=seen.request.key,
                created_utc=seen.created_utc,
                subject=seen.subject,
                prompt_tokens=len(seen.request.prompt_ids),
                answer_tokens=len(seen.baseline.tokens),
                **row,
            )
        ]

    def _save(self, saver: _Saver, pair: Pair | None, rows: Sequence[Verified]) -> None:
        with self._lock:
            tallies = dict(self._unsaved)
            self._unsaved.clear()
        if (tallies or rows) and not saver.save(pair, rows, tallies):
            self._count("dropped: store", len(rows))


class _Saver:
    """The store, in the one thread that uses it."""

    def __init__(self, options: ShadowOptions) -> None:
        self._store = ShadowStore(options.folder)
        self._keep_days = options.keep_days
        self._pruned = 0.0

    def save(self, pair: Pair | None, rows: Sequence[Verified], tallies: Mapping[str, int]) -> bool:
        """Keep what was found; False, with the reason in the log, where that was not possible."""
        try:
            self._store.add(pair, rows, tallies, utc_now()[:10])
        except OutputError as error:
            LOG.error("%s", error)  # one line; the traceback tells nothing more
            return False
        return True

    def prune(self) -> None:
        """Delete what is older than the retention, every hour; what could not be deleted is in the next."""
        now = asyncio.get_running_loop().time()
        if self._pruned and now - self._pruned < PRUNE_S:
            return
        self._pruned = now
        oldest = datetime.now(UTC) - timedelta(days=self._keep_days)
        try:
            self._store.prune(oldest.isoformat(timespec="seconds"))
        except OutputError as error:
            LOG.error("%s", error)

    def close(self) -> None:
        """Close the store."""
        self._store.close()


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass


def utc_now() -> str:
    """ISO 8601, seconds."""
    return datetime.now(UTC).isoformat(timespec="seconds")
