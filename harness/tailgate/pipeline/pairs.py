"""Items asked of both sides, graded, and paired."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tailgate.engine.request import Request, TokenStats, Transcript, Verification
from tailgate.pipeline.grading import Answered, grade_answers
from tailgate.pipeline.sides import Progress, Side
from tailgate.pipeline.surprise import Decode, characters_before, token_surprise
from tailgate.records import CellKey, PairedOutcome
from tailgate_slices.item import Grade, Item
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
    judged = _judge([item for item in items if item.id in lengths], before, after)
    return [
        _pair(judged[item.id], lengths[item.id], baseline, candidate)
        if item.id in judged
        else _too_long(item, candidate)
        for item in items
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judged:
    """An item with both answers, and what they came to."""

    item: Item
    before: Transcript
    verified: Verification
    old: Grade | str
    new: Grade | str


def _judge(
    items: Sequence[Item], before: Mapping[str, Transcript], after: Mapping[str, Verification]
) -> dict[str, _Judged]:
    answers = [(before[item.id], after[item.id].transcript) for item in items]
    grades = grade_answers(
        [Answered(item=item, transcript=each) for item, pair in zip(items, answers, strict=True) for each in pair]
    )
    return {
        item.id: _Judged(item=item, before=before[item.id], verified=after[item.id], old=old, new=new)
        for item, old, new in zip(items, grades[::2], grades[1::2], strict=True)
    }


def _fitting(items: Sequence[Item], sides: Sequence[Side]) -> list[Request]:
    context = min(side.variant.context_length for side in sides)
    requests = [
        Request(
            key=item.id,
            prompt_ids=sides[0].variant.tokenizer.encode_prompt(item.prompt, item.system),
            max_new_tokens=item.max_new_tokens,
            stop=item.stop,
            messages=_turns(sides, item),
            subject=str(item.attributes.get("subject_id", "")),
        )
        for item in items
    ]
    return [request for request in requests if request.longest <= context]


def _turns(sides: Sequence[Side], item: Item) -> tuple[tuple[str, str], ...]:
    """The messages of a prompt, where a side is a server that may put them through the template itself."""
    if all(side.variant.address is None for side in sides):
        return ()
    return tuple(
        (each["role"], each["content"]) for each in sides[0].variant.tokenizer.messages(item.prompt, item.system)
    )


def _pair(judged: _Judged, prompt_tokens: int, baseline: Side, candidate: Side) -> PairedOutcome:
    before, after, old, new = judged.before, judged.verified.transcript, judged.old, judged.new
    split = judged.verified.divergence_token
    return PairedOutcome(
        **_item_fields(judged.item, candidate),
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
        token_surprise=None if split is None else _surprise(judged, baseline),
        **_token_means(judged.verified.stats),
    )


def _surprise(judged: _Judged, baseline: Side) -> str | None:
    return token_surprise(judged.before, judged.verified.stats, baseline.variant.tokenizer.decode)


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
        "prompt": item.shown,
        "reference": item.references[0] if item.references else "",
        "attributes": json.dumps(dict(item.attributes), ensure_ascii=False, sort_keys=True),
    }


def _offset(transcript: Transcript, split: int | None, decode: Decode) -> int | None:
    return None if split is None else characters_before(transcript, split, decode)
