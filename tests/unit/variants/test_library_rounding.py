"""Methods through torchao, hqq and quanto, and our fp8: the weights are those that the library dequantizes itself."""

import pytest
import torch

from tailgate.errors import MissingPackageError, VariantError
from tailgate.variants import registry
from tailgate.variants.fp8 import round_rows
from tailgate.variants.load import load
from tailgate.variants.variant import resolve
from tests.support.library_goldens import needs
from tests.support.tiny import save_tiny

LAYERS = ("model.layers.0.self_attn.q_proj", "model.layers.1.mlp.down_proj")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_tiny(tmp_path_factory.mktemp("tiny"))


def read(spec):
    return load(resolve(str(spec), "cpu"))


def torchao_weights(model, config):
    from torchao.quantization import quantize_

    quantize_(model, config, filter_fn=lambda part, name: isinstance(part, torch.nn.Linear) and name != "lm_head")
    return {name: model.get_submodule(name).weight.dequantize() for name in LAYERS}


def test_torchao_int8_is_what_torchao_makes_of_the_model(folder):
    needs("torchao")
    from torchao.quantization import Int8WeightOnlyConfig

    expected = torchao_weights(read(folder).module, Int8WeightOnlyConfig())
    check(read(f"{folder}@torchao-int8"), expected)


@pytest.mark.parametrize("symmetric", [True, False])
def test_torchao_int4_is_what_torchao_makes_of_the_model(folder, symmetric):
    needs("torchao")
    from torchao.quantization import IntxWeightOnlyConfig, PerGroup
    from torchao.quantization.quant_primitives import MappingType

    kind = MappingType.SYMMETRIC if symmetric else MappingType.ASYMMETRIC
    config = IntxWeightOnlyConfig(weight_dtype=torch.int4, granularity=PerGroup(32), mapping_type=kind)
    expected = torchao_weights(read(folder).module, config)
    check(read(f"{folder}@torchao-int4:group=32,sym={symmetric}"), expected)


@pytest.mark.parametrize(("bits", "group"), [(4, 64), (2, 32), (8, 64)])
def test_hqq_is_what_hqq_makes_of_each_layer(folder, bits, group):
    needs("hqq")
    from hqq.core.quantize import BaseQuantizeConfig, HQQLinear

    plain, config = read(folder).module, BaseQuantizeConfig(nbits=bits, group_size=group, axis=1)
    expected = {
        name: HQQLinear(plain.get_submodule(name), config, compute_dtype=torch.float32, device="cpu").dequantize()
        for name in LAYERS
    }
    check(read(f"{folder}@hqq:bits={bits},group={group}"), expected)


@pytest.mark.parametrize("bits", [8, 4])
def test_quanto_is_what_quanto_makes_of_the_model(folder, bits):
    needs("quanto")
    from optimum.quanto import freeze, qtypes, quantize

    model = read(folder).module
    quantize(model, weights=qtypes[f"qint{bits}"], exclude="lm_head")
    freeze(model)
    check(read(f"{folder}@quanto-int{bits}"), {name: model.get_submodule(name).weight.dequantize() for name in LAYERS})


def test_fp8_is_what_torchao_makes_of_the_model(folder):
    needs("torchao")
    from torchao.quantization import Float8WeightOnlyConfig

    expected = torchao_weights(read(folder).module, Float8WeightOnlyConfig())
    check(read(f"{folder}@fp8"), expected)


def check(loaded, expected):
    for name, weight_OI in expected.items():
        assert torch.equal(loaded.module.get_submodule(name).weight, weight_OI), name
    assert loaded.facts.changed_tensors == loaded.facts.quantized_tensors == 14


def test_fp8_rows_are_codes_times_a_scale_of_their_own():
    weight_OI = torch.tensor([[448.0, 1.0, -0.3], [0.0, 0.0, 0.0], [2.0**-20, 0.0, 2.0**-21]])
    expected_OI = weight_OI.clone()
    expected_OI[0, 2] = -0.3125  # the nearest of 3 mantissa bits: steps of 1/32 between 1/4 and 1/2
    assert torch.equal(round_rows(weight_OI), expected_OI)
    assert torch.equal(round_rows(round_rows(weight_OI)), round_rows(weight_OI))


def test_fp8_moves_a_weight_by_a_sixteenth_of_itself_at_most():
    weight_OI = torch.randn((40, 200), generator=torch.Generator().manual_seed(0))
    moved_OI = (round_rows(weight_OI) - weight_OI).abs()
    least_O1 = weight_OI.abs().amax(1, keepdim=True) / 448 * 2.0**-10  # half a step of the subnormal numbers
    assert bool((moved_OI <= torch.maximum(weight_OI.abs() / 16, least_O1) + 1e-7).all())


def test_a_group_that_does_not_divide_is_named(folder):
    needs("hqq")
    with pytest.raises(
        VariantError, match=r"group=256 does not divide the 64 inputs of model.layers.0.self_attn.q_proj"
    ):
        read(f"{folder}@hqq:group=256")


@pytest.mark.parametrize(
    ("method", "extra"),
    [("torchao-int8", "torchao"), ("torchao-int4", "torchao"), ("hqq", "hqq"), ("quanto-int4", "quanto")],
)
def test_a_missing_library_is_named_with_its_extra(folder, method, extra, monkeypatch):
    monkeypatch.setattr(registry, "_is_installed", lambda package: False)
    with pytest.raises(MissingPackageError, match=rf"pip install 'tailgate\[{extra}\]'"):
        resolve(f"{folder}@{method}", "cpu")
