"""What a variant costs to serve, measured in the run that decides about it. Described, never decided on."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from tailgate.engine.protocol import Engine
from tailgate.engine.request import Request, Transcript
from tailgate.errors import TailgateError
from tailgate.variants.variant import Facts, Variant

COST_VERSION = 1  # bumped when another probe or another unit is recorded
Batch = TypeVar("Batch")
NOT_MEASURED = "not measured in this run"
THIS_RUN = "this run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """Requests of one size: `rows` prompts of `prompt` tokens, and the tokens decoded behind each."""

    rows: int
    prompt: int
    decode: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Probes:
    """What a side is asked once after loading; small enough to be lost in a run."""

    first: Probe
    prefill: Probe
    decode: Probe

    def words(self, kind: str) -> str:
        """The conditions of the figures, for people."""
        return (
            f"{kind}; time to first token: one prompt of {self.first.prompt} tokens; prefill: {self.prefill.rows} "
            f"prompts of {self.prefill.prompt} tokens; decode: {self.decode.rows} answers of {self.decode.decode} "
            "tokens at once, greedy, with the engine's own drafts; once each, wall clock, beside whatever else ran"
        )


ON_CPU = Probes(
    first=Probe(rows=1, prompt=128), prefill=Probe(rows=4, prompt=128), decode=Probe(rows=8, prompt=16, decode=17)
)
ON_GPU = Probes(
    first=Probe(rows=1, prompt=512), prefill=Probe(rows=16, prompt=512), decode=Probe(rows=16, prompt=16, decode=65)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Speeds of a probe; None where its answers ended too early to tell."""

    first_token_s: float | None = None
    prefill_tokens_per_s: float | None = None
    decode_tokens_per_s: float | None = None
    missing: str | None = None  # why there are none


