"""An event loop beside the caller."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

Done = TypeVar("Done")


class Loop:
    """An event loop in a thread of its own: it goes on while answers are graded, and works where one runs already."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="tailgate-endpoint", daemon=True)
        self._thread.start()

    @property
    def runs(self) -> bool:
        """Whether it was not closed."""
        return not self._loop.is_closed()

    def submit(self, work: Coroutine[Any, Any, Done]) -> Future[Done]:
        """Start work on it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def close(self) -> None:
        """End it."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
