"""Products with 4-bit weights, interpreted, against the dequantized weights in fp64.

Bound: sums over I are fp32 and the result is rounded once: ``sum |x w| * (u + I * 2**-23)``, u of the dtype.
"""

import pytest
import torch

from tailgate_kernels import packed4
from tailgate_kernels.launch import LaunchError
from tailgate_kernels.packed4 import PackedWeight4, dequantized
from tailgate_kernels.reference import IntegerWeight, pack_rows
from tailgate_kernels.reference_matmul import w4a16_matmul as oracle
from tests.unit.kernels.support import DTYPES, ROUNDOFF, generator

pytest.importorskip("triton")
from tailgate_kernels.w4a16_matmul import PHASES, w4a16_matmul

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # numpy, where infinities are asked for


def codes(n_in=128, n_out=40, seed=0):
    return torch.randint(0, 16, (n_in, n_out), generator=generator(seed))


def scales(groups, n_out=40, dtype=torch.float16, seed=1):
    return (torch.rand(groups, n_out, generator=generator(seed)) / 50 + 0.001).to(dtype)


def activations(n, n_in=128, dtype=torch.float16, seed=2):
    return torch.randn(n, n_in, generator=generator(seed)).to(dtype)


def weight(group=32, *, symmetric=False, n_in=128, n_out=40, dtype=torch.float16):
    scale = scales(n_in // group, n_out, dtype)
    zero = None if symmetric else torch.randint(0, 17, scale.shape, generator=generator(3)).to(torch.int16)
    return PackedWeight4(words_WO=pack_rows(codes(n_in, n_out).t(), 4).t(), scale_GO=scale, zero_GO=zero, order_I=None)


def word(eight):
    """Eight codes, lowest first, as one signed word: written digit by digit."""
    value = int("".join(f"{int(code):x}" for code in reversed(list(eight))), 16)
    return value - 2**32 if value >= 2**31 else value


def words_along(codes_nm):
    """Words of eight neighbours along the last dimension."""
    return torch.tensor([[word(row[i : i + 8]) for i in range(0, len(row), 8)] for row in codes_nm.tolist()]).int()


def check(x, packed, phase="decode", bias=None):
    found, judge = w4a16_matmul(x, packed, bias, phase=phase), oracle(x, packed, bias, arithmetic=torch.float64)
    most = x.double().abs() @ dequantized(packed).to(x.dtype).double().abs().T
    assert ((found.double() - judge).abs() <= (most + 1) * (ROUNDOFF[x.dtype] + packed.shape[0] * 2.0**-23)).all()
    return found


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("n", [1, 7, 123])
def test_odd_numbers_of_rows(n, phase):
    check(activations(n), weight(), phase)


@pytest.mark.parametrize(("n_in", "n_out"), [(8, 1), (136, 7), (264, 257), (128, 123)])
def test_odd_shapes_of_a_weight(n_in, n_out):
    check(activations(3, n_in), weight(n_in, n_in=n_in, n_out=n_out))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("scale_dtype", DTYPES)
def test_dtypes_of_activations_and_scales(dtype, scale_dtype):
    check(activations(5, dtype=dtype), weight(dtype=scale_dtype))


@pytest.mark.parametrize("group", [8, 32, 64, 128, 256])
@pytest.mark.parametrize("symmetric", [True, False])
def test_group_sizes(group, symmetric):
    check(activations(2, 256), weight(group, symmetric=symmetric, n_in=256))


def test_a_bias_is_added_before_rounding():
    check(activations(4), weight(), bias=torch.linspace(-3, 3, 40).half())


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("ordered", [False, True])
def test_gptq_layouts(version, ordered):
    code, scale = codes(), scales(4)
    stored = torch.randint(0, 16, (4, 40), generator=generator(5))
    group_I = torch.arange(128) // 32
    if ordered:
        group_I = group_I[torch.randperm(128, generator=generator(6))]
    zero = stored + (2 - version)  # version 1 stores one less, and 15 stands for 16
    meant = ((code - zero[group_I]) * scale[group_I]).T
    packed = packed4.from_gptq(
        words_along(code.T).T.contiguous(), words_along(stored), scale, group_I.int(), version=version
    )
    assert torch.equal(dequantized(packed), meant)
    assert (packed.order_I is not None) == ordered
    check(activations(3), packed)


def test_awq_layout():
    code, scale = codes(), scales(4)
    zero = torch.randint(0, 16, (4, 40), generator=generator(5))
    order = [0, 2, 4, 6, 1, 3, 5, 7]  # the outputs of a word, lowest bits first
    mixed = [each.unflatten(1, (-1, 8))[:, :, order].flatten(1) for each in (code, zero)]
    packed = packed4.from_awq(words_along(mixed[0]), words_along(mixed[1]), scale)
    assert torch.equal(dequantized(packed), ((code - zero.repeat_interleave(32, 0)) * scale.repeat_interleave(32, 0)).T)
    check(activations(3), packed)


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("ordered", [False, True])
def test_compressed_tensors_layouts(symmetric, ordered):
    code, scale = codes(), scales(4).T.contiguous()
    zero = torch.full((40, 4), 8) if symmetric else torch.randint(0, 16, (40, 4), generator=generator(5))
    group_I = torch.arange(128) // 32
    if ordered:
        group_I = group_I.flip(0)
    stored_zero = None if symmetric else words_along(zero.T).T
    packed = packed4.from_compressed_tensors(
        words_along(code.T), scale, stored_zero, group_I.int() if ordered else None
    )
    assert torch.equal(dequantized(packed), (code.T - zero[:, group_I]) * scale[:, group_I])
    check(activations(3), packed)


def test_rows_and_words_of_any_stride():
    x, packed = activations(9), weight()
    wide = torch.full((9, 200), float("nan"), dtype=x.dtype)
    wide[:, :128] = x
    turned = PackedWeight4(words_WO=packed.words_WO.contiguous(), scale_GO=packed.scale_GO.t().contiguous().t(),
                           zero_GO=packed.zero_GO.t().contiguous().t(), order_I=None)  # fmt: skip
    assert torch.equal(w4a16_matmul(wide[:, :128], turned, phase="decode"), w4a16_matmul(x, packed, phase="decode"))


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_row_does_not_depend_on_the_number_of_rows(dtype, phase):
    x, packed = activations(130, dtype=dtype), weight(dtype=dtype)
    together = w4a16_matmul(x, packed, phase=phase)
    for n in (1, 7, 129):
        assert torch.equal(w4a16_matmul(x[:n], packed, phase=phase), together[:n])


def test_every_output_is_written(monkeypatch):
    x, packed = activations(19), weight()
    plain, empty = w4a16_matmul(x, packed, phase="decode"), torch.Tensor.new_empty
    monkeypatch.setattr(torch.Tensor, "new_empty", lambda self, *a, **k: _spoilt(empty(self, *a, **k)))
    assert torch.equal(w4a16_matmul(x, packed, phase="decode"), plain)


def _spoilt(new):
    return new.fill_(float("nan")) if new.is_floating_point() else new


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_what_is_not_finite_spoils_its_row_or_column_alone(bad):
    x, packed = activations(6), weight(symmetric=True)
    clean = w4a16_matmul(x, packed, phase="decode")
    x[2, 9], packed.scale_GO[0, 4] = bad, bad
    found = w4a16_matmul(x, packed, phase="decode")
    assert not found[2].isfinite().any()
    assert not found[:, 4].isfinite().any()
    kept = torch.ones_like(clean, dtype=torch.bool)
    kept[2], kept[:, 4] = False, False
    assert torch.equal(found[kept], clean[kept])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda x, w: (x[:, :120], w), r"x has shape \[3, 120\]; it must be \[any, 128\]"),
        (lambda x, w: (x[:0], w), r"x has shape \[0, 128\]"),
        (lambda x, w: (x.double(), w), "x has dtype float64"),
        (lambda x, w: (x.to("meta"), w), "x lies on 'meta'"),
        (lambda x, w: (x.t().contiguous().t(), w), "x has strides"),
        (lambda x, w: (x, replaced(w, words_WO=w.words_WO.long())), "words has dtype int64"),
        (lambda x, w: (x, replaced(w, scale_GO=w.scale_GO[:3], zero_GO=w.zero_GO[:3])), "3 groups of 128 inputs"),
        (lambda x, w: (x, replaced(w, scale_GO=scales(32), zero_GO=None)), "32 groups of 128 inputs"),
        (lambda x, w: (x, replaced(w, scale_GO=w.scale_GO[:, :39])), r"scale has shape \[4, 39\]"),
        (lambda x, w: (x, replaced(w, zero_GO=w.zero_GO[:2])), r"zero has shape \[2, 40\]"),
        (lambda x, w: (x, replaced(w, order_I=torch.arange(127).int())), r"order has shape \[127\]"),
    ],
)
def test_tensors_that_do_not_fit_are_refused(spoil, message):
    x, packed = spoil(activations(3), weight())
    with pytest.raises(LaunchError, match=message):
        w4a16_matmul(x, packed, phase="decode")


