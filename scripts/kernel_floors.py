"""The least time that each kernel can take on common GPUs: its bytes and operations over what the sheets promise.

Dense rates, boost clock, no sparsity; nobody has measured these kernels on any of them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A GPU's sheet: memory GB/s, dense TFLOP/s of halves with fp32 sums, dense TOP/s of int8, and where it says so."""

    name: str
    gb_s: float
    half_tflops: float
    int8_tops: float
    source: str


DEVICES = (
    Device(name="A100 80GB SXM", gb_s=2039, half_tflops=312, int8_tops=624,
           source="NVIDIA A100 Tensor Core GPU datasheet"),
    Device(name="H100 SXM", gb_s=3350, half_tflops=989, int8_tops=1979,
           source="NVIDIA H100 Tensor Core GPU datasheet, half of the rates with sparsity"),
    Device(name="H200 SXM", gb_s=4800, half_tflops=989, int8_tops=1979,
           source="NVIDIA H200 Tensor Core GPU datasheet, half of the rates with sparsity"),
    Device(name="RTX 4090", gb_s=1008, half_tflops=165.2, int8_tops=660.6,
           source="NVIDIA Ada GPU architecture whitepaper, appendix A; FP16 with FP32 accumulate"),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A kernel at a size: bytes that must move and operations that must be done."""

    kernel: str
    size: str
    bytes: float
    operations: float
    eight_bits: bool = False

    def floor_us(self, device: Device) -> float:
        """Microseconds below which the sheet does not allow."""
        rate = device.int8_tops if self.eight_bits else device.half_tflops
        return max(self.bytes / device.gb_s / 1e3, self.operations / rate / 1e6)

    def binds(self, device: Device) -> str:
        """What the floor consists of."""
        rate = device.int8_tops if self.eight_bits else device.half_tflops
        return "bytes" if self.bytes / device.gb_s / 1e3 >= self.operations / rate / 1e6 else "operations"


def attention_decode(sequences: int, context: int, kv_bytes: float, name: str) -> Work:
    """One query token a sequence; Q 32, H 8, D 128, 16 bits; `kv_bytes`: of a stored number, scales included."""
    size = f"decode, {sequences} sequences of {context:,} tokens, Q 32, H 8, D 128, kv {name}"
    moved = 2 * context * 8 * 128 * kv_bytes * sequences + 2 * sequences * 32 * 128 * 2
    return Work(kernel="paged_attention", size=size, bytes=moved, operations=4 * 32 * 128 * context * sequences)


def attention_prefill(tokens: int) -> Work:
    """One prompt; every token sees those before it."""
    moved = 2 * tokens * 8 * 128 * 2 + 2 * tokens * 32 * 128 * 2
    pairs = tokens * (tokens + 1) / 2
    return Work(kernel="paged_attention", size=f"prefill, {tokens:,} tokens, Q 32, H 8, D 128, kv fp16", bytes=moved,
                operations=4 * 32 * 128 * pairs)  # fmt: skip


def attention_shared(sequences: int, shared: int, own: int) -> Work:
    """Decode with a beginning that all sequences share and is read once."""
    once = 2 * shared * 8 * 128 * 2 + 2 * own * 8 * 128 * 2 * sequences
    moved = once + 2 * sequences * 32 * 128 * 2 + 2 * 2 * sequences * 32 * 128 * 4  # two fp32 pieces, out and in
    return Work(kernel="paged_attention", size=f"decode, {sequences} sequences that share {shared:,} tokens and have "
                f"{own} of their own, kv fp16", bytes=moved,
                operations=4 * 32 * 128 * (shared + own) * sequences)  # fmt: skip


def w4a16(rows: int) -> Work:
    """4,096 to 4,096, group 128, zero points of 16 bits."""
    moved = 4096 * 4096 / 2 + 32 * 4096 * 4 + 2 * rows * 8192
    return Work(kernel="w4a16_matmul", size=f"N {rows:,}, I 4096, O 4096, group 128", bytes=moved,
                operations=2 * rows * 4096 * 4096)  # fmt: skip


def token_stats(rows: int) -> Work:
    """A vocabulary of 128,256, hidden size 4,096, the 64 likeliest."""
    chunks = -(-128256 // 1024)
    moved = 128256 * 4096 * 2 + rows * 4096 * 2 + 2 * rows * chunks * (16 + 8 * 64)
    return Work(kernel="token_stats", size=f"R {rows:,}, E 4096, V 128256, K 64", bytes=moved,
                operations=2 * rows * 128256 * 4096)  # fmt: skip


def w8a8(rows: int) -> Work:
    """4,096 to 4,096; the codes of the input are written and read once more."""
    moved = 4096 * 4096 + 4 * 4096 + 2 * rows * 8192 + 2 * rows * 4096
    size = f"N {rows:,}, I 4096, O 4096"
    return Work(kernel="w8a8_matmul", size=size, bytes=moved, operations=2 * rows * 4096 * 4096, eight_bits=True)


WORKS = (
    attention_decode(64, 4096, 2, "fp16"),
    attention_decode(64, 4096, 1 + 4 / 128, "int8 or fp8"),
    attention_decode(64, 4096, 0.5 + 8 / 128, "int4"),
    attention_shared(64, 4096, 64),
    attention_prefill(4096),
    w4a16(16),
    w4a16(4096),
    token_stats(16),
    token_stats(1024),
    w8a8(16),
    w8a8(4096),
)


def floor_sentence(work: Work) -> str:
    """The floors of a size as the header of its kernel tells them."""
    times = (work.floor_us(device) for device in DEVICES)
    a100, h100, h200, rtx = (f"{each:,.0f}" if each >= 100 else f"{each:.1f}" for each in times)
    return f"{a100} us on A100, {h100} on H100, {h200} on H200, {rtx} on RTX 4090"


def floors_markdown() -> str:
    """The floors as a table, with what binds, and where the sheets are."""
    head = ["kernel", "size", "MB", "GFLOP", *(f"{device.name}, us" for device in DEVICES)]
    lines = [f"| {' | '.join(head)} |", f"| {' | '.join(['---'] * len(head))} |"]
    for work in WORKS:
        floors = (f"{work.floor_us(device):,.1f} {work.binds(device)}" for device in DEVICES)
        cells = [work.kernel, work.size, f"{work.bytes / 1e6:,.1f}", f"{work.operations / 1e9:,.2f}", *floors]
        lines.append(f"| {' | '.join(cells)} |")
    lines += [
        "",
        "Bytes that must move over the memory rate, or operations over the dense rate, whichever is longer:",
    ]
    lines += [
        f"- {device.name}: {device.gb_s:,} GB/s, {device.half_tflops:g} TFLOP/s in halves, {device.int8_tops:g} TOP/s "
        f"in int8 ({device.source})"
        for device in DEVICES
    ]
    return "\n".join(lines)
