"""One side of a comparison: a variant, the engine that serves it, and the store in front of both."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Literal

from tailgate.engine.distribution import TopTokens, pack_tops, unpack_tops
from tailgate.engine.protocol import ClosingEngine, Counters, Engine, ServedCheckpoint, ServedModel
from tailgate.engine.request import Draft, Request, TokenStats, Transcript, Verification, first_divergence
from tailgate.errors import IntegrityError
from tailgate.pipeline.cost import THIS_RUN, Cost, Meter, cost_of, machine_key, recording
from tailgate.pipeline.settings import EngineSettings
from tailgate.store.transcripts import Address, Store, StoredTranscript
from tailgate.variants.fingerprint import hash_json
from tailgate.variants.variant import Facts, Variant, cached_facts, remember_facts

if TYPE_CHECKING:
    from tailgate.variants.load import LoadedModel

EngineFactory = Callable[[ServedModel], Engine]
EngineOpener = Callable[[ServedCheckpoint], Engine]
FactsReader = Callable[[Variant], Facts]
Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineChoice:
    """An engine by name, built when the first answer is needed.

    An engine is given the model that we loaded (`build`), or loads the checkpoint itself (`open`): then `facts`, where
    it is given, says what the checkpoint is without reading it into our memory.
    """

    name: str
    version: str
    build: EngineFactory | None = None
    open: EngineOpener | None = None
    facts: FactsReader | None = None
    kv: frozenset[str] = frozenset()  # ways to store keys and values that the engine serves
    build_other: EngineFactory | None = None  # the same engine in other batches and another order, for a noise floor
    open_other: EngineOpener | None = None
    other: str = ""  # how those batches differ: answers are stored by it
    note: str | None = None  # what a reader of its answers must know, such as why it is not the one that was asked for
    facts_last: bool = True  # whether `facts` hold as long as the files do; those of a server do not
    context: Callable[[Variant], int | None] | None = None  # what it serves of a variant's context; None: all of it
    settings: EngineSettings | None = None  # what it was chosen with
    computed_by: Mapping[str, str] | None = None  # kernels, their version and target; None: the engine's own affair
    rated: bool = False  # whether its speed is a property of the variant here, and not of a server or a test
    where: str = ""  # other machines or processes that do its work; empty: this process


class Side:
    """Answers requests from the store where it can, from the model where it must; loads the model only then."""

    def __init__(
        self,
        role: Literal["baseline", "candidate"],
        variant: Variant,
        store: Store,
        engine: EngineChoice,
        *,
        measured: bool = False,
    ) -> None:
        self.role, self.variant, self.store, self.engine_choice = role, variant, store, engine
        here = measured and engine.build is not None
        self.meter = Meter(device=variant.device, probes=measured and engine.rated, sees_memory=here)
        self.cached = 0
        self._counters = Counters()
        self._loaded: LoadedModel | None = None
        self._engine: Engine | None = None
        self._facts: Facts | None = None

    def facts(self, donor: Side | None = None) -> Facts:
        """Fingerprint and storage of the variant; reads the weights when these files were never read before."""
        if self._facts is None:
            self._facts = self._read_facts(donor)
        return self._facts

    def _read_facts(self, donor: Side | None) -> Facts:
        if self.engine_choice.facts is not None:
            return self._ask_facts(self.engine_choice.facts)
        known = cached_facts(self.variant, self.store.facts)
        if known is None:
            known = self._load(donor).facts
            remember_facts(self.variant, known, self.store.facts)
            if self.engine_choice.open is not None:
                self._loaded = None  # read for its facts only; the engine holds its own
        return known

    def _ask_facts(self, read: FactsReader) -> Facts:
        """What an engine that loads weights itself says of the variant; kept while the files stay."""
        if not self.engine_choice.facts_last:
            return read(self.variant)
        known = cached_facts(self.variant, self.store.facts, reader=self.engine_choice.name)
        if known is None:
            known = read(self.variant)
            remember_facts(self.variant, known, self.store.facts, reader=self.engine_choice.name)
        return known

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

    def in_other_batches(self) -> Side | None:
        """This side as a candidate that shares its model and computes in other batches; None if its engine cannot."""
        choice = self.engine_choice
        if choice.build_other is None and choice.open_other is None:
            return None
        version = f"{choice.version}+{choice.other}"
        other = replace(choice, version=version, build=choice.build_other, open=choice.open_other)
        twin = Side("candidate", self.variant, self.store, other)
        twin._facts, twin._loaded = self.facts(), self._loaded
        return twin

    def unload(self) -> None:
        """Free the model's memory; counters and facts stay."""
        self._counters = self._total()
        if isinstance(self._engine, ClosingEngine):
            self._engine.close()
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

    def answer(self, requests: Sequence[Request], progress: Progress) -> dict[str, Transcript]:
        """Greedy answers by request key."""
        found = self._fetch(requests, self._generate, progress)
        return {key: _transcript(key, row) for key, row in found.items()}

    def verify(
        self, requests: Sequence[Request], drafts: Mapping[str, Transcript], baseline: Side, progress: Progress
    ) -> dict[str, Verification]:
        """Greedy answers by request key, held against the baseline's transcripts of the same requests."""
        found = self._fetch(requests, lambda missing: self._verify(missing, drafts, baseline), progress)
        return {key: _verification(key, row, drafts[key]) for key, row in found.items()}

    def _fetch(
        self,
        requests: Sequence[Request],
        compute: Callable[[Sequence[Request]], Iterator[list[tuple[str, StoredTranscript]]]],
        progress: Progress,
    ) -> dict[str, StoredTranscript]:
        """Rows by request key. Finished batches are stored at once; equal requests are computed once."""
        address = self.address
        keys = {r.key: self._store_key(r) for r in requests}
        stored = self.store.find(set(keys.values()))
        self.store.own((keys[r.key], r.subject) for r in requests if r.subject)
        known = sum(key in stored for key in keys.values())
        self.cached += known
        progress(known)
        missing = {keys[r.key]: r for r in reversed(requests) if keys[r.key] not in stored}
        repeated = len(requests) - known - len(missing)
        for batch in compute(list(reversed(missing.values()))) if missing else ():
            rows = [replace(row, key=keys[asked]) for asked, row in batch]
            self.store.add(address, rows)
            stored.update((row.key, row) for row in rows)
            progress(len(rows))
        progress(repeated)
        return {r.key: stored[keys[r.key]] for r in requests}

    def _store_key(self, request: Request) -> str:
        return self.address.key(request.prompt_ids, request.max_new_tokens, request.stop)

    def _generate(self, requests: Sequence[Request]) -> Iterator[list[tuple[str, StoredTranscript]]]:
        for batch in self.meter.watched(self._serve(None).generate(requests)):
            yield [(each.key, _row(each)) for each in batch]

    def _verify(
        self, requests: Sequence[Request], drafts: Mapping[str, Transcript], baseline: Side
    ) -> Iterator[list[tuple[str, StoredTranscript]]]:
        told = [Draft(request=r, baseline=replace(drafts[r.key], tops=baseline.tops(r))) for r in requests]
        for batch in self.meter.watched(self._serve(baseline).verify(told)):
            yield [(each.transcript.key, _row(each.transcript, each.stats)) for each in batch]

    def tops(self, request: Request) -> tuple[TopTokens, ...]:
        """Distributions behind a stored answer of this side, as far as its engine kept them."""
        return tuple(unpack_tops(self.store.tops(self._store_key(request))))

    def _serve(self, donor: Side | None) -> Engine:
        if self._engine is None:
            choice = self.engine_choice
            opened = choice.open(served_checkpoint(self.variant, self.facts())) if choice.open else self._build(donor)
            self._engine = opened
            self.meter.probe(opened, self.variant)
        return self._engine

    def _build(self, donor: Side | None) -> Engine:
        assert self.engine_choice.build is not None, "an engine is given a model or opens one itself"
        loaded = self._load(donor)
        return self.engine_choice.build(served_model(self.variant, loaded))

    def cost(self, now_utc: str) -> Cost:
        """What it costs to serve, as this run or an earlier one on this machine measured it."""
        known = self.store.facts
        key = hash_json(["cost", *machine_key(), self.engine_choice.where, asdict(self.address)])
        found = cost_of(self.variant, self.facts(), self.meter, known.get(key))
        if found.measured == THIS_RUN:
            known[key] = recording(found, now_utc)
        return found

    def _total(self) -> Counters:
        now = self._engine.counters if self._engine else Counters()
        return _added([self._counters, now])

    @property
    def counters(self) -> dict[str, float]:
        """Work done by this side: forwards, generated, cached answers, tokens, seconds by phase."""
        return {**{name: round(value, 3) for name, value in asdict(self._total()).items()}, "cached": self.cached}