def replaced(packed, **parts):
    names = ("words_WO", "scale_GO", "zero_GO", "order_I")
    return PackedWeight4(**{**{name: getattr(packed, name) for name in names}, **parts})


def test_an_unknown_phase_is_refused():
    with pytest.raises(LaunchError, match="phase is 'both'"):
        w4a16_matmul(activations(1), weight(), phase="both")


def test_a_bias_that_does_not_fit_is_refused():
    with pytest.raises(LaunchError, match=r"bias has shape \[39\]"):
        w4a16_matmul(activations(1), weight(), torch.zeros(39).half(), phase="decode")


def zeros(*shape):
    return torch.zeros(shape, dtype=torch.int32)


@pytest.mark.parametrize(
    ("make", "arguments", "message"),
    [
        (packed4.from_gptq, (zeros(4, 8), zeros(2, 1), scales(1, 8), None), r"qzeros has shape \[2, 1\]"),
        (packed4.from_gptq, (zeros(4, 8), zeros(1, 1), scales(1, 8), zeros(31)), r"g_idx has shape \[31\]"),
        (packed4.from_awq, (zeros(12, 1), zeros(1, 1), scales(1, 8)), "qweight has 12 inputs"),
        (packed4.from_awq, (zeros(16, 1), zeros(2, 1), scales(1, 8)), r"qzeros has shape \[2, 1\]"),
        (packed4.from_compressed_tensors, (zeros(8, 4), scales(1, 8).t(), zeros(2, 1), None), "weight_zero_point"),
    ],
)
def test_layouts_that_do_not_fit_are_refused(make, arguments, message):
    version = {"version": 1} if make is packed4.from_gptq else {}
    with pytest.raises(LaunchError, match=message):
        make(*arguments, **version)


def test_an_unknown_version_of_gptq_is_refused():
    with pytest.raises(LaunchError, match="version is 3"):
        packed4.from_gptq(zeros(4, 8), zeros(1, 1), scales(1, 8), None, version=3)


@pytest.mark.parametrize(
    ("change", "message"),
    [({"bits": 8}, "has 8 bits"), ({"group_I": torch.tensor([0] * 20 + [1] * 12)}, r"groups of \[20, 12\]")],
)
def test_weights_of_the_oracle_that_do_not_fit_are_refused(change, message):
    with pytest.raises(LaunchError, match=message):
        packed4.from_integers(integers(**change))


def integers(bits=4, group_I=None):
    group_I = torch.zeros(32, dtype=torch.int32) if group_I is None else group_I.int()
    scale = scales(int(group_I.max()) + 1, 8).t()
    return IntegerWeight(packed_OW=zeros(8, 4), scale_OG=scale, zero_OG=None, group_I=group_I, bits=bits)