@dataclass(slots=True, kw_only=True)
class Meter:
    """What a side costs, as far as this run saw it."""

    device: str
    probes: bool = False  # whether the engine's speed is its own, and asked for
    sees_memory: bool = False  # whether the engine works in this process
    rates: Rates | None = None
    working_bytes: int | None = None  # most that answering took beside the weights
    busy_s: float = 0.0

    def probe(self, engine: Engine, variant: Variant) -> None:
        """Measure the speeds of an engine, once; its counters stay as they were."""
        if not self.probes or self.rates is not None:
            return
        before = asdict(engine.counters)
        try:
            with self._watching_memory():
                self.rates = measure_rates(engine, variant, probes_for(self.device))
        except TailgateError as error:
            self.rates = Rates(missing=str(error))
        for name, value in before.items():
            setattr(engine.counters, name, value)

    def watched(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """The same batches, with the time it takes to get them and the memory they take on the way."""
        with self._watching_memory():
            while True:
                started = time.perf_counter()
                try:
                    batch = next(batches)
                except StopIteration:
                    return
                finally:
                    self.busy_s += time.perf_counter() - started
                yield batch

    @contextmanager
    def _watching_memory(self) -> Iterator[None]:
        held = _reset_peak(self.device) if self.sees_memory else None
        try:
            yield
        finally:
            peak = None if held is None else _peak_bytes(self.device)
            if held is not None and peak is not None:
                self.working_bytes = max(self.working_bytes or 0, peak - held)


def probes_for(device: str) -> Probes:
    """The probes of a kind of device."""
    return ON_GPU if device.startswith("cuda") else ON_CPU


def measure_rates(engine: Engine, variant: Variant, probes: Probes) -> Rates:
    """Ask an engine fixed requests and time them, after a warm-up.

    Decoding is timed as the difference between answers of many tokens and of one: prefill is in both.
    """
    _ask(engine, variant, Probe(rows=1, prompt=16, decode=2), 0)
    first = _ask(engine, variant, probes.first, 1)
    prefill = _ask(engine, variant, probes.prefill, 2)
    short = _ask(engine, variant, Probe(rows=probes.decode.rows, prompt=probes.decode.prompt), 3)
    long = _ask(engine, variant, probes.decode, 4)
    decoded, seconds = long.tokens - short.tokens, long.seconds - short.seconds
    enough = 2 * decoded >= probes.decode.rows * (probes.decode.decode - 1) and seconds > 0
    return Rates(
        first_token_s=first.seconds,
        prefill_tokens_per_s=prefill.prompt_tokens / prefill.seconds,
        decode_tokens_per_s=decoded / seconds if enough else None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Timed:
    seconds: float
    prompt_tokens: int
    tokens: int


def _ask(engine: Engine, variant: Variant, probe: Probe, number: int) -> _Timed:
    requests = list(_requests(variant, probe, number))
    started = time.perf_counter()
    answers = [each for batch in engine.generate(requests) for each in batch]
    return _Timed(
        seconds=time.perf_counter() - started,
        prompt_tokens=sum(len(each.prompt_ids) for each in requests),
        tokens=sum(map(_length, answers)),
    )


def _length(answer: Transcript) -> int:
    return len(answer.tokens)


def _requests(variant: Variant, probe: Probe, number: int) -> Iterator[Request]:
    """Prompts without meaning that begin differently: nothing is shared, and no draft fits."""
    length = max(1, min(probe.prompt, variant.context_length - probe.decode))
    for row in range(probe.rows):
        ids = tuple((7919 * (number * 64 + row + 1) * (n + 3)) % variant.vocabulary_size for n in range(length))
        yield Request(key=f"probe {number}.{row}", prompt_ids=ids, max_new_tokens=probe.decode)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """The cost card of a side; None: not known.

    `files_bytes`: of the checkpoint it is read from, quantized or not; `memory_bytes`: of its tensors.
    """

    files_bytes: int | None
    memory_bytes: int | None
    peak_bytes: int | None  # tensors, and the most that answering took beside them
    first_token_s: float | None
    prefill_tokens_per_s: float | None
    decode_tokens_per_s: float | None
    busy_s: float  # spent in the engine on the questions of this run
    measured: str  # this run, when an earlier one was, or that it was not
    notes: tuple[str, ...] = field(default=())


MEASURED = ("peak_bytes", "first_token_s", "prefill_tokens_per_s", "decode_tokens_per_s")


def cost_of(variant: Variant, facts: Facts, meter: Meter, recorded: Mapping[str, Any] | None) -> Cost:
    """The cost card; what this run did not measure comes from an earlier run on this machine, if there was one."""
    memory = sum(facts.bytes_by_dtype.values()) or None
    rates = meter.rates
    static: dict[str, Any] = {
        "files_bytes": None if variant.address else sum(path.stat().st_size for path in variant.source.weight_files),
        "memory_bytes": memory,
        "busy_s": round(meter.busy_s, 3),
    }
    if rates is None:
        earlier = recorded or {}
        known: dict[str, Any] = {name: earlier.get(name) for name in MEASURED}
        when = f"an earlier run, {earlier['measured_utc']}" if recorded else NOT_MEASURED
        return Cost(**static, **known, measured=when)
    peak = memory + meter.working_bytes if memory and meter.working_bytes is not None else None
    return Cost(
        **static,
        peak_bytes=peak,
        **{each.name: getattr(rates, each.name) for each in fields(Rates) if each.name in MEASURED},
        measured=THIS_RUN,
        notes=() if rates.missing is None else (rates.missing,),
    )


def recording(cost: Cost, utc: str) -> dict[str, Any]:
    """What later runs that answer from the store may show."""
    return {**{name: getattr(cost, name) for name in MEASURED}, "measured_utc": utc}


def machine_key() -> Sequence[Any]:
    """What speeds depend on beside the engine and the weights."""
    return (COST_VERSION, platform.node(), platform.machine(), os.cpu_count(), os.environ.get("OMP_NUM_THREADS"))


def _reset_peak(device: str) -> int | None:
    """Start a new peak; returns what is held now, None where this system does not tell."""
    if device.startswith("cuda"):
        import torch

        torch.cuda.reset_peak_memory_stats(device)
        return int(torch.cuda.memory_allocated(device))
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return None
    return _status_bytes("VmRSS")


def _peak_bytes(device: str) -> int | None:
    if device.startswith("cuda"):
        import torch

        return int(torch.cuda.max_memory_allocated(device))
    return _status_bytes("VmHWM")


def _status_bytes(name: str) -> int | None:
    """A line of /proc/self/status in bytes."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith(f"{name}:")), None)
