"""Products of 8-bit codes, interpreted, against the codes' values in fp64.

Bound: int8 sums are exact, then three roundings of fp32 and one of the dtype; fp8 sums are fp32 over I products:
``sum |x w| * (u + (I + 3) * 2**-23)``, u of the dtype.
"""

import pytest
import torch

from tailgate_kernels.launch import LaunchError
from tailgate_kernels.reference import Float8Weight, InputGrid, IntegerWeight, dequantize, int8_gemm, pack_rows
from tailgate_kernels.reference_matmul import w8a8_matmul as oracle
from tailgate_kernels.weight8 import Weight8, from_float8, from_integers
from tests.unit.kernels.support import DTYPES, ROUNDOFF, generator

pytest.importorskip("triton")
from tailgate_kernels.w8a8_matmul import PHASES, w8a8_matmul

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # numpy, where infinities are asked for

KINDS = ("int8", "fp8")


def weight(kind="int8", n_out=40, n_in=136):
    scale = torch.rand(n_out, generator=generator(1)) / 50 + 0.001
    if kind == "int8":
        codes = torch.randint(-128, 128, (n_out, n_in), generator=generator(0)).to(torch.int8)
    else:
        codes = (torch.randn(n_out, n_in, generator=generator(0)) * 60).clamp(-448, 448).to(torch.float8_e4m3fn)
    return Weight8(codes_OI=codes, scale_O=scale)


def activations(n, n_in=136, dtype=torch.float16, seed=2):
    return torch.randn(n, n_in, generator=generator(seed)).to(dtype)


def check(x, w, phase="decode", bias=None):
    found, judge = w8a8_matmul(x, w, bias, phase=phase), oracle(x, w, bias)
    most = x.double().abs() @ (w.codes_OI.double().abs() * w.scale_O.double()[:, None]).T + 1
    assert ((found.double() - judge).abs() <= 1.1 * most * (ROUNDOFF[x.dtype] + (x.shape[1] + 3) * 2.0**-23)).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("n", [1, 7, 123])
def test_odd_numbers_of_rows(kind, phase, n):
    check(activations(n), weight(kind), phase)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("n_out", "n_in"), [(1, 1), (7, 123), (257, 33), (5, 1500)])
def test_odd_shapes_of_a_weight(kind, n_out, n_in):
    check(activations(3, n_in), weight(kind, n_out, n_in))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_dtypes_of_activations(kind, dtype):
    check(activations(5, dtype=dtype), weight(kind), bias=torch.linspace(-3, 3, 40).to(dtype))


def test_a_row_of_zeros_is_zero():
    assert torch.equal(w8a8_matmul(torch.zeros(1, 136), weight(), phase="decode"), torch.zeros(1, 40))


def test_integer_sums_are_exact():
    x = torch.randint(-127, 128, (4, 136), generator=generator(4)).float()
    x[:, 0] = 127.5  # the scale is 1: codes are the integers themselves, 127 for it
    w = Weight8(codes_OI=weight().codes_OI, scale_O=torch.ones(40))
    codes = x.clone()
    codes[:, 0] = 127
    assert torch.equal(w8a8_matmul(x, w, phase="decode"), (codes.double() @ w.codes_OI.double().T).float())


@pytest.mark.parametrize("kind", KINDS)
def test_rows_of_any_stride(kind):
    x, w = activations(9), weight(kind)
    wide = torch.full((9, 200), float("nan"), dtype=x.dtype)
    wide[:, :136] = x
    codes = torch.zeros(40, 150, dtype=w.codes_OI.dtype)
    codes[:, :136] = w.codes_OI
    turned = Weight8(codes_OI=codes[:, :136], scale_O=w.scale_O)
    assert torch.equal(w8a8_matmul(wide[:, :136], turned, phase="decode"), w8a8_matmul(x, w, phase="decode"))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("phase", PHASES)
def test_a_row_does_not_depend_on_the_number_of_rows(kind, phase):
    x, w = activations(130), weight(kind)
    together = w8a8_matmul(x, w, phase=phase)
    for n in (1, 7, 129):
        assert torch.equal(w8a8_matmul(x[:n], w, phase=phase), together[:n])


def test_both_tiles_give_the_same_bits_in_int8():
    x, w = activations(20), weight()
    assert torch.equal(w8a8_matmul(x, w, phase="decode"), w8a8_matmul(x, w, phase="prefill"))


