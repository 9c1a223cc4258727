"""What every reader refuses alike: values that are not finite, dead scales, and whatever a damaged file breaks."""

import pytest
import torch

from tailgate.errors import CheckpointError, MissingPackageError
from tailgate.variants.formats import settings_of
from tailgate.variants.formats.assemble import StoredFormat
from tailgate.variants.formats.guard import one_line
from tailgate.variants.formats.library import LibraryFormat
from tailgate.variants.formats.sound import check_finite, refuse_dead_codes, refuse_nonfinite
from tailgate.variants.variant import resolve
from tests.support.stored import golden
from tests.support.tiny import Tiny, tiny_model

FLOATS = (torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2)


@pytest.mark.parametrize("dtype", FLOATS)
def test_one_value_that_is_not_finite_is_found_in_any_type(dtype):
    ends = torch.finfo(dtype)
    sound = torch.tensor([[0.0, ends.max], [ends.min, 1.0]], dtype=torch.float64).to(dtype)
    assert check_finite(sound, "w", "m") is sound
    sound[1, 0] = float("nan")
    with pytest.raises(CheckpointError, match=r"tensor w of 'm' holds 1 values that are not finite \(first: nan\)"):
        check_finite(sound, "w", "m")


@pytest.mark.parametrize("value", ["inf", "-inf"])
def test_infinities_are_not_finite(value):
    with pytest.raises(CheckpointError, match=rf"holds 2 values that are not finite \(first: {value}\)"):
        check_finite(torch.full((2,), float(value)), "w", "m")


@pytest.mark.parametrize(
    "tensor", [torch.zeros(0), torch.ones(2, dtype=torch.int8), torch.ones(2, device="meta"), torch.tensor(1.0)]
)
def test_tensors_without_extremes_are_finite(tensor):
    assert check_finite(tensor, "w", "m") is tensor


def test_a_model_is_looked_at_whoever_read_it():
    model = tiny_model(Tiny())
    refuse_nonfinite(model, "m")
    model.model.layers[1].mlp.up_proj.weight.data[3, 4] = float("nan")
    with pytest.raises(CheckpointError, match=r"model\.layers\.1\.mlp\.up_proj\.weight of 'm' holds 1 values"):
        refuse_nonfinite(model, "m")


def test_a_scale_of_zero_is_that_of_a_block_whose_codes_are_alike():
    scale_n = torch.tensor([0.0, 1.0, 0.0])
    codes_nC = torch.tensor([[7, 7, 7], [1, 2, 3], [0, 0, 0]])
    refuse_dead_codes(scale_n, codes_nC, "w", "m")
    with pytest.raises(CheckpointError, match="w of 'm' has 1 scales of zero whose codes are not"):
        refuse_dead_codes(scale_n, codes_nC.flip(1) + torch.tensor([0, 0, 1]) * (codes_nC == 0), "w", "m")


def raising(error):
    def plan(*_):
        raise error

    return plan


def formats(error):
    """A format of either kind whose planning fails."""
    library = LibraryFormat(name="odd", package="torch", extra="odd", plan=raising(error), executions=("packed",))
    return StoredFormat(name="odd", plan=raising(error)), library


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (KeyError("scales"), "KeyError: 'scales'"),
        (ZeroDivisionError(), "ZeroDivisionError"),
        (RuntimeError("shape mismatch\nat line 3"), "RuntimeError: shape mismatch;"),
    ],
)
def test_any_other_error_over_a_file_is_one_line_about_it(error, message, tmp_path):
    variant = resolve(str(golden("gptq", "4bit-g32-sym", tmp_path).folder), "cpu")
    for found in formats(error):
        with pytest.raises(CheckpointError, match=f"cannot be read as odd: {message}.* fetch them again") as raised:
            found.describe(variant.source, variant.config)
        assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "error", [MemoryError(), torch.OutOfMemoryError("full"), MissingPackageError("x"), KeyboardInterrupt()]
)
def test_a_lack_of_memory_and_our_own_errors_stay_what_they_are(error, tmp_path):
    variant = resolve(str(golden("gptq", "4bit-g32-sym", tmp_path).folder), "cpu")
    for found in formats(error):
        with pytest.raises(type(error)):
            found.describe(variant.source, variant.config)
    with pytest.raises(type(error)), one_line("m", "odd"):
        raise error


def test_a_configuration_that_is_no_table_is_named(tmp_path):
    with pytest.raises(CheckpointError, match=r"the quantization_config is \[4\], which is no table"):
        settings_of(type("Config", (), {"quantization_config": [4]}))
