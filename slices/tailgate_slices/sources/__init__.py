"""Slices made from data: published benchmarks, your own prompts, tasks of lm-evaluation-harness; and traffic.

All of them end: `size` says where, and items have one order whatever the seed.
"""

from __future__ import annotations

from pathlib import Path

from tailgate_slices.item import Slice, SliceError
from tailgate_slices.sources.catalogue import CATALOGUE
from tailgate_slices.sources.lm_eval_tasks import lm_eval_task
from tailgate_slices.sources.own import OwnPrompts, Report, check_file
from tailgate_slices.sources.published import published

__all__ = [
    "OwnPrompts",
    "Report",
    "check_file",
    "is_source",
    "lm_eval_task",
    "open_source",
    "published",
    "source_names",
]

_OWN, _LM_EVAL = "own:", "lm_eval:"


def source_names() -> tuple[str, ...]:
    """Names of the published benchmarks, and the forms of the others."""
    return (*CATALOGUE, f"{_OWN}NAME", f"{_LM_EVAL}TASK")


def is_source(name: str) -> bool:
    """Whether `open_source` is responsible for a name: ``own:NAME``, ``lm_eval:TASK`` or a published benchmark."""
    return name.startswith((_OWN, _LM_EVAL)) or name.partition(":")[0] in CATALOGUE


def open_source(name: str, file: Path | None) -> Slice:
    """The slice of a name that needs data; the slice bears exactly that name.

    Parameters
    ----------
    name
        ``own:NAME``; a published benchmark such as ``gsm8k`` or ``belebele:swh_Latn+amh_Ethi``; ``lm_eval:TASK``.
    file
        The data: a file of prompts for ``own:``, a file or folder for a benchmark (without one the hub is asked), a
        folder of task files for ``lm_eval:`` (without one only the installed tasks are known).

    Raises
    ------
    SliceError
        The name is of no such kind, or its data cannot be read.
    """
    if name.startswith(_OWN):
        if file is None:
            raise SliceError(f"{name} needs the file of its prompts; give file = ... in a suite, or --file")
        return OwnPrompts(name.removeprefix(_OWN), file)
    if name.startswith(_LM_EVAL):
        return lm_eval_task(name.removeprefix(_LM_EVAL), include=file)
    if is_source(name):
        return published(name, file)
    raise SliceError(f"no slice is made from data under the name '{name}'; known: {', '.join(source_names())}")
