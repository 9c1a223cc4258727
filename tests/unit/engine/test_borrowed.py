"""Modules of transformers are borrowed for a pass: few-row products equal F.linear, and all is given back."""

import pytest
import torch

from tailgate.engine.native.borrowed import BorrowedModel
from tailgate.engine.native.few_rows import MOST_ROWS, few_rows_product, filled_up, is_plain_linear
from tests.support.architectures import tiny_architecture


@pytest.mark.parametrize(("rows", "computed"), [(0, 2), (1, 2), (2, 2), (3, 4), (5, 8), (9, 16), (16, 16)])
def test_rows_are_filled_up_to_fast_sizes(rows, computed):
    assert filled_up(rows) == computed


@pytest.mark.parametrize("rows", [0, 1, 2, 3, 5, 8, MOST_ROWS])
@pytest.mark.parametrize("bias", [True, False])
def test_a_product_of_few_rows_is_that_of_the_layer(rows, bias):
    generator = torch.Generator().manual_seed(rows)
    layer = torch.nn.Linear(48, 33, bias=bias).requires_grad_(False)
    x = torch.randn((1, rows, 48), generator=generator)
    found = few_rows_product(layer.weight, layer.bias)(x)
    expected = torch.nn.functional.linear(x.double(), layer.weight.double(), layer.bias.double() if bias else None)
    assert found.shape == (1, rows, 33)
    assert found.is_contiguous()
    torch.testing.assert_close(found.double(), expected, rtol=0, atol=1e-5)


def test_only_plain_fp32_layers_on_a_cpu_are_borrowed():
    class Quantized(torch.nn.Linear):
        pass

    assert is_plain_linear(torch.nn.Linear(4, 4))
    assert not is_plain_linear(Quantized(4, 4))
    assert not is_plain_linear(torch.nn.Linear(4, 4, dtype=torch.bfloat16))
    assert not is_plain_linear(torch.nn.Linear(4, 4, device="meta"))


def test_a_layer_with_a_hook_is_left_alone():
    hooked = torch.nn.Linear(4, 4)
    hooked.register_forward_hook(lambda module, args, output: output)
    replaced = torch.nn.Linear(4, 4)
    replaced.forward = lambda x: x
    assert not is_plain_linear(hooked)
    assert not is_plain_linear(replaced)


def test_the_model_is_as_before_after_a_pass_that_failed():
    class Failing:
        tokens, spans = 1, ()

        @property
        def ids_N(self):
            raise ZeroDivisionError

    model = tiny_architecture("llama")
    attention = model.config._attn_implementation
    with pytest.raises(ZeroDivisionError):
        BorrowedModel(model).forward(Failing())
    assert model.config._attn_implementation == attention
    assert not [part for part in model.modules() if "forward" in vars(part)]
