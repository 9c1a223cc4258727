"""What transformers' loader says of a checkpoint that does not fill its model: it would go on with random weights."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tailgate.errors import CheckpointError


@contextmanager
def no_reports() -> Iterator[None]:
    """Keep transformers from printing what is checked and reported here."""
    logger = logging.getLogger("transformers")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


def check_complete(name: str, told: Mapping[str, Any]) -> None:
    """Refuse a model of which tensors are missing in the files or have another shape; `told`: output_loading_info.

    Raises
    ------
    CheckpointError
        There is one.
    """
    if missing := sorted(told["missing_keys"]):
        raise CheckpointError(
            f"'{name}' lacks {len(missing)} tensors that its configuration asks for (first: {missing[0]}); "
            "a file is missing or belongs to another model"
        )
    if mismatched := sorted(told["mismatched_keys"], key=str):
        key, seen, expected = (*mismatched[0], None, None)[:3]
        raise CheckpointError(
            f"tensor {key} of '{name}' is {seen and list(seen)}, its configuration asks for "
            f"{expected and list(expected)}; fetch both again"
        )


def check_used(name: str, left: set[str]) -> None:
    """Refuse files with tensors that the model has no place for: its configuration names another model, or less of it.

    Raises
    ------
    CheckpointError
        There is one.
    """
    if left:
        raise CheckpointError(
            f"'{name}' holds {len(left)} tensors that its configuration has no use for (first: {min(left)}); "
            "its files and its configuration disagree"
        )
