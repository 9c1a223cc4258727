"""How many threads a worker gets, and what is refused."""

import pytest

from tailgate.errors import SetupError, UsageError
from tailgate.executor.placement import Layout, Node, Placement, lay_out

TWO_NODES = [Node(cpus=8, gpus=2), Node(cpus=4, gpus=1)]


def placement(workers=None, gpu=False, address="local"):
    return Placement(address=address, workers=workers, gpu=gpu)


@pytest.mark.parametrize(
    ("workers", "threads"),
    [(1, 8), (2, 4), (3, 4), (4, 2), (6, 2), (7, 1), (12, 1)],
)
def test_workers_share_the_cpus_and_none_is_left_without_room(workers, threads):
    assert lay_out(placement(workers), TWO_NODES) == Layout(workers=workers, threads=threads, gpus=0, nodes=2)


def test_without_a_number_there_is_one_worker_per_node_on_cpus_and_one_per_gpu_on_gpus():
    assert lay_out(placement(), TWO_NODES).workers == 2
    assert lay_out(placement(gpu=True), TWO_NODES) == Layout(workers=3, threads=4, gpus=1, nodes=2)


def test_more_workers_than_room_are_refused_with_both_numbers():
    with pytest.raises(SetupError, match=r"room for 12 workers of 1 CPU on 2 nodes, 13 are wanted"):
        lay_out(placement(13), TWO_NODES)


def test_a_cluster_without_gpus_is_refused_where_gpus_are_needed():
    with pytest.raises(SetupError, match="room for 0 workers of 1 CPU and 1 GPU"):
        lay_out(placement(gpu=True), [Node(cpus=8, gpus=0)])


def test_an_empty_cluster_is_refused():
    with pytest.raises(SetupError, match="on 0 nodes, 1 are wanted"):
        lay_out(placement(), [])


def test_workers_below_one_and_the_client_protocol_are_usage_errors():
    with pytest.raises(UsageError, match="--workers 0"):
        placement(0)
    with pytest.raises(UsageError, match="client protocol is not served"):
        placement(address="ray://head:10001")
