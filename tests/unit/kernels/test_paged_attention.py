"""Paged attention, interpreted, against softmax written out in fp64.

Bound: weights and outputs are rounded to the dtype once each, sums are fp32 over at most 300 keys:
``max |v| * (2 u + 2e-5)`` with the unit roundoff u of the dtype.
"""

import pytest
import torch

from tailgate.engine.native.kv_codes import CODECS
from tailgate_kernels import reference_attention as oracle
from tailgate_kernels.attention_batch import Batch, Heads, Shared, StoredKV
from tailgate_kernels.launch import LaunchError
from tests.unit.kernels.support import DTYPES, ROUNDOFF, generator, largest_error

pytest.importorskip("triton")
from tailgate_kernels import paged_attention as kernel

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # numpy, where infinities are asked for

SLOTS, BLOCK = 512, 16
LOOK = oracle.Look(scale=0.3)
LOOKS = (LOOK, oracle.Look(scale=0.3, window=1), oracle.Look(scale=0.3, window=21), oracle.Look(scale=2.0, softcap=3.0))
# One query token behind 39 and behind none, a prompt, a prompt's second half, a draft of seven; blocks in any order.
MIXED = Batch(
    lengths=(1, 1, 33, 20, 7),
    ends=(40, 1, 33, 123, 90),
    tables=((3, 1, 2), (0,), (30, 29, 28), (5, 6, 7, 8, 9, 10, 11, 12), (3, 1, 2, 14, 13, 15)),
    block=BLOCK,
)


def store(kv="", dtype=torch.float32, heads=2, size=24, values=None, seed=0):
    """Slabs as the native engine keeps them, written by its own codecs."""
    rng = generator(seed)
    vectors = (torch.randn(heads, SLOTS, each, generator=rng).to(dtype) for each in (size, values or size))
    k, v = (CODECS[kv].encode(each) for each in vectors)
    return StoredKV(kv=kv, k=k, v=v)


def queries(batch, heads=6, size=24, dtype=torch.float32, seed=1):
    return torch.randn(heads, batch.tokens, size, generator=generator(seed)).to(dtype)


def make_plan(batch, q, stored):
    heads = Heads(queries=q.shape[0], kv=stored.heads, size=q.shape[2], dtype=q.dtype, kv_format=stored.kv)
    return kernel.plan(batch, heads, slots=stored.slots, device="cpu")


def attend(batch, q, stored, look=LOOK):
    return kernel.paged_attention(q, stored, make_plan(batch, q, stored), look)


def check(batch, q, stored, look=LOOK):
    found = attend(batch, q, stored, look)
    judge = oracle.paged_attention(q, stored, make_plan(batch, q, stored), look, arithmetic=torch.float64)
    most = oracle.decode_kv(stored.kv, stored.v).double().abs().max()
    assert largest_error(found.out_QND, judge.out_QND) <= most * (2 * ROUNDOFF[q.dtype] + 2e-5)
    assert largest_error(found.lse_QN, judge.lse_QN) <= 2e-5
    return found


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("look", LOOKS)
def test_mixed_batch_is_within_the_bound(dtype, look):
    check(MIXED, queries(MIXED, dtype=dtype), store(dtype=dtype), look)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kv", ["int8", "fp8", "int4"])
def test_rounded_key_values_are_read_as_the_store_reads_them(kv, dtype):
    check(MIXED, queries(MIXED, dtype=dtype), store(kv, dtype))


@pytest.mark.parametrize("kv", ["int8", "fp8", "int4"])
def test_the_oracle_decodes_what_the_store_decodes(kv):
    stored = store(kv)
    assert torch.equal(oracle.decode_kv(kv, stored.k), CODECS[kv].decode(stored.k, torch.float32))


@pytest.mark.parametrize("context", [1, 7, 123, 257])
def test_one_query_token_behind_an_odd_number_of_keys(context):
    batch = Batch(lengths=(1,), ends=(context,), tables=(tuple(range(17)),), block=BLOCK)
    check(batch, queries(batch), store())


@pytest.mark.parametrize("length", [1, 7, 123, 257])
def test_a_prompt_of_odd_length(length):
    batch = Batch(lengths=(length,), ends=(length,), tables=(tuple(reversed(range(17))),), block=BLOCK)
    check(batch, queries(batch, heads=2, dtype=torch.float16), store(dtype=torch.float16, heads=1))


@pytest.mark.parametrize(
    ("heads", "kv_heads", "size", "values"), [(1, 1, 16, 16), (71, 1, 8, 8), (3, 3, 80, 40), (20, 4, 6, 10)]
)
def test_head_counts_and_sizes(heads, kv_heads, size, values):
    stored = store(heads=kv_heads, size=size, values=values)
    check(MIXED, queries(MIXED, heads=heads, size=size), stored)


