"""How the evidence of a cell grew."""

import math
from xml.etree import ElementTree as ET

import pytest

from tailgate.report.forest import LIGHT
from tailgate.report.paths import draw, evidence_paths
from tailgate.stats.eprocess import log_e_fail, log_e_pass
from tests.unit.report.factory import cell, outcome


def items(n, lost, **changes):
    return [outcome(index=i, candidate_score=0.0 if i < lost else 1.0, **changes) for i in range(n)]


def test_a_path_ends_at_the_evidence_of_the_verdict():
    [path] = evidence_paths([cell(margin=0.1, alpha=0.05)], items(60, 12))
    assert path.items[-1] == 60
    assert path.passing[-1] == pytest.approx(float(log_e_pass(0, 48, 12, 0.1)) / math.log(10))
    assert path.failing[-1] == pytest.approx(float(log_e_fail(0, 48, 12, 0.1)) / math.log(10))
    assert 10**path.bar == pytest.approx(20)


def test_items_count_in_their_order():
    lost_first = evidence_paths([cell()], items(60, 12))[0]
    lost_last = evidence_paths([cell()], [outcome(index=59 - each.index, candidate_score=each.candidate_score)
                                          for each in items(60, 12)])[0]  # fmt: skip
    assert lost_first.failing[10] > lost_last.failing[10]
    assert lost_first.failing[-1] == pytest.approx(lost_last.failing[-1])


@pytest.mark.parametrize("changes", [{"cluster": "h1"}, {"invalid": "candidate_nonfinite"}, {"baseline_score": 0.5}])
def test_cells_whose_items_do_not_stand_alone_have_no_path(changes):
    assert evidence_paths([cell()], items(20, 2, **changes)) == ()


def test_every_cell_has_two_lines_and_its_name():
    paths = evidence_paths([cell(), cell(stratum="len=512")], [*items(20, 2), *items(20, 0, stratum="len=512")])
    root = ET.fromstring(draw(paths, LIGHT))
    assert len([node for node in root.iter() if node.get("aria-roledescription") == "line mark"]) == 4
    assert {"long_context/len=2048", "long_context/len=512"} <= {node.text for node in root.iter()}
