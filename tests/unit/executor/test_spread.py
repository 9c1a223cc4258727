"""Workers of a real Ray on this machine, with an engine that needs no model: deaths, refusals, and nothing lost."""

import os
import subprocess
import sys
from contextlib import contextmanager

import pytest

from tailgate.engine.request import ChoiceRequest, Draft, Request, Transcript
from tailgate.errors import IntegrityError, MissingPackageError, SetupError
from tailgate.executor.placement import Placement
from tailgate.executor.spread import Cluster, SpreadEngine
from tests.conftest import require_tool
from tests.support.spreading import BATCH, Doubling, three_nodes

pytestmark = pytest.mark.timeout(300)

REQUESTS = [Request(key=f"r{i}", prompt_ids=(i, i + 1), max_new_tokens=4) for i in range(120)]
ANSWERS = {f"r{i}": (2 * i, 2 * i + 2) for i in range(120)}


@contextmanager
def reached(address="local", workers=2):
    cluster = Cluster(Placement(address=address, workers=workers, gpu=False))
    try:
        yield cluster
    finally:
        cluster.close()


@pytest.fixture(scope="module")
def cluster():
    """A cluster of this machine alone, with two workers."""
    require_tool("ray")
    with reached() as found:
        yield found


@pytest.fixture
def nodes():
    """A cluster of three nodes, as three raylets of this machine."""
    require_tool("ray")
    with three_nodes() as found:
        yield found


def engine(cluster, **behaviour):
    return SpreadEngine(cluster, Doubling(**behaviour), "doubling", "1")


def answers(batches):
    found = [(each.key, each.tokens) for batch in batches for each in batch]
    assert len(found) == len(dict(found)), "no request is answered twice"
    return dict(found)


def test_workers_answer_what_one_engine_would_and_count_its_work(cluster):
    ours = engine(cluster)
    assert answers(ours.generate(REQUESTS)) == ANSWERS
    assert ours.counters.generated == len(REQUESTS)
    assert cluster.ready.layout.workers == 2
    assert cluster.ready.layout.threads == max(1, len(os.sched_getaffinity(0)) // 2)


def test_verifying_and_scoring_are_spread_alike(cluster):
    told = Transcript(key="", tokens=(1,), text="", finish_reason="stop")
    drafts = [Draft(request=request, baseline=told) for request in REQUESTS]
    verified = [each for batch in engine(cluster).verify(drafts) for each in batch]
    assert {each.transcript.key: each.transcript.tokens for each in verified} == ANSWERS
    choices = [ChoiceRequest(key=f"c{i}", context_ids=(i,), choices=((i,), (i, 1))) for i in range(30)]
    scores = [each for batch in engine(cluster).score(choices) for each in batch]
    assert {each.key: each.log_likelihoods for each in scores} == {f"c{i}": (float(i), i + 1.0) for i in range(30)}


def test_a_worker_killed_in_the_middle_is_replaced_and_nothing_is_lost_or_asked_twice(cluster, tmp_path):
    lost = cluster.lost
    ours = engine(cluster, dies_at="r37", mark=tmp_path / "died", folder=tmp_path)
    assert answers(ours.generate(REQUESTS)) == ANSWERS
    assert cluster.lost == lost + 1
    assert (tmp_path / "died").exists()
    assert ours.counters.generated == len(REQUESTS)


def test_a_request_that_kills_every_worker_ends_the_run_by_name_and_keeps_what_was_answered(cluster):
    found = {}
    with pytest.raises(SetupError, match=r"3 workers were lost with the requests .*r37.*; .*what was answered is kept"):
        for batch in engine(cluster, dies_at="r37", name="deadly").generate(REQUESTS):
            found |= {each.key: each.tokens for each in batch}
    assert found.items() <= ANSWERS.items()
    assert "r37" not in found
    assert answers(engine(cluster).generate(REQUESTS)) == ANSWERS


def test_what_an_engine_refuses_on_a_worker_is_refused_here(cluster):
    with pytest.raises(IntegrityError, match="these are other weights"):
        list(engine(cluster, refuses=True).generate(REQUESTS))


def test_a_call_may_be_left_and_the_next_one_answered(cluster):
    batches = engine(cluster, rests_s=0.05).generate(REQUESTS)
    assert len(next(batches)) == BATCH
    batches.close()
    assert answers(engine(cluster).generate(REQUESTS)) == ANSWERS


def test_a_node_removed_in_the_middle_loses_nothing(nodes):
    with reached(nodes.address, workers=None) as cluster:
        assert cluster.ready.layout.nodes == cluster.ready.layout.workers == 2
        assert answers(engine(cluster).generate(REQUESTS)) == ANSWERS  # both workers have started
        slow, found, gone = engine(cluster, rests_s=0.1), {}, False
        for batch in slow.generate(REQUESTS):
            found |= {each.key: each.tokens for each in batch}
            if not gone and len(found) >= 30:
                nodes.remove_node(next(iter(nodes.worker_nodes)), allow_graceful=False)
                gone = True
        assert gone
        assert found == ANSWERS
        assert slow.counters.generated == len(REQUESTS)


def test_more_workers_than_cpus_are_refused(require):
    require("ray")
    cpus = len(os.sched_getaffinity(0))
    with pytest.raises(SetupError, match=f"room for {cpus} workers of 1 CPU on 1 nodes, {cpus + 1} are wanted"):
        Cluster(Placement(address="local", workers=cpus + 1, gpu=False))


@pytest.mark.parametrize("address", ["127.0.0.1:1", "127.0.0.1:99999999", "no.such.host.invalid:6379"])
def test_an_address_where_nothing_listens_is_refused_at_once(require, address):
    require("ray")
    with pytest.raises(SetupError, match=f"no Ray cluster listens at '{address}'"):
        Cluster(Placement(address=address, workers=1, gpu=False))


def test_an_address_that_is_none_is_refused(require):
    require("ray")
    with pytest.raises(SetupError, match="cannot use the Ray cluster at 'nonsense': Invalid address format"):
        Cluster(Placement(address="nonsense", workers=1, gpu=False))


def test_without_the_package_the_extra_is_named(monkeypatch, tmp_path):
    (tmp_path / "ray.py").write_text("raise ImportError('not here')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(MissingPackageError, match=r"pip install 'tailgate\[ray\]'"):
        Cluster(Placement(address="local", workers=1, gpu=False))


def test_a_driver_that_dies_is_a_lost_connection(require):
    require("ray")
    with reached(workers=1) as cluster:
        batches = engine(cluster, rests_s=0.1).generate(REQUESTS)
        next(batches)
        cluster._driver.kill()
        with pytest.raises(SetupError, match=r"was lost; .*or --resume its run folder: what was answered is kept"):
            list(batches)


def test_importing_the_executor_needs_neither_ray_nor_torch():
    code = "import sys, tailgate.executor.spread; print([m for m in ('ray', 'torch') if m in sys.modules])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"
