"""Floors in the headers of kernels and in the published table are those that the sheets give."""

import ast
import runpy

import pytest

HEADERS = {
    "paged_attention": ("decode, 64 sequences of 4,096 tokens, Q 32, H 8, D 128, kv fp16",),
    "token_stats": ("R 16,",),
    "w4a16_matmul": ("N 16,", "N 4,096,"),
    "w8a8_matmul": ("N 16,", "N 4,096,"),
}


@pytest.fixture
def floors(repo_root):
    return runpy.run_path(str(repo_root / "scripts" / "kernel_floors.py"))


@pytest.mark.parametrize("kernel", HEADERS)
def test_header_tells_the_floor(kernel, floors, repo_root):
    source = (repo_root / "kernels" / "tailgate_kernels" / f"{kernel}.py").read_text()
    header = " ".join(ast.get_docstring(ast.parse(source)).split())
    for begin in HEADERS[kernel]:
        work = next(each for each in floors["WORKS"] if each.kernel == kernel and each.size.startswith(begin))
        assert floors["floor_sentence"](work) in header


def test_a_floor_is_the_longer_of_bytes_and_operations(floors):
    device = floors["Device"](name="", gb_s=1000, half_tflops=100, int8_tops=200, source="")
    work = floors["Work"]
    assert work(kernel="", size="", bytes=2e9, operations=1e9).floor_us(device) == pytest.approx(2000)
    assert work(kernel="", size="", bytes=1, operations=1e12).floor_us(device) == pytest.approx(10_000)
    assert work(kernel="", size="", bytes=1, operations=1e12, eight_bits=True).floor_us(device) == pytest.approx(5000)


@pytest.mark.parametrize(
    ("spilled", "shared", "complaint"),
    [
        (0, 99 * 1024, ""),
        (8, 0, "spills 8 bytes a thread"),
        (0, 99 * 1024 + 1, "takes 101377 bytes of shared memory, sm_86 has 99 KiB"),
    ],
)
def test_spills_and_too_much_shared_memory_are_complained_of(spilled, shared, complaint, repo_root, monkeypatch):
    monkeypatch.syspath_prepend(str(repo_root / "scripts"))
    row = runpy.run_path(str(repo_root / "scripts" / "check_kernels.py"))["Row"]
    found = row(operation="", name="", arch=86, warps=4, registers=9, spilled_bytes=spilled, shared_bytes=shared)
    assert found.complaint == complaint


def test_published_table_holds_the_floors(floors, repo_root):
    assert floors["floors_markdown"]() in (repo_root / "results" / "kernels.md").read_text()


def test_published_table_has_every_operation_on_every_architecture_without_spills(repo_root):
    lines = (repo_root / "results" / "kernels.md").read_text().splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if "| sm_" in line]
    assert {(row[0], row[2]) for row in rows} == {
        (kernel, f"sm_{arch}") for kernel in HEADERS for arch in (80, 86, 89, 90, 100)
    }
    assert {row[5] for row in rows} == {"0"}
