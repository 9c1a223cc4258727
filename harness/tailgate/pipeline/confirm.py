"""Parts of a slice that a search named, tested on fresh items that nobody has looked at."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tailgate.gate import collect
from tailgate.gate.discover import Part, holds
from tailgate.pipeline.options import Observer
from tailgate.pipeline.pairs import ItemSource, answer_pair
from tailgate.pipeline.sides import Side
from tailgate.records import CellPlan, GatePlan, PairedOutcome
from tailgate.stats.eprocess import item_units, units_log_e_fail, units_log_e_pass
from tailgate.stats.intervals import log_bar
from tailgate_slices.item import Item

MOST_PARTS = 3
PROMPT_TOKENS = "prompt_tokens"
KNOWN_ONLY_AFTERWARDS = ("baseline_tokens",)
TRIES = 50  # items drawn for each that belongs to a part, before the part is given up as too rare


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """What fresh items say about a part: `lossy` (it loses more than the margin), `fine`, or `undecided`."""

    slice: str
    attribute: str
    value: str
    n: int
    delta: float | None
    margin: float
    verdict: str
    seed: int

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def confirm_parts(
    parts: Sequence[Part], plan: GatePlan, baseline: ItemSource, candidate: Side, observer: Observer
) -> list[Confirmation]:
    """Test the parts that lost most, at most three, each on fresh items from a seed of its own.

    Notes
    -----
    The parts were chosen by the run's items and are tested on others, so each test is an ordinary one: the gate's
    e-processes at the margin of the slice's cells (the widest, where they differ), a loss at alpha divided by the
    number of parts. The answer describes; the gate's verdict is not changed by it.
    """
    chosen = [part for part in parts if part.attribute not in KNOWN_ONLY_AFTERWARDS][:MOST_PARTS]
    return [_confirm(part, len(chosen), plan, baseline, candidate, observer) for part in chosen]


def _confirm(
    part: Part, n_parts: int, plan: GatePlan, run: ItemSource, candidate: Side, observer: Observer
) -> Confirmation:
    cells = [cell for cell in plan.cells if cell.key.slice == part.slice]
    margin, cap = max(cell.margin for cell in cells), max(cell.max_items for cell in cells)
    fresh = ItemSource(seed=_seed(run.seed, part), side=run.side)
    observer.stage(f"fresh items: {part.slice} {part.attribute} {part.value}", 2 * cap)
    drawn, outcomes, verdict = _members(fresh, cells, part), list[PairedOutcome](), "undecided"
    while verdict == "undecided" and len(outcomes) < cap:
        items = [item for _, item in zip(range(min(plan.batch_items, cap - len(outcomes))), drawn, strict=False)]
        if not items:
            break
        outcomes += answer_pair(items, run.side, candidate, observer.advance)
        verdict = _verdict(outcomes, margin, plan.alpha, n_parts)
    d = [each.candidate_score - each.baseline_score for each in outcomes if each.invalid is None]
    return Confirmation(
        slice=part.slice, attribute=part.attribute, value=part.value, n=len(d), margin=margin, verdict=verdict,
        delta=sum(d) / len(d) if d else None, seed=fresh.seed,
    )  # fmt: skip


def _seed(seed: int, part: Part) -> int:
    text = f"confirm\x1f{seed}\x1f{part.slice}\x1f{part.attribute}\x1f{part.value}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big")


def _members(source: ItemSource, cells: Sequence[CellPlan], part: Part) -> Iterator[Item]:
    """Fresh items of a part, from all strata of its slice in turn; ends where the part is too rare."""
    index, missed = 0, 0
    while missed < TRIES * len(cells):
        for cell in cells:
            (item,) = source.items(cell.key, index, index + 1)
            if holds(_value(item, part.attribute, source), part.value):
                missed = 0
                yield item
            else:
                missed += 1
        index += 1


def _value(item: Item, attribute: str, source: ItemSource) -> Any:
    if attribute == PROMPT_TOKENS:
        return len(source.side.variant.tokenizer.encode_prompt(item.prompt))
    return item.stratum if attribute == "stratum" else item.attributes.get(attribute)


def _verdict(outcomes: Sequence[PairedOutcome], margin: float, alpha: float, n_parts: int) -> str:
    units = item_units([d for cell in collect(outcomes).values() for d in cell.differences])
    if float(units_log_e_fail(units, margin)) >= log_bar(alpha / n_parts):
        return "lossy"
    return "fine" if float(units_log_e_pass(units, margin)) >= log_bar(alpha) else "undecided"
