"""Values that no quantizer writes: NaN and infinity, and scales of zero under codes that differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tailgate.errors import CheckpointError
from tailgate.variants.fingerprint import plain_parts
from tailgate.variants.formats.shards import Shards

if TYPE_CHECKING:
    import torch

# Shape legend: n blocks of codes that share a scale, C codes of a block.


def refuse_nonfinite(module: torch.nn.Module, source: str) -> None:
    """Refuse a model whose weights hold NaN or infinity, whoever read it; its buffers may, such as masks.

    Raises
    ------
    CheckpointError
        It does.
    """
    for name, tensor in module.named_parameters():
        for part, plain in plain_parts(name, tensor):
            check_finite(plain, part, source)


def plain_tensors(shards: Shards, parts: frozenset[str]) -> dict[str, torch.Tensor]:
    """The tensors that are stored as they are: all but `parts`.

    Raises
    ------
    CheckpointError
        One holds NaN or infinity.
    """
    return {name: check_finite(shards.tensor(name), name, shards.name) for name in shards.headers if name not in parts}


def check_finite(tensor: torch.Tensor, name: str, source: str) -> torch.Tensor:
    """The tensor, of any type and shape, without NaN and infinity. Read once; no copy but of 8-bit floats.

    Raises
    ------
    CheckpointError
        It holds some.
    """
    if not is_finite(tensor):
        wide = tensor.detach().double()
        bad = wide.isfinite().logical_not()
        raise CheckpointError(
            f"tensor {name} of '{source}' holds {int(bad.sum())} values that are not finite (first: "
            f"{float(wide[bad][0])}); fetch the files again"
        )
    return tensor


def is_finite(tensor: torch.Tensor) -> bool:
    """Whether a tensor holds neither NaN nor infinity; integers do not, and neither does what lies in no memory."""
    import torch

    if not tensor.is_floating_point() or tensor.is_meta or tensor.numel() == 0:
        return True
    wide = tensor.bfloat16() if tensor.element_size() == 1 else tensor  # exact; 8-bit floats know no extremes
    return bool(torch.stack(wide.aminmax()).isfinite().all())  # NaN is both; a tenth of the time of a mask


def check_width(codes: torch.Tensor, bits: int, name: str, source: str) -> None:
    """Refuse signed codes, of any shape, beyond those of a width that is narrower than their type.

    Raises
    ------
    CheckpointError
        One is.
    """
    low, high = (int(end) for end in codes.aminmax())
    if low < -(2 ** (bits - 1)) or high >= 2 ** (bits - 1):
        raise CheckpointError(
            f"tensor {name} of '{source}' holds {low} to {high}, its configuration says {bits} bits "
            f"({-(2 ** (bits - 1))} to {2 ** (bits - 1) - 1}); fetch both again"
        )


def refuse_zero_scales(scale: torch.Tensor, name: str, source: str) -> None:
    """Refuse scales of zero where the writer never stores one; any shape.

    Raises
    ------
    CheckpointError
        One is.
    """
    if count := int((scale == 0).sum()):
        raise CheckpointError(f"{name} of '{source}' has {count} scales of zero; fetch the files again")


def refuse_negative(scale: torch.Tensor, name: str, source: str) -> None:
    """Refuse negative scales, of any shape, where the writer stores magnitudes.

    Raises
    ------
    CheckpointError
        One is.
    """
    if count := int((scale < 0).sum()):
        raise CheckpointError(f"{name} of '{source}' has {count} negative scales; fetch the files again")


def refuse_dead_codes(scale_n: torch.Tensor, codes_nC: torch.Tensor, name: str, source: str) -> None:
    """Refuse a scale of zero whose codes differ: it stands for a block of zeros, and those are alike.

    Raises
    ------
    CheckpointError
        One is; `codes_nC` [n, C] belong to `scale_n` [n].
    """
    dead_n = scale_n == 0
    if not bool(dead_n.any()):
        return
    codes_dC = codes_nC[dead_n]
    if count := int((codes_dC != codes_dC[:, :1]).any(dim=1).sum()):
        raise CheckpointError(
            f"{name} of '{source}' has {count} scales of zero whose codes are not; fetch the files again"
        )
