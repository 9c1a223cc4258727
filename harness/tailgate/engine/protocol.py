"""The contract between the pipeline and an engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from tailgate.engine.request import ChoiceRequest, ChoiceScores, Draft, Request, Transcript, Verification


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedModel:
    """A loaded model as an engine sees it."""

    module: Any  # torch.nn.Module with the transformers generate interface, in eval mode
    decode: Callable[[tuple[int, ...]], str]
    eos_token_ids: tuple[int, ...]
    pad_token_id: int
    context_length: int
    device: str
    # How keys and values are stored: int8, fp8, int4, stored, or empty: as computed. `stored` goes by scales that
    # attention modules carry: `kv_scales.of_keys` and `kv_scales.of_values`, [heads, 1, 1] or [1, 1, 1] each.
    kv: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedCheckpoint:
    """A variant as an engine sees it that loads the weights itself, in its own process or on another machine."""

    spec: str  # as the user wrote it
    model: str  # a folder, a .gguf file, a hub id or an address
    folder: Path
    gguf_file: str | None
    options: Mapping[str, str]  # keys of the variant: revision, dtype, kv ...
    decode: Callable[[tuple[int, ...]], str]
    eos_token_ids: tuple[int, ...]
    pad_token_id: int
    context_length: int
    vocabulary_size: int
    device: str
    fingerprint: str = ""  # of the weights as we know them; empty: not read
    tokenizer_sha256: str = ""


@dataclass(slots=True, kw_only=True)
class Counters:
    """Work an engine did, for the manifest.

    `computed_tokens` went through the model, padding left out; `reused_tokens` were prompt that another request had
    computed; `graph_forwards` repeated a recorded pass; `near_ties` were chosen by a margin so small that another order
    of summation may choose otherwise. Seconds in passes: `decode_s` if sequences bring a few tokens, else `prefill_s`.
    """

    forwards: int = 0
    generated: int = 0
    prompt_tokens: int = 0
    new_tokens: int = 0
    computed_tokens: int = 0
    reused_tokens: int = 0
    drafted_tokens: int = 0
    accepted_drafts: int = 0
    near_ties: int = 0
    graph_forwards: int = 0
    preemptions: int = 0
    oom_retries: int = 0
    prefill_s: float = field(default=0.0, compare=False)
    decode_s: float = field(default=0.0, compare=False)


class Engine(Protocol):
    """Greedy answers, exact: the same request gives the same tokens whatever shares its batch, up to float ties.

    All three methods yield finished batches, so that the caller can keep what is done when a later batch fails.
    """

    name: str
    version: str
    counters: Counters

    def generate(self, requests: Sequence[Request]) -> Iterator[tuple[Transcript, ...]]:
        """Answer requests greedily."""

    def verify(self, drafts: Sequence[Draft]) -> Iterator[tuple[Verification, ...]]:
        """Answer requests greedily, knowing what the baseline answered."""

    def score(self, requests: Sequence[ChoiceRequest]) -> Iterator[tuple[ChoiceScores, ...]]:
        """Log-likelihoods of choices that share a context."""


@runtime_checkable
class ClosingEngine(Protocol):
    """An engine that holds more than our own memory: processes, connections."""

    def close(self) -> None:
        """Let go of it; closing twice changes nothing."""
