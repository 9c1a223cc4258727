"""Answers judged by their slices: one after another, or as many at once as there are cores where programs are run."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tailgate.engine.request import Transcript
from tailgate.records import NONFINITE, CellKey
from tailgate_slices.item import Answer, Grade, Item, SliceError
from tailgate_slices.registry import get_slice
from tailgate_slices.sandbox import LANGUAGES, choose_runner, unsafe_from_environment


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What one side said to an item."""

    item: Item
    transcript: Transcript


def grade_answers(answers: Sequence[Answered]) -> list[Grade | str]:
    """Grade answers, in their order; a text that comes again on an item is graded once.

    Returns
    -------
    For each answer its grade, or why there is nothing to grade or nothing to grade it with (no sandbox, say).

    Notes
    -----
    A grader that runs programs waits for another process: as many wait at once as there are cores. All others compute
    under Python's lock and gain nothing from threads, so they are asked one after another. A grade is a function of
    item and text, whatever else is graded at the time.
    """
    first = {_identity(each): place for place, each in reversed(list(enumerate(answers)))}
    executing = _executing({(each.item.slice, each.item.stratum) for each in answers})
    graded: dict[int, Grade | str] = {}
    running = []
    for place in sorted(first.values()):
        each = answers[place]
        if (each.item.slice, each.item.stratum) in executing:
            running.append(place)
        else:
            graded[place] = _grade(each)
    graded.update(zip(running, _grade_at_once([answers[place] for place in running]), strict=True))
    return [graded[first[_identity(each)]] for each in answers]


def sandboxes(cells: Iterable[CellKey]) -> dict[str, str]:
    """What runs the programs of these cells, by language: ``bubblewrap``, a container engine, or ``unsafe``.

    Raises
    ------
    SandboxUnavailable
        Nothing that is allowed can run one of the languages.
    """
    strata = {(key.slice, key.stratum) for key in cells}
    named = {language for name, stratum in strata for language in get_slice(name).executes(stratum)}
    unsafe = unsafe_from_environment()
    return {language: choose_runner(language, unsafe=unsafe).name for language in LANGUAGES if language in named}


def _executing(strata: Set[tuple[str, str]]) -> Set[tuple[str, str]]:
    """The strata, by slice and name, whose graders run programs."""
    return {(name, stratum) for name, stratum in strata if get_slice(name).executes(stratum)}


def _grade_at_once(answers: Sequence[Answered]) -> list[Grade | str]:
    if not answers:
        return []
    with ThreadPoolExecutor(max_workers=min(cores(), len(answers))) as pool:
        return list(pool.map(_grade, answers))


def cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _identity(answered: Answered) -> tuple[str, str, str]:
    return answered.item.id, answered.transcript.text, answered.transcript.finish_reason


def _grade(answered: Answered) -> Grade | str:
    item, transcript = answered.item, answered.transcript
    if transcript.finish_reason == "nonfinite":
        return NONFINITE
    try:
        return get_slice(item.slice).grade(item, Answer(text=transcript.text, finish_reason=transcript.finish_reason))
    except SliceError as error:
        return f"ungradable: {error}"
