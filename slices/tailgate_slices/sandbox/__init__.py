"""Programs that a model wrote, run where they can do no harm: bubblewrap first, a container engine second."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache

from tailgate_slices.sandbox.bubblewrap import Bubblewrap
from tailgate_slices.sandbox.container import Container
from tailgate_slices.sandbox.interpreters import INTERPRETERS, missing_interpreter
from tailgate_slices.sandbox.program import (
    LANGUAGES,
    Ended,
    Language,
    Limits,
    Program,
    Result,
    Runner,
    SandboxUnavailable,
)
from tailgate_slices.sandbox.unsafe import UnsafeProcess

__all__ = [
    "LANGUAGES",
    "UNSAFE_VARIABLE",
    "Ended",
    "Language",
    "Limits",
    "Program",
    "Result",
    "Runner",
    "SandboxUnavailable",
    "choose_runner",
    "run_many",
    "unsafe_from_environment",
    "why_not",
]

UNSAFE_VARIABLE = "TAILGATE_UNSAFE_EXEC"
WORKERS = 2


def unsafe_from_environment() -> bool:
    """Whether the user allows programs to run without a sandbox: ``TAILGATE_UNSAFE_EXEC=1``."""
    return os.environ.get(UNSAFE_VARIABLE) == "1"


def choose_runner(language: Language, *, unsafe: bool) -> Runner:
    """The safest runner that works here for a language; a plain process only if `unsafe` allows it.

    Raises
    ------
    SandboxUnavailable
        Nothing that is allowed can run the language.
    """
    found = _choose(language, unsafe=unsafe)
    if isinstance(found, str):
        raise SandboxUnavailable(found)
    return found


def why_not(language: Language, *, unsafe: bool) -> str | None:
    """The reason why programs in a language cannot be run here; None: they can."""
    found = _choose(language, unsafe=unsafe)
    return found if isinstance(found, str) else None


@cache  # every runner is tried once in a process
def _choose(language: Language, *, unsafe: bool) -> Runner | str:
    candidates: list[Runner] = [_bubblewrap(), _container()]
    if unsafe:
        candidates.append(_unsafe())
    reasons = []
    for runner in candidates:
        reason = runner.why_not(language)
        if reason is None:
            return runner
        reasons.append(reason)
    return f"{language} programs cannot be run: {'; '.join([*dict.fromkeys(reasons), *_advice(language, unsafe)])}"


def _advice(language: Language, unsafe: bool) -> Iterator[str]:
    if missing_interpreter(language):
        yield f"install {INTERPRETERS[language][0]}"
    elif not unsafe:
        yield "install bubblewrap, or allow --unsafe-exec on a machine that may be harmed"


@cache
def _bubblewrap() -> Runner:
    return Bubblewrap()


@cache
def _container() -> Runner:
    return Container()


@cache
def _unsafe() -> Runner:
    return UnsafeProcess()


def run_many(programs: Sequence[Program], runner: Runner, limits: Limits, workers: int = WORKERS) -> list[Result]:
    """Run independent programs at the same time, results in their order."""
    with ThreadPoolExecutor(max_workers=workers) as pool:
        return list(pool.map(lambda program: runner.run(program, limits), programs))
