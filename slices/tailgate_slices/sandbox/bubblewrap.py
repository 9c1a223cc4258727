"""Programs in namespaces of their own, set up by bubblewrap: no network, no home, a small /tmp to write to."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path

from tailgate_slices.sandbox.interpreters import (
    ENVIRONMENT,
    PROBES,
    SUFFIXES,
    Interpreter,
    find_interpreter,
    missing_interpreter,
    resource_limits,
)
from tailgate_slices.sandbox.process import Command, supervise
from tailgate_slices.sandbox.program import Language, Limits, Program, Result, SandboxUnavailable
from tailgate_slices.sandbox.seccomp import filter_program

PROGRAM = "/program/main"  # in the sandbox
_SYSTEM_FOLDERS = ("/bin", "/sbin", "/lib", "/lib32", "/lib64")
_NOBODY = "65534"
_COUNTS_PER_NAMESPACE = (5, 14)  # before this kernel the limit of processes counted all of a user's
_SETTING_UP = ("bwrap: ", "unshare: ", "mount: ")  # how the parts that set a sandbox up begin their complaints
# bubblewrap bounds the bytes of a tmpfs, not its entries; so one is mounted before, seen by what follows alone.
_MOUNT = '"$1" -t tmpfs -o "$2" tmpfs "$3" && shift 3 && exec "$@"'


class Bubblewrap:
    """Runs programs through ``bwrap``."""

    name = "bubblewrap"

    def __init__(self, executable: str | None = None) -> None:
        self._executable = executable or shutil.which("bwrap")
        self._probed: dict[Language, str | None] = {}

    def why_not(self, language: Language) -> str | None:
        """The reason why a language cannot be run, found by running one trivial program in it."""
        if language not in self._probed:
            self._probed[language] = self._parts_missing() or missing_interpreter(language) or self._probe(language)
        return self._probed[language]

    def run(self, program: Program, limits: Limits) -> Result:
        """Run a program; see `Runner`."""
        reason = self.why_not(program.language)
        if reason is not None:
            raise SandboxUnavailable(reason)
        result = self._run(program, limits)
        if result.exit_code > 0 and result.stderr.startswith(_SETTING_UP):
            # The program may have printed that itself: only a trivial program can tell.
            reason = self._probe(program.language)
            if reason is not None:
                raise SandboxUnavailable(reason)
        return result

    def _probe(self, language: Language) -> str | None:
        result = self._run(Program(language=language, source=PROBES[language]), Limits(wall_s=20.0, cpu_s=10))
        if (result.ended, result.stdout) == ("ok", "ok\n"):
            return None
        said = (result.stderr.strip().splitlines() or ["no message"])[0][:200]
        return f"bubblewrap cannot run a trivial {language} program ({result.ended}): {said}"

    def _parts_missing(self) -> str | None:
        if self._executable is None:
            return "bubblewrap is not installed (no bwrap on the PATH)"
        if self._prlimit is None:
            return "prlimit of util-linux is not installed, and limits are set with it"
        if filter_program() is None:
            return f"no filter of system calls for the processor {platform.machine()}"
        return None

    @cached_property
    def _prlimit(self) -> str | None:
        found = shutil.which("prlimit", path="/usr/bin:/bin")
        return found and str(Path(found).resolve())

    @cached_property
    def _mounts(self) -> bool:
        """Whether a folder with bounds can be mounted here; where it cannot, /tmp is read-only."""
        with tempfile.TemporaryDirectory() as folder:
            argv = [*_bounded(folder, Limits()), "/bin/true"]
            try:
                return subprocess.run(argv, capture_output=True, check=False).returncode == 0  # noqa: S603 -- our own
            except OSError:
                return False

    def _run(self, program: Program, limits: Limits) -> Result:
        interpreter = find_interpreter(program.language)
        if interpreter is None or self._executable is None or self._prlimit is None:
            raise SandboxUnavailable(self._parts_missing() or str(missing_interpreter(program.language)))
        with _opened(program) as (source, stdin, calls), tempfile.TemporaryDirectory() as folder:
            argv = [
                *(_bounded(folder, limits) if self._mounts else ()),
                self._executable,
                *_isolation(),
                *_system(interpreter),
                *(("--bind", folder, "/tmp") if self._mounts else ()),  # noqa: S108 -- the sandbox's own
                *("--file", str(source), PROGRAM + SUFFIXES[program.language]),
                *("--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/tmp"),  # noqa: S108
                *("--seccomp", str(calls), "--"),
                *(self._prlimit, *_limit_options(interpreter, limits)),
                *(str(interpreter.executable), *interpreter.options, PROGRAM + SUFFIXES[program.language]),
            ]
            return supervise(
                Command(argv=argv, stdin=stdin, environment={}, pass_fds=(source, calls), folder="/"), limits
            )


def _bounded(folder: str, limits: Limits) -> Iterator[str]:
    """What runs a command for which this folder is empty and holds so many bytes and entries, no more."""
    bounds = f"size={limits.tmp_bytes},nr_inodes={limits.tmp_entries},mode=1777,nosuid,nodev"
    yield from ("/usr/bin/unshare", "--user", "--map-root-user", "--mount")
    yield from ("/bin/sh", "-c", _MOUNT, "sh", "/bin/mount", bounds, folder)


def _system(interpreter: Interpreter) -> Iterator[str]:
    """A system to read and devices; everything else but /tmp is absent, and what is there cannot change."""
    yield from ("--ro-bind", "/usr", "/usr")
    for folder in _SYSTEM_FOLDERS:
        if os.path.islink(folder):
            yield from ("--symlink", os.readlink(folder), folder)
        elif os.path.isdir(folder):
            yield from ("--ro-bind", folder, folder)
    yield from ("--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache")
    if interpreter.visible is not None:
        yield from ("--ro-bind", str(interpreter.visible), str(interpreter.visible))
    yield from ("--dev", "/dev", "--dir", "/tmp")  # noqa: S108 -- the sandbox's own


def _isolation() -> Iterator[str]:
    yield from ("--unshare-user", "--unshare-all", "--uid", _NOBODY, "--gid", _NOBODY, "--hostname", "sandbox")
    yield from ("--new-session", "--die-with-parent", "--cap-drop", "ALL", "--clearenv")
    for name, value in ENVIRONMENT.items():
        yield from ("--setenv", name, value)


def _limit_options(interpreter: Interpreter, limits: Limits) -> Iterator[str]:
    for name, (soft, hard) in resource_limits(interpreter, limits).items():
        yield f"--{name}={soft}:{hard}"
    if _kernel() >= _COUNTS_PER_NAMESPACE:
        yield f"--nproc={limits.processes}:{limits.processes}"


def _kernel() -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"[0-9]+", platform.release())[:2])


@contextmanager
def _opened(program: Program) -> Iterator[tuple[int, int, int]]:
    """Descriptors of the source, the standard input and the filter, open for reading only."""
    with ExitStack() as stack:
        source, stdin = (stack.enter_context(_readable(text)) for text in (program.source, program.stdin))
        reading, writing = os.pipe()
        stack.callback(os.close, reading)
        with os.fdopen(writing, "wb") as pipe:  # a filter is far smaller than a pipe: this cannot block
            pipe.write(filter_program() or b"")
        yield source, stdin, reading


@contextmanager
def _readable(text: str) -> Iterator[int]:
    """A file of that text without a name, opened so that nobody can write to it."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(text.encode(errors="replace"))
        file.flush()
        descriptor = os.open(file.name, os.O_RDONLY | os.O_CLOEXEC)
        try:
            yield descriptor
        finally:
            os.close(descriptor)
