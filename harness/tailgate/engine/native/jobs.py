"""What is asked about a sequence, what of its passes is to be looked at for it, and what that says."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tailgate.engine.distribution import TopTokens
from tailgate.engine.native.head import Wanted
from tailgate.engine.request import ChoiceScores, Request, TokenStats
from tailgate.engine.sequence import LiveSequence, Span, Stage


@dataclass(slots=True, kw_only=True, eq=False)
class Job:
    """A sequence with what is asked about it."""

    key: str
    live: LiveSequence
    targets: tuple[int, ...] = ()  # token asked for at each teacher-forced position
    baseline: tuple[TopTokens, ...] = ()
    keep_top: bool = False
    request: Request | None = None
    choice: int = 0


def wanted(span: Span, low: int, jobs: dict[int, Job]) -> Iterable[Wanted]:
    """What to look at behind each position of a span that has predictions to give."""
    job = jobs.get(span.sequence.number)
    for place in range(span.first_row, len(span.tokens)):
        if job is None or span.sequence.stage is not Stage.FORCE:
            yield Wanted(packed=low + place, keep_top=job is not None and job.keep_top)
            continue
        index = len(span.sequence.forced_rows) + place - span.first_row
        target, baseline = _at(job.targets, index), _at(job.baseline, index)
        yield Wanted(packed=low + place, target=target, baseline=baseline, keep_top=job.keep_top)


def _at(values: Sequence[Any], index: int) -> Any:
    return values[index] if index < len(values) else None


def stats_of(job: Job) -> TokenStats:
    """Statistics on the baseline's own tokens, and on its end where the baseline ended by itself."""
    rows = job.live.forced_rows[: len(job.targets)]
    return TokenStats(
        agrees=tuple(row.best == target for row, target in zip(rows, job.targets, strict=True)),
        log_probs=tuple(row.log_prob for row in rows),
        margins=tuple(row.margin for row in rows),
        kl_floors=tuple(row.kl_floor for row in rows),
    )


def choice_scores(key: str, jobs: Sequence[Job]) -> ChoiceScores:
    """Log-likelihoods of the choices of one request, in its order."""
    ordered = sorted(jobs, key=lambda job: job.choice)
    return ChoiceScores(
        key=key,
        log_likelihoods=tuple(sum(row.log_prob for row in job.live.forced_rows) for job in ordered),
        lengths=tuple(len(job.targets) for job in ordered),
    )
