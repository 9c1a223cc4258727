"""Parts of a slice that a search named, tested on fresh items that nobody has looked at."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import Any

import numpy as np

from tailgate.gate import collect
from tailgate.gate.discover import Part, holds
from tailgate.pipeline.options import Observer
from tailgate.pipeline.pairs import ItemSource, answer_baseline, answer_pair
from tailgate.pipeline.rounds import Stopping
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirming:
    """When to stop, and whether baseline and candidate must not be in memory together."""

    stopping: Stopping = field(default_factory=Stopping)
    one_at_a_time: bool = False


def confirm_parts(
    parts: Sequence[Part], plan: GatePlan, baseline: ItemSource, candidate: Side, rules: Confirming, observer: Observer
) -> list[Confirmation]:
    """Test the parts that lost most, at most three, each on fresh items from a seed of its own.

    Notes
    -----
    The parts were chosen by the run's items and are tested on others, so each test is an ordinary one: the gate's
    e-processes at the margin of the slice's cells (the widest, where they differ), a loss at alpha divided by the
    number of parts. The cells of a slice take turns by lot: in the order of the items every one is a fresh draw of the
    slice as a whole, so looking after each batch is allowed. The answer describes; the gate's verdict is not changed.
    """
    chosen = [part for part in parts if part.attribute not in KNOWN_ONLY_AFTERWARDS][:MOST_PARTS]
    test = _Test(plan=plan, run=baseline, candidate=candidate, rules=rules, observer=observer, n_parts=len(chosen))
    return [test.of(part) for part in chosen]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Test:
    """What every part is tested with."""

    plan: GatePlan
    run: ItemSource
    candidate: Side
    rules: Confirming
    observer: Observer
    n_parts: int

    def of(self, part: Part) -> Confirmation:
        cells = [cell for cell in self.plan.cells if cell.key.slice == part.slice]
        margin, cap = max(cell.margin for cell in cells), max(cell.max_items for cell in cells)
        fresh = ItemSource(seed=_seed(self.run.seed, part), side=self.run.side)
        self.observer.stage(f"fresh items: {part.slice} {part.attribute} {part.value}", 2 * cap)
        drawn: Iterator[Item] = islice(_members(fresh, cells, part), cap)
        if self.rules.one_at_a_time:
            drawn = iter(_answered_ahead(list(drawn), self.run.side, self.observer))
        outcomes, verdict = list[PairedOutcome](), "undecided"
        while verdict == "undecided" and not self.rules.stopping.out_of_time:
            if not (items := list(islice(drawn, self.plan.batch_items))):
                break
            outcomes += answer_pair(items, self.run.side, self.candidate, self.observer.advance)
            verdict = _verdict(outcomes, margin, self.plan.alpha, self.n_parts)
        d = [each.candidate_score - each.baseline_score for each in outcomes if each.invalid is None]
        return Confirmation(
            slice=part.slice, attribute=part.attribute, value=part.value, n=len(d), margin=margin, verdict=verdict,
            delta=sum(d) / len(d) if d else None, seed=fresh.seed,
        )  # fmt: skip


def _answered_ahead(items: list[Item], baseline: Side, observer: Observer) -> list[Item]:
    """The items, once the baseline has answered them all and left memory."""
    answer_baseline(items, baseline, observer.advance)
    baseline.unload()
    return items


def _seed(seed: int, part: Part) -> int:
    text = f"confirm\x1f{seed}\x1f{part.slice}\x1f{part.attribute}\x1f{part.value}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big")


def _members(source: ItemSource, cells: Sequence[CellPlan], part: Part) -> Iterator[Item]:
    """Fresh items of a part, each from a stratum of its slice that is drawn by lot; ends where the part is too rare."""
    lot, drawn, missed = np.random.default_rng(source.seed), [0] * len(cells), 0
    while missed < TRIES * len(cells):
        place = int(lot.integers(len(cells)))
        (item,) = source.items(cells[place].key, drawn[place], drawn[place] + 1)
        drawn[place] += 1
        if holds(_value(item, part.attribute, source), part.value):
            missed = 0
            yield item
        else:
            missed += 1


def _value(item: Item, attribute: str, source: ItemSource) -> Any:
    if attribute == PROMPT_TOKENS:
        return len(source.side.variant.tokenizer.encode_prompt(item.prompt, item.system))
    return item.stratum if attribute == "stratum" else item.attributes.get(attribute)


def _verdict(outcomes: Sequence[PairedOutcome], margin: float, alpha: float, n_parts: int) -> str:
    units = item_units([d for cell in collect(outcomes).values() for d in cell.differences])
    if float(units_log_e_fail(units, margin)) >= log_bar(alpha / n_parts):
        return "lossy"
    return "fine" if float(units_log_e_pass(units, margin)) >= log_bar(alpha) else "undecided"
