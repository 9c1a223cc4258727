"""What a suite and a gate can show, before anything is run: items, detectable losses, chances, tokens. No model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from tailgate.config import GateConfig, load_gate, value_for
from tailgate.errors import ConfigError, UsageError
from tailgate.gate import CellSpec, plan_gate
from tailgate.pipeline.checks import cell_spec
from tailgate.records import CellKey, CellPlan
from tailgate.stats.margins import MarginRule, calibrated_margin, informativeness
from tailgate.stats.planning import (
    CellRules,
    VerdictChances,
    detectable_loss,
    fewest_units,
    flip_rates,
    items_to_fail,
    items_to_pass,
    verdict_chances,
)
from tailgate_slices.item import SliceError
from tailgate_slices.registry import get_slice
from tailgate_slices.suites import Suite, load_suite


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumptions:
    """What is assumed of the models: the baseline's score, and the shares of items that flip and are lost."""

    score: float = 0.7
    churn: float = 0.05
    loss: float = 0.15
    runs: int = 500
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CellForecast:
    """What one cell can show. Items are None where no number of them leads to the verdict."""

    cell: str
    margin: float
    max_items: int
    fewest_items: int  # to a pass, when nothing flips
    informative: bool  # at the assumed score
    can_pass: bool
    items_to_pass: int | None
    items_to_fail: int | None
    detectable_loss: float | None  # at the cap
    tokens_per_item: int  # both sides, prompt and answer
    if_equal: VerdictChances
    if_lossy: VerdictChances


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """A whole suite under a gate."""

    suite: str
    gate: str
    alpha: float
    assumptions: Assumptions
    cells: tuple[CellForecast, ...]
    most_tokens: int  # every cell to its cap
    likely_tokens: int  # an equal candidate, median items

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def forecast(suite: str, gate: str | None, given: Assumptions) -> Forecast:
    """Forecast a comparison.

    Raises
    ------
    ConfigError
        The suite or the gate is unknown or wrong.
    UsageError
        The assumptions make no sense.
    """
    _check(given)
    try:
        found = load_suite(suite)
    except SliceError as error:
        raise ConfigError(str(error)) from error
    config = load_gate(gate or found.gate)
    plan = plan_gate(config, _specs(found, config), {}, {})
    rng = np.random.default_rng(given.seed)
    cells = tuple(_cell(cell, config, len(plan.cells), given, rng) for cell in plan.cells)
    return Forecast(
        suite=found.name,
        gate=gate or found.gate,
        alpha=config.alpha,
        assumptions=given,
        cells=cells,
        most_tokens=sum(cell.max_items * cell.tokens_per_item for cell in cells),
        likely_tokens=sum(cell.if_equal.median_items * cell.tokens_per_item for cell in cells),
    )


def _check(given: Assumptions) -> None:
    if not 0 <= given.score <= 1:
        raise UsageError(f"--score {given.score}: give a score in [0, 1]")
    if not (given.churn >= 0 and given.loss >= 0 and given.churn + given.loss <= 1):
        raise UsageError(f"--churn {given.churn} and --loss {given.loss}: give shares that add up to at most 1")
    if given.runs < 1:
        raise UsageError(f"--runs {given.runs}: give a number of at least 1")


def _specs(suite: Suite, config: GateConfig) -> Sequence[CellSpec]:
    return [
        cell_spec(CellKey(slice=cell.slice, stratum=cell.stratum), config.calibration_items) for cell in suite.cells
    ]


