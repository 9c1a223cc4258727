#!/usr/bin/env python3
"""Time the kernels on the GPU at hand against torch's own operations and against the floor of the sheet.

Medians of triton's do_bench, with the 20th and 80th percentile, each answer first compared with the oracle's. Without a
CUDA device it says so and ends with code 4.

Usage: python scripts/bench_kernels.py [--out results/bench/kernels.json]
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench_machine import machine
from kernel_floors import DEVICES, WORKS, Work

NO_DEVICE = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A kernel at a size, and what torch offers for the same."""

    work: Work
    ours: Callable[[], Any]
    peer_name: str
    peer: Callable[[], Any]
    error: Callable[[], float]  # largest difference from the oracle over its largest value


def find_work(kernel: str, begin: str) -> Work:
    """The floor of a size."""
    return next(work for work in WORKS if work.kernel == kernel and work.size.startswith(begin))


def relative_error(got: Any, wanted: Any) -> float:
    """Largest difference over the largest value."""
    return float((got.double() - wanted.double()).abs().max() / wanted.double().abs().max())


def attention_cases() -> Iterator[Case]:
    """Decode of 64 sequences of 4,096 tokens, and one prompt of 4,096, against scaled_dot_product_attention."""
    import torch

    from tailgate_kernels.attention_batch import Batch, Heads, StoredKV
    from tailgate_kernels.dispatch import select
    from tailgate_kernels.reference_attention import Look

    kernels, reference = select("triton", "cuda"), select("reference", "cuda")
    look, sdpa = Look(scale=128**-0.5), torch.nn.functional.scaled_dot_product_attention
    model = Heads(queries=32, kv=8, size=128, dtype=torch.float16)
    for begin, count, length in (("decode, 64 sequences of 4,096", 64, 1), ("prefill", 1, 4096)):
        slots, blocks = count * 4096, 4096 // 16
        k, v = (torch.randn(8, slots, 128, dtype=torch.float16, device="cuda") for _ in "kv")
        q = torch.randn(32, count * length, 128, dtype=torch.float16, device="cuda")
        tables = tuple(tuple(range(index * blocks, (index + 1) * blocks)) for index in range(count))
        batch = Batch(lengths=(length,) * count, ends=(4096,) * count, tables=tables, block=16)
        stored, plan = StoredKV(kv="", k=(k,), v=(v,)), kernels.plan(batch, model, slots=slots)
        dense = [each.view(8, count, 4096, 128).transpose(0, 1).contiguous() for each in (k, v)]
        asked = q.view(32, count, length, 128).transpose(0, 1).contiguous()
        yield Case(
            work=find_work("paged_attention", begin),
            ours=lambda q=q, stored=stored, plan=plan: kernels.paged_attention(q, stored, plan, look).out_QND,
            peer_name="scaled_dot_product_attention on contiguous key-values",
            peer=lambda asked=asked, dense=dense, length=length: sdpa(
                asked, *dense, is_causal=length > 1, enable_gqa=True
            ),
            error=lambda q=q, stored=stored, plan=plan: relative_error(
                kernels.paged_attention(q, stored, plan, look).out_QND,
                reference.paged_attention(q, stored, plan, look).out_QND,
            ),
        )


def four_bit_cases() -> Iterator[Case]:
    """Against cuBLAS on the same weights, dequantized beforehand."""
    import torch

    from tailgate_kernels.dispatch import select
    from tailgate_kernels.packed4 import PackedWeight4, dequantized

    kernels, reference = select("triton", "cuda"), select("reference", "cuda")
    words = torch.randint(-(2**31), 2**31, (512, 4096), device="cuda", dtype=torch.int64).to(torch.int32)
    scale = torch.rand(32, 4096, device="cuda").half() / 50
    zero = torch.randint(0, 16, (32, 4096), device="cuda").to(torch.int16)
    weight = PackedWeight4(words_WO=words, scale_GO=scale, zero_GO=zero, order_I=None)
    dense = dequantized(weight)
    for rows, phase in ((16, "decode"), (4096, "prefill")):
        x = torch.randn(rows, 4096, device="cuda", dtype=torch.float16)
        yield Case(
            work=find_work("w4a16_matmul", f"N {rows:,}"),
            ours=lambda x=x, phase=phase: kernels.w4a16_matmul(x, weight, phase=phase),
            peer_name="cuBLAS on dequantized fp16 weights",
            peer=lambda x=x: torch.nn.functional.linear(x, dense),
            error=lambda x=x, phase=phase: relative_error(
                kernels.w4a16_matmul(x, weight, phase=phase), reference.w4a16_matmul(x, weight, phase=phase)
            ),
        )


