"""How many workers a cluster is to hold, with how many threads and GPUs each. No Ray."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tailgate.errors import SetupError, UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """What was asked of the cluster; `workers` None: one per GPU, on CPUs one per node."""

    address: str  # host:port of a cluster that this machine belongs to, auto, or local: one of our own for the run
    workers: int | None
    gpu: bool

    def __post_init__(self) -> None:
        if self.workers is not None and self.workers < 1:
            raise UsageError(f"--workers {self.workers}: give a number of at least 1")
        if "://" in self.address:
            raise UsageError(
                f"--ray-address {self.address}: Ray's client protocol is not served; run on a node of the cluster "
                "and give its host:port, or auto"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """What a node of the cluster offers."""

    cpus: int
    gpus: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The workers of a run: how many, and what each reserves."""

    workers: int
    threads: int  # CPU threads of each worker, and the CPUs it reserves
    gpus: int  # of each worker, 0 or 1
    nodes: int  # that could hold a worker when the run began


def lay_out(placement: Placement, nodes: Sequence[Node]) -> Layout:
    """Give every worker as many threads as leave room for all of them.

    Raises
    ------
    SetupError
        The cluster has no room for that many workers.
    """
    workers = placement.workers or _default_workers(placement, nodes)
    gpus = int(placement.gpu)
    most = max((node.cpus for node in nodes), default=0)
    for threads in range(most, 0, -1):
        if _room(nodes, threads, gpus) >= workers:
            return Layout(workers=workers, threads=threads, gpus=gpus, nodes=len(nodes))
    needed = "1 CPU and 1 GPU" if gpus else "1 CPU"
    raise SetupError(
        f"the Ray cluster has room for {_room(nodes, 1, gpus)} workers of {needed} on {len(nodes)} nodes, "
        f"{workers} are wanted; lower --workers or add nodes"
    )


def _default_workers(placement: Placement, nodes: Sequence[Node]) -> int:
    return max(1, sum(node.gpus for node in nodes) if placement.gpu else len(nodes))


def _room(nodes: Sequence[Node], threads: int, gpus: int) -> int:
    return sum(min(node.cpus // threads, node.gpus if gpus else node.cpus) for node in nodes)
