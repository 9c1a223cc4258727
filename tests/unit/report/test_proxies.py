"""Divergence beside damage."""

from tailgate.report.proxies import proxies
from tests.unit.report.factory import cell, outcome


def run(*cells):
    """Cells as (stratum, change, divergence, verdict), an item each."""
    decided = [cell(stratum=stratum, delta=delta, verdict=verdict) for stratum, delta, _, verdict in cells]
    items = [
        outcome(stratum=stratum, mean_kl_floor=kl, top1_agreement=0.9, mean_log_prob=-0.5)
        for stratum, _, kl, _ in cells
    ]
    return proxies(decided, items)


def test_a_calm_proxy_on_a_broken_cell_is_named():
    found = run(
        ("a", -0.3, 0.01, "regression"),
        ("b", -0.2, 0.9, "regression"),
        ("c", 0.0, 0.02, "pass"),
        ("d", 0.0, 0.5, "pass"),
    )
    assert [row.calm_but_broken for row in found.rows] == [True, False, False, False]
    assert found.warning.startswith("A calm proxy sits on a broken cell: long_context/a lost")


def test_rank_correlation_tells_how_far_divergence_ranks_cells_as_losses_do():
    ordered = run(*((str(n), -n / 10, n / 5, "inconclusive") for n in range(1, 6)))
    assert ordered.correlation.endswith("over 5 cells: +1.00")
    assert ordered.warning is None
    few = run(("a", -0.3, 0.1, "pass"), ("b", 0.0, 0.2, "pass"))
    assert few.correlation == "no rank correlation: 2 cells"


def test_where_the_engine_did_not_look_there_are_no_proxies():
    assert proxies([cell()], [outcome()]) is None
