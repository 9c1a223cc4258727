"""One loader for the formats that are read by our own code: plan by headers, decode layer by layer, fill the model."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from tailgate.errors import CheckpointError
from tailgate.variants.formats.guard import one_line
from tailgate.variants.formats.protocol import Description, Execution, Read, Reading
from tailgate.variants.formats.shards import FLOATS, Shards, open_shards
from tailgate.variants.formats.skeleton import Replace, filled, put
from tailgate.variants.source import Source

if TYPE_CHECKING:
    import torch

    from tailgate.variants.formats.cache import CacheScheme
    from tailgate_kernels.reference import InputGrid, Weight

Settings = TypeVar("Settings", bound=BaseModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A quantized layer as read: its codes, how its input is rounded, and what its file leaves open."""

    weight: Weight
    grid: InputGrid | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the headers of a checkpoint hold.

    `layers`: name of a layer -> what reads it. `parts`: tensors that belong to those layers or stand for no weight.
    `quantizes`: whether the configuration says that a linear layer of this name is quantized. `cache`: how keys and
    values are to be stored, where the checkpoint says so.
    """

    description: Description
    storage: str
    layers: Mapping[str, Callable[[], Layer]]
    parts: frozenset[str]
    quantizes: Callable[[str], bool] = lambda name: False
    notes: tuple[str, ...] = ()
    cache: CacheScheme | None = None


Planner = Callable[[Shards, Mapping[str, Any]], Plan]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFormat:
    """A format whose files are read by our own code."""

    name: str
    plan: Planner
    executions: tuple[Execution, ...] = ("dequantized", "packed")
    version: int = 1

    def describe(self, source: Source, config: Any) -> Description:
        """See `Format.describe`."""
        with one_line(source.name, self.name), open_shards(source) as shards:
            return self._plan(shards, config).description

    def read(self, reading: Reading) -> Read:
        """See `Format.read`."""
        with one_line(reading.source.name, self.name), open_shards(reading.source) as shards:
            return _assemble(reading, shards, self._plan(shards, reading.config))

    def _plan(self, shards: Shards, config: Any) -> Plan:
        from tailgate.variants.formats import settings_of

        plan = self.plan(shards, settings_of(config))
        if not plan.layers:
            raise CheckpointError(f"'{shards.name}' says that it is stored as {self.name}, but none of its layers is")
        return plan


def parse_settings(kind: type[Settings], found: Mapping[str, Any], name: str) -> Settings:
    """The quantization part of a configuration, checked.

    Raises
    ------
    CheckpointError
        A value is missing or not served.
    """
    try:
        return kind.model_validate(dict(found))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise CheckpointError(
            f"the quantization_config of '{name}' is not served: {where}={first.get('input')!r}: {first['msg']}"
        ) from error


def plain_matrices(shards: Shards, parts: frozenset[str]) -> tuple[str, ...]:
    """Names of layers whose weight matrices are stored as floats, embeddings among them."""
    return tuple(
        name.removesuffix(".weight")
        for name, header in sorted(shards.headers.items())
        if name.endswith(".weight") and name not in parts and len(header.shape) > 1 and header.dtype in FLOATS
    )


def _assemble(reading: Reading, shards: Shards, plan: Plan) -> Read:
    import torch

    from tailgate.variants.formats.cache import put_scales
    from tailgate.variants.formats.sound import plain_tensors

    execution = reading.execution or "dequantized"
    state = plain_tensors(shards, plan.parts)
    replacing: dict[str, Replace] = {}
    said: Counter[str] = Counter()
    for name, decode in plan.layers.items():
        layer = decode()
        said.update([layer.note] if layer.note else [])
        decoded = functools.partial(_decoded, layer.weight, reading, name)
        if execution == "packed":
            if not _is_surely_finite(layer.weight, reading.dtype):
                decoded()
            # Without memory of its own: it tells the model the shape, and leaves with the layer that it fills.
            state[f"{name}.weight"] = torch.zeros((), dtype=reading.dtype).expand(layer.weight.shape)
            replacing[name] = _packed(layer)
        else:
            state[f"{name}.weight"] = decoded()
            if layer.grid is not None:
                replacing[name] = _rounded(layer.grid)
    module, notes = filled(reading, state, frozenset(plan.layers))
    _check_left(module, shards, plan)
    for name, replace in replacing.items():
        put(module, name, replace)
    if reading.stored_cache:
        put_scales(module, shards, plan.cache)
    module.to(reading.device)
    return Read(
        module=module.eval(),
        storage=plan.storage,
        execution=execution,
        quantized_tensors=len(plan.layers),
        notes=(
            *plan.notes,
            *_unasked(reading, plan),
            *notes,
            *(f"{count} layers: {note}" for note, count in said.items()),
        ),
    )


def _decoded(weight: Weight, reading: Reading, name: str) -> torch.Tensor:
    from tailgate.variants.formats.sound import check_finite
    from tailgate_kernels.reference import dequantize

    return check_finite(dequantize(weight).to(reading.dtype), f"{name}.weight", reading.source.name)


def _is_surely_finite(weight: Weight, dtype: torch.dtype) -> bool:
    """Whether no product of a code and a scale can overflow; scales and codes were found finite as they were read."""
    import torch

    from tailgate_kernels.reference import FLOAT8_MAX, IntegerWeight

    if isinstance(weight, IntegerWeight):
        shift = 0 if weight.zero_OG is None else int(weight.zero_OG.abs().max())
        scale, largest = weight.scale_OG, float(2**weight.bits + shift)
    else:
        scale, largest = weight.scale_PQ, FLOAT8_MAX
    return float(scale.abs().max()) * largest < min(torch.finfo(scale.dtype).max, torch.finfo(dtype).max)


def _unasked(reading: Reading, plan: Plan) -> tuple[str, ...]:
    from tailgate.variants.formats.cache import UNASKED

    return (UNASKED.format(plan.cache.in_words),) if plan.cache and not reading.stored_cache else ()


def _check_left(module: torch.nn.Module, shards: Shards, plan: Plan) -> None:
    """Refuse a layer that the configuration counts as quantized and the files store plainly."""
    import torch

    for name, part in module.named_modules():
        plain = isinstance(part, torch.nn.Linear) and name not in plan.layers and f"{name}.weight" in shards.headers
        if plain and plan.quantizes(name):
            raise CheckpointError(
                f"the configuration of '{shards.name}' counts layer {name} as quantized, but its weights are stored "
                "plainly; fetch both again"
            )


def _packed(layer: Layer) -> Replace:
    from tailgate.variants.formats.layers import PackedLinear

    return lambda linear: PackedLinear(layer.weight, linear.bias, layer.grid)


def _rounded(grid: InputGrid) -> Replace:
    from tailgate.variants.formats.layers import RoundedLinear

    return lambda linear: RoundedLinear(linear, grid)
