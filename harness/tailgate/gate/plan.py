"""What is fixed before the first candidate item: margins, caps and which cells can show anything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from tailgate.config import GateConfig, value_for
from tailgate.errors import ConfigError, IntegrityError
from tailgate.records import Calibration, CellKey, CellPlan, GatePlan
from tailgate.stats.margins import MarginRule, calibrated_margin, informativeness

UNCALIBRATED_MARGIN = 0.05  # where neither the gate nor a calibration draw gives one
DESCRIBED_ITEMS = 40  # of a cell that is described, not gated
DESCRIPTIVE = "descriptive: measured, never gated"
NOT_CALIBRATED = "no calibration draw: whether the cell is informative is not known and was not applied"


@dataclass(frozen=True, slots=True, kw_only=True)
class CellSpec:
    """A cell the suite asks for.

    `cluster_items` is the declared largest cluster, where items share texts; `descriptive` cells are measured and
    never gated; `size` is how many items there are at all, None without end.
    """

    key: CellKey
    chance: float
    clustered: bool
    cluster_items: int = 1
    descriptive: bool = False
    size: int | None = None


def plan_gate(
    config: GateConfig,
    cells: Sequence[CellSpec],
    calibrations: Mapping[CellKey, Calibration],
    not_applicable: Mapping[str, str],
    ungraded: Collection[str] = (),
) -> GatePlan:
    """Fix margins, caps and informativeness of every cell before the first candidate item.

    `ungraded` names the cells among `not_applicable` that void the decision.

    Without any calibration (logs that others produced) the margin comes from the gate or is 0.05, and informativeness
    is reported, not applied.

    Raises
    ------
    ConfigError
        The gate names a slice or cell the suite does not have, or asks for more items than its cap.
    IntegrityError
        Some cells were calibrated and others were not, or a calibration makes no sense.
    """
    keys = [spec.key for spec in cells]
    _check_targets(config, keys, not_applicable)
    missing = [str(key) for key in keys if calibrations and key not in calibrations]
    if missing:
        raise IntegrityError(f"no calibration for {', '.join(missing)}, but for other cells; calibrate all or none")
    return GatePlan(
        alpha=config.alpha,
        cells=tuple(_plan_cell(config, spec, calibrations.get(spec.key)) for spec in cells),
        gate_sha256=config.sha256,
        batch_items=config.batch_items,
        not_applicable=dict(not_applicable),
        ungraded=tuple(ungraded),
    )


def _check_targets(config: GateConfig, keys: Sequence[CellKey], not_applicable: Mapping[str, str]) -> None:
    repeated = [str(key) for key, count in Counter(keys).items() if count > 1]
    if repeated:
        raise ConfigError(f"the suite gates {repeated[0]} twice; name each cell once")
    cells = {str(key) for key in keys} | set(not_applicable)
    known = cells | {key.slice for key in keys} | {slice_of(name) for name in not_applicable}
    if unknown := sorted(config.named_targets() - known):
        raise ConfigError(
            f"the gate names '{unknown[0]}', which the suite does not have; it has {', '.join(sorted(known))}"
        )


def _plan_cell(config: GateConfig, spec: CellSpec, calibration: Calibration | None) -> CellPlan:
    stated = value_for(config.chance, spec.key)
    chance = spec.chance if stated is None else stated
    if calibration is not None and not 0 <= calibration.correct <= calibration.n >= 1:
        found = f"{calibration.correct} right of {calibration.n}"
        raise IntegrityError(f"{spec.key}: a calibration of {found} items makes no sense; calibrate again")
    margin = _margin(config, spec.key, chance, calibration)
    doubt = None if calibration is None else _doubt(config, calibration, chance, margin)
    fewest, most = _item_limits(config, spec)
    if spec.descriptive:
        doubt, fewest = DESCRIPTIVE, min(max(fewest, DESCRIBED_ITEMS), most)
    return CellPlan(
        key=spec.key,
        margin=margin,
        chance=chance,
        slice_chance=spec.chance,
        min_items=fewest,
        max_items=most,
        calibration=calibration,
        informative=doubt is None,
        reason=NOT_CALIBRATED if calibration is None and doubt is None else doubt,
        descriptive=spec.descriptive,
        size=spec.size,
        clustered=spec.clustered,
        cluster_items=spec.cluster_items,
    )


def _doubt(config: GateConfig, calibration: Calibration, chance: float, margin: float) -> str | None:
    needed = chance + config.informative_factor * margin
    found = informativeness(calibration.correct, calibration.n, needed=needed, alpha=config.alpha)
    if found.informative:
        return None
    surely = f"the baseline scores {calibration.score:.3f} on {calibration.n} calibration items, surely {found.low:.3f}"
    rule = f"chance {chance:g} plus {config.informative_factor:g} margins of {margin:g}"
    return f"{surely}; at least {needed:.3f} is needed, {rule}"


def _margin(config: GateConfig, key: CellKey, chance: float, calibration: Calibration | None) -> float:
    stated = value_for(config.margin, key)
    if stated is not None:
        return stated
    if calibration is None:
        return UNCALIBRATED_MARGIN
    rule = MarginRule(relative=config.margin_relative, floor=config.margin_floor, ceiling=config.margin_ceiling)
    return calibrated_margin(calibration.score, chance, rule)


def _item_limits(config: GateConfig, spec: CellSpec) -> tuple[int, int]:
    key, defaults = spec.key, GateConfig.model_fields
    fewest = value_for(config.min_items, key) or int(defaults["min_items"].default)
    most = value_for(config.max_items, key) or int(defaults["max_items"].default)
    if fewest > most:
        raise ConfigError(f"min_items {fewest} of {key} exceeds its max_items {most}; lower one or raise the other")
    if spec.size is not None and spec.size < fewest:
        raise ConfigError(f"{key} has {spec.size} items, min_items asks for {fewest}; lower it or give more items")
    return fewest, most if spec.size is None else min(most, spec.size)


def slice_of(name: str) -> str:
    """The slice in the name of a cell, ``slice/stratum``."""
    return name.partition("/")[0]