def stats_cases() -> Iterator[Case]:
    """Against whole logits by cuBLAS, then topk and logsumexp."""
    import torch

    from tailgate_kernels.dispatch import select
    from tailgate_kernels.stats_request import Head, Wanted

    kernels, reference, wanted = select("triton", "cuda"), select("reference", "cuda"), Wanted(top_k=64)
    head = Head(weight_VE=torch.randn(128256, 4096, device="cuda", dtype=torch.float16) / 64)

    def whole(x: Any) -> Any:
        logits = torch.nn.functional.linear(x, head.weight_VE).float()
        return logits.topk(64), torch.logsumexp(logits, dim=-1)

    for rows, phase in ((16, "decode"), (1024, "verify")):
        x = torch.randn(rows, 4096, device="cuda", dtype=torch.float16)
        yield Case(
            work=find_work("token_stats", f"R {rows:,}"),
            ours=lambda x=x, phase=phase: kernels.token_stats(x, head, wanted, phase=phase),
            peer_name="cuBLAS logits, topk, logsumexp",
            peer=lambda x=x: whole(x),
            error=lambda x=x, phase=phase: relative_error(
                kernels.token_stats(x, head, wanted, phase=phase).lse_R,
                reference.token_stats(x, head, wanted, phase=phase).lse_R,
            ),
        )


def eight_bit_cases() -> Iterator[Case]:
    """Rounding and product, against cuBLAS in fp16."""
    import torch

    from tailgate_kernels.dispatch import select
    from tailgate_kernels.weight8 import Weight8

    kernels, reference = select("triton", "cuda"), select("reference", "cuda")
    codes = torch.randint(-128, 128, (4096, 4096), device="cuda").to(torch.int8)
    weight = Weight8(codes_OI=codes, scale_O=torch.rand(4096, device="cuda") / 50)
    dense = (codes * weight.scale_O[:, None]).half()
    for rows, phase in ((16, "decode"), (4096, "prefill")):
        x = torch.randn(rows, 4096, device="cuda", dtype=torch.float16)
        yield Case(
            work=find_work("w8a8_matmul", f"N {rows:,}"),
            ours=lambda x=x, phase=phase: kernels.w8a8_matmul(x, weight, phase=phase),
            peer_name="cuBLAS in fp16",
            peer=lambda x=x: torch.nn.functional.linear(x, dense),
            error=lambda x=x, phase=phase: relative_error(
                kernels.w8a8_matmul(x, weight, phase=phase), reference.w8a8_matmul(x, weight, phase=phase)
            ),
        )


def measure(case: Case) -> dict[str, Any]:
    """One case's medians, in microseconds."""
    from triton.testing import do_bench

    quantiles = [0.5, 0.2, 0.8]
    ours, peer = ([1e3 * each for each in do_bench(run, quantiles=quantiles)] for run in (case.ours, case.peer))
    return {
        "kernel": case.work.kernel,
        "size": case.work.size,
        "relative_error": case.error(),
        "median_us": ours[0],
        "from_us_to_us": ours[1:],
        "peer": case.peer_name,
        "peer_median_us": peer[0],
        "peer_from_us_to_us": peer[1:],
        "floors_us": {device.name: case.work.floor_us(device) for device in DEVICES},
    }


def main() -> int:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("results/bench/kernels.json"))
    given = parser.parse_args()
    import torch

    if not torch.cuda.is_available():
        print("no kernel was timed: torch finds no CUDA device here", file=sys.stderr)
        return NO_DEVICE
    import triton

    makers = (attention_cases, four_bit_cases, stats_cases, eight_bit_cases)
    rows = []
    for case in (case for maker in makers for case in maker()):
        rows.append(measure(case))
        print(json.dumps(rows[-1]), flush=True)
    conditions = {**machine(), "device": torch.cuda.get_device_name(), "torch": torch.__version__,
                  "triton": triton.__version__, "cuda": torch.version.cuda}  # fmt: skip
    given.out.write_text(json.dumps({"conditions": conditions, "rows": rows}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
