"""Blocks: counted readers, long runs, nothing handed out twice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailgate.engine.blocks import BlockPool, OutOfBlocksError, Run, runs


def test_a_table_grows_in_one_run_with_room_held_behind_it():
    pool = BlockPool(20, size=4)
    first, second = [], []
    pool.grow(first, 4, holder=1, room=24)
    pool.grow(second, 4, holder=2, room=8)
    pool.grow(first, 24, holder=1, room=24)
    assert runs(first, 4, 0, 24) == (Run(slot=0, tokens=24),)
    assert second[0] == 6


def test_held_blocks_are_taken_when_nothing_else_is_free():
    pool = BlockPool(4, size=4)
    first, second = [], []
    pool.grow(first, 4, holder=1, room=16)
    pool.grow(second, 12, holder=2)
    assert sorted(first + second) == [0, 1, 2, 3]


def test_running_out_leaves_the_table_as_it_was():
    pool = BlockPool(2, size=4)
    table = []
    with pytest.raises(OutOfBlocksError, match="3 blocks wanted, 2 free"):
        pool.grow(table, 12, holder=1)
    assert table == []
    assert pool.free == 2


def test_a_shared_block_is_free_after_its_last_reader():
    pool = BlockPool(2, size=4)
    table = []
    pool.grow(table, 8, holder=1)
    pool.share(table)
    pool.release(table, holder=1)
    assert pool.free == 0
    pool.release(table, holder=2)
    assert pool.free == 2


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 30)), max_size=40))
def test_no_block_belongs_to_two_sequences(growths):
    pool = BlockPool(24, size=4)
    tables = {n: [] for n in range(6)}
    for number, tokens in growths:
        try:
            pool.grow(tables[number], tokens, holder=number, room=tokens + 8)
        except OutOfBlocksError:
            pool.release(tables[number], holder=number)
            tables[number] = []
    owned = [block for table in tables.values() for block in table]
    assert len(owned) == len(set(owned))
    assert pool.free == 24 - len(owned)


@given(st.lists(st.integers(0, 30), min_size=1, max_size=8, unique=True), st.data())
def test_runs_name_every_slot_in_order(table, data):
    start = data.draw(st.integers(0, 4 * len(table)))
    stop = data.draw(st.integers(start, 4 * len(table)))
    slots = [slot for run in runs(table, 4, start, stop) for slot in range(run.slot, run.slot + run.tokens)]
    assert slots == [table[p // 4] * 4 + p % 4 for p in range(start, stop)]
