"""The oracle: plain transformers, padded batches, greedy, nothing clever. Every faster engine is held against it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import torch
from transformers import GenerationConfig, LogitsProcessor, LogitsProcessorList, StoppingCriteria, StoppingCriteriaList

from tailgate.engine.batches import BatchLimits, plan_batches
from tailgate.engine.finish import Ending, is_out_of_memory
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
from tailgate.errors import SetupError

# Shape legend: B rows, P padded prompt, T answer tokens so far, S padded sequence, V vocabulary.

Asked = TypeVar("Asked")
Done = TypeVar("Done")


class ReferenceEngine:
    """Plain transformers `generate` over length-sorted batches, halved when memory runs out."""

    name = "reference"
    version = "1"

    def __init__(self, model: ServedModel, limits: BatchLimits | None = None) -> None:
        self.model = model
        self.limits = limits or BatchLimits()
        self.counters = Counters()
        self._ending = Ending(decode=model.decode, eos_token_ids=frozenset(model.eos_token_ids))

    def generate(self, requests: Sequence[Request]) -> Iterator[tuple[Transcript, ...]]:
        """Answer requests greedily, longest first."""
        return self._in_batches(requests, [request.longest for request in requests], self._generate_batch)

    def verify(self, drafts: Sequence[Draft]) -> Iterator[tuple[Verification, ...]]:
        """Decode the candidate in full and compare: the definition that faster engines must reproduce."""
        drafts_by_key = {draft.request.key: draft for draft in drafts}
        for batch in self.generate([draft.request for draft in drafts]):
            yield tuple(_verified(drafts_by_key[transcript.key], transcript) for transcript in batch)

    def score(self, requests: Sequence[ChoiceRequest]) -> Iterator[tuple[ChoiceScores, ...]]:
        """One forward pass per context with all its choices."""
        longest = [len(request.context_ids) + max(map(len, request.choices)) for request in requests]
        for index in sorted(range(len(requests)), key=lambda index: -longest[index]):
            yield (self._score_choices(requests[index]),)

    def _in_batches(
        self, asked: Sequence[Asked], lengths: Sequence[int], run: Callable[[list[Asked]], tuple[Done, ...]]
    ) -> Iterator[tuple[Done, ...]]:
        for batch in plan_batches(lengths, self.limits):
            yield from self._halving([asked[index] for index in batch], run)

    def _halving(
        self, batch: list[Asked], run: Callable[[list[Asked]], tuple[Done, ...]]
    ) -> Iterator[tuple[Done, ...]]:
        try:
            done = run(batch)
        except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            if len(batch) == 1:
                raise SetupError(
                    f"out of memory on a single request on {self.model.device}; free memory there"
                ) from error
        else:
            yield done
            return
        self.counters.oom_retries += 1
        if self.model.device.startswith("cuda"):
            torch.cuda.empty_cache()
        middle = len(batch) // 2
        yield from self._halving(batch[:middle], run)
        yield from self._halving(batch[middle:], run)

    @torch.inference_mode()
    def _generate_batch(self, requests: list[Request]) -> tuple[Transcript, ...]:
        prompts_BP, mask_BP = _pad_left([request.prompt_ids for request in requests], self.model)
        watch = _LogitsWatch(len(requests))
        stops = _RowStops(requests, prompts_BP.shape[1], self._ending, watch)
        sequences_BS = self.model.module.generate(
            input_ids=prompts_BP,
            attention_mask=mask_BP,
            generation_config=GenerationConfig(
                do_sample=False,
                num_beams=1,
                max_new_tokens=max(request.max_new_tokens for request in requests),
                eos_token_id=list(self.model.eos_token_ids),
                pad_token_id=self.model.pad_token_id,
            ),
            logits_processor=LogitsProcessorList([watch]),
            stopping_criteria=StoppingCriteriaList([stops]),
        )
        answers_BT = sequences_BS[:, prompts_BP.shape[1] :].tolist()
        transcripts = tuple(
            self._transcript(request, answer, bad)
            for request, answer, bad in zip(requests, answers_BT, stops.nonfinite, strict=True)
        )
        self._count(requests, transcripts, len(answers_BT[0]))
        return transcripts

    def _transcript(self, request: Request, answer: list[int], nonfinite: bool) -> Transcript:
        if nonfinite:
            return Transcript(key=request.key, tokens=(), text="", finish_reason="nonfinite")
        return self._ending.cut(request, answer)

    def _count(self, requests: Sequence[Request], transcripts: Sequence[Transcript], steps: int) -> None:
        self.counters.forwards += steps
        self.counters.generated += len(requests)
        self.counters.prompt_tokens += sum(len(request.prompt_ids) for request in requests)
        self.counters.new_tokens += sum(len(transcript.tokens) for transcript in transcripts)

    @torch.inference_mode()
    def _score_choices(self, request: ChoiceRequest) -> ChoiceScores:
        rows = [request.context_ids + choice for choice in request.choices]
        longest = max(map(len, rows))
        device = self.model.device
        ids_BS = torch.tensor(
            [[*row, *[self.model.pad_token_id] * (longest - len(row))] for row in rows], device=device
        )
        mask_BS = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows], device=device)
        start = len(request.context_ids)
        logits_BSV = self.model.module(
            input_ids=ids_BS, attention_mask=mask_BS, logits_to_keep=longest - start + 1
        ).logits
        log_probs_BSV = torch.log_softmax(logits_BSV[:, :-1].float(), dim=-1)
        token_scores_BS = log_probs_BSV.gather(-1, ids_BS[:, start:, None])[..., 0] * mask_BS[:, start:]
        self.counters.forwards += 1
        return ChoiceScores(
            key=request.key,
            log_likelihoods=tuple(token_scores_BS.sum(dim=1).tolist()),
            lengths=tuple(map(len, request.choices)),
        )


class _LogitsWatch(LogitsProcessor):
    """Looks at the raw logits of every step; changes nothing but non-finite rows, which end there."""

    def __init__(self, rows: int) -> None:
        self.nonfinite_B = torch.zeros(rows, dtype=torch.bool)

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        # Masked vocabulary entries may be -inf by design; NaN, +inf or nothing finite at all may not.
        bad_B = scores.isnan().any(dim=1) | (scores == torch.inf).any(dim=1) | ~scores.isfinite().any(dim=1)
        self.nonfinite_B = bad_B.cpu()
        return torch.where(bad_B[:, None], torch.zeros_like(scores), scores)


class _RowStops(StoppingCriteria):
    """Ends each row at its own budget, at its own stop strings, or at non-finite logits."""

    def __init__(self, requests: Sequence[Request], prompt_length: int, ending: Ending, watch: _LogitsWatch) -> None:
        self.prompt_length, self.watch = prompt_length, watch
        self.over = [ending.watch(request) for request in requests]
        self.done = [False] * len(requests)
        self.nonfinite = [False] * len(requests)

    def __call__(self, input_ids: torch.Tensor, scores: Any, **kwargs: Any) -> torch.Tensor:
        answers_BT = input_ids[:, self.prompt_length :].tolist()
        for row, over in enumerate(self.over):
            if not self.done[row]:
                self.nonfinite[row] = bool(self.watch.nonfinite_B[row])
                self.done[row] = self.nonfinite[row] or over(answers_BT[row], len(answers_BT[row]) - 1)
        return torch.tensor(self.done, device=input_ids.device)


def _verified(draft: Draft, transcript: Transcript) -> Verification:
    return Verification(
        transcript=transcript, divergence_token=first_divergence(draft.baseline.tokens, transcript.tokens)
    )


def _pad_left(rows: Sequence[tuple[int, ...]], model: ServedModel) -> tuple[torch.Tensor, torch.Tensor]:
    longest = max(map(len, rows))
    ids_BP = [[model.pad_token_id] * (longest - len(row)) + list(row) for row in rows]
    mask_BP = [[0] * (longest - len(row)) + [1] * len(row) for row in rows]
    return torch.tensor(ids_BP, device=model.device), torch.tensor(mask_BP, device=model.device)
