"""How keys and values are written into the store: as computed, or rounded to codes of 8 or 4 bits.

A vector (one token, one key-value head, keys and values apart) is rounded by itself, with scales of its own:

- ``int8``: ``scale = absmax / 127``, codes ``round(x / scale)`` in [-127, 127], read back as ``code * scale``;
- ``fp8``: ``scale = absmax / 448``, codes ``x / scale`` rounded to float8_e4m3fn, read back as ``code * scale``;
- ``stored``: the same by a scale that came with the checkpoint; what lies beyond 448 scales becomes 448 of them;
- ``int4``: ``step = (max - min) / 15``, codes ``round((x - min) / step)`` in [0, 15], read back as
  ``code * step + min``; two codes a byte, entry ``d`` in the low half and entry ``d + D/2`` in the high half.

Symmetric at 8 bits and asymmetric at 4, over a whole head: what serving engines do that scale per token and head.
At 8 bits the second number would cost more than the half step it saves; at 4 bits keys, whose entries seldom lie
around zero, would waste a part of 16 levels. Scales are fp32: an fp16 scale overflows or vanishes where a model's
activations are large or tiny, and costs four bytes a vector less.

A scale that depends on one token alone keeps answers exact: how a prompt is cut, what shares its pass and what was
computed before do not enter what is stored. They enter the last bits of a float, as in every engine; where such a bit
decides between two codes the difference grows to a code's step, and deep models carry it on. `fit.probe` measures how
far that moves logits, and choices by a smaller margin are counted as near ties.

Arithmetic is fp32 whatever the model computes in. A vector that is not finite has no finite scale, and nothing of it is
read back as finite: where a scale was given, too, it is replaced by NaN.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch

from tailgate.errors import SetupError

# Shape legend: H key-value heads, N tokens, D head size, B bytes of codes, 1 a number per vector or for all of them.

Parts = tuple[torch.Tensor, ...]  # what is kept of vectors: [H, N, *] each
Scales = tuple[torch.Tensor, torch.Tensor]  # of keys and of values, [H, 1, 1] or [1, 1, 1]

INT8_MOST = 127
FP8_MOST = 448.0
INT4_MOST = 15
FP8_SIGN_AND_REST = -0x4001  # every bit of an int16 but the highest of a float16's exponent
FP8_TO_FP16 = 2.0**8  # e4m3 biases its exponent by 7, float16 by 15


class Codec(Protocol):
    """Writes vectors as parts and reads them back."""

    def encode(self, x_HND: torch.Tensor) -> Parts:
        """What to keep of vectors."""

    def decode(self, parts: Parts, dtype: torch.dtype) -> torch.Tensor:
        """The vectors that are kept, [H, N, D]: the same for the same parts, whatever lies beside them."""


class AsComputed:
    """Keeps vectors as they are."""

    def encode(self, x_HND: torch.Tensor) -> Parts:
        """The vectors."""
        return (x_HND,)

    def decode(self, parts: Parts, dtype: torch.dtype) -> torch.Tensor:
        """The vectors, not copied."""
        return parts[0]


class Int8:
    """Symmetric 8-bit integers: codes [H, N, D] int8, scales [H, N, 1] fp32."""

    def encode(self, x_HND: torch.Tensor) -> Parts:
        """Codes and scales."""
        x_HND = x_HND.float()
        scale_HN1 = x_HND.abs().amax(dim=-1, keepdim=True) / INT8_MOST
        codes_HND = (x_HND / _nonzero(scale_HN1)).round_().clamp_(-INT8_MOST, INT8_MOST)
        return codes_HND.to(torch.int8), scale_HN1

    def decode(self, parts: Parts, dtype: torch.dtype) -> torch.Tensor:
        """Codes times scale."""
        codes_HND, scale_HN1 = parts
        return codes_HND.float().mul_(scale_HN1).to(dtype)


@dataclass(frozen=True, slots=True)
class Fp8:
    """Floats of 4 exponent and 3 mantissa bits: codes [H, N, D] as int8, scales [H, N, 1] fp32.

    `given`: a scale for all vectors of a head or of all heads, [H, 1, 1] or [1, 1, 1]; None: found from each vector.
    """

    given: torch.Tensor | None = None

    def encode(self, x_HND: torch.Tensor) -> Parts:
        """Codes and scales."""
        x_HND = x_HND.float()
        most_HN1 = x_HND.abs().amax(dim=-1, keepdim=True)
        if self.given is None:
            scale_HN1 = most_HN1 / FP8_MOST
        else:
            scale_HN1 = torch.where(most_HN1.isfinite(), self.given, torch.nan)
        codes_HND = (x_HND / _nonzero(scale_HN1)).clamp_(-FP8_MOST, FP8_MOST)
        return codes_HND.to(torch.float8_e4m3fn).view(torch.int8), scale_HN1

    def decode(self, parts: Parts, dtype: torch.dtype) -> torch.Tensor:
        """Codes times scale.

        The seven bits behind the sign, moved to where float16 has its own, are the same number over 2**8, subnormal
        numbers included: a shift and a mask, where torch's own conversion takes ten times as long on a CPU.
        """
        codes_HND, scale_HN1 = parts
        bits_HND = codes_HND.to(torch.int16).bitwise_left_shift_(7).bitwise_and_(FP8_SIGN_AND_REST)
        return bits_HND.view(torch.float16).float().mul_(FP8_TO_FP16).mul_(scale_HN1).to(dtype)


class Int4:
    """Asymmetric 4-bit integers: codes [H, N, D / 2] uint8, step and minimum [H, N, 2] fp32."""

    def encode(self, x_HND: torch.Tensor) -> Parts:
        """Codes, and step and minimum.

        Raises
        ------
        SetupError
            The head size is odd.
        """
        if x_HND.shape[-1] % 2:
            raise SetupError(f"kv=int4 packs two numbers a byte and the model's heads have {x_HND.shape[-1]}; "
                             "use kv=int8")  # fmt: skip
        x_HND = x_HND.float()
        low_HN1, high_HN1 = x_HND.aminmax(dim=-1, keepdim=True)
        step_HN1 = (high_HN1 - low_HN1) / INT4_MOST
        codes_HND = ((x_HND - low_HN1) / _nonzero(step_HN1)).round_().clamp_(0, INT4_MOST).to(torch.uint8)
        first_HNB, second_HNB = codes_HND.chunk(2, dim=-1)
        return first_HNB | second_HNB << 4, torch.cat((step_HN1, low_HN1), dim=-1)

    def decode(self, parts: Parts, dtype: torch.dtype) -> torch.Tensor:
        """Codes times step, plus minimum."""
        codes_HNB, grid_HN2 = parts
        x_HND = torch.cat((codes_HNB & INT4_MOST, codes_HNB >> 4), dim=-1).float()
        return x_HND.mul_(grid_HN2[..., :1]).add_(grid_HN2[..., 1:]).to(dtype)


STORED = "stored"  # by scales of the checkpoint: attention modules carry them as `kv_scales`, of keys and of values
CODECS: dict[str, Codec] = {"": AsComputed(), "int8": Int8(), "fp8": Fp8(), "int4": Int4()}


def codecs(kv: str, scales: Scales | None) -> tuple[Codec, Codec]:
    """What writes the keys, and what writes the values, of a layer.

    Raises
    ------
    SetupError
        Scales of the checkpoint are asked for, and the layer has none.
    """
    if kv != STORED:
        return CODECS[kv], CODECS[kv]
    if scales is None:
        raise SetupError("kv=stored: a layer has no scales for its keys and values; leave kv= out or use kv=fp8")
    return Fp8(scales[0]), Fp8(scales[1])


def _nonzero(scale_HN1: torch.Tensor) -> torch.Tensor:
    """A vector whose entries are all alike has no step; its codes are zero."""
    return torch.where(scale_HN1 == 0, torch.ones_like(scale_HN1), scale_HN1)
