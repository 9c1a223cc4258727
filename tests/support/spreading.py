"""A cluster of several nodes on this machine, and an engine without a model that its workers can open."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tailgate.engine.protocol import Counters
from tailgate.engine.request import ChoiceRequest, ChoiceScores, Draft, Request, Transcript, Verification
from tailgate.errors import IntegrityError

BATCH = 4


@contextmanager
def three_nodes() -> Iterator[Any]:
    """`ray.cluster_utils.Cluster`: a head without CPUs and two nodes with one each, every one a raylet of its own."""
    ours = {"RAY_USAGE_STATS_ENABLED": "0", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    before = {name: os.environ.get(name) for name in ours}
    os.environ.update(ours)
    from ray.cluster_utils import Cluster

    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    try:
        for _ in range(2):
            nodes.add_node(num_cpus=1)
        yield nodes
    finally:
        nodes.shutdown()
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def workers_of(node: Any) -> list[int]:
    """Process numbers of the workers that a node of a `Cluster` runs."""
    import psutil

    (raylet,) = [each.process.pid for each in node.all_processes["raylet"]]
    below = psutil.Process(raylet).children(recursive=True)
    return [each.pid for each in below if each.cmdline()[:1] and each.cmdline()[0].startswith("ray::Worker")]


@dataclass(frozen=True, kw_only=True)
class Doubling:
    """Opens an engine that answers a prompt with its doubled tokens.

    `dies_at` ends its own process at that request, as the kernel would, as long as the file `mark` is not there, or
    always where there is none. `refuses` raises at opening. `rests_s` is slept before every batch.
    """

    name: str = "doubling"
    folder: Path | None = None  # every worker leaves a file with its process number here
    dies_at: str | None = None
    mark: Path | None = None
    refuses: bool = False
    rests_s: float = 0.0

    def open(self) -> DoublingEngine:
        """Build it, or refuse."""
        if self.refuses:
            raise IntegrityError("these are other weights")
        if self.folder is not None:
            (self.folder / str(os.getpid())).touch()
        return DoublingEngine(self)


class DoublingEngine:
    """Answers by arithmetic."""

    def __init__(self, opening: Doubling) -> None:
        self.name, self.version = opening.name, "1"
        self.counters = Counters()
        self._opening = opening

    def generate(self, requests: Sequence[Request]) -> Iterator[tuple[Transcript, ...]]:
        """Batches of four."""
        for start in range(0, len(requests), BATCH):
            time.sleep(self._opening.rests_s)
            yield tuple(self._answer(each) for each in requests[start : start + BATCH])

    def verify(self, drafts: Sequence[Draft]) -> Iterator[tuple[Verification, ...]]:
        """The same answers, never diverging."""
        for batch in self.generate([each.request for each in drafts]):
            yield tuple(Verification(transcript=each, divergence_token=None) for each in batch)

    def score(self, requests: Sequence[ChoiceRequest]) -> Iterator[tuple[ChoiceScores, ...]]:
        """Sums of the choices."""
        for each in requests:
            sums = tuple(float(sum(choice)) for choice in each.choices)
            yield (ChoiceScores(key=each.key, log_likelihoods=sums, lengths=tuple(map(len, each.choices))),)

    def _answer(self, request: Request) -> Transcript:
        if request.key == self._opening.dies_at:
            self._die_once()
        self.counters.generated += 1
        doubled = tuple(2 * token for token in request.prompt_ids)
        return Transcript(key=request.key, tokens=doubled, text=str(os.getpid()), finish_reason="stop")

    def _die_once(self) -> None:
        mark = self._opening.mark
        if mark is None or not mark.exists():
            if mark is not None:
                mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
