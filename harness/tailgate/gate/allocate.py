"""Which undecided cells get the next whole batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tailgate.gate.evidence import CellData, open_cells
from tailgate.records import CellKey, CellPlan, GatePlan
from tailgate.stats.allocation import CellCounts, growth_per_token
from tailgate.stats.eprocess import Floats

ROUND_CELLS = 8  # cells asked together: their items share forward passes (docs/adr/0007)


def next_cells(data: Mapping[CellKey, CellData], plan: GatePlan, tokens: Mapping[CellKey, int]) -> tuple[CellKey, ...]:
    """The undecided cells that get the next batch, best first: most expected growth of evidence per token.

    Parameters
    ----------
    tokens : declared tokens of one item of each cell, prompt and answer.

    Notes
    -----
    A pure function of the plan and of the outcomes: reruns, resumed and sharded runs ask the same items in the same
    order. Ties go to the cell that stands first in the plan.
    """
    wanted = set(open_cells(data, plan))
    cells = [cell for cell in plan.cells if cell.key in wanted]
    return tuple(cell.key for cell in rank_cells(cells, data, tokens)[:ROUND_CELLS])


def rank_cells(
    cells: Sequence[CellPlan], data: Mapping[CellKey, CellData], tokens: Mapping[CellKey, int]
) -> list[CellPlan]:
    """Cells by expected growth per token, best first."""
    if not cells:
        return []
    empty = CellData()
    sizes, wins, losses = _sums([data.get(cell.key, empty) for cell in cells])
    rates = growth_per_token(
        CellCounts(
            wins=wins,
            ties=sizes - wins - losses,
            losses=losses,
            margins=np.array([cell.margin for cell in cells]),
            can_pass=np.array([cell.informative for cell in cells]),
            tokens=np.array([float(max(tokens[cell.key], 1)) for cell in cells]),
        )
    )
    return [cells[index] for index in np.argsort(-rates, kind="stable")]


def _sums(found: Sequence[CellData]) -> tuple[Floats, Floats, Floats]:
    """Items, gains and losses of each cell."""
    sizes = np.array([cell.baseline.size for cell in found])
    differences = np.concatenate([cell.candidate for cell in found]) - np.concatenate([cell.baseline for cell in found])
    filled = sizes > 0
    starts = (np.cumsum(sizes) - sizes)[filled]
    gains, losses = np.zeros(sizes.size), np.zeros(sizes.size)
    if starts.size:
        gains[filled] = np.add.reduceat(np.maximum(differences, 0.0), starts)
        losses[filled] = np.add.reduceat(np.maximum(-differences, 0.0), starts)
    return sizes.astype(np.float64), gains, losses
