"""How a program ended, told by its exit code, the kernel's signal, or the last words of its interpreter.

Text that a program writes is not trusted further than it must be: a refusal counts where an interpreter reports the
number of a system call's error, in its own form of words. A program that writes those words itself, or ends itself as
the kernel would have, can be mistaken for one that was refused something; it cannot be mistaken for a right one.
"""

from __future__ import annotations

import re
import signal

from tailgate_slices.sandbox.program import REFUSALS, Cause, Ended

_NUMBERS = "|".join(map(str, REFUSALS))
_REFUSED = re.compile(
    rf"^(?:PermissionError|OSError): \[Errno (?:{_NUMBERS})\]"  # Python
    rf"|^\s{{0,8}}errno: -(?:{_NUMBERS}),$"  # node
    r"|^\S{0,80}lua[0-9.]{0,8}: (?:\S{1,80}:[0-9]{1,9}: )?"  # Lua names no numbers
    r"(?:/[^:\n]{0,200}: (?:Permission denied|Operation not permitted|Read-only file system|No space left on device)"
    r"|No space left on device)$",
    re.MULTILINE,
)
_MEMORY = re.compile(
    r"^MemoryError(?:$|: )"
    r"|^\S{0,80}lua[0-9.]{0,8}: not enough memory$"
    r"|^(?:FATAL ERROR|# Fatal|Fatal).{0,200}out of memory"
    r"|^terminate called .{0,80}std::bad_alloc",
    re.MULTILINE,
)


def ending(code: int, stderr: str, *, timed_out: bool) -> Ended:
    """The name of an end; `code` is negative for a signal."""
    if code == 0:
        return "ok"
    if code in (-signal.SIGSYS, -signal.SIGXFSZ):
        return "forbidden"
    if code == -signal.SIGXCPU or (code == -signal.SIGKILL and timed_out):
        return "timeout"
    named = last_words(stderr)
    if named is not None:
        return named
    return "killed" if code < 0 else "runtime_error"


def last_words(stderr: str) -> Cause | None:
    """Whether an interpreter ended for lack of memory, or because the kernel refused something."""
    if _MEMORY.search(stderr):
        return "memory"
    return "forbidden" if _REFUSED.search(stderr) else None
