"""Interpreters of this machine: where they are, how they are called, what they need to see."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tailgate_slices.sandbox.program import MIB, Language, Limits

SYSTEM = Path("/usr")
ENVIRONMENT = {
    "HOME": "/tmp",  # noqa: S108 -- without one, "~" is looked up through a socket, and a socket ends the program
    "LANG": "C.UTF-8",
    "PATH": "/usr/bin:/bin",
    "PYTHONHASHSEED": "0",  # sets print in the same order every time
}
SUFFIXES: dict[Language, str] = {"python": ".py", "javascript": ".js", "lua": ".lua"}
# Node reserves address space far beyond what it uses (its code range, its compressed cages): only data is limited.
_NODE_ADDRESS_SPACE = 16 * 1024 * MIB

PROBES: dict[Language, str] = {
    "python": "print('ok')",
    "javascript": "console.log('aa'.replaceAll('aa', 'ok'))",
    "lua": "assert(math.type(3) == 'integer' and table.move) print('ok')",  # 5.3 or later
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """An executable with the options that make it start quickly and run the same way every time."""

    executable: Path
    options: tuple[str, ...]
    visible: Path | None  # what it needs to read besides the system's own folders
    address_space: int | None = None  # bytes; None: the memory limit


@cache
def find_interpreter(language: Language) -> Interpreter | None:
    """The interpreter of a language, None where this machine has none."""
    if language == "python":
        executable = Path(sys.executable).resolve()
        prefix = Path(sys.base_prefix).resolve()
        visible = None if prefix.is_relative_to(SYSTEM) else prefix
        return Interpreter(executable=executable, options=_PYTHON, visible=visible)
    for name in INTERPRETERS[language]:
        found = shutil.which(name)
        if found is not None:
            return _found(Path(found).resolve(), language)
    return None


_PYTHON = ("-s", "-S", "-P", "-B", "-X", "utf8")
_NODE = ("--max-old-space-size=96", "--v8-pool-size=1", "--random-seed=1", "--no-warnings")
INTERPRETERS: dict[Language, tuple[str, ...]] = {  # names that are looked for; Python is the one that runs this
    "python": ("python3",),
    "javascript": ("node", "nodejs"),
    "lua": ("lua5.4", "lua54", "lua5.3", "lua53", "lua"),
}


def _found(executable: Path, language: Language) -> Interpreter:
    visible = None if executable.is_relative_to(SYSTEM) else _own_folder(executable)
    if language == "javascript":
        return Interpreter(executable=executable, options=_NODE, visible=visible, address_space=_NODE_ADDRESS_SPACE)
    return Interpreter(executable=executable, options=(), visible=visible)


def _own_folder(executable: Path) -> Path:
    """The folder that an interpreter was installed to, or the executable alone where that would show more."""
    prefix = executable.parent.parent
    home = Path(os.path.expanduser("~"))
    return prefix if (prefix / "lib").is_dir() and not home.is_relative_to(prefix) else executable


def missing_interpreter(language: Language) -> str | None:
    """The reason why a language has no interpreter here."""
    if find_interpreter(language) is not None:
        return None
    return f"no interpreter of {language} on the PATH (looked for {', '.join(INTERPRETERS[language])})"


def resource_limits(interpreter: Interpreter, limits: Limits) -> dict[str, tuple[int, int]]:
    """Soft and hard limits of the kernel by their names, in the spelling of prlimit(1)."""
    address_space = interpreter.address_space or limits.memory_bytes
    return {
        "cpu": (limits.cpu_s, limits.cpu_s + 1),  # a signal that tells of the time, then one that cannot be caught
        "as": (address_space, address_space),
        "data": (limits.memory_bytes, limits.memory_bytes),
        "stack": (8 * MIB, 8 * MIB),
        "fsize": (limits.file_bytes, limits.file_bytes),
        "nofile": (limits.open_files, limits.open_files),
        "core": (0, 0),
    }
