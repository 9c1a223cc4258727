#!/usr/bin/env python3
"""Compile every kernel and tile for every architecture, with no device, and look at what the cubins take.

Prints one row a kernel, tile and architecture: registers and spilled bytes of a thread, shared memory of a program.
Spills, or more shared memory than the architecture has, end it with code 1. With --out the table and the floors of the
kernels (scripts/kernel_floors.py) are written as markdown. Nothing is run: these are no timings.

Usage: python scripts/check_kernels.py [--arch 80,90] [--only paged_attention] [--out results/kernels.md]
"""

from __future__ import annotations

import argparse
import importlib
import os
import re
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kernel_floors import floors_markdown

OPERATIONS = ("paged_attention", "w4a16_matmul", "token_stats", "w8a8_matmul")
ARCHITECTURES = (80, 86, 89, 90, 100)
# Shared memory a program may take, KiB; CUDA C++ programming guide, technical specifications per compute capability.
SHARED_KIB = {80: 163, 86: 99, 89: 99, 90: 227, 100: 227}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What one kernel takes on one architecture."""

    operation: str
    name: str
    arch: int
    warps: int
    registers: int
    spilled_bytes: int
    shared_bytes: int

    @property
    def complaint(self) -> str:
        """What is wrong, empty where nothing is."""
        if self.spilled_bytes:
            return f"spills {self.spilled_bytes} bytes a thread"
        if self.shared_bytes > SHARED_KIB[self.arch] * 1024:
            return f"takes {self.shared_bytes} bytes of shared memory, sm_{self.arch} has {SHARED_KIB[self.arch]} KiB"
        return ""

    def cells(self) -> tuple[str, ...]:
        """The row as text."""
        numbers = (self.warps, self.registers, self.spilled_bytes, self.shared_bytes)
        return (self.operation, self.name, f"sm_{self.arch}", *map(str, numbers))


HEADINGS = ("operation", "kernel and tile", "arch", "warps", "registers", "spilled bytes", "shared bytes")


def compile_one(operation: str, special: Any, arch: int, tool: Path) -> Row:
    """Compile a specialization and read its resources from the cubin."""
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from tailgate_kernels.launch import OPTIONS

    signature: dict[str, str] = {}
    attributes: dict[tuple[int], list[list[object]]] = {}
    for index, name in enumerate(special.kernel.arg_names):
        if name in special.constants:
            signature[name] = "constexpr"
            continue
        pointer = special.pointers.get(name)
        signature[name] = f"*{pointer}" if pointer else "fp32" if name in special.floats else "i32"
        if name not in (*special.floats, *special.counts):
            attributes[(index,)] = [["tt.divisibility", 16]]
    source = ASTSource(fn=special.kernel, signature=signature, constexprs=dict(special.constants), attrs=attributes)
    options = {"num_warps": special.warps, "num_stages": special.stages, **OPTIONS}
    compiled = triton.compile(source, target=GPUTarget("cuda", arch, 32), options=options)
    registers, stack = resources(compiled.asm["cubin"], tool)
    return Row(
        operation=operation,
        name=special.name,
        arch=arch,
        warps=special.warps,
        registers=registers,
        spilled_bytes=stack,
        shared_bytes=int(compiled.metadata.shared),
    )


def resources(cubin: bytes, tool: Path) -> tuple[int, int]:
    """Registers and bytes of stack of a thread; a kernel without arrays of its own has a stack for spills alone."""
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(cubin)
        file.flush()
        text = subprocess.run([str(tool), "-res-usage", file.name], capture_output=True, text=True, check=True).stdout
    found = re.search(r"REG:(\d+) STACK:(\d+)", text)
    if found is None:
        raise RuntimeError(f"cuobjdump told no resources: {text.strip()[:200]!r}")
    return int(found[1]), int(found[2])


def check(operations: Sequence[str], archs: Sequence[int]) -> Iterator[Row]:
    """Rows of all kernels, in order."""
    import triton

    tool = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "cuobjdump"
    for operation in operations:
        module = importlib.import_module(f"tailgate_kernels.{operation}")
        for arch in archs:
            for special in module.specializations(arch):
                yield compile_one(operation, special, arch, tool)


def markdown(rows: Sequence[Row]) -> str:
    """The file of results."""
    import triton

    table = [HEADINGS, ("---",) * len(HEADINGS), *(row.cells() for row in rows)]
    return "\n".join(
        (
            "# Kernels: what they take, and the least time they can take",
            "",
            f"Written by `python scripts/check_kernels.py --out results/kernels.md` with triton {triton.__version__}: "
            "compiled, without a device.",
            "**No kernel has been timed on a GPU.** `scripts/bench_kernels.py` does so where there is one.",
            "",
            "## Floors",
            "",
            floors_markdown(),
            "",
            "## Resources",
            "",
            "Registers and spilled bytes of a thread, shared memory of a program, from the cubin. Limits: no spills; "
            + ", ".join(f"{kib} KiB of shared memory on sm_{arch}" for arch, kib in SHARED_KIB.items())
            + ".",
            "",
            *(f"| {' | '.join(cells)} |" for cells in table),
            "",
        )
    )


def main() -> int:
    """Compile, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arch", default=",".join(map(str, ARCHITECTURES)))
    parser.add_argument("--only", default=",".join(OPERATIONS))
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    archs, operations = [int(each) for each in given.arch.split(",")], given.only.split(",")
    if unknown := [str(each) for each in {*archs, *operations} - {*ARCHITECTURES, *OPERATIONS}]:
        parser.error(f"unknown: {', '.join(unknown)}; architectures {ARCHITECTURES}, operations {OPERATIONS}")
    os.environ["TRITON_INTERPRET"] = "0"  # before triton is imported: interpreted kernels cannot be compiled
    rows = []
    warnings.filterwarnings("ignore", message="TRITON_DEFAULT_FP_FUSION")  # what is fused is said in every launch
    print("\t".join(HEADINGS))
    for row in check(operations, archs):
        rows.append(row)
        print("\t".join(row.cells()), flush=True)
    for row in rows:
        if row.complaint:
            print(f"{row.operation}, {row.name}, sm_{row.arch}: {row.complaint}", file=sys.stderr)
    if given.out:
        given.out.write_text(markdown(rows))
    return int(any(row.complaint for row in rows))


if __name__ == "__main__":
    sys.exit(main())
