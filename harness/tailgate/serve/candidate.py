"""The process of a shadowing candidate: reads answers of the baseline from stdin, writes what it found to stdout.

It runs at the lowest priority and ends when the server goes.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, BinaryIO

from tailgate.engine.protocol import Engine
from tailgate.engine.request import TokenStats, Verification
from tailgate.serve.messages import Job, error_line, read_jobs, ready_line, row_line
from tailgate_slices.low_resource.scripts import dominant_script
from tailgate_slices.sources.traffic import is_arithmetic, is_code, lingua_language

LOWEST_PRIORITY = 19
UNKNOWN = "unknown"
LanguageOf = Callable[[str], tuple[str, str]]


def main() -> None:
    """Load the variant named on the command line (spec, device) and verify until stdin ends."""
    os.nice(LOWEST_PRIORITY)
    # Libraries print to stdout; what the server reads must be ours alone.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    spec, device = sys.argv[1:]
    from tailgate.serve.hosting import build_engine
    from tailgate.variants.load import load
    from tailgate.variants.variant import resolve

    variant = resolve(spec, device)
    loaded = load(variant)
    verify_lines(build_engine(variant, loaded), loaded.facts.fingerprint, sys.stdin, out)


def verify_lines(engine: Engine, fingerprint: str, lines: Iterable[str], out: BinaryIO) -> None:
    """Say that the candidate is ready, then answer every line."""
    language_of = find_language()
    _tell(out, ready_line(fingerprint))
    for line in lines:
        for job, found in _verify(engine, read_jobs(line)):
            key = job.draft.request.key
            _tell(
                out, error_line(key, found) if isinstance(found, str) else row_line(key, _row(job, found, language_of))
            )


def _tell(out: BinaryIO, line: bytes) -> None:
    out.write(line)
    out.flush()


def _verify(engine: Engine, jobs: Sequence[Job]) -> Iterable[tuple[Job, Verification | str]]:
    """Verifications together; where that fails, one by one, so that one answer does not take the others with it."""
    by_key = {job.draft.request.key: job for job in jobs}
    try:
        for batch in engine.verify([job.draft for job in jobs]):
            for found in batch:
                yield by_key.pop(found.transcript.key), found
    except Exception as error:
        if len(jobs) == 1:
            yield jobs[0], f"{type(error).__name__}: {error}"
            return
        for job in list(by_key.values()):
            yield from _verify(engine, [job])


def _row(job: Job, found: Verification, language_of: LanguageOf) -> dict[str, Any]:
    language, language_from = language_of(job.text)
    guess = guess_task(job.text)
    return {
        "divergence_token": found.divergence_token,
        "candidate_finish": found.transcript.finish_reason,
        "agreement": _agreement(found.stats),
        "kl_floor": _kl_floor(found.stats),
        "language": language,
        "language_from": language_from,
        "task": job.task or guess or UNKNOWN,
        "task_from": "client" if job.task else "guess" if guess else "none",
    }


def _agreement(stats: TokenStats | None) -> float | None:
    return sum(stats.agrees) / len(stats.agrees) if stats and stats.agrees else None


def _kl_floor(stats: TokenStats | None) -> float | None:
    known = [value for value in stats.kl_floors if math.isfinite(value)] if stats else []
    return sum(known) / len(known) if known else None


def find_language() -> LanguageOf:
    """Language of a text and how it was told: by lingua where it is installed, else only the script is known."""
    by_lingua = lingua_language()

    def language_of(text: str) -> tuple[str, str]:
        if by_lingua is not None:
            return by_lingua(text) or UNKNOWN, "lingua"
        script = dominant_script(text)
        return f"script:{script}" if script else UNKNOWN, "script"

    return language_of


def guess_task(text: str) -> str | None:
    """Code or arithmetic where a question shows signs of it; None otherwise."""
    return "code" if is_code(text) else "arithmetic" if is_arithmetic(text) else None


if __name__ == "__main__":
    main()
