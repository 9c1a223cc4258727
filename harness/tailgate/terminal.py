"""Progress on stderr: a bar with rate and time left on a terminal, a line now and then in a log."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.progress import TaskID

LOG_INTERVAL_S = 15.0


class Progress:
    """An observer of a run. Totals are upper bounds: cells stop as soon as they are decided."""

    def __init__(self) -> None:
        self._bar: _Bar | _Log = _Bar() if sys.stderr.isatty() else _Log()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()

    def note(self, text: str) -> None:
        """Print a line."""
        self._bar.note(text)

    def stage(self, name: str, total: int | None) -> None:
        """Begin a stage of at most `total` answers."""
        self._bar.stage(name, total)

    def advance(self, n: int) -> None:
        """Count `n` more answers."""
        self._bar.advance(n)


class _Log:
    def __init__(self) -> None:
        self._name, self._done = "", 0
        self._total: int | None = None
        self._started = self._printed = time.monotonic()

    def note(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    def stage(self, name: str, total: int | None) -> None:
        self._name, self._total, self._done = name, total, 0
        self._started = self._printed = time.monotonic()
        self.note(f"{name}: at most {total} answers" if total else name)

    def advance(self, n: int) -> None:
        self._done += n
        now = time.monotonic()
        if now - self._printed >= LOG_INTERVAL_S:
            self._printed = now
            self.note(f"{self._name}: {progress_line(self._done, self._total, now - self._started)}")

    def close(self) -> None:
        """Nothing to restore."""


class _Bar:
    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bars

        self._bars = Bars(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("answers at most, {task.fields[rate]}"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
        )
        self._task: TaskID | None = None
        self._bars.start()

    def note(self, text: str) -> None:
        self._bars.console.print(text, markup=False, highlight=False)

    def stage(self, name: str, total: int | None) -> None:
        if self._task is not None:
            self._bars.remove_task(self._task)
        self._task = self._bars.add_task(name, total=total, rate="")
        self._started = time.monotonic()
        self._done = 0

    def advance(self, n: int) -> None:
        self._done += n
        if self._task is not None:
            rate = f"{self._done / max(time.monotonic() - self._started, 1e-9):.1f}/s"
            self._bars.update(self._task, advance=n, rate=rate)

    def close(self) -> None:
        self._bars.stop()


def progress_line(done: int, total: int | None, elapsed_s: float) -> str:
    """Answers so far, their rate, and the time left if no cell stops early."""
    rate = done / max(elapsed_s, 1e-9)
    line = f"{done} answers, {rate:.1f}/s"
    if total and rate > 0:
        line += f", at most {max(total - done, 0) / rate:.0f} s left"
    return line
