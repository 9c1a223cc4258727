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
    positive, no_positive = _run_positive(plan, source, stopping, observer)
    noise, no_noise = _run_again(plan, source, stopping, observer)
    missing = [reason for reason in (no_positive, no_noise) if reason is not None]
    return Controls(noise=tuple(noise), positive=tuple(positive), missing=tuple(missing))


def _run_positive(
    plan: GatePlan, source: ItemSource, stopping: Stopping, observer: Observer
) -> tuple[list[PairedOutcome], str | None]:
    """Outcomes of the positive control, and why they are not all there, if they are not."""
    try:
        broken = positive_control(source.side)
    except TailgateError as error:
        return [], f"positive control {POSITIVE} ({error})"
    try:
        run = run_candidate(plan, source, broken, replace(stopping, fixed_n=False, fail_fast=False), observer)
    finally:
        broken.unload()
    return run.outcomes, f"positive control {POSITIVE} to its end ({run.stopped})" if run.stopped else None


def _run_again(
    plan: GatePlan, source: ItemSource, stopping: Stopping, observer: Observer
) -> tuple[list[PairedOutcome], str | None]:
    """Outcomes of the baseline against itself, or why there are none."""
    again = source.side.in_other_batches()
    if again is None:
        return [], f"noise floor (the engine {source.side.engine_choice.name} offers no other batches)"
    if stopping.out_of_time:
        return [], "noise floor (the time budget ended)"
    items = [item for cell in plan.cells for item in source.items(cell.key, 0, min(NOISE_ITEMS, cell.max_items))]
    observer.stage(NOISE, 2 * len(items))
    try:
        outcomes = answer_pair(items, source.side, again, observer.advance)
    finally:
        again.unload()
    return [replace(each, candidate=NOISE) for each in outcomes], None


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