def _cell(
    cell: CellPlan, config: GateConfig, n_cells: int, given: Assumptions, rng: np.random.Generator
) -> CellForecast:
    margin = _margin(cell, config, given)
    equal = flip_rates(delta=0.0, discordance=given.churn)
    lossy = flip_rates(delta=-given.loss, discordance=given.loss + given.churn)
    fewest = fewest_units(margin, config.alpha)
    rules = CellRules(
        margin=margin,
        alpha_pass=config.alpha,
        alpha_fail=config.alpha / n_cells,
        max_items=cell.max_items,
        batch_items=config.batch_items,
        min_items=cell.min_items,
    )
    informative = _informative(cell, config, margin, given)
    if_equal = verdict_chances(equal, rules, given.runs, rng)
    return CellForecast(
        cell=str(cell.key),
        margin=margin,
        max_items=cell.max_items,
        fewest_items=fewest,
        informative=informative,
        can_pass=informative and fewest <= cell.max_items,
        items_to_pass=items_to_pass(equal, margin, config.alpha),
        items_to_fail=items_to_fail(lossy, margin, rules.alpha_fail),
        detectable_loss=detectable_loss(cell.max_items, churn=given.churn, margin=margin, alpha=rules.alpha_fail),
        tokens_per_item=2 * get_slice(cell.key.slice).min_context(cell.key.stratum),
        if_equal=if_equal if informative else _without_passes(if_equal),
        if_lossy=verdict_chances(lossy, rules, given.runs, rng),
    )


def _informative(cell: CellPlan, config: GateConfig, margin: float, given: Assumptions) -> bool:
    """Whether a calibration at the assumed score would show that the cell has something to lose."""
    n = config.calibration_items
    needed = cell.chance + config.informative_factor * margin
    return informativeness(round(given.score * n), n, needed=needed, alpha=config.alpha).informative


def _without_passes(chances: VerdictChances) -> VerdictChances:
    return replace(chances, passed=0.0, inconclusive=chances.inconclusive + chances.passed)


def _margin(cell: CellPlan, config: GateConfig, given: Assumptions) -> float:
    """The gate's margin, else the one that a calibration at the assumed score would give."""
    if value_for(config.margin, cell.key) is not None:
        return cell.margin
    rule = MarginRule(relative=config.margin_relative, floor=config.margin_floor, ceiling=config.margin_ceiling)
    return calibrated_margin(given.score, cell.chance, rule)


def forecast_lines(found: Forecast) -> list[str]:
    """A forecast for a terminal."""
    given = found.assumptions
    lines = [
        f"suite {found.suite}, gate {found.gate}, alpha {found.alpha:g}; assumed: the baseline scores {given.score:g}, "
        f"{given.churn:.0%} of the items flip by themselves, a bad candidate loses {given.loss:.0%} more",
        "",
        f"{'cell':<32} {'margin':>6} {'cap':>6} {'pass at':>8} {'fail at':>8} {'sees':>7} {'equal: pass':>12} "
        f"{'bad: blocked':>13}",
    ]
    for cell in found.cells:
        sees = "nothing" if cell.detectable_loss is None else f"{cell.detectable_loss:.1%}"
        lines.append(
            f"{cell.cell:<32} {cell.margin:>6.3f} {cell.max_items:>6} {_items(cell.items_to_pass):>8} "
            f"{_items(cell.items_to_fail):>8} {sees:>7} {cell.if_equal.passed:>12.0%} {cell.if_lossy.regression:>13.0%}"
        )
    lines += [f"{cell.cell} cannot pass: {_obstacle(cell, given)}" for cell in found.cells if not cell.can_pass]
    return [
        *lines,
        "",
        f"tokens, both sides: about {found.likely_tokens:,} for an equal candidate, at most {found.most_tokens:,}",
        "pass at, fail at: items at which the verdict is expected; sees: smallest loss that is blocked at the cap",
        f"chances: {given.runs} simulated cells each, seed {given.seed}; regressions at alpha / {len(found.cells)}",
    ]


def _obstacle(cell: CellForecast, given: Assumptions) -> str:
    if not cell.informative:
        return f"a baseline that scores {given.score:g} there is too close to chance for a margin of {cell.margin:g}"
    return f"{cell.fewest_items} items without a single flip are needed, the cap is {cell.max_items}"


def _items(count: int | None) -> str:
    return "never" if count is None else f"{count:,}"
