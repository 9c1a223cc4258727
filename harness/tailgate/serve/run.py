"""`tailgate serve`: load variants, answer until a signal, finish what is under way, end."""

from __future__ import annotations

import logging
import signal
import socket
import sys
from collections.abc import Callable
from types import FrameType

import uvicorn

from tailgate.device import choose_device
from tailgate.errors import SetupError
from tailgate.serve.app import build_app
from tailgate.serve.candidate_process import Shadowed
from tailgate.serve.hosting import check_shadow, host, resolve_served
from tailgate.serve.options import ServeOptions
from tailgate.serve.service import Service
from tailgate.serve.shadow import Shadow
from tailgate.variants.variant import resolve

BACKLOG = 2048


class Server(uvicorn.Server):
    """Ends on the first SIGTERM or SIGINT when every request is answered, on the second at once; exit code 0."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to shut down: new requests are refused from now on."""
        self._service.draining = True
        if self.should_exit:
            self.force_exit = True
        self.should_exit = True


def serve(options: ServeOptions, note: Callable[[str], None]) -> None:
    """Serve until a signal. `note` is told what is going on.

    Raises
    ------
    TailgateError
        A variant cannot be served, the address is taken, the shadow's folder cannot be written.
    """
    # A client that goes away must not take the server with it, whatever the command line set.
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("tailgate").setLevel(logging.INFO)
    listening = bind(options.host, options.port)
    try:
        service = build_service(options)
        address, port = listening.getsockname()[:2]
        shown = f"[{address}]" if ":" in address else address
        note(f"serving {', '.join(service.hosted)} on http://{shown}:{port}/v1")
        server(service, options.drain_s).run(sockets=[listening])
    finally:
        listening.close()
    note("every request under way is answered; the server has ended")


def server(service: Service, drain_s: float) -> Server:
    """The HTTP server around a service."""
    config = uvicorn.Config(
        build_app(service),
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=max(1, round(drain_s)),
        lifespan="on",
        ws="none",
    )
    return Server(config, service)


def build_service(options: ServeOptions) -> Service:
    """Load what is asked for; everything that can be refused without a model is refused before one is loaded."""
    device = choose_device(options.device)
    variants = resolve_served(options.served, device)
    baseline = next(iter(variants.values()))
    if options.shadow is not None:
        check_shadow(baseline, resolve(options.shadow.candidate, device))
    hosted = host(variants)
    shadow = None
    if options.shadow is not None:
        first = next(iter(hosted.values()))
        command = (sys.executable, "-m", "tailgate.serve.candidate", options.shadow.candidate, device)
        shadow = Shadow(
            options.shadow,
            Shadowed(baseline=baseline.spec.text, fingerprint=first.fingerprint, command=command),
        )
    return Service(hosted, options.limits, options.api_key, shadow)


def bind(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises
    ------
    SetupError
        The address is taken or is none of this machine's.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, backlog=BACKLOG)
    except OSError as error:
        raise SetupError(f"cannot listen on {host}:{port}: {error.strerror or error}; choose another --port") from error
