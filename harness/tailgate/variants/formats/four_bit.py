"""The parts of a 4-bit weight of bitsandbytes, held against each other: its kernels read them without looking at sizes.

``weight`` holds two codes a byte, ``weight.absmax`` a scale per block, ``weight.quant_map`` the 16 values of the code
book, and ``weight.quant_state.bitsandbytes__KIND`` a JSON of the rest as bytes. Where scales are quantized too,
``absmax`` holds codes, and ``nested_absmax`` and ``nested_quant_map`` what they stand for.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tailgate.errors import CheckpointError
from tailgate.variants.formats.shards import Shards
from tailgate.variants.formats.sound import is_finite, refuse_dead_codes, refuse_negative

# Shape legend: n blocks of codes that share a scale, C codes of a block.

STATE = ".quant_state.bitsandbytes__"
KINDS = ("nf4", "fp4")
# Types that codes may be stored as, for tools that shard floats only, and bytes of a value.
STORAGE = {"U8": 1, "I8": 1, "F16": 2, "BF16": 2, "F32": 4, "F64": 8}
FLOAT32, BYTES = frozenset({"F32"}), frozenset({"U8"})
NESTED = ("nested_absmax", "nested_quant_map")
FP4_MINUS_ZERO = 8
Blocks = Literal[32, 64, 128, 256, 512, 1024, 2048, 4096]


class FourBitState(BaseModel):
    """The JSON of a weight. `blocksize`: weights that share a scale; `nested_blocksize`: scales that share one."""

    model_config = ConfigDict(extra="forbid", strict=True)

    quant_type: Literal["nf4", "fp4"]
    blocksize: Blocks
    dtype: Literal["float16", "bfloat16", "float32"]
    shape: tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]]
    nested_blocksize: Blocks | None = None
    nested_dtype: Literal["float32"] | None = None
    nested_offset: float | None = Field(default=None, allow_inf_nan=False)

    @property
    def is_nested(self) -> bool:
        """Whether scales are quantized too."""
        return self.nested_blocksize is not None

    @property
    def blocks(self) -> int:
        """Scales of the weight."""
        return -(-math.prod(self.shape) // self.blocksize)


def read_state(shards: Shards, weight: str, kind: str) -> FourBitState:
    """What the JSON of a weight says, held against type and shape of all its parts.

    Raises
    ------
    CheckpointError
        It is damaged, or a part is missing, of another size, or one too many.
    """
    state = _parsed(shards, weight, kind)
    if state.quant_type != kind:
        raise CheckpointError(
            f"{weight} of '{shards.name}' is stored as {kind}, its quantization state says {state.quant_type}; "
            "fetch the file again"
        )
    nested = (state.nested_blocksize, state.nested_dtype, state.nested_offset)
    if any(value is None for value in nested) != all(value is None for value in nested):
        raise CheckpointError(
            f"the quantization state of {weight} of '{shards.name}' says half of how its scales are quantized "
            f"({', '.join(str(value) for value in nested)}); fetch the file again"
        )
    _check_sizes(shards, weight, state)
    _check_names(shards, weight, kind, state)
    return state


def stats_of(shards: Shards, weight: str) -> tuple[str, ...]:
    """Names of the stored tensors that belong to a weight."""
    return tuple(sorted(name for name in shards.headers if name.startswith(f"{weight}.")))


def _parsed(shards: Shards, weight: str, kind: str) -> FourBitState:
    name = f"{weight}{STATE}{kind}"
    header = shards.header(name)
    if header.dtype not in BYTES or len(header.shape) != 1:
        raise CheckpointError(
            f"tensor {name} of '{shards.name}' is {header.dtype} {list(header.shape)}, not bytes; fetch the file again"
        )
    try:
        return FourBitState.model_validate_json(bytes(shards.tensor(name).tolist()))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise CheckpointError(
            f"tensor {name} of '{shards.name}' is damaged: {where}={str(first.get('input'))[:80]}: {first['msg']}; "
            "fetch the file again"
        ) from error


def _check_sizes(shards: Shards, weight: str, state: FourBitState) -> None:
    count = -(-math.prod(state.shape) // 2)
    size = STORAGE.get(shards.header(weight).dtype, 1)
    shards.expect(weight, frozenset(STORAGE), (-(-count // size), 1))
    shards.expect(f"{weight}.quant_map", FLOAT32, (16,))
    shards.expect(f"{weight}.absmax", BYTES if state.is_nested else FLOAT32, (state.blocks,))
    if state.nested_blocksize is not None:
        shards.expect(f"{weight}.nested_absmax", FLOAT32, (-(-state.blocks // state.nested_blocksize),))
        shards.expect(f"{weight}.nested_quant_map", FLOAT32, (256,))


def _check_names(shards: Shards, weight: str, kind: str, state: FourBitState) -> None:
    parts = ("absmax", "quant_map", *(NESTED if state.is_nested else ()))
    known = {*(f"{weight}.{part}" for part in parts), f"{weight}{STATE}{kind}"}
    if left := sorted(set(stats_of(shards, weight)) - known):
        raise CheckpointError(
            f"'{shards.name}' holds {left[0]}, for which the quantization state of {weight} has no use; fetch the file "
            "again"
        )


def check_values(held: Any, weight: str, source: str) -> None:
    """Hold the values of a weight's parts against what the library writes; `held` is its `Params4bit`, on the CPU.

    Its products use a code book of their own and never look at the one that is stored.

    Raises
    ------
    CheckpointError
        A code book is another one, a scale is not finite or negative, or zero where codes are not.
    """
    from bitsandbytes import functional

    state = held.quant_state
    _check_book(state.code, functional.get_4bit_type(state.quant_type, device="cpu"), f"{weight}.quant_map", source)
    scale_n = state.absmax
    if state.nested:
        nested = state.state2
        _check_book(nested.code, functional.create_dynamic_map(), f"{weight}.nested_quant_map", source)
        refuse_dead_codes(nested.absmax, _in_blocks(state.absmax, nested.blocksize), f"{weight}.nested_absmax", source)
        scale_n = functional.dequantize_blockwise(state.absmax, state.state2) + state.offset
    else:
        refuse_negative(scale_n, weight, source)
    if not is_finite(scale_n):
        raise CheckpointError(f"{weight} of '{source}' has a scale that is not finite; fetch the files again")
    if bool((scale_n == 0).any()):
        refuse_dead_codes(scale_n, _codes(held.data, state), weight, source)


def _check_book(found: torch.Tensor, expected: torch.Tensor, name: str, source: str) -> None:
    if not torch.allclose(found, expected, rtol=1e-4, atol=1e-6):  # the values are summed and scaled when it is made
        first = int((found - expected).abs().nan_to_num(nan=math.inf).argmax())
        raise CheckpointError(
            f"{name} of '{source}' is not the code book of bitsandbytes: its value {first} is {float(found[first]):g}, "
            f"not {float(expected[first]):g}; fetch the files again"
        )


def _codes(packed: torch.Tensor, state: Any) -> torch.Tensor:
    """Codes [n, C] of a weight."""
    bytes_B = packed.reshape(-1).view(torch.uint8)
    codes = torch.stack((bytes_B >> 4, bytes_B & 15), dim=1).flatten()[: math.prod(state.shape)]
    if state.quant_type == "fp4":
        codes = codes.masked_fill(codes == FP4_MINUS_ZERO, 0)
    return _in_blocks(codes, state.blocksize)


def _in_blocks(codes: torch.Tensor, size: int) -> torch.Tensor:
    """Codes in whole blocks [n, C]; the last is filled up with its own last code, so that alike ones stay alike."""
    return torch.cat((codes, codes[-1:].expand(-len(codes) % size))).reshape(-1, size)
