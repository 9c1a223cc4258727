"""Running the controls: the baseline once more in other batches, and a candidate that must fail."""

from __future__ import annotations

from dataclasses import replace

from tailgate.errors import TailgateError
from tailgate.gate.controls import NOISE_ITEMS
from tailgate.pipeline.control_records import Controls
from tailgate.pipeline.options import Observer
from tailgate.pipeline.pairs import ItemSource, answer_pair
from tailgate.pipeline.rounds import Stopping, run_candidate
from tailgate.pipeline.sides import Side
from tailgate.records import GatePlan, PairedOutcome
from tailgate.variants.variant import Variant, resolve

POSITIVE = "rtn:bits=2,group=64,sym=true"
NOISE = "the baseline against itself"
SOURCE_OPTIONS = ("revision",)  # of the baseline's spec, which say what is read


def run_controls(plan: GatePlan, source: ItemSource, stopping: Stopping, observer: Observer) -> Controls:
    """Run both controls on the items of the run; what cannot be run is named, with the reason."""
    baseline, missing = source.side, []
    positive: list[PairedOutcome] = []
    try:
        broken = positive_control(baseline)
    except TailgateError as error:
        missing.append(f"positive control {POSITIVE} ({error})")
    else:
        until_decided = replace(stopping, fixed_n=False, fail_fast=False)
        positive = run_candidate(plan, source, broken, until_decided, observer).outcomes
        broken.unload()
    noise: list[PairedOutcome] = []
    again = baseline.in_other_batches()
    if again is None:
        missing.append(f"noise floor (the engine {baseline.engine_choice.name} offers no other batches)")
    else:
        items = [item for cell in plan.cells for item in source.items(cell.key, 0, min(NOISE_ITEMS, cell.max_items))]
        observer.stage(NOISE, 2 * len(items))
        noise = [replace(each, candidate=NOISE) for each in answer_pair(items, baseline, again, observer.advance)]
        again.unload()
    return Controls(noise=tuple(noise), positive=tuple(positive), missing=tuple(missing))


def positive_control(baseline: Side) -> Side:
    """The baseline's model rounded to two bits: a candidate that every cell should catch.

    Raises
    ------
    TailgateError
        The model cannot be rounded: its weights are quantized already, or lie outside linear layers.
    """
    variant = baseline.variant
    side = Side("candidate", resolve(_spec(variant), variant.device), baseline.store, baseline.engine_choice)
    side.facts(donor=baseline)
    return side


def _spec(variant: Variant) -> str:
    kept = [f"{key}={value}" for key, value in variant.spec.options.items() if key in SOURCE_OPTIONS]
    return f"{variant.spec.model}@{','.join([POSITIVE, *kept])}"
