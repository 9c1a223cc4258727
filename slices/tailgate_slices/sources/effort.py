"""How much work a judge may put into one answer. Counted in steps, never in seconds: grades are the same everywhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

MOST_STEPS = 2_000_000  # a few seconds at worst


class EffortError(Exception):
    """An answer takes more steps than it may."""


class Effort:
    """Steps that are left."""

    def __init__(self, steps: int = MOST_STEPS) -> None:
        self.left = steps

    def spend(self, steps: int) -> None:
        """Take some.

        Raises
        ------
        EffortError
            None are left.
        """
        self.left -= steps
        if self.left < 0:
            raise EffortError


_current: ContextVar[Effort | None] = ContextVar("effort", default=None)  # threads grade side by side


@contextmanager
def bounded_effort(steps: int = MOST_STEPS) -> Iterator[None]:
    """Let everything inside share so many steps."""
    token = _current.set(Effort(steps))
    try:
        yield
    finally:
        _current.reset(token)


def current_effort() -> Effort | None:
    """What is left here; None where nothing is counted."""
    return _current.get()
