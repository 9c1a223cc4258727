"""Where engines run: in this process, or on the workers of a Ray cluster."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from typing import Any, Protocol

from tailgate.engine.protocol import Engine, ServedCheckpoint
from tailgate.errors import UsageError
from tailgate.executor.placement import Placement
from tailgate.executor.spread import Cluster, SpreadEngine
from tailgate.pipeline.options import CompareOptions
from tailgate.pipeline.recipe import Recipe
from tailgate.pipeline.settings import ENDPOINT
from tailgate.pipeline.sides import EngineChoice

ADDRESS_VARIABLE = "RAY_ADDRESS"


class Executor(Protocol):
    """Where the engines of a run work."""

    def spread(self, choice: EngineChoice) -> EngineChoice:
        """The same engine, working there."""

    def describe(self) -> dict[str, Any]:
        """What it is and did, for the manifest."""


class OneProcess:
    """Engines work in this process."""

    def spread(self, choice: EngineChoice) -> EngineChoice:
        """The engine as it is."""
        return choice

    def describe(self) -> dict[str, Any]:
        """Threads of this process."""
        import torch

        return {"name": "process", "threads": torch.get_num_threads()}


class OnRay:
    """Engines work in the workers of a Ray cluster; answers are those of one process, up to near-ties."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def spread(self, choice: EngineChoice) -> EngineChoice:
        """An engine under the same name, opened by every worker for itself.

        Raises
        ------
        UsageError
            The engine asks a server.
        """
        if choice.name == ENDPOINT:
            raise UsageError("--executor ray serves engines that load weights; an endpoint is asked without it")
        has_other = choice.build_other is not None or choice.open_other is not None

        def open_usual(checkpoint: ServedCheckpoint) -> Engine:
            return self._open(choice, checkpoint, in_other_batches=False)

        def open_other(checkpoint: ServedCheckpoint) -> Engine:
            return self._open(choice, checkpoint, in_other_batches=True)

        layout = self._cluster.ready.layout
        return replace(
            choice,
            build=None,
            build_other=None,
            open=open_usual,
            open_other=open_other if has_other else None,
            where=f"one of {layout.workers} workers with {layout.threads} threads each",
        )

    def _open(self, choice: EngineChoice, checkpoint: ServedCheckpoint, *, in_other_batches: bool) -> Engine:
        threads = self._cluster.ready.layout.threads
        recipe = Recipe.of(choice, checkpoint, threads=threads, in_other_batches=in_other_batches)
        return SpreadEngine(self._cluster, recipe, choice.name, choice.version)

    def describe(self) -> dict[str, Any]:
        """Workers, what each reserves, nodes, the version of Ray, and how many workers were lost."""
        ready = self._cluster.ready
        layout = asdict(ready.layout)
        return {
            "name": "ray",
            "version": ready.ray,
            "address": self._cluster.placement.address,
            **{key: layout[key] for key in ("nodes", "workers")},
            "threads_per_worker": ready.layout.threads,
            "gpus_per_worker": ready.layout.gpus,
            "workers_lost": self._cluster.lost,
            "peak_bytes_of_a_worker": self._cluster.peak_bytes or None,
        }


@contextmanager
def open_executor(options: CompareOptions, device: str) -> Iterator[Executor]:
    """Reach the executor of a run before anything is computed; leave it behind at the end.

    Raises
    ------
    UsageError
        Options of Ray without Ray, or an executor that is not known.
    SetupError
        The cluster is not reached or has no room.
    """
    if options.executor != "ray":
        for name, value in (("--workers", options.workers), ("--ray-address", options.ray_address)):
            if value is not None:
                raise UsageError(f"{name} {value}: belongs to --executor ray; add it or leave {name} out")
        yield OneProcess()
        return
    address = options.ray_address or os.environ.get(ADDRESS_VARIABLE) or "local"
    cluster = Cluster(Placement(address=address, workers=options.workers, gpu=device.startswith("cuda")))
    try:
        yield OnRay(cluster)
    finally:
        cluster.close()
