"""One side of a comparison: a variant, the engine that serves it, and the store in front of both."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

from tailgate.engine.protocol import Counters, Engine, ServedModel
from tailgate.engine.request import Draft, Request, Transcript
from tailgate.errors import IntegrityError
from tailgate.store.transcripts import Address, Store, StoredTranscript
from tailgate.variants.variant import Facts, Variant, cached_facts, remember_facts

if TYPE_CHECKING:
    from tailgate.variants.load import LoadedModel

EngineFactory = Callable[[ServedModel], Engine]
Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineChoice:
    """An engine by name, built when the first answer is needed."""

    name: str
    version: str
    build: EngineFactory


class Side:
    """Answers requests from the store where it can, from the model where it must; loads the model only then."""

    def __init__(
        self, role: Literal["baseline", "candidate"], variant: Variant, store: Store, engine: EngineChoice
    ) -> None:
        self.role, self.variant, self.store, self.engine_choice = role, variant, store, engine
        self.cached = 0
        self._counters = Counters()
        self._loaded: LoadedModel | None = None
        self._engine: Engine | None = None
        self._facts: Facts | None = None

    def facts(self, donor: Side | None = None) -> Facts:
        """Fingerprint and storage of the variant; reads the weights when these files were never read before."""
        if self._facts is None:
            self._facts = cached_facts(self.variant, self.store.facts)
            if self._facts is None:
                self._facts = self._load(donor).facts
                remember_facts(self.variant, self._facts, self.store.facts)
        return self._facts

    def _load(self, donor: Side | None) -> LoadedModel:
        from tailgate.variants.load import can_donate, load

        if self._loaded is None:
            lends = donor is not None and can_donate(donor.variant, self.variant)
            self._loaded = load(self.variant, donor._loaded if donor is not None and lends else None)
            self._check_unchanged()
        return self._loaded

    def _check_unchanged(self) -> None:
        """Refuse weights that are not those of the fingerprint under which answers are stored."""
        loaded = self._loaded
        if self._facts is not None and loaded is not None and loaded.facts.fingerprint != self._facts.fingerprint:
            raise IntegrityError(
                f"the weights of '{self.variant.spec.text}' are not those recorded for these files "
                f"({loaded.facts.fingerprint[:12]} against {self._facts.fingerprint[:12]}); use a new --store"
            )

    def unload(self) -> None:
        """Free the model's memory; counters and facts stay."""
        self._counters = self._total()
        self._loaded = self._engine = None
        gc.collect()

    @property
    def address(self) -> Address:
        """Where this side's answers live in the store."""
        return Address(
            side=self.role,
            fingerprint=self.facts().fingerprint,
            tokenizer_sha256=self.variant.tokenizer.sha256,
            template_sha256=self.variant.tokenizer.template_sha256,
            engine=self.engine_choice.name,
            engine_version=self.engine_choice.version,
            device=self.variant.device.split(":")[0],
            compute_dtype=self.facts().compute_dtype,
        )

    def answer(
        self, requests: Sequence[Request], drafts: Mapping[str, Transcript], donor: Side | None, progress: Progress
    ) -> dict[str, Transcript]:
        """Answers by request key. `drafts`: the baseline's transcripts by request key, empty for the baseline.

        Finished batches are stored at once; equal requests are computed once.
        """
        address = self.address
        keys = {r.key: address.key(r.prompt_ids, r.max_new_tokens, r.stop) for r in requests}
        stored = self.store.find(set(keys.values()))
        self.cached += sum(key in stored for key in keys.values())
        progress(sum(key in stored for key in keys.values()))
        missing = {keys[r.key]: r for r in reversed(requests) if keys[r.key] not in stored}
        waiting = len(missing)
        repeated = sum(key in missing for key in keys.values()) - waiting
        for batch in self._compute(list(reversed(missing.values())), drafts, donor):
            rows = [_row(keys[transcript.key], transcript) for transcript in batch]
            self.store.add(address, rows)
            stored.update((row.key, row) for row in rows)
            progress(len(rows))
        progress(repeated)
        return {r.key: _transcript(r.key, stored[keys[r.key]]) for r in requests}

    def _compute(
        self, requests: Sequence[Request], drafts: Mapping[str, Transcript], donor: Side | None
    ) -> Iterator[tuple[Transcript, ...]]:
        if not requests:
            return
        engine = self._serve(donor)
        if self.role == "baseline":
            yield from engine.generate(requests)
            return
        for batch in engine.verify([Draft(request=r, baseline=drafts[r.key]) for r in requests]):
            yield tuple(verification.transcript for verification in batch)

    def _serve(self, donor: Side | None) -> Engine:
        if self._engine is None:
            loaded = self._load(donor)
            self._engine = self.engine_choice.build(
                ServedModel(
                    module=loaded.module,
                    decode=self.variant.tokenizer.decode,
                    eos_token_ids=loaded.eos_token_ids,
                    pad_token_id=loaded.pad_token_id,
                    context_length=self.variant.context_length,
                    device=self.variant.device,
                )
            )
        return self._engine

    def _total(self) -> Counters:
        now = self._engine.counters if self._engine else Counters()
        return _added([self._counters, now])

    @property
    def counters(self) -> dict[str, int]:
        """Work done by this side: forwards, generated, cached answers, tokens."""
        return {**asdict(self._total()), "cached": self.cached}


def _added(parts: Iterable[Counters]) -> Counters:
    total = Counters()
    for part in parts:
        for name, value in asdict(part).items():
            setattr(total, name, getattr(total, name) + value)
    return total


def _row(key: str, transcript: Transcript) -> StoredTranscript:
    return StoredTranscript(
        key=key, tokens=transcript.tokens, text=transcript.text, finish_reason=transcript.finish_reason
    )


def _transcript(key: str, row: StoredTranscript) -> Transcript:
    return Transcript(key=key, tokens=row.tokens, text=row.text, finish_reason=row.finish_reason)
