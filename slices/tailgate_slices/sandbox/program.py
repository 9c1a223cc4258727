"""What is run in a sandbox, within which limits, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias, get_args

from tailgate_slices.item import SliceError

Language: TypeAlias = Literal["python", "javascript", "lua"]
Ended: TypeAlias = Literal["ok", "runtime_error", "timeout", "memory", "output", "forbidden", "killed"]
Cause: TypeAlias = Literal["memory", "forbidden"]

LANGUAGES: tuple[Language, ...] = get_args(Language)
MIB = 2**20
REFUSALS = (1, 13, 27, 28, 30)  # EPERM, EACCES, EFBIG, ENOSPC, EROFS, as every Linux numbers them


class SandboxUnavailable(SliceError):  # noqa: N818 -- a state of the machine, named as such in reports
    """Untrusted programs cannot be run on this machine; the message says what is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """Source text of an untrusted program and what it reads from its standard input."""

    language: Language
    source: str
    stdin: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a program may use. The wall clock is held from outside, everything else by the kernel."""

    wall_s: float = 6.0
    cpu_s: int = 2
    memory_bytes: int = 256 * MIB
    output_bytes: int = MIB // 8  # standard output and standard error together
    file_bytes: int = MIB  # of one file
    tmp_bytes: int = 8 * MIB  # of all files
    tmp_entries: int = 1024  # files and folders; each takes memory of the kernel, which counts for no process
    open_files: int = 64
    processes: int = 64  # threads count; an interpreter needs about ten


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a program wrote and how it ended; `exit_code` is negative for the signal that ended it."""

    ended: Ended
    exit_code: int
    stdout: str
    stderr: str
    seconds: float


class Runner(Protocol):
    """Something that can run untrusted programs."""

    @property
    def name(self) -> str:
        """How reports call it: ``bubblewrap``, ``docker``, ``unsafe``."""

    def why_not(self, language: Language) -> str | None:
        """The reason why programs in a language cannot be run; None: they can."""

    def run(self, program: Program, limits: Limits) -> Result:
        """Run a program to its end or to a limit.

        Raises
        ------
        SandboxUnavailable
            The language's interpreter is missing or the sandbox cannot be set up.
        """
