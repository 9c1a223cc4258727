"""Items asked of both sides, graded, and paired."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tailgate.engine.request import Request, TokenStats, Transcript, Verification
from tailgate.pipeline.sides import Progress, Side
from tailgate.records import NONFINITE, CellKey, PairedOutcome
from tailgate_slices.item import Answer, Grade, Item, SliceError
from tailgate_slices.registry import get_slice


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemSource:
    """Draws the items of a run: slice, stratum and index decide, with the run's seed and tokenizer."""

    seed: int
    side: Side

    def items(self, key: CellKey, start: int, stop: int) -> list[Item]:
        """Items `start` to `stop - 1` of a cell."""
        maker = get_slice(key.slice)
        tokens = self.side.variant.tokenizer if maker.uses_tokenizer else None
        return [maker.item(stratum=key.stratum, seed=self.seed, index=i, tokens=tokens) for i in range(start, stop)]


def answer_baseline(items: Sequence[Item], baseline: Side, progress: Progress) -> dict[str, Transcript]:
    """Ask the baseline alone, by item id; items that do not fit its context are left out."""
    return baseline.answer(_fitting(items, [baseline]), progress)


def answer_pair(items: Sequence[Item], baseline: Side, candidate: Side, progress: Progress) -> list[PairedOutcome]:
    """Ask both sides and pair their graded answers, in the order of the items."""
    requests = _fitting(items, [baseline, candidate])
    before = baseline.answer(requests, progress)
    after = candidate.verify(requests, before, baseline, progress)
    lengths = {request.key: len(request.prompt_ids) for request in requests}
    return [
        _pair(item, before[item.id], after[item.id], lengths[item.id], baseline, candidate)
        if item.id in lengths
        else _too_long(item, candidate)
        for item in items
    ]


def _fitting(items: Sequence[Item], sides: Sequence[Side]) -> list[Request]:
    context = min(side.variant.context_length for side in sides)
    requests = [
        Request(
            key=item.id,
            prompt_ids=sides[0].variant.tokenizer.encode_prompt(item.prompt),
            max_new_tokens=item.max_new_tokens,
            stop=item.stop,
        )
        for item in items
    ]
    return [request for request in requests if request.longest <= context]


def grade_transcript(item: Item, transcript: Transcript) -> Grade | str:
    """Grade an answer, or say why there is nothing to grade or nothing to grade it with (no sandbox, say)."""
    if transcript.finish_reason == "nonfinite":
        return NONFINITE
    try:
        return get_slice(item.slice).grade(item, Answer(text=transcript.text, finish_reason=transcript.finish_reason))
    except SliceError as error:
        return f"ungradable: {error}"


def _pair(
    item: Item, before: Transcript, verified: Verification, prompt_tokens: int, baseline: Side, candidate: Side
) -> PairedOutcome:
    after, split = verified.transcript, verified.divergence_token
    old = grade_transcript(item, before)
    # The same text gets the same grade, without grading it twice.
    new = (
        old
        if (after.text, after.finish_reason) == (before.text, before.finish_reason)
        else grade_transcript(item, after)
    )
    return PairedOutcome(
        **_item_fields(item, candidate),
        baseline_score=_score(old),
        candidate_score=_score(new),
        baseline_text=before.text,
        candidate_text=after.text,
        baseline_failure=_failure(old),
        candidate_failure=_failure(new),
        baseline_finish=before.finish_reason,
        candidate_finish=after.finish_reason,
        baseline_tokens=len(before.tokens),
        candidate_tokens=len(after.tokens),
        prompt_tokens=prompt_tokens,
        divergence_token=split,
        baseline_divergence_char=_offset(before, split, baseline.variant.tokenizer.decode),
        candidate_divergence_char=_offset(after, split, candidate.variant.tokenizer.decode),
        invalid=_invalid(old, new),
        baseline_signals=_signals(old),
        candidate_signals=_signals(new),
        **_token_means(verified.stats),
    )


def _score(grade: Grade | str) -> float:
    return grade.score if isinstance(grade, Grade) else 0.0


def _failure(grade: Grade | str) -> str | None:
    return grade.failure_mode if isinstance(grade, Grade) else None


def _signals(grade: Grade | str) -> str:
    measured = grade.signals if isinstance(grade, Grade) else {}
    return json.dumps({name: float(value) for name, value in measured.items() if math.isfinite(value)}, sort_keys=True)


def _token_means(stats: TokenStats | None) -> dict[str, Any]:
    """Means over the baseline's tokens; nothing where the engine did not look or there were none."""
    if stats is None or not stats.agrees:
        return {}
    n = len(stats.agrees)
    known = [value for value in stats.kl_floors if not math.isnan(value)]
    return {
        "top1_agreement": sum(stats.agrees) / n,
        "mean_log_prob": sum(stats.log_probs) / n,
        "mean_kl_floor": sum(known) / len(known) if known else None,
    }


def _invalid(old: Grade | str, new: Grade | str) -> str | None:
    if isinstance(old, str):
        return f"baseline_{old}"
    return f"candidate_{new}" if isinstance(new, str) else None


def _too_long(item: Item, candidate: Side) -> PairedOutcome:
    return PairedOutcome(
        **_item_fields(item, candidate),
        baseline_score=0.0,
        candidate_score=0.0,
        baseline_text="",
        candidate_text="",
        baseline_failure=None,
        candidate_failure=None,
        baseline_finish="not run",
        candidate_finish="not run",
        baseline_tokens=0,
        candidate_tokens=0,
        prompt_tokens=0,
        divergence_token=None,
        baseline_divergence_char=None,
        candidate_divergence_char=None,
        invalid="prompt_too_long",
    )


def _item_fields(item: Item, candidate: Side) -> dict[str, Any]:
    return {
        "candidate": candidate.variant.spec.text,
        "item_id": item.id,
        "slice": item.slice,
        "stratum": item.stratum,
        "index": item.index,
        "cluster": item.cluster,
        "prompt": item.prompt,
        "reference": item.references[0] if item.references else "",
        "attributes": json.dumps(dict(item.attributes), ensure_ascii=False, sort_keys=True),
    }


def _offset(transcript: Transcript, split: int | None, decode: Callable[[tuple[int, ...]], str]) -> int | None:
    """Characters of the answer before its first differing token.

    A token can end inside a character, which then decodes to a replacement mark: the common prefix with the
    whole text is what a reader sees as common.
    """
    if split is None:
        return None
    prefix = decode(transcript.tokens[:split])
    return next(
        (i for i, (a, b) in enumerate(zip(prefix, transcript.text, strict=False)) if a != b),
        min(len(prefix), len(transcript.text)),
    )
