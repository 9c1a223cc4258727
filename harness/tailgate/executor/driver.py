"""The process that speaks to Ray: python -m tailgate.executor.driver FD.

Ray prints what it has to say to the standard output of its driver, and ends the driver's process when the cluster's
head stays away. Both must not happen to ours: its output is a verdict, its end an exit code of the contract.
"""

from __future__ import annotations

import logging
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

from tailgate.errors import MissingPackageError, SetupError
from tailgate.executor.fleet import Fleet
from tailgate.executor.messages import Call, Close, Ended, Failed, Ready
from tailgate.executor.placement import Node, Placement, lay_out

LOCAL = "local"
LISTEN_S = 10.0
OBJECT_STORE_BYTES = 256 << 20  # of a cluster of our own: batches of answers pass through it, no weights


def main(connection: Connection) -> None:
    """Reach the cluster, then answer calls until the other end closes."""
    placement: Placement = connection.recv()
    try:
        with _connected(placement) as ray:
            layout = lay_out(placement, _nodes(ray))
            connection.send(Ready(layout=layout, ray=ray.__version__))
            _serve(connection, Fleet(ray, layout))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return  # the other end has closed, or is gone
    except Exception as error:
        connection.send(Failed(error=error))


@contextmanager
def _connected(placement: Placement) -> Iterator[Any]:
    try:
        import ray
    except ImportError as error:
        raise MissingPackageError("--executor ray needs ray; run: pip install 'tailgate[ray]'") from error
    _check_listening(placement.address)
    own: dict[str, Any] = {"object_store_memory": OBJECT_STORE_BYTES, "include_dashboard": False}
    if placement.address != LOCAL:
        own = {}
    try:
        ray.init(address=placement.address, log_to_driver=False, logging_level=logging.ERROR, **own)
    except Exception as error:  # refused, no answer, another version, damaged address: all mean the same here
        said = " ".join(str(error).split())[:300] or type(error).__name__
        raise SetupError(
            f"cannot use the Ray cluster at '{placement.address}': {said}; see `ray status`, or leave --ray-address out"
        ) from error
    try:
        yield ray
    finally:
        ray.shutdown()


def _check_listening(address: str) -> None:
    """Refuse an address where nothing listens: Ray waits for it to come up for minutes."""
    host, colon, port = address.rpartition(":")
    if not colon:
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=LISTEN_S).close()
    except (OSError, ValueError, OverflowError) as error:
        raise SetupError(
            f"no Ray cluster listens at '{address}' ({error}); start one with `ray start --head`, "
            "or leave --ray-address out"
        ) from error


def _nodes(ray: Any) -> list[Node]:
    """Nodes that can hold a worker; a head often offers no CPU."""
    alive = [each["Resources"] for each in ray.nodes() if each["Alive"]]
    nodes = [Node(cpus=int(each.get("CPU", 0)), gpus=int(each.get("GPU", 0))) for each in alive]
    return [node for node in nodes if node.cpus]


def _serve(connection: Connection, fleet: Fleet) -> None:
    while True:
        asked = connection.recv()
        if isinstance(asked, Close):
            fleet.close(asked.opening)
        elif isinstance(asked, Call):
            _answer(connection, fleet, asked)


def _answer(connection: Connection, fleet: Fleet, call: Call) -> None:
    try:
        # Whatever comes while a call is under way, a Stop or the end of the connection, ends it.
        for part in fleet.run(call, stopped=connection.poll):
            connection.send(part)
    except (BrokenPipeError, ConnectionResetError):
        raise
    except Exception as error:
        connection.send(Failed(error=error))
    else:
        connection.send(Ended(lost=fleet.lost))


if __name__ == "__main__":
    main(Connection(int(sys.argv[1])))
