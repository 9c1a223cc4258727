"""Weights in 4 bits as the kernel reads them, and how the layouts of checkpoints come to it.

A weight stands for ``(code - zero) * scale``. Eight codes of neighbouring inputs lie in a word, lowest first. Where a
checkpoint orders its inputs by activation (act-order), the codes are sorted by group once, and a permutation tells
which input each belongs to.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from tailgate_kernels.launch import FLOATS, LaunchError, check_last_stride, check_shape, check_tensor
from tailgate_kernels.reference import IntegerWeight, dequantize, pack_rows, unpack_rows

# Shape legend: I inputs, O outputs, W words of eight inputs, G groups of inputs that share a scale, P words of eight
# outputs.

BITS = 4
CODES = 8  # a word
AWQ_PLACES = (0, 4, 1, 5, 2, 6, 3, 7)  # where in a word the code of each output lies
VERSIONS = (1, 2)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PackedWeight4:
    """A weight in 4-bit codes.

    ``words_WO`` int32 [I / 8, O], any strides; ``scale_GO`` float [G, O]; ``zero_GO`` int16 [G, O], None: 8
    everywhere; ``order_I`` int32 [I]: the input of each code, None: codes are in the order of inputs.
    """

    words_WO: torch.Tensor
    scale_GO: torch.Tensor
    zero_GO: torch.Tensor | None
    order_I: torch.Tensor | None

    @property
    def shape(self) -> tuple[int, int]:
        """Inputs and outputs."""
        return CODES * self.words_WO.shape[0], self.words_WO.shape[1]

    @property
    def group(self) -> int:
        """Inputs that share a scale."""
        return self.shape[0] // self.scale_GO.shape[0]

    def check(self, device: torch.device) -> None:
        """Shapes, dtypes, devices, and that groups are whole words.

        Raises
        ------
        LaunchError
            One does not fit.
        """
        check_tensor("words", self.words_WO, device=device, dtypes=(torch.int32,))
        check_shape("words", self.words_WO, (None, None))
        check_tensor("scale", self.scale_GO, device=device, dtypes=FLOATS)
        check_shape("scale", self.scale_GO, (None, self.shape[1]))
        n_in, groups = self.shape[0], self.scale_GO.shape[0]
        if n_in % groups or (self.group % CODES and groups > 1):
            raise LaunchError(
                f"scale has {groups} groups of {n_in} inputs; a group must be a multiple of {CODES} that divides them"
            )
        if self.zero_GO is not None:
            check_tensor("zero", self.zero_GO, device=device, dtypes=(torch.int16,))
            check_shape("zero", self.zero_GO, self.scale_GO.shape)
        if self.order_I is not None:
            check_tensor("order", self.order_I, device=device, dtypes=(torch.int32,))
            check_shape("order", self.order_I, (n_in,))
            check_last_stride("order", self.order_I)

    def to_integers(self) -> IntegerWeight:
        """The same weight for the oracle, its inputs in the order of the codes."""
        group_I = torch.arange(self.shape[0], device=self.words_WO.device, dtype=torch.int32) // self.group
        zero_OG = None if self.zero_GO is None else self.zero_GO.t()
        return IntegerWeight(
            packed_OW=self.words_WO.t(), scale_OG=self.scale_GO.t(), zero_OG=zero_OG, group_I=group_I, bits=BITS
        )


def dequantized(weight: PackedWeight4) -> torch.Tensor:
    """The float weights [O, I] in the order of inputs, in the dtype of the scale."""
    sorted_OI = dequantize(weight.to_integers())
    if weight.order_I is None:
        return sorted_OI
    return torch.empty_like(sorted_OI).index_copy_(1, weight.order_I.long(), sorted_OI)


def from_integers(weight: IntegerWeight) -> PackedWeight4:
    """A weight of the oracle; nothing is copied unless its groups are mixed.

    Raises
    ------
    LaunchError
        It has no 4 bits, or its groups are not all of one size.
    """
    if weight.bits != BITS:
        raise LaunchError(f"weight has {weight.bits} bits; this kernel reads {BITS}")
    if weight.shape[1] % CODES:
        raise LaunchError(f"weight has {weight.shape[1]} inputs; they must be a multiple of {CODES}")
    order_I = _order(weight.group_I, weight.scale_OG.shape[1])
    words_OW = weight.packed_OW
    if order_I is not None:
        codes_OI = unpack_rows(words_OW, BITS, weight.shape[1])[:, order_I.long()]
        words_OW = pack_rows(codes_OI, BITS)
    zero_GO = None if weight.zero_OG is None else weight.zero_OG.t()
    return PackedWeight4(words_WO=words_OW.t(), scale_GO=weight.scale_OG.t(), zero_GO=zero_GO, order_I=order_I)


def _order(group_I: torch.Tensor, groups: int) -> torch.Tensor | None:
    """Inputs sorted by group; None where they are."""
    n_in = group_I.shape[0]
    even_I = torch.arange(n_in, device=group_I.device) * groups // n_in
    if n_in % groups == 0 and torch.equal(group_I.long(), even_I):
        return None
    sizes = torch.bincount(group_I.long(), minlength=groups)
    if n_in % groups or sizes.shape[0] != groups or not bool((sizes == n_in // groups).all()):
        raise LaunchError(
            f"group_I gives {n_in} inputs to groups of {sizes.tolist()[:8]}; {groups} groups must be of one size: keep "
            "this layer dequantized"
        )
    return torch.argsort(group_I.long(), stable=True).to(torch.int32)


def from_gptq(
    qweight_WO: torch.Tensor,
    qzeros_GP: torch.Tensor,
    scales_GO: torch.Tensor,
    g_idx_I: torch.Tensor | None,
    *,
    version: int,
) -> PackedWeight4:
    """A GPTQ layer: ``qweight`` int32 [I / 8, O], ``qzeros`` int32 [G, O / 8], ``scales`` [G, O].

    Parameters
    ----------
    version : 1 stores zero points minus one (15 stands for 16), 2 stores them as they are.

    Raises
    ------
    LaunchError
        Shapes do not match.
    """
    if version not in VERSIONS:
        raise LaunchError(f"version is {version}; GPTQ checkpoints are of version 1 or 2")
    n_in, n_out = CODES * qweight_WO.shape[0], qweight_WO.shape[1]
    check_shape("scales", scales_GO, (None, n_out))
    check_shape("qzeros", qzeros_GP, (scales_GO.shape[0], -(-n_out // CODES)))
    zero_GO = unpack_rows(qzeros_GP, BITS, n_out) + (1 if version == 1 else 0)
    if g_idx_I is None:
        return PackedWeight4(words_WO=qweight_WO, scale_GO=scales_GO, zero_GO=zero_GO, order_I=None)
    check_shape("g_idx", g_idx_I, (n_in,))
    return from_integers(
        IntegerWeight(packed_OW=qweight_WO.t(), scale_OG=scales_GO.t(), zero_OG=zero_GO.t(), group_I=g_idx_I, bits=BITS)
    )


def from_awq(qweight_IP: torch.Tensor, qzeros_GP: torch.Tensor, scales_GO: torch.Tensor) -> PackedWeight4:
    """An AWQ layer: ``qweight`` int32 [I, O / 8], ``qzeros`` int32 [G, O / 8], outputs of a word in AWQ's order.

    Raises
    ------
    LaunchError
        Shapes do not match.
    """
    n_in, n_out = qweight_IP.shape[0], CODES * qweight_IP.shape[1]
    check_shape("scales", scales_GO, (None, n_out))
    check_shape("qzeros", qzeros_GP, (scales_GO.shape[0], qweight_IP.shape[1]))
    if n_in % CODES:
        raise LaunchError(f"qweight has {n_in} inputs; they must be a multiple of {CODES}")
    words_WO = pack_rows(_awq_codes(qweight_IP).t(), BITS).t()
    return PackedWeight4(words_WO=words_WO, scale_GO=scales_GO, zero_GO=_awq_codes(qzeros_GP), order_I=None)


def _awq_codes(words_nP: torch.Tensor) -> torch.Tensor:
    """Codes int16 [n, 8 P] in the order of outputs."""
    n, words = words_nP.shape
    codes_nPC = unpack_rows(words_nP, BITS, CODES * words).view(n, words, CODES)
    return codes_nPC[:, :, list(AWQ_PLACES)].reshape(n, CODES * words)


def from_compressed_tensors(
    packed_OW: torch.Tensor, scale_OG: torch.Tensor, zero_PG: torch.Tensor | None, g_idx_I: torch.Tensor | None
) -> PackedWeight4:
    """A layer of compressed-tensors (``pack-quantized``): ``weight_packed`` int32 [O, I / 8], ``weight_scale`` [O, G],
    ``weight_zero_point`` int32 [O / 8, G] where it is asymmetric, ``weight_g_idx`` where it is ordered.

    Raises
    ------
    LaunchError
        Shapes do not match.
    """
    n_out, n_in = packed_OW.shape[0], CODES * packed_OW.shape[1]
    check_shape("weight_scale", scale_OG, (n_out, None))
    zero_OG = None
    if zero_PG is not None:
        check_shape("weight_zero_point", zero_PG, (-(-n_out // CODES), scale_OG.shape[1]))
        zero_OG = unpack_rows(zero_PG.t(), BITS, n_out).t()
    groups = scale_OG.shape[1]
    group_I = torch.arange(n_in, device=packed_OW.device) * groups // n_in if g_idx_I is None else g_idx_I
    check_shape("weight_g_idx", group_I, (n_in,))
    return from_integers(
        IntegerWeight(packed_OW=packed_OW, scale_OG=scale_OG, zero_OG=zero_OG, group_I=group_I, bits=BITS)
    )
