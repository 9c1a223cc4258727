"""Answers on their way to a client: whole or as a stream, until they are over or the client is gone."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from tailgate.engine.request import Request as Asking
from tailgate.serve.answers import looks, usage
from tailgate.serve.errors import ApiError
from tailgate.serve.generation import Answer, Generation, Growth
from tailgate.serve.jobs import Delta, Job
from tailgate.serve.messages import Seen
from tailgate.serve.service import Service
from tailgate.serve.shadow import utc_now
from tailgate.serve.text import TextStream

LOG = logging.getLogger(__name__)
CLIENT_CLOSED = 499
LABEL_LENGTH = 128  # characters of a task or a subject that are kept
EVENT_STREAM = "text/event-stream"


async def respond(service: Service, request: Request, job: Job) -> Response:
    """Answer whole or as a stream.

    Raises
    ------
    ApiError
        There is no room, or an answer failed before anything was sent.
    """
    run = _Run(service, request, job)
    try:
        run.begin()
        if job.body.stream:
            return _EventStream(run)
        return await run.whole()
    except BaseException:
        run.generation.close()
        raise


class _Run:
    """One request while it is answered."""

    def __init__(self, service: Service, request: Request, job: Job) -> None:
        self.service, self.request, self.job = service, request, job
        self.shadow = service.shadow if service.is_shadowed(job.hosted) else None
        self.sampled = [self.shadow.takes() if self.shadow else False for _ in job.prompts]
        self.started = time.monotonic()
        self.generation: Generation = service.admit(job.hosted, len(job.prompts))

    def begin(self) -> None:
        """Let the prompts join the batch."""
        keep_tops = self.job.keep_tops or any(self.sampled)
        self.generation.begin(self.job.prompts, keep_tops=keep_tops, growth=self.job.body.stream)

    async def whole(self) -> Response:
        """All answers in one body, unless the client goes away before."""
        finishing = asyncio.ensure_future(self.generation.finish())
        leaving = asyncio.ensure_future(_until_gone(self.request.receive))
        try:
            await asyncio.wait((finishing, leaving), return_when=asyncio.FIRST_COMPLETED)
            if not finishing.done():
                self.gone()
                return Response(status_code=CLIENT_CLOSED)
            answers = finishing.result()
        finally:
            finishing.cancel()
            leaving.cancel()
            self.generation.close()
        self.over(answers)
        choices = [self.job.whole(answer, index) for index, answer in enumerate(answers)]
        return JSONResponse({**self.job.head.wrap(self.job.kinds[0], choices), "usage": usage(answers)})

    def gone(self) -> None:
        """The client went away."""
        self.service.metrics.cancelled.labels(self.job.hosted.name).inc()

    def over(self, answers: Sequence[Answer]) -> None:
        """Count finished answers and offer them to the shadow."""
        name, metrics, used = self.job.hosted.name, self.service.metrics, usage(answers)
        metrics.duration.labels(name).observe(time.monotonic() - self.started)
        metrics.prompt_tokens.labels(name).inc(used["prompt_tokens"])
        metrics.new_tokens.labels(name).inc(used["completion_tokens"])
        if self.shadow is None:
            return
        for index, answer in enumerate(answers):
            self.shadow.offer(self._seen(index, answer) if self.sampled[index] else None)

    def _seen(self, index: int, answer: Answer) -> Seen | None:
        transcript, prompt, body = answer.transcript, answer.prompt, self.job.body
        if transcript is None or prompt.budget == 0:
            return None
        headers = self.request.headers
        task = headers.get("x-tailgate-task") or (body.metadata or {}).get("task")
        return Seen(
            request=Asking(
                key=transcript.key, prompt_ids=prompt.tokens, max_new_tokens=prompt.budget, stop=prompt.stop
            ),
            baseline=transcript,
            text=self.job.texts[index],
            task=_label(task),
            subject=_label(headers.get("x-tailgate-subject") or body.user),
            created_utc=utc_now(),
        )

    async def events(self) -> AsyncIterator[bytes]:
        """Server-sent events: the answers as they grow, then the counts where they are wanted."""
        job, told = self.job, self.job.head.wrap
        try:
            for index, answer in enumerate(self.generation.answers):
                if (opening := job.opening(index, answer)) is not None:
                    yield _event(told(job.kinds[1], [opening]))
            async for piece in self._pieces():
                yield _event(told(job.kinds[1], [job.piece(piece)]))
            self.over(self.generation.answers)
            if job.body.wants_usage:
                yield _event({**told(job.kinds[1], []), "usage": usage(self.generation.answers)})
            yield b"data: [DONE]\n\n"
        except ApiError as error:
            yield _event(error.body())

    async def _pieces(self) -> AsyncIterator[Delta]:
        texts = [TextStream(self.job.hosted.decode, prompt.stop) for prompt in self.job.prompts]
        offsets = [0] * len(texts)
        for index, answer in enumerate(self.generation.answers):
            if answer.transcript is not None:  # a budget of no tokens
                yield Delta(index=index, text="", tokens=(), found=(), offset=0, finish_reason="length")
        first = True
        async for growth in self.generation.grow():
            if first:
                self.service.metrics.first_token.labels(self.job.hosted.name).observe(time.monotonic() - self.started)
                first = False
            delta = self._delta(growth, texts[growth.index], offsets[growth.index])
            offsets[growth.index] += len(delta.text)
            yield delta

    def _delta(self, growth: Growth, text: TextStream, offset: int) -> Delta:
        transcript = self.generation.answers[growth.index].transcript
        try:
            new = text.finish(transcript.text) if transcript is not None else text.grow(growth.tokens)
        except ValueError as error:
            raise ApiError(500, str(error), code="inconsistent_tokenizer") from error
        return Delta(
            index=growth.index,
            text=new,
            tokens=growth.tokens,
            found=tuple(looks(growth.tokens, growth.tops)) if self.job.keep_tops else (),
            offset=offset,
            finish_reason=transcript.finish_reason if transcript is not None else None,
        )


class _EventStream(StreamingResponse):
    """A stream that lets go of its sequences however it ends, even before its first event."""

    def __init__(self, run: _Run) -> None:
        super().__init__(run.events(), media_type=EVENT_STREAM, headers={"Cache-Control": "no-store"})
        self._run = run

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        except ClientDisconnect:
            LOG.debug("a client left its stream")
        finally:
            if self._run.generation.unfinished:
                self._run.gone()
            self._run.generation.close()


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _event(body: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(body, ensure_ascii=False, allow_nan=False).encode() + b"\n\n"


def _label(text: str | None) -> str | None:
    kept = "".join(filter(str.isprintable, text or ""))[:LABEL_LENGTH].strip()
    return kept or None
