"""Every kernel on a device, against its oracle in fp64 or whole: the sizes of a model, and equal bits in any batch."""

import pytest
import torch

from tailgate.engine.native.kv_codes import CODECS
from tailgate_kernels import reference_attention, reference_matmul, reference_stats
from tailgate_kernels.attention_batch import Batch, Heads, Shared, StoredKV
from tailgate_kernels.dispatch import select
from tailgate_kernels.packed4 import PackedWeight4, dequantized
from tailgate_kernels.reference_attention import Look
from tailgate_kernels.stats_request import Head, Wanted
from tailgate_kernels.weight8 import Weight8

ROUNDOFF = {torch.float16: 2.0**-11, torch.bfloat16: 2.0**-8}
HALVES = tuple(ROUNDOFF)


def random(*shape, dtype=torch.float32, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).to("cuda", dtype)


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("kv", ["", "int8", "fp8", "int4"])
def test_paged_attention_is_within_its_bound_and_batch_invariant(kv, dtype):
    kernels = select("triton", "cuda")
    k, v = (CODECS[kv].encode(random(2, 4096, 128, dtype=dtype, seed=seed)) for seed in (1, 2))
    stored, look = StoredKV(kv=kv, k=k, v=v), Look(scale=128**-0.5, window=900)
    tables = (tuple(range(100)), tuple(range(100, 170)), (*range(100, 120), *range(170, 250)))
    batch = Batch(lengths=(1, 123, 7), ends=(1533, 1001, 1600), tables=tables, block=16,
                  shared=(Shared(sequences=(1, 2), begin=0, end=320),))  # fmt: skip
    model = Heads(queries=8, kv=2, size=128, dtype=dtype, kv_format=kv)
    plan, q = kernels.plan(batch, model, slots=4096), random(8, batch.tokens, 128, dtype=dtype)
    found = kernels.paged_attention(q, stored, plan, look).out_QND
    judge = reference_attention.paged_attention(q, stored, plan, look, arithmetic=torch.float64).out_QND
    most = reference_attention.decode_kv(kv, stored.v).double().abs().max()
    assert (found - judge).abs().max() <= most * (2 * ROUNDOFF[dtype] + 1e-4)
    alone = Batch(lengths=(1,), ends=(1533,), tables=tables[:1], block=16)
    single = kernels.paged_attention(q[:, :1], stored, kernels.plan(alone, model, slots=4096), look).out_QND
    assert torch.equal(single, found[:, :1])


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("phase", ["decode", "prefill"])
def test_w4a16_matmul_is_within_its_bound_and_batch_invariant(dtype, phase):
    kernels = select("triton", "cuda")
    words = torch.randint(-(2**31), 2**31, (128, 777), dtype=torch.int64, device="cuda").to(torch.int32)
    weight = PackedWeight4(words_WO=words, scale_GO=random(8, 777).abs().to(dtype) / 50, zero_GO=None, order_I=None)
    x = random(257, 1024, dtype=dtype)
    found = kernels.w4a16_matmul(x, weight, phase=phase)
    judge = reference_matmul.w4a16_matmul(x, weight, arithmetic=torch.float64)
    most = x.double().abs() @ dequantized(weight).double().abs().T
    assert ((found - judge).abs() <= most * (ROUNDOFF[dtype] + 1024 * 2.0**-23)).all()
    assert torch.equal(kernels.w4a16_matmul(x[:7], weight, phase=phase), found[:7])


@pytest.mark.parametrize("phase", ["decode", "prefill"])
@pytest.mark.parametrize("kind", [torch.int8, torch.float8_e4m3fn])
def test_w8a8_matmul_is_within_its_bound_and_batch_invariant(kind, phase):
    if kind != torch.int8 and torch.cuda.get_device_capability() < (8, 9):
        pytest.skip("this architecture has no fp8")
    kernels = select("triton", "cuda")
    codes = (random(777, 1024, seed=1) * 40).clamp(-127, 127).to(kind)
    weight, x = Weight8(codes_OI=codes, scale_O=random(777).abs() / 50), random(257, 1024, dtype=torch.float16)
    found, judge = kernels.w8a8_matmul(x, weight, phase=phase), reference_matmul.w8a8_matmul(x, weight)
    most = x.double().abs() @ (codes.double().abs() * weight.scale_O.double()[:, None]).T
    assert ((found - judge).abs() <= 1.1 * most * 2.0**-10).all()
    assert torch.equal(kernels.w8a8_matmul(x[:7], weight, phase=phase), found[:7])


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("phase", ["decode", "verify"])
def test_token_stats_agree_with_whole_logits_and_are_batch_invariant(dtype, phase):
    kernels, wanted = select("triton", "cuda"), Wanted(top_k=64)
    head, x = Head(weight_VE=random(49153, 576, dtype=dtype, seed=1) / 8), random(77, 576, dtype=dtype)
    found = kernels.token_stats(x, head, wanted, phase=phase)
    judge = reference_stats.token_stats(x, head, wanted, arithmetic=torch.float64)
    assert torch.equal(found.best_R, judge.best_R)
    assert (found.lse_R - judge.lse_R).abs().max() <= 1e-3
    assert (found.top_log_probs_RK - judge.top_log_probs_RK).abs().max() <= 1e-3
    few = kernels.token_stats(x[:5], head, wanted, phase=phase)
    assert torch.equal(few.top_log_probs_RK, found.top_log_probs_RK[:5])
