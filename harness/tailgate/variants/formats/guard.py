"""What a damaged file makes of the code that reads it, as one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tailgate.errors import CheckpointError, TailgateError


@contextmanager
def one_line(source: str, kind: str) -> Iterator[None]:
    """Report whatever goes wrong inside as damage of the checkpoint `source`; a lack of memory stays what it is.

    Raises
    ------
    CheckpointError
        Anything else than an error of ours was raised.
    """
    try:
        yield
    except (TailgateError, MemoryError):
        raise
    except Exception as error:  # arithmetic and parsers raise any kind for parts that do not fit
        if _is_lack_of_memory(error):
            raise
        raise CheckpointError(
            f"'{source}' cannot be read as {kind}: {first_line(error)}; its files are damaged, fetch them again"
        ) from error


def first_line(error: Exception) -> str:
    """Kind and first line of an error: the text of some is only a name."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def _is_lack_of_memory(error: Exception) -> bool:
    import torch

    return isinstance(error, torch.OutOfMemoryError)
