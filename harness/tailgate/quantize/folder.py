"""A folder that appears whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError

from tailgate.errors import OutputError, UsageError


@dataclass(frozen=True, slots=True)
class Workshop:
    """Where a checkpoint is made: `out` becomes the result, `plain` may hold the parent in the meantime."""

    out: Path
    plain: Path


def check_free(out: Path) -> None:
    """Refuse a place that is taken.

    Raises
    ------
    UsageError
        Something is there, be it an empty folder.
    """
    if out.exists() or out.is_symlink():
        raise UsageError(f"{out} exists; a checkpoint is never written over, choose another --out")


@contextmanager
def new_folder(out: Path) -> Iterator[Workshop]:
    """Make a folder beside its place, and move it there once the block has ended well.

    Raises
    ------
    OutputError
        The disk is full or the place cannot be written; nothing is left behind.
    """
    out = out.absolute()
    room = out.with_name(f".{out.name}.{os.getpid()}.part")
    workshop = Workshop(out=room / "out", plain=room / "plain")
    try:
        workshop.out.mkdir(parents=True)
        yield workshop
        _settle(workshop.out)
        check_free(out)
        workshop.out.rename(out)
    except OSError as error:
        raise OutputError(
            f"cannot write {out}: {error.strerror or error}; free space or choose another --out"
        ) from error
    except SafetensorError as error:
        raise OutputError(f"cannot write {out}: {error}; free space or choose another --out") from error
    finally:
        shutil.rmtree(room, ignore_errors=True)


def _settle(folder: Path) -> None:
    """Bring every file to the disk before the folder gets its name, readable to whoever may read the folder.

    safetensors writes files that their owner alone can read.
    """
    mode = folder.stat().st_mode & 0o666
    for path in folder.rglob("*"):
        if path.is_file():
            path.chmod(mode)
            with path.open("rb") as file:
                os.fsync(file.fileno())
