"""The native engine: requests in, packed forward passes, answers out."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count

import torch

from tailgate.engine.blocks import BlockPool
from tailgate.engine.distribution import TopTokens
from tailgate.engine.drafts import BREAK, Drafter, Text
from tailgate.engine.finish import Ending, is_out_of_memory, with_tops
from tailgate.engine.native import backend
from tailgate.engine.native.backend import Backend
from tailgate.engine.native.borrowed import BorrowedModel, phase_of
from tailgate.engine.native.fit import probe
from tailgate.engine.native.graphs import CLOSE, CLOSE_IN_CODES, SIZES, CudaRecorder, GraphedModel, Repeated
from tailgate.engine.native.head import Head
from tailgate.engine.native.jobs import Job, choice_scores, stats_of, wanted
from tailgate.engine.native.kernel_fit import check_kernels
from tailgate.engine.native.kv_store import KVStore
from tailgate.engine.native.packing import Pack, pack
from tailgate.engine.native.session import Session
from tailgate.engine.prefixes import Prefix, find_prefixes
from tailgate.engine.protocol import Counters, ServedModel
from tailgate.engine.request import (
    ChoiceRequest,
    ChoiceScores,
    Draft,
    Request,
    Transcript,
    Verification,
    first_divergence,
)
from tailgate.engine.scheduler import Scheduler, Step, StepLimits
from tailgate.engine.sequence import LiveSequence, Row, Span, Stage
from tailgate.errors import IntegrityError, SetupError
from tailgate_kernels.dispatch import Kernels

# Margins between the two largest logits below which another order of summation may choose the other token.
NEAR_TIE = {torch.float32: 1e-3, torch.float16: 5e-2, torch.bfloat16: 4e-1}
KV_BYTES_CPU = 1 << 30
REMEMBERED_TOKENS = 100_000  # of finished answers, searched for drafts
YIELD_AT = 16  # finished answers handed over at once: what a kill can lose


@dataclass(frozen=True, slots=True, kw_only=True)
class NativeLimits:
    """Bounds of the engine; None: sized from the memory that is free.

    `reverse` begins with the shortest requests: another order and other batches, for a noise floor. `kernels`: what
    computes: torch's own operators, or `tailgate_kernels` by triton or by their oracles. `gpu_share`: of a GPU's memory
    that is free when the engine is built, for key-values; another model may have to fit beside them. `graphs`: whether
    kernels' decoding passes are recorded and repeated.
    """

    step: StepLimits = field(default_factory=StepLimits)
    kv_bytes: int | None = None
    block: int = 16
    share_prefixes: bool = True
    keep_distributions: bool = True
    draft: bool = True
    reverse: bool = False
    kernels: Backend = "torch"
    gpu_share: float = 0.8
    graphs: bool = False


@dataclass(slots=True, kw_only=True)
class _Work:
    """Jobs under way, by the number of their sequence."""

    scheduler: Scheduler
    store: KVStore
    jobs: dict[int, Job]
    numbers: Iterator[int]  # of sequences that join later
    finished: list[Job] = field(default_factory=list)


class NativeEngine:
    """Packed, continuously batched greedy decoding; verifies drafts instead of decoding where it has them."""

    name = "native"
    version = "2"

    def __init__(self, model: ServedModel, limits: NativeLimits | None = None) -> None:
        if not model.eos_token_ids:
            raise SetupError("the model names no end-of-text token; set eos_token_id in its generation_config.json")
        self.model = model
        self.limits = limits or NativeLimits()
        self.counters = Counters()
        kernels = backend.kernels(self.limits.kernels, model.device)
        self._model = BorrowedModel(model.module, kernels)
        self._head = Head(model.module, kernels)
        self._ending = Ending(decode=model.decode, eos_token_ids=frozenset(model.eos_token_ids))
        found = probe(self._model, self._head, model.device, model.kv)
        if kernels is not None:
            check_kernels(self._model, self._head, model.device, model.kv, found)
        self.near_tie = max(NEAR_TIE.get(model.module.dtype, NEAR_TIE[torch.float32]), 2 * found.noise)
        self._slots = self._count_slots(found.bytes_per_token)
        self.kv_bytes = self._slots * found.bytes_per_token
        self._graphed = self._graph(kernels) if self.limits.graphs else None
        self._answers = Text()  # of all items so far: many answers are phrased alike

    def _graph(self, kernels: Kernels | None) -> GraphedModel:
        if kernels is None:
            raise SetupError("graphs=on: torch's own attention cannot be recorded; ask for kernels=triton too")
        device = self.model.device
        dtype = self.model.module.dtype
        recorder = CudaRecorder(device) if device.startswith("cuda") else Repeated()
        return GraphedModel(
            model=self._model,
            kernels=kernels,
            recorder=recorder,
            context=self.model.context_length,
            spare=self._slots,
            close=CLOSE_IN_CODES if self.model.kv or self.near_tie > NEAR_TIE.get(dtype, 0.0) else CLOSE[dtype],
        )

    def generate(self, requests: Sequence[Request]) -> Iterator[tuple[Transcript, ...]]:
        """Answer requests greedily."""
        for batch in self._run([self._answering(number, request) for number, request in enumerate(requests)]):
            yield tuple(self._transcript(job) for job in batch)

    def verify(self, drafts: Sequence[Draft]) -> Iterator[tuple[Verification, ...]]:
        """Answer requests greedily: check the baseline's answer in one pass, decode only from where it is left."""
        baselines = {draft.request.key: draft.baseline for draft in drafts}
        for batch in self._run([self._verifying(number, draft) for number, draft in enumerate(drafts)]):
            yield tuple(self._verification(job, baselines[job.key]) for job in batch)

    def score(self, requests: Sequence[ChoiceRequest]) -> Iterator[tuple[ChoiceScores, ...]]:
        """Log-likelihoods of choices; a context is computed once for all its choices."""
        unfinished: dict[str, list[Job]] = {request.key: [] for request in requests}
        choices = {request.key: len(request.choices) for request in requests}
        for batch in self._run(self._scoring(requests)):
            for job in batch:
                unfinished[job.key].append(job)
            complete = [key for key, jobs in unfinished.items() if len(jobs) == choices[key]]
            if complete:
                yield tuple(choice_scores(key, unfinished.pop(key)) for key in complete)

    def session(self) -> Session:
        """A batch that requests join and leave while it runs; it takes key-values of its own."""
        return Session(self, self._begin([]))

    def _answering(self, number: int, request: Request) -> Job:
        self._check(request.key, request.prompt_ids, request.longest)
        live = LiveSequence(
            number=number,
            tokens=list(request.prompt_ids),
            stage=Stage.DECODE,
            budget=request.max_new_tokens,
            over=self._ending.watch(request),
            drafter=Drafter(prompt=request.prompt_ids, others=self._answers) if self.limits.draft else None,
        )
        return Job(key=request.key, live=live, request=request, keep_top=self.limits.keep_distributions)

    def _verifying(self, number: int, draft: Draft) -> Job:
        job = self._answering(number, draft.request)
        told = draft.baseline.tokens[: draft.request.max_new_tokens]
        self._check_known(draft.request.key, told)
        job.keep_top = False
        job.live.stage, job.live.forced = Stage.FORCE, told
        if job.live.drafter:
            job.live.drafter.told = told
            self._remember(told)
        job.targets, job.baseline = told, draft.baseline.tops
        return job

    def _scoring(self, requests: Sequence[ChoiceRequest]) -> list[Job]:
        jobs: list[Job] = []
        for request in requests:
            if not all(request.choices):
                raise IntegrityError(f"request {request.key} has an empty choice; give every choice at least one token")
            self._check(request.key, request.context_ids, request.longest)
            for place, tokens in enumerate(request.choices):
                self._check_known(request.key, tokens)
                live = LiveSequence(
                    number=len(jobs), tokens=list(request.context_ids), stage=Stage.FORCE, forced=tokens[:-1]
                )
                jobs.append(Job(key=request.key, live=live, targets=tokens, choice=place))
        return jobs

    def _check(self, key: str, prompt_ids: Sequence[int], longest: int) -> None:
        if not prompt_ids:
            raise IntegrityError(f"request {key} has an empty prompt; give at least one token")
        if longest > self.model.context_length:
            raise IntegrityError(
                f"request {key} needs {longest} tokens, the model's context has {self.model.context_length}; "
                "shorten the prompt or the answer budget"
            )
        self._check_known(key, prompt_ids)

    def _check_known(self, key: str, tokens: Sequence[int]) -> None:
        vocabulary = int(self.model.module.config.get_text_config().vocab_size)
        unknown = next((token for token in tokens if not 0 <= token < vocabulary), None)
        if unknown is not None:
            raise IntegrityError(
                f"request {key} holds token {unknown}, the model's vocabulary has {vocabulary}; "
                "give both sides the same tokenizer"
            )

    def _count_slots(self, bytes_per_token: int) -> int:
        kv_bytes = self.limits.kv_bytes or _free_bytes(self.model.device, self.limits.gpu_share)
        return max(1, kv_bytes // (bytes_per_token * self.limits.block)) * self.limits.block

    def _run(self, jobs: Sequence[Job]) -> Iterator[tuple[Job, ...]]:
        """Run jobs to their ends, handing over finished ones in batches."""
        work = self._begin(jobs)
        del jobs  # what is finished is handed over and forgotten
        try:
            while work.scheduler.unfinished:
                if (step := self._step(work)) is not None:
                    work.scheduler.end_step(step)
                if len(work.finished) >= YIELD_AT:
                    yield self._hand_over(work)
        finally:
            if self._graphed is not None:
                self._graphed.forget()
        self._count(work.scheduler)
        if work.finished:
            yield self._hand_over(work)

    def _begin(self, jobs: Sequence[Job]) -> _Work:
        pool = BlockPool(self._slots // self.limits.block, self.limits.block)
        scheduler = Scheduler(pool=pool, limits=self.limits.step)
        spare = 0 if self._graphed is None else -(-SIZES[-1] // self.limits.block) * self.limits.block
        store = KVStore(self._slots + spare, self.model.kv)
        work = _Work(scheduler=scheduler, store=store, jobs={}, numbers=count(len(jobs)))
        self._join(work, jobs)
        return work

    def _join(self, work: _Work, jobs: Sequence[Job]) -> None:
        work.scheduler.add(self._arranged([job.live for job in jobs], work.numbers))
        work.jobs.update((job.live.number, job) for job in jobs)

    def _arranged(self, lives: Sequence[LiveSequence], numbers: Iterator[int]) -> list[LiveSequence]:
        """Sequences in the order in which they begin: longest first, behind the beginnings they share."""
        if not self.limits.share_prefixes:
            return sorted(lives, key=self._rank)
        tree = find_prefixes([tuple(live.tokens) for live in lives])
        return self._grown(tree, lives, numbers)

    def _grown(self, node: Prefix, lives: Sequence[LiveSequence], numbers: Iterator[int]) -> list[LiveSequence]:
        found = [lives[index] for index in node.members]
        for child in node.children:
            beginning = LiveSequence(number=next(numbers), tokens=list(child.tokens), stage=Stage.PREFIX)
            beginning.children = self._grown(child, lives, numbers)
            for reader in beginning.children:
                reader.parent = beginning
            found.append(beginning)
        return sorted(found, key=self._rank)

    def _rank(self, live: LiveSequence) -> tuple[int, int]:
        size = _size(live)
        return (size if self.limits.reverse else -size, live.number)

    @torch.inference_mode()
    def _step(self, work: _Work) -> Step | None:
        """One forward pass; None when it did not fit into memory and is to be planned again, smaller."""
        step = work.scheduler.step()
        try:
            work.store.copy(step.copies)
            found = self._forward(work, step.spans)
        except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            self._recover(work, error)
            return None
        for span, rows in zip(step.spans, found, strict=True):
            decided = work.scheduler.advance(span, rows)
            self.counters.near_ties += sum(row.margin < self.near_tie for row in decided)
            job = work.jobs.get(span.sequence.number)
            if job is not None and span.sequence.done:
                work.finished.append(work.jobs.pop(span.sequence.number))
                if job.live.drafter:
                    if not job.live.nonfinite:
                        self._remember(job.live.answer)
                    job.live.drafter = None  # its index of the prompt is as large as the prompt
        return step

    def _remember(self, answer: Sequence[int]) -> None:
        if len(self._answers.tokens) > REMEMBERED_TOKENS:
            self._answers.clear()
        self._answers.extend((*answer, BREAK))

    def _recover(self, work: _Work, error: BaseException) -> None:
        self.counters.oom_retries += 1
        if self.model.device.startswith("cuda"):
            torch.cuda.empty_cache()
        if not work.scheduler.shrink():
            raise SetupError(
                f"out of memory on {self.model.device} with {work.scheduler.token_budget} tokens a pass; "
                "free memory there"
            ) from error

    def _forward(self, work: _Work, spans: Sequence[Span]) -> list[list[Row]]:
        started = time.perf_counter()
        packed = pack(spans, work.store, self.limits.block, self.model.device)
        repeated = self._graphed.repeated if self._graphed else 0
        hidden_NE = (self._graphed or self._model).forward(packed)
        looks = [list(wanted(span, place.low, work.jobs)) for span, place in zip(spans, packed.spans, strict=True)]
        rows = iter(self._head.rows(hidden_NE, [each for group in looks for each in group]))  # waits for the device
        self._time(packed, time.perf_counter() - started)
        self.counters.forwards += 1
        self.counters.computed_tokens += packed.tokens
        self.counters.graph_forwards += self._graphed.repeated - repeated if self._graphed else 0
        return [[next(rows) for _ in group] for group in looks]

    def _time(self, packed: Pack, seconds: float) -> None:
        if phase_of(packed) == "decode":
            self.counters.decode_s += seconds
        else:
            self.counters.prefill_s += seconds

    def _hand_over(self, work: _Work) -> tuple[Job, ...]:
        batch, work.finished = tuple(work.finished), []
        for job in batch:
            self.counters.prompt_tokens += job.live.prompt_length
            self.counters.generated += job.request is not None
        return batch

    def _count(self, scheduler: Scheduler) -> None:
        tally = scheduler.tally
        self.counters.preemptions += tally.preemptions
        self.counters.reused_tokens += tally.reused_tokens
        self.counters.drafted_tokens += tally.drafted_tokens
        self.counters.accepted_drafts += tally.accepted_drafts

    def _transcript(self, job: Job) -> Transcript:
        assert job.request is not None
        if job.live.nonfinite:
            return Transcript(key=job.key, tokens=(), text="", finish_reason="nonfinite")
        ended = self._ending.cut(job.request, job.live.answer)
        self.counters.new_tokens += len(ended.tokens)
        if not job.keep_top:
            return ended
        kept = job.live.rows[: len(ended.tokens) + 1]  # one more: where the end was predicted
        return with_tops(ended, tuple(row.top for row in kept if isinstance(row.top, TopTokens)))

    def _verification(self, job: Job, baseline: Transcript) -> Verification:
        transcript = self._transcript(job)
        return Verification(
            transcript=transcript,
            divergence_token=first_divergence(baseline.tokens, transcript.tokens),
            stats=stats_of(job),
        )


def _size(live: LiveSequence) -> int:
    return live.longest + max(map(_size, live.children), default=0)


def _free_bytes(device: str, gpu_share: float) -> int:
    """A budget for key-values: a share of what is free on a GPU, a quarter on a CPU and at most 1 GiB."""
    if device.startswith("cuda"):
        free, _ = torch.cuda.mem_get_info(device)
        return int(free * gpu_share)
    import psutil

    return min(KV_BYTES_CPU, int(psutil.virtual_memory().available) // 4)