@pytest.mark.parametrize("kind", KINDS)
def test_every_output_is_written(kind, monkeypatch):
    x, w = activations(19), weight(kind)
    plain, empty = w8a8_matmul(x, w, phase="decode"), torch.Tensor.new_empty
    monkeypatch.setattr(torch.Tensor, "new_empty", lambda self, *a, **k: _spoilt(empty(self, *a, **k)))
    assert torch.equal(w8a8_matmul(x, w, phase="decode"), plain)


def _spoilt(new):
    return new.fill_(float("nan") if new.is_floating_point() else 99)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_a_row_that_is_not_finite_spoils_itself_alone(kind, bad):
    x, w = activations(5), weight(kind)
    clean = w8a8_matmul(x, w, phase="decode")
    x[2, 9] = bad
    found = w8a8_matmul(x, w, phase="decode")
    assert not found[2].isfinite().any()
    assert torch.equal(found[[0, 1, 3, 4]], clean[[0, 1, 3, 4]])


def test_weights_of_the_oracle_are_taken_over():
    w = weight()
    stored = IntegerWeight(packed_OW=pack_rows(w.codes_OI.short() + 128, 8), scale_OG=w.scale_O[:, None], zero_OG=None,
                           group_I=torch.zeros(136).int(), bits=8)  # fmt: skip
    taken = from_integers(stored)
    assert torch.equal(taken.codes_OI, w.codes_OI)
    assert torch.equal(taken.codes_OI * taken.scale_O[:, None], dequantize(stored))
    x = activations(3, dtype=torch.float32)
    whole = int8_gemm(x, InputGrid(kind="int8", scope="token"), stored)
    assert torch.allclose(w8a8_matmul(x, taken, phase="decode"), whole, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize(("block", "scales"), [((40, 136), 1), ((1, 136), 40)])
def test_8_bit_floats_of_the_oracle_are_taken_over(block, scales):
    w = weight("fp8")
    stored = Float8Weight(codes_OI=w.codes_OI, scale_PQ=w.scale_O[:scales, None], block=block)
    taken = from_float8(stored)
    assert torch.equal(taken.codes_OI.float() * taken.scale_O[:, None], dequantize(stored))


def test_other_forms_of_the_oracle_are_refused():
    four = IntegerWeight(packed_OW=torch.zeros(8, 4).int(), scale_OG=torch.ones(8, 1), zero_OG=None,
                         group_I=torch.zeros(32).int(), bits=4)  # fmt: skip
    with pytest.raises(LaunchError, match="has 4 bits, 1 groups and no zero points"):
        from_integers(four)
    blocks = Float8Weight(codes_OI=weight("fp8").codes_OI, scale_PQ=torch.ones(2, 2), block=(20, 68))
    with pytest.raises(LaunchError, match=r"scales \[2, 2\]"):
        from_float8(blocks)


def test_fp8_is_refused_where_the_architecture_has_none(monkeypatch):
    from tailgate_kernels import w8a8_matmul as kernel

    monkeypatch.setattr(kernel, "is_interpreted", lambda: False)
    with pytest.raises(LaunchError, match="sm_80 cannot multiply"):
        w8a8_matmul(activations(1), weight("fp8"), phase="decode")


@pytest.mark.parametrize(
    ("x", "w", "message"),
    [
        (activations(3)[:, :120], weight(), r"x has shape \[3, 120\]"),
        (activations(0), weight(), r"x has shape \[0, 136\]"),
        (activations(3).double(), weight(), "x has dtype float64"),
        (activations(3).to("meta"), weight(), "x lies on 'meta'"),
        (activations(3).t().contiguous().t(), weight(), "x has strides"),
        (
            activations(3),
            Weight8(codes_OI=weight().codes_OI.short(), scale_O=weight().scale_O),
            "codes has dtype int16",
        ),
        (activations(3), Weight8(codes_OI=weight().codes_OI, scale_O=torch.ones(39)), r"scale has shape \[39\]"),
        (activations(3), Weight8(codes_OI=weight().codes_OI, scale_O=torch.ones(40).half()), "scale has dtype float16"),
    ],
)
def test_tensors_that_do_not_fit_are_refused(x, w, message):
    with pytest.raises(LaunchError, match=message):
        w8a8_matmul(x, w, phase="decode")


def test_a_sum_that_an_int32_cannot_hold_is_refused():
    long = Weight8(codes_OI=torch.zeros(1, 131073, dtype=torch.int8), scale_O=torch.ones(1))
    with pytest.raises(LaunchError, match="131073 inputs"):
        w8a8_matmul(activations(1, 131073), long, phase="decode")


def test_an_unknown_phase_is_refused():
    with pytest.raises(LaunchError, match="phase is 'both'"):
        w8a8_matmul(activations(1), weight(), phase="both")
