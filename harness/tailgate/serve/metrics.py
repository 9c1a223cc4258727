"""Counts and times in the text format of Prometheus."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from tailgate.serve.hosting import Hosted
from tailgate.serve.shadow import Shadow

SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250)
UNKNOWN = "unknown"  # model names that clients make up must not become labels


class Metrics:
    """Everything `/metrics` tells, in a registry of its own."""

    def __init__(self, hosted: Mapping[str, Hosted], shadow: Shadow | None) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "tailgate_requests", "HTTP requests that were answered", ("route", "model", "status"),
            registry=self._registry,
        )  # fmt: skip
        self.cancelled = Counter(
            "tailgate_cancelled", "Requests whose client went away", ("model",), registry=self._registry
        )
        self.prompt_tokens = Counter(
            "tailgate_prompt_tokens", "Tokens of answered prompts", ("model",), registry=self._registry
        )
        self.new_tokens = Counter("tailgate_new_tokens", "Tokens of answers", ("model",), registry=self._registry)
        self.under_way = Gauge(
            "tailgate_requests_under_way", "Answers that wait or are computed", registry=self._registry
        )
        self.duration = Histogram(
            "tailgate_request_seconds", "From a request to the end of its answer", ("model",), buckets=SECONDS,
            registry=self._registry,
        )  # fmt: skip
        self.first_token = Histogram(
            "tailgate_first_token_seconds", "From a streamed request to its first token", ("model",), buckets=SECONDS,
            registry=self._registry,
        )  # fmt: skip
        self._registry.register(_Work(hosted, shadow))

    def text(self) -> bytes:
        """The exposition."""
        return generate_latest(self._registry)


class _Work(Collector):
    """What engines and the shadow count by themselves."""

    def __init__(self, hosted: Mapping[str, Hosted], shadow: Shadow | None) -> None:
        self._hosted, self._shadow = hosted, shadow

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Read the counters."""
        work = CounterMetricFamily("tailgate_engine", "Work of the engine by kind", labels=("model", "kind"))
        for name, each in self._hosted.items():
            for kind, value in asdict(each.engine.counters).items():
                work.add_metric((name, kind), value)
        yield work
        if self._shadow is not None:
            shadow = CounterMetricFamily("tailgate_shadow", "Answers by what became of them", labels=("what",))
            for what, value in self._shadow.counts().items():
                shadow.add_metric((what,), value)
            yield shadow