@pytest.mark.parametrize("block", [1, 8, 64])
def test_block_sizes(block):
    blocks = SLOTS // block
    table = tuple((7 * index + 3) % blocks for index in range(-(-61 // block)))
    batch = Batch(lengths=(5,), ends=(61,), tables=(table,), block=block)
    check(batch, queries(batch), store())


def test_queries_and_slabs_of_any_stride():
    stored, q = store(), queries(MIXED)
    k, v = (part[0].transpose(0, 1).contiguous().transpose(0, 1) for part in (stored.k, stored.v))  # [S, H, D] inside
    turned = q.transpose(0, 1).contiguous().transpose(0, 1)
    found = attend(MIXED, turned, StoredKV(kv="", k=(k,), v=(v,)))
    assert torch.equal(found.out_QND, attend(MIXED, q, stored).out_QND)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_token_does_not_depend_on_what_else_is_in_the_batch(dtype):
    stored, q = store(dtype=dtype), queries(MIXED, dtype=dtype)
    together, low = attend(MIXED, q, stored).out_QND, 0
    for length, end, table in zip(MIXED.lengths, MIXED.ends, MIXED.tables, strict=True):
        alone = Batch(lengths=(length,), ends=(end,), tables=(table,), block=BLOCK)
        rows = slice(low, low + length)
        assert torch.equal(attend(alone, q[:, rows], stored).out_QND, together[:, rows])
        low += length


def test_how_a_prompt_is_cut_changes_nothing():
    table, stored = tuple(range(6)), store()
    whole = Batch(lengths=(83,), ends=(83,), tables=(table,), block=BLOCK)
    q = queries(whole)
    together = attend(whole, q, stored).out_QND
    for low, high in ((0, 48), (48, 83)):  # at tiles: in a product of numpy's a row's place in it shows in its last bit
        part = Batch(lengths=(high - low,), ends=(high,), tables=(table,), block=BLOCK)
        assert torch.equal(attend(part, q[:, low:high], stored).out_QND, together[:, low:high])


# Sequences 0 and 4 of the mixed batch begin in the same blocks.
SHARING = Batch(
    lengths=MIXED.lengths,
    ends=MIXED.ends,
    tables=MIXED.tables,
    block=BLOCK,
    shared=(Shared(sequences=(0, 4), begin=0, end=37),),
)


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("kv", ["", "int4"])
def test_a_shared_beginning_is_read_once_and_merged(kv, look):
    stored, q = store(kv), queries(SHARING)
    check(SHARING, q, stored, look)


def test_a_shared_beginning_is_one_piece_of_work():
    q, stored = queries(SHARING), store()
    tiles = make_plan(SHARING, q, stored)
    read = [(table, begin, end) for each in (tiles.few, tiles.many) for table, begin, end, *_ in each.meta_T6.tolist()]
    assert [one for one in read if one[1:] == (0, 37)] == [(0, 0, 37)]


def test_whom_a_sequence_shares_with_changes_nothing():
    q, stored = queries(SHARING), store()
    together = attend(SHARING, q, stored).out_QND
    alone = Batch(
        lengths=(1,), ends=(40,), tables=MIXED.tables[:1], block=BLOCK,
        shared=(Shared(sequences=(0,), begin=0, end=37),),
    )  # fmt: skip
    assert torch.equal(attend(alone, q[:, :1], stored).out_QND, together[:, :1])


def test_nested_shared_beginnings():
    tables = ((0, 1, 2, 3), (0, 1, 2, 4), (0, 1, 5, 6))
    shared = (Shared(sequences=(0, 1, 2), begin=0, end=32), Shared(sequences=(0, 1), begin=32, end=45))
    batch = Batch(lengths=(3, 1, 9), ends=(50, 64, 49), tables=tables, block=BLOCK, shared=shared)
    check(batch, queries(batch), store())


def test_unused_slots_are_never_read():
    stored, q = store(), queries(MIXED)
    clean = attend(MIXED, q, stored)
    used = {
        (table[at // BLOCK], at % BLOCK)
        for end, table in zip(MIXED.ends, MIXED.tables, strict=True)
        for at in range(end)
    }
    poison = [slot for slot in range(SLOTS) if (slot // BLOCK, slot % BLOCK) not in used]
    for part in (stored.k[0], stored.v[0]):
        part[:, poison] = float("nan")
    assert torch.equal(attend(MIXED, q, stored).out_QND, clean.out_QND)


def _spoilt(new):
    return new.fill_(float("nan")) if new.is_floating_point() else new


def test_every_output_is_written(monkeypatch):
    q, stored = queries(SHARING), store()
    plain = attend(SHARING, q, stored)
    empty = torch.Tensor.new_empty
    monkeypatch.setattr(torch.Tensor, "new_empty", lambda self, *a, **k: _spoilt(empty(self, *a, **k)))
    poisoned = attend(SHARING, q, stored)
    assert torch.equal(poisoned.out_QND, plain.out_QND)
    assert torch.equal(poisoned.lse_QN, plain.lse_QN)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_query_that_is_not_finite_spoils_its_own_row_alone(bad):
    q, stored = queries(MIXED), store()
    clean = attend(MIXED, q, stored).out_QND
    q[2, 5] = bad
    found = attend(MIXED, q, stored).out_QND
    assert not found[2, 5].isfinite().any()
    found[2, 5] = clean[2, 5]
    assert torch.equal(found, clean)


def test_a_key_that_is_not_finite_spoils_no_other_sequence():
    q, stored = queries(MIXED), store()
    clean = attend(MIXED, q, stored).out_QND
    stored.k[0][:, 30 * BLOCK] = float("nan")  # the first token of sequence 2
    found = attend(MIXED, q, stored).out_QND
    assert not found[:, 2:35].isfinite().any()
    assert torch.equal(found[:, :2], clean[:, :2])
    assert torch.equal(found[:, 35:], clean[:, 35:])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lengths": (1, 0, 33, 20, 7)}, r"lengths\[1\] is 0"),
        ({"ends": (40, 1, 32, 123, 90)}, r"ends\[2\] is 32, below its 33"),
        ({"tables": (*MIXED.tables[:4], (3, 1))}, r"tables\[4\] has 2 blocks of 16; 90 positions need 6"),
        ({"tables": ((3, 1, 32), *MIXED.tables[1:])}, r"tables\[0\] names block 32"),
        ({"tables": ((-1, 1, 2), *MIXED.tables[1:])}, r"tables\[0\] names block -1"),
        ({"tables": MIXED.tables[1:]}, "5, 5 and 4 sequences"),
        ({"block": 15}, "block is 15"),
        ({"shared": (Shared(sequences=(0, 3), begin=0, end=16),)}, "whose tables differ"),
        ({"shared": (Shared(sequences=(0, 4), begin=0, end=40),)}, "within the 39"),
        ({"shared": (Shared(sequences=(0, 9), begin=0, end=16),)}, r"\[0, 9\]"),
        ({"shared": tuple(Shared(sequences=(0,), begin=low, end=low + 20) for low in (0, 10))}, "position 10"),
    ],
)  # fmt: skip
def test_a_batch_that_does_not_fit_is_refused(change, message):
    values = {name: getattr(MIXED, name) for name in ("lengths", "ends", "tables", "block", "shared")}
    with pytest.raises(LaunchError, match=message):
        make_plan(Batch(**{**values, **change}), queries(MIXED), store())


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda q, s: (q.double(), s), "q has dtype float64"),
        (lambda q, s: (q.half(), s), r"k\[0\] has dtype float32; it must be one of: float16"),
        (lambda q, s: (q[:, :-1], s), r"q has shape \[6, 61, 24\]"),
        (lambda q, s: (q.transpose(0, 2).contiguous().transpose(0, 2), s), "q has strides"),
        (lambda q, s: (q.to("meta"), s), "q lies on 'meta'"),
        (lambda q, s: (q, StoredKV(kv="int8", k=s.k, v=s.v)), "k has 1 parts; kv='int8' has 2"),
        (lambda q, s: (q, StoredKV(kv="int2", k=s.k, v=s.v)), "kv is 'int2'"),
        (lambda q, s: (q, StoredKV(kv="", k=(s.k[0][:, :256],), v=(s.v[0][:, :256],))), "256 slots"),
    ],
)
def test_tensors_that_do_not_fit_are_refused(spoil, message):
    q, stored = queries(MIXED), store()
    planned = make_plan(MIXED, q, stored)
    q, stored = spoil(q, stored)
    with pytest.raises(LaunchError, match=message):
        kernel.paged_attention(q, stored, planned, LOOK)


@pytest.mark.parametrize("look", [oracle.Look(scale=1.0, window=0), oracle.Look(scale=1.0, softcap=0.0)])
def test_a_window_or_cap_of_nothing_is_refused(look):
    with pytest.raises(LaunchError, match="is 0"):
        attend(MIXED, queries(MIXED), store(), look)


def test_heads_that_do_not_divide_are_refused():
    with pytest.raises(LaunchError, match="heads is 5 to 2"):
        make_plan(MIXED, queries(MIXED, heads=5), store())
