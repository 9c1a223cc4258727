"""Programs as plain processes of the user, with limits and without walls: for machines that may be harmed."""

from __future__ import annotations

import json
import logging
import sys
import tempfile
from functools import cache
from pathlib import Path

from tailgate_slices.sandbox.interpreters import (
    ENVIRONMENT,
    SUFFIXES,
    find_interpreter,
    missing_interpreter,
    resource_limits,
)
from tailgate_slices.sandbox.process import Command, supervise
from tailgate_slices.sandbox.program import Language, Limits, Program, Result, SandboxUnavailable

_LOG = logging.getLogger(__name__)
# Sets the limits, then becomes the interpreter: code between fork and exec of a process with threads may deadlock.
_LAUNCHER = """
import json, os, resource, sys
for name, pair in json.loads(sys.argv[1]).items():
    resource.setrlimit(int(name), pair)
os.execv(sys.argv[2], sys.argv[2:])
"""


class UnsafeProcess:
    """Runs programs without a sandbox: they can read what the user can read, and reach the network."""

    name = "unsafe"

    def why_not(self, language: Language) -> str | None:
        """The reason why a language cannot be run: its interpreter is missing."""
        return missing_interpreter(language)

    def run(self, program: Program, limits: Limits) -> Result:
        """Run a program; see `Runner`."""
        import resource  # absent on Windows, where only this runner is out of reach

        _warn()
        interpreter = find_interpreter(program.language)
        if interpreter is None:
            raise SandboxUnavailable(str(missing_interpreter(program.language)))
        numbers = {
            str(getattr(resource, f"RLIMIT_{name.upper()}")): pair
            for name, pair in resource_limits(interpreter, limits).items()
            if hasattr(resource, f"RLIMIT_{name.upper()}")
        }
        with tempfile.TemporaryDirectory() as folder:
            source, stdin = Path(folder, "main" + SUFFIXES[program.language]), Path(folder, "stdin")
            source.write_text(program.source, encoding="utf-8", errors="replace")
            stdin.write_text(program.stdin, encoding="utf-8", errors="replace")
            launcher = [sys.executable, "-I", "-S", "-c", _LAUNCHER, json.dumps(numbers)]
            argv = [*launcher, str(interpreter.executable), *interpreter.options, str(source)]
            with stdin.open("rb") as reading:
                command = Command(argv=argv, stdin=reading.fileno(), environment=ENVIRONMENT, folder=folder)
                return supervise(command, limits)


@cache  # once per process
def _warn() -> None:
    _LOG.warning("programs that a model wrote run WITHOUT a sandbox, with this user's rights")
