"""Integer codes with a scale and a zero point per group of inputs: what GPTQ, AWQ and INT4 files have in common."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from tailgate.errors import CheckpointError
from tailgate_kernels.reference import IntegerWeight, pack_rows

# Shape legend: I input features, O output features, G groups of inputs, W words of packed codes.

INT16 = torch.iinfo(torch.int16)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grouped:
    """A layer's codes as its file means them.

    `codes_OI`: [O, I] of [0, 2**bits), or already `packed_OW` as `IntegerWeight` lays them out. `scale_OG`: float.
    `zero_OG`: integers subtracted from codes. `group_I`: [I], the group of each input. `size`: inputs of a group; the
    last may have fewer. None: it is not known.
    """

    layer: str
    bits: int
    scale_OG: torch.Tensor
    zero_OG: torch.Tensor
    group_I: torch.Tensor
    codes_OI: torch.Tensor | None = None
    packed_OW: torch.Tensor | None = None
    size: int | None = None

    def weight(self) -> IntegerWeight:
        """The codes in the layout of the kernels, checked.

        Raises
        ------
        CheckpointError
            A scale is zero or not finite, an input belongs to a group that does not exist, or groups differ in size.
        """
        check_scales(self.scale_OG, self.layer)
        _check_groups(self.group_I, self.scale_OG.shape[1], self.layer)
        _check_sizes(self.group_I, self.scale_OG.shape[1], self.size, self.layer)
        packed_OW = self.packed_OW
        if packed_OW is None:
            assert self.codes_OI is not None, "codes come packed or not"
            packed_OW = pack_rows(self.codes_OI, self.bits)
        symmetric = bool((self.zero_OG == 2 ** (self.bits - 1)).all())
        return IntegerWeight(
            packed_OW=packed_OW.contiguous(),
            scale_OG=self.scale_OG.contiguous(),
            zero_OG=None if symmetric else self.zero_OG.to(torch.int16).contiguous(),
            group_I=self.group_I.to(torch.int32).contiguous(),
            bits=self.bits,
        )


def check_scales(scale: torch.Tensor, layer: str) -> None:
    """Refuse scales that are zero or not finite.

    Raises
    ------
    CheckpointError
        One is.
    """
    wide = scale.float()
    bad = ~torch.isfinite(wide) | (wide == 0)
    if bool(bad.any()):
        raise CheckpointError(
            f"layer {layer} has {int(bad.sum())} scales that are zero or not finite (first: "
            f"{float(wide[bad][0])}); its quantization failed, make the checkpoint again"
        )


def _check_groups(group_I: torch.Tensor, groups: int, layer: str) -> None:
    low, high = int(group_I.min()), int(group_I.max())
    if low < 0 or high >= groups:
        raise CheckpointError(
            f"layer {layer} puts inputs into groups {low} to {high}, but has {groups}; its g_idx is damaged, "
            "fetch the file again"
        )


def _check_sizes(group_I: torch.Tensor, groups: int, size: int | None, layer: str) -> None:
    """Hold the inputs of each group against its size: all quantizers fill every group but the last."""
    inputs_G = torch.bincount(group_I.long(), minlength=groups)
    full = int(inputs_G[0]) if size is None else size
    wrong_G = inputs_G != full
    wrong_G[-1] = not 0 < int(inputs_G[-1]) <= full
    if bool(wrong_G.any()):
        first = int(wrong_G.int().argmax())
        raise CheckpointError(
            f"layer {layer} puts {int(inputs_G[first])} inputs into group {first} of {groups}, its groups have {full}; "
            "its g_idx or its group_size is damaged, fetch both again"
        )


def consecutive_groups(n_in: int, group: int) -> torch.Tensor:
    """The group of each input where groups are neighbours; [I]. `group` -1: one for all."""
    size = n_in if group == -1 else group
    return torch.arange(n_in) // size


def group_count(n_in: int, group: int) -> int:
    """Groups of `group` inputs, the last may be shorter; one where `group` is -1."""
    return 1 if group == -1 else -(-n_in // group)


def check_divides(size: int, length: int, what: str) -> None:
    """Refuse a group that its writer cannot have meant: by counts alone, 33 would do where 32 gives as many groups.

    Raises
    ------
    CheckpointError
        `length` is no multiple of `size`.
    """
    if size != -1 and length % size:
        raise CheckpointError(
            f"{what} {length} long, which does not divide into groups of {size}; its configuration names another size "
            "than it was made with, fetch both again"
        )


def check_may_be_cut(size: int, length: int, what: str) -> None:
    """The same where a writer may cut the last group or block: of two powers of two, only one gives as many.

    Raises
    ------
    CheckpointError
        `length` is no multiple of `size`, which is no power of two.
    """
    if size & (size - 1):
        check_divides(size, length, what)