def served_model(variant: Variant, loaded: LoadedModel) -> ServedModel:
    """A loaded variant as an engine sees it."""
    return ServedModel(
        module=loaded.module,
        decode=variant.tokenizer.decode,
        eos_token_ids=loaded.eos_token_ids,
        pad_token_id=loaded.pad_token_id,
        context_length=variant.context_length,
        device=variant.device,
        kv=variant.kv,
    )


def served_checkpoint(variant: Variant, facts: Facts) -> ServedCheckpoint:
    """A variant as an engine sees it that loads the weights itself."""
    return ServedCheckpoint(
        spec=variant.spec.text,
        model=variant.spec.model,
        folder=variant.source.folder,
        gguf_file=variant.source.gguf_file,
        options=dict(variant.spec.options),
        decode=variant.tokenizer.decode,
        eos_token_ids=facts.eos_token_ids,
        pad_token_id=variant.tokenizer.pad_token_id(facts.eos_token_ids),
        context_length=variant.context_length,
        vocabulary_size=variant.vocabulary_size,
        device=variant.device,
        fingerprint=facts.fingerprint,
        tokenizer_sha256=variant.tokenizer.sha256,
    )


def _added(parts: Iterable[Counters]) -> Counters:
    total = Counters()
    for part in parts:
        for name, value in asdict(part).items():
            setattr(total, name, getattr(total, name) + value)
    return total


def _row(transcript: Transcript, stats: TokenStats | None = None) -> StoredTranscript:
    return StoredTranscript(
        key="",
        tokens=transcript.tokens,
        text=transcript.text,
        finish_reason=transcript.finish_reason,
        tops=pack_tops(list(transcript.tops)),
        stats=stats.to_bytes() if stats else b"",
    )


def _transcript(key: str, row: StoredTranscript) -> Transcript:
    return Transcript(key=key, tokens=row.tokens, text=row.text, finish_reason=row.finish_reason)


def _verification(key: str, row: StoredTranscript, baseline: Transcript) -> Verification:
    return Verification(
        transcript=_transcript(key, row),
        divergence_token=first_divergence(baseline.tokens, row.tokens),
        stats=TokenStats.from_bytes(row.stats) if row.stats else None,
    )
