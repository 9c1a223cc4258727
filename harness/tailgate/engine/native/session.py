"""A running batch that requests join and leave: the other half of the engine, for servers.

`generate` knows all its requests beforehand; here they come one by one. Those that arrive between two steps begin
together, and share the beginnings that they have in common. Answers are those of `generate`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tailgate.engine.distribution import TopTokens
from tailgate.engine.native.jobs import Job
from tailgate.engine.request import Request, Transcript
from tailgate.engine.sequence import LiveSequence, Row, Stage
from tailgate.errors import SetupError

if TYPE_CHECKING:
    from tailgate.engine.native.engine import NativeEngine, _Work


@dataclass(frozen=True, slots=True, kw_only=True)
class Grown:
    """What a step added to an answer. `transcript`: the whole answer, once it is over.

    `tops`: the distribution behind each of `tokens`, where the request asked to keep them.
    """

    key: str
    tokens: tuple[int, ...]
    tops: tuple[TopTokens, ...] = ()
    transcript: Transcript | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LookedAt:
    """The model on given tokens from the second on, each behind those before it.

    `log_probs` in nats, `tops` the distributions they were taken from; nan and empty where logits were not finite.
    """

    key: str
    log_probs: tuple[float, ...]
    tops: tuple[TopTokens, ...]


class Session:
    """Requests under way. One step at a time, by one thread; a step that raises ends the session."""

    def __init__(self, engine: NativeEngine, work: _Work) -> None:
        self._engine, self._work = engine, work
        self._joining: list[Job] = []
        self._jobs: dict[str, Job] = {}
        self._told: dict[str, int] = {}

    @property
    def unfinished(self) -> int:
        """Requests that are not answered."""
        return len(self._jobs)

    def submit(self, request: Request, *, keep_tops: bool = False) -> None:
        """Let a request join at the next step. `keep_tops`: tell the distribution behind each token.

        Raises
        ------
        IntegrityError
            The prompt is empty, too long for the model, or holds tokens it does not know.
        SetupError
            The request needs more key-values than there is memory for.
        """
        job = self._engine._answering(next(self._work.numbers), request)
        job.keep_top = keep_tops
        self._take(job)

    def look_at(self, key: str, tokens: tuple[int, ...]) -> None:
        """Ask for the log-probability of each given token but the first.

        Raises
        ------
        IntegrityError, SetupError
            As for `submit`; also where there are fewer than two tokens.
        """
        self._engine._check(key, tokens[:-1], len(tokens))
        self._engine._check_known(key, tokens)
        live = LiveSequence(
            number=next(self._work.numbers), tokens=[tokens[0]], stage=Stage.FORCE, forced=tuple(tokens[1:-1])
        )
        self._take(_job(key, live, tokens[1:]))

    def _take(self, job: Job) -> None:
        pool = self._work.scheduler.pool
        if pool.blocks_for(job.live.longest) > pool.count:
            raise SetupError(
                f"request {job.key} needs {job.live.longest} tokens of key-values, the budget holds "
                f"{pool.count * pool.size}; shorten the prompt or the answer budget, or raise the budget"
            )
        self._jobs[job.key] = job
        self._joining.append(job)

    def cancel(self, key: str) -> None:
        """Let a request leave; one that is over or unknown changes nothing."""
        job = self._jobs.pop(key, None)
        if job is None:
            return
        self._told.pop(key, None)
        if job in self._joining:
            self._joining.remove(job)
        else:
            del self._work.jobs[job.live.number]
            self._work.scheduler.cancel(job.live)

    def step(self) -> tuple[Grown | LookedAt, ...]:
        """One forward pass over what fits into it; what it added to answers.

        Raises
        ------
        SetupError
            Memory ran out.
        """
        if self._joining:
            self._engine._join(self._work, self._joining)
            self._joining = []
        if not self._work.scheduler.unfinished:
            return ()
        step = self._engine._step(self._work)
        if step is None:
            return ()
        self._work.scheduler.end_step(step)
        finished = self._engine._hand_over(self._work)
        over = {id(job) for job in finished}
        advanced = {span.sequence.number for span in step.spans}
        growing = [job for number in advanced if (job := self._work.jobs.get(number)) and id(job) not in over]
        return (*self._growth(growing), *map(self._end, finished))

    def _growth(self, jobs: Iterable[Job]) -> Iterable[Grown]:
        for job in jobs:
            told, answer = self._told.get(job.key, 0), job.live.answer
            if len(answer) > told:
                self._told[job.key] = len(answer)
                yield Grown(key=job.key, tokens=tuple(answer[told:]), tops=_tops(job.live.rows[told:]))

    def _end(self, job: Job) -> Grown | LookedAt:
        del self._jobs[job.key]
        told = self._told.pop(job.key, 0)
        if job.request is None:
            rows = job.live.forced_rows
            finite = all(row.finite for row in rows)
            log_probs = tuple(row.log_prob if finite else float("nan") for row in rows)
            return LookedAt(key=job.key, log_probs=log_probs, tops=_tops(rows) if finite else ())
        transcript = self._engine._transcript(job)
        new = transcript.tokens[told:]
        return Grown(key=job.key, tokens=new, tops=transcript.tops[told : told + len(new)], transcript=transcript)

    def close(self) -> None:
        """Count what was done; requests under way are dropped."""
        self._engine._count(self._work.scheduler)
        if self._engine._graphed is not None:
            self._engine._graphed.forget()
        self._jobs.clear()


def _job(key: str, live: LiveSequence, targets: tuple[int, ...]) -> Job:
    return Job(key=key, live=live, targets=targets, keep_top=True)


def _tops(rows: Iterable[Row]) -> tuple[TopTokens, ...]:
    return tuple(row.top for row in rows if isinstance(row.top, TopTokens))
