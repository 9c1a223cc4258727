"""A real server of tiny models on a loopback port, and clients for it."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import openai

from tailgate.serve.candidate_process import Shadowed
from tailgate.serve.hosting import host, resolve_served
from tailgate.serve.options import Limits, ShadowOptions
from tailgate.serve.run import Server, bind, server
from tailgate.serve.service import Service
from tailgate.serve.shadow import Shadow

WAIT_S = 60.0


class Running:
    """A server under test."""

    def __init__(self, service: Service, http: Server, port: int) -> None:
        self.service, self.http, self.port = service, http, port
        self.url = f"http://127.0.0.1:{port}"

    def client(self, **options: Any) -> openai.OpenAI:
        """OpenAI's own client, which asks once."""
        return openai.OpenAI(base_url=f"{self.url}/v1", **{"api_key": "none", "max_retries": 0, **options})

    def post(self, path: str, body: Any, **options: Any) -> httpx2.Response:
        """A request as it is; text and bytes are sent unchanged."""
        content = body if isinstance(body, str | bytes) else json.dumps(body)
        headers = {"content-type": "application/json", **options.pop("headers", {})}
        return httpx2.post(f"{self.url}{path}", content=content, headers=headers, timeout=WAIT_S, **options)

    def get(self, path: str, **options: Any) -> httpx2.Response:
        """A reading request."""
        return httpx2.get(f"{self.url}{path}", timeout=WAIT_S, **options)


def wait_for(condition: Any, what: str) -> None:
    """Wait until something holds; a bound on patience, no measurement."""
    end = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < end, f"waited {WAIT_S:g} s in vain for: {what}"
        time.sleep(0.01)


@contextmanager
def running(service: Service, drain_s: float = WAIT_S) -> Iterator[Running]:
    """Serve until the block ends."""
    listening = bind("127.0.0.1", 0)
    http = server(service, drain_s)
    thread = threading.Thread(target=http.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        wait_for(lambda: http.started or not thread.is_alive(), "the server's start")
        yield Running(service, http, listening.getsockname()[1])
    finally:
        http.should_exit = True
        thread.join(WAIT_S)
        listening.close()
        assert not thread.is_alive(), "the server did not end"


def tiny_service(served: dict[str, str], shadow: Shadow | None = None, **options: Any) -> Service:
    """A service of tiny checkpoints by name; options are limits, and `api_key`."""
    key = options.pop("api_key", None)
    return Service(host(resolve_served(served, "cpu")), Limits(**options), key, shadow)


def tiny_shadow(folder: Path, script: str, **options: Any) -> Shadow:
    """A shadow whose candidate is a Python program."""
    command = (sys.executable, "-c", script)
    chosen = ShadowOptions(candidate="a candidate", folder=folder, **options)
    return Shadow(chosen, Shadowed(baseline="a baseline", fingerprint="b" * 64, command=command))


def ask(client: Any, prompt: Any, budget: int = 24, model: str = "base", **more: Any) -> Any:
    """A completion with its token ids."""
    extra = {"return_token_ids": True, **more.pop("extra_body", {})}
    return client.completions.create(model=model, prompt=prompt, max_tokens=budget, extra_body=extra, **more)
