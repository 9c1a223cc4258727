"""What the routes share: variants by name, room for requests, limits, the worker and the shadow."""

from __future__ import annotations

import asyncio
import functools
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from tailgate.serve.errors import ApiError, busy, refused
from tailgate.serve.generation import Generation
from tailgate.serve.hosting import Hosted
from tailgate.serve.metrics import Metrics
from tailgate.serve.options import Limits
from tailgate.serve.shadow import Shadow
from tailgate.serve.worker import Worker

Given = ParamSpec("Given")
Found = TypeVar("Found")


class Service:
    """Everything a request needs but the request."""

    def __init__(
        self, hosted: Mapping[str, Hosted], limits: Limits, api_key: str | None = None, shadow: Shadow | None = None
    ) -> None:
        self.hosted, self.limits, self.api_key, self.shadow = dict(hosted), limits, api_key, shadow
        self.worker = Worker({name: each.engine.session for name, each in hosted.items()})
        self.metrics = Metrics(self.hosted, shadow)
        self.draining = False
        self._under_way = 0
        # Tokenizers are slow on long texts and not made for several threads: one of its own.
        self._texts = ThreadPoolExecutor(max_workers=1, thread_name_prefix="tailgate-text")

    async def start(self) -> None:
        """Begin to serve on the running event loop."""
        self.worker.start(asyncio.get_running_loop())
        if self.shadow is not None:
            self.shadow.start()

    def stop(self) -> None:
        """End; what is unfinished is dropped."""
        self.worker.stop()
        self._texts.shutdown(wait=False, cancel_futures=True)
        if self.shadow is not None:
            self.shadow.stop()

    @property
    def ready(self) -> bool:
        """Whether new requests are taken."""
        return self.worker.alive and not self.draining

    def find(self, model: str) -> Hosted:
        """The variant of that name.

        Raises
        ------
        ApiError
            There is none.
        """
        found = self.hosted.get(model)
        if found is None:
            known = ", ".join(sorted(self.hosted))
            raise ApiError(404, f"no model '{model[:80]}' here; served: {known}", param="model", code="model_not_found")
        return found

    def is_shadowed(self, hosted: Hosted) -> bool:
        """Whether answers of a variant may go to a candidate: the first one's."""
        return self.shadow is not None and hosted.name == next(iter(self.hosted))

    async def in_text_thread(self, work: Callable[Given, Found], *args: Given.args, **kwargs: Given.kwargs) -> Found:
        """Tokenize beside the event loop."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._texts, functools.partial(work, *args, **kwargs))

    def budget(self, hosted: Hosted, prompt: Sequence[int], asked: int | None) -> int:
        """Longest answer to a prompt in tokens.

        Raises
        ------
        ApiError
            The prompt is empty, or it and the answer do not fit into the model's context: nothing is ever cut.
        """
        if not prompt:
            raise refused("the prompt is empty; give at least one token", "prompt")
        room = hosted.context_length - len(prompt)
        most = self.limits.new_tokens
        if asked is not None and most is not None and asked > most:
            raise refused(f"max_tokens is {asked}; this server answers with at most {most}", "max_tokens")
        if room < (1 if asked is None else asked):
            wanted = "" if asked is None else f" and {asked} for the answer"
            raise refused(
                f"the model's context has {hosted.context_length} tokens, the prompt has {len(prompt)}{wanted}; "
                "shorten the prompt or max_tokens",
                "prompt",
                "context_length_exceeded",
            )
        return asked if asked is not None else min(room, most or room)

    def admit(self, hosted: Hosted, count: int) -> Generation:
        """Room for so many answers; the generation gives it back when it is closed.

        Raises
        ------
        ApiError
            The server is full (429), shuts down or broke (503).
        """
        if self.draining:
            raise busy(503, "the server is shutting down; ask another or ask again later", "shutting_down")
        if not self.worker.alive:
            raise ApiError(503, "the server broke and must be restarted", code="broken")
        if self._under_way + count > self.limits.requests:
            raise busy(
                429,
                f"{self._under_way} requests are under way and at most {self.limits.requests} may be; ask again later",
                "too_many_requests",
            )
        self._under_way += count
        self.metrics.under_way.set(self._under_way)
        return Generation(self.worker, hosted.name, uuid.uuid4().hex, lambda: self._give_back(count))

    def _give_back(self, count: int) -> None:
        self._under_way -= count
        self.metrics.under_way.set(self._under_way)
