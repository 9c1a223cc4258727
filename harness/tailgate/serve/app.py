"""Routes: who may ask, what is read, and how errors are told."""

from __future__ import annotations

import asyncio
import hmac
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TypeVar

from fastapi import Depends, FastAPI, Request
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware

from tailgate.serve.bodies import Asked, ChatBody, CompletionBody, parse_body
from tailgate.serve.errors import ApiError
from tailgate.serve.hosting import describe
from tailgate.serve.jobs import chat_job, completion_job
from tailgate.serve.metrics import UNKNOWN
from tailgate.serve.responses import respond
from tailgate.serve.service import Service

LOG = logging.getLogger(__name__)
LOOPBACK_HOSTS = ["127.0.0.1", "localhost", "::1", "[::1]"]

Body = TypeVar("Body", bound=Asked)


def build_app(service: Service) -> FastAPI:
    """The application around a service."""
    app = FastAPI(lifespan=_lifespan(service), docs_url=None, redoc_url=None, openapi_url=None)
    if service.api_key is None:
        # Without a key only this machine may ask; a web page that resolves its own name to us is not this machine.
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=LOOPBACK_HOSTS, www_redirect=False)
    _add_errors(app)
    _add_routes(app, service)
    return app


def _lifespan(service: Service) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await service.start()
        try:
            yield
        finally:
            await asyncio.to_thread(service.stop)

    return lifespan


def _add_errors(app: FastAPI) -> None:
    async def api_error(_: Request, error: Exception) -> Response:
        assert isinstance(error, ApiError)
        return JSONResponse(error.body(), status_code=error.status, headers=error.headers)

    async def http_error(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        told = ApiError(error.status_code, str(error.detail))
        return JSONResponse(told.body(), status_code=error.status_code, headers=error.headers)

    async def unforeseen(_: Request, error: Exception) -> Response:
        told = ApiError(500, f"unexpected {type(error).__name__}; the server's log says more")
        return JSONResponse(told.body(), status_code=500)

    app.add_exception_handler(ApiError, api_error)
    app.add_exception_handler(HTTPException, http_error)
    app.add_exception_handler(Exception, unforeseen)


def _add_routes(app: FastAPI, service: Service) -> None:
    guarded = [Depends(_key_check(service.api_key))]

    @app.get("/health")
    async def health() -> Response:
        state = "ok" if service.ready else "shutting down" if service.draining else "broken"
        return JSONResponse({"status": state}, status_code=200 if service.ready else 503)

    @app.get("/metrics", dependencies=guarded)
    async def metrics() -> Response:
        return Response(service.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    @app.get("/v1/models", dependencies=guarded)
    async def models() -> Response:
        return JSONResponse({"object": "list", "data": [describe(each) for each in service.hosted.values()]})

    @app.get("/v1/models/{name:path}", dependencies=guarded)
    async def model(name: str) -> Response:
        return JSONResponse(describe(service.find(name)))

    @app.post("/v1/completions", dependencies=guarded)
    async def completions(request: Request) -> Response:
        async def answer(body: CompletionBody) -> Response:
            return await respond(service, request, await completion_job(service, body))

        return await _counted(service, request, CompletionBody, answer)

    @app.post("/v1/chat/completions", dependencies=guarded)
    async def chat(request: Request) -> Response:
        async def answer(body: ChatBody) -> Response:
            return await respond(service, request, await chat_job(service, body))

        return await _counted(service, request, ChatBody, answer)


def _key_check(key: str | None) -> Callable[[Request], Awaitable[None]]:
    async def check(request: Request) -> None:
        if key is None:
            return
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        # As bytes: compare_digest takes text of ASCII only, and a header may hold anything.
        right = hmac.compare_digest(given.strip().encode("latin-1", "replace"), key.encode())
        if scheme.lower() != "bearer" or not right:
            raise ApiError(
                401, "the API key is missing or wrong; send Authorization: Bearer KEY", code="invalid_api_key",
                headers={"WWW-Authenticate": "Bearer"},
            )  # fmt: skip

    return check


async def _counted(
    service: Service, request: Request, kind: type[Body], answer: Callable[[Body], Awaitable[Response]]
) -> Response:
    """Read the body, answer, and count what became of it."""
    model, started = UNKNOWN, time.monotonic()
    try:
        body = parse_body(kind, await _read(request, service.limits.body_bytes, service.limits.body_s))
        model = service.find(body.model).name
        response = await answer(body)
    except ApiError as error:
        service.metrics.requests.labels(request.url.path, model, str(error.status)).inc()
        raise
    service.metrics.requests.labels(request.url.path, model, str(response.status_code)).inc()
    LOG.debug("%s %s %d after %.3f s", request.url.path, model, response.status_code, time.monotonic() - started)
    return response


async def _read(request: Request, most: int, seconds: float) -> bytes:
    """The body, as far as it is JSON by its own word, of bounded size and sent in bounded time.

    A page in a browser can send any text anywhere; JSON it may send only where the server agrees, and this one does
    not.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise ApiError(415, "the body must be JSON; send Content-Type: application/json")
    data = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for part in request.stream():
                data.extend(part)
                if len(data) > most:
                    raise ApiError(413, f"the body has more than {most:,} bytes; send less")
    except TimeoutError as error:
        raise ApiError(408, f"the body did not arrive within {seconds:g} s; send it again") from error
    return bytes(data)
