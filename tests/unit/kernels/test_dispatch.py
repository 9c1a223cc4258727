"""The choice between kernels and oracles is explicit, told, and never changed on the way."""

import subprocess
import sys

import pytest
import torch

from tailgate_kernels import launch
from tailgate_kernels.attention_batch import Batch, Heads, StoredKV
from tailgate_kernels.dispatch import select
from tailgate_kernels.launch import LaunchError, MissingTritonError
from tailgate_kernels.packed4 import PackedWeight4
from tailgate_kernels.reference import pack_rows
from tailgate_kernels.reference_attention import Look
from tailgate_kernels.stats_request import Head, Wanted
from tailgate_kernels.weight8 import Weight8
from tests.unit.kernels.support import generator


def attention(kernels):
    k, v, q = (torch.randn(2, n, 16, generator=generator(n)) for n in (64, 65, 5))
    batch = Batch(lengths=(5,), ends=(30,), tables=((2, 0),), block=16)
    plan = kernels.plan(batch, Heads(queries=2, kv=2, size=16, dtype=torch.float32), slots=64)
    return kernels.paged_attention(q, StoredKV(kv="", k=(k,), v=(v[:, :64],)), plan, Look(scale=0.25)).out_QND


def stats(kernels):
    hidden, weight = (torch.randn(n, 16, generator=generator(n)) for n in (3, 50))
    return kernels.token_stats(hidden, Head(weight_VE=weight), Wanted(), phase="decode").lse_R


def four_bits(kernels):
    codes = torch.randint(0, 16, (8, 32), generator=generator(0))
    weight = PackedWeight4(words_WO=pack_rows(codes, 4).t(), scale_GO=torch.ones(1, 8), zero_GO=None, order_I=None)
    return kernels.w4a16_matmul(torch.randn(3, 32, generator=generator(1)), weight, phase="decode")


def eight_bits(kernels):
    codes = torch.randint(-128, 128, (8, 32), generator=generator(0)).to(torch.int8)
    weight = Weight8(codes_OI=codes, scale_O=torch.ones(8) / 99)
    return kernels.w8a8_matmul(torch.randn(3, 32, generator=generator(1)), weight, phase="decode")


@pytest.mark.parametrize("operation", [attention, stats, four_bits, eight_bits])
def test_both_compute_the_same(operation, require):
    require("triton")
    found, expected = operation(select("triton", "cpu")), operation(select("reference", "cpu"))
    assert torch.allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_the_choice_is_told(require):
    require("triton")
    assert select("reference", "cpu").choice.record() == {
        "kernels": "reference", "version": torch.__version__, "target": "cpu",
    }  # fmt: skip
    record = select("triton", "cpu").choice.record()
    assert (record["kernels"], record["target"]) == ("triton", "interpreter")


def test_an_unknown_choice_is_refused():
    with pytest.raises(LaunchError, match="kernels is 'auto'; it must be one of: triton, reference"):
        select("auto", "cpu")


def test_a_missing_triton_is_told_with_its_extra(monkeypatch):
    monkeypatch.setattr(launch.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingTritonError, match=r"tailgate\[kernels\]"):
        select("triton", "cpu")


def python(program, **environment):
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, env=environment)


def test_kernels_on_a_cpu_are_refused_unless_interpreted(require, repo_root):
    require("triton")
    program = "from tailgate_kernels.dispatch import select; select('triton', 'cpu')"
    done = python(program, PYTHONPATH=str(repo_root / "kernels"))
    assert "kernels run on cuda, not on 'cpu'" in done.stderr


def test_the_package_loads_without_triton(repo_root):
    program = "import sys; from tailgate_kernels.dispatch import select; select('reference', 'cpu');"
    program += "print('triton' in sys.modules)"
    done = python(program, PYTHONPATH=str(repo_root / "kernels"))
    assert done.stdout.strip() == "False", done.stderr
