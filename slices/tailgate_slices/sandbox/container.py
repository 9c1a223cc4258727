"""Programs in a container, the second choice: slower to start, and somebody has to provide an image."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tailgate_slices.sandbox.interpreters import ENVIRONMENT, PROBES, SUFFIXES
from tailgate_slices.sandbox.process import Command, supervise
from tailgate_slices.sandbox.program import Language, Limits, Program, Result, SandboxUnavailable

ENGINES = ("podman", "docker")
IMAGE_VARIABLE = "TAILGATE_SANDBOX_IMAGE"
_START_S = 20.0  # what an engine may take to start a container, beside the program's own time
_INTERPRETERS: dict[Language, tuple[str, ...]] = {
    "python": ("python3", "-s", "-S", "-B", "-X", "utf8"),
    "javascript": ("node", "--no-warnings"),
    "lua": ("lua5.4",),
}


class Container:
    """Runs programs through podman or docker, in an image that holds ``python3``, ``node`` and ``lua5.4``.

    Images are never pulled: what a program runs in is the user's choice, and named in ``TAILGATE_SANDBOX_IMAGE``.
    """

    def __init__(self, engine: str | None = None, image: str | None = None) -> None:
        self._engine = engine or next(filter(None, map(shutil.which, ENGINES)), None)
        self._image = image or os.environ.get(IMAGE_VARIABLE)
        self._probed: dict[Language, str | None] = {}

    @property
    def name(self) -> str:
        """The engine's name."""
        return Path(self._engine or "container").name

    def why_not(self, language: Language) -> str | None:
        """The reason why a language cannot be run, found by running one trivial program in it."""
        if language not in self._probed:
            self._probed[language] = self._parts_missing() or self._probe(language)
        return self._probed[language]

    def run(self, program: Program, limits: Limits) -> Result:
        """Run a program; see `Runner`."""
        reason = self.why_not(program.language)
        if reason is not None:
            raise SandboxUnavailable(reason)
        return self._run(program, limits)

    def _parts_missing(self) -> str | None:
        if self._engine is None:
            return "no container engine (podman or docker) on the PATH"
        if self._image is None:
            return f"no image for programs ({IMAGE_VARIABLE} names none; it needs python3, node and lua5.4)"
        return None

    def _probe(self, language: Language) -> str | None:
        result = self._run(Program(language=language, source=PROBES[language]), Limits(cpu_s=10))
        if (result.ended, result.stdout) == ("ok", "ok\n"):
            return None
        said = (result.stderr.strip().splitlines() or ["no message"])[0][:200]
        return f"{self.name} cannot run a trivial {language} program in '{self._image}' ({result.ended}): {said}"

    def _run(self, program: Program, limits: Limits) -> Result:
        name = f"tailgate-{secrets.token_hex(8)}"
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder, "main" + SUFFIXES[program.language])
            source.write_text(program.source, encoding="utf-8", errors="replace")
            stdin = Path(folder, "stdin")
            stdin.write_text(program.stdin, encoding="utf-8", errors="replace")
            Path(folder).chmod(0o755)  # the program runs as nobody
            argv = [*self._options(name, limits, source), *_INTERPRETERS[program.language], f"/program/{source.name}"]
            with stdin.open("rb") as reading:
                # The engine's client needs the user's own environment (its socket, its home); the program gets none.
                command = Command(argv=argv, stdin=reading.fileno(), environment=os.environ)
                longer = Limits(wall_s=limits.wall_s + _START_S, cpu_s=limits.cpu_s, output_bytes=limits.output_bytes)
                try:
                    return supervise(command, longer)
                finally:
                    self._remove(name)

    def _options(self, name: str, limits: Limits, source: Path) -> Iterator[str]:
        yield from (str(self._engine), "run", "--rm", "--interactive", "--name", name, "--pull", "never")
        yield from ("--network", "none", "--read-only", "--cap-drop", "ALL", "--user", "65534:65534")
        yield from ("--security-opt", "no-new-privileges", "--ipc", "none", "--workdir", "/tmp")  # noqa: S108
        # Entries of /tmp need no bound of their own here: the kernel's memory for them counts for the container.
        yield from ("--memory", str(limits.memory_bytes), "--memory-swap", str(limits.memory_bytes))
        yield from ("--pids-limit", str(limits.processes))
        yield from ("--tmpfs", f"/tmp:rw,size={limits.tmp_bytes},mode=1777")  # noqa: S108 -- the container's own
        yield from ("--ulimit", f"cpu={limits.cpu_s}:{limits.cpu_s + 1}", "--ulimit", "core=0:0")
        yield from ("--ulimit", f"fsize={limits.file_bytes}:{limits.file_bytes}")
        yield from ("--ulimit", f"nofile={limits.open_files}:{limits.open_files}")
        yield from ("--volume", f"{source.parent}:/program:ro")
        for variable, value in ENVIRONMENT.items():
            yield from ("--env", f"{variable}={value}" if variable != "PATH" else "PATH=/usr/local/bin:/usr/bin:/bin")
        yield str(self._image)

    def _remove(self, name: str) -> None:
        """End a container that outlived its client; one that has ended is gone already, which is no error."""
        subprocess.run(  # noqa: S603 -- the engine's own command line
            [str(self._engine), "rm", "--force", name], capture_output=True, check=False, timeout=60
        )
