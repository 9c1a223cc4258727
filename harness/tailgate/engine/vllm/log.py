"""What vLLM's processes write: kept in a file, so that output stays ours and an error can be told in one line."""

from __future__ import annotations

import logging
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DEBUG = "TAILGATE_DEBUG"  # then everything goes where vLLM sends it
MOST_LETTERS = 400
PREFIX = re.compile(r"^\([^)]*\)\s*(?:(?:ERROR|CRITICAL)\s[^\]]*\]\s?)?")
ERROR = re.compile(r"^(?:[\w]+\.)*\w*(?:Error|Exception|Killed|Exit)\b.*: *\S")
# Errors that only say that another process has failed.
SECOND_HAND = (
    *("Engine core initialization failed", "WorkerProc initialization failed", "EngineCore encountered an issue"),
    *("cancelled", "EngineDeadError"),
)


def silence_here() -> None:
    """Keep vLLM's logger in this process from writing to our output; its errors reach us as exceptions.

    vLLM sets its logger up anew whenever an engine is made.
    """
    if os.environ.get(DEBUG):
        return
    logger = logging.getLogger("vllm")
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
    logger.addHandler(logging.NullHandler())


class ProcessLog:
    """A file for the output of processes that vLLM starts, in a folder of its own below `parent`."""

    def __init__(self, parent: Path | None = None) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="tailgate-vllm-", dir=parent))
        self.path = self._folder / "log.txt"

    @contextmanager
    def taking_output(self) -> Iterator[None]:
        """Send what is written here, and what processes started here will ever write, into the file."""
        if os.environ.get(DEBUG):
            yield
            return
        sys.stdout.flush()
        sys.stderr.flush()
        kept = [os.dup(1), os.dup(2)]
        with self.path.open("ab") as file:
            try:
                for descriptor in (1, 2):
                    os.dup2(file.fileno(), descriptor)
                yield
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                for descriptor, ours in zip((1, 2), kept, strict=True):
                    os.dup2(ours, descriptor)
                    os.close(ours)

    def reason(self, error: BaseException) -> str:
        """Why vLLM failed, in one line: what its processes wrote last, else what reached us."""
        try:
            lines = self.path.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            lines = []
        told = [line for line in (PREFIX.sub("", each) for each in lines) if ERROR.match(line)]
        first_hand = [line for line in told if not any(word in line for word in SECOND_HAND)]
        here = (str(error).strip().splitlines() or [""])[0]
        found = first_hand[-1] if first_hand else f"{type(error).__name__}: {here}"
        return found[:MOST_LETTERS]

    def remove(self) -> None:
        """Delete the file."""
        shutil.rmtree(self._folder, ignore_errors=True)
