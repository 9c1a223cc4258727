"""One loader for the formats that are decoded by the library that wrote them.

The library turns what a file holds of a layer into float weights; `skeleton` puts them, and everything that is stored
plainly, into the model. Packed execution then puts the library's own layer in the place of the linear one.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from tailgate.errors import CheckpointError, MissingPackageError
from tailgate.variants.formats.guard import first_line, one_line
from tailgate.variants.formats.protocol import Description, Execution, Read, Reading
from tailgate.variants.formats.shards import Shards, open_shards
from tailgate.variants.source import Source

if TYPE_CHECKING:
    import torch

    from tailgate.variants.formats.skeleton import Replace


@dataclass(frozen=True, slots=True, kw_only=True)
class LibraryLayer:
    """A quantized tensor: `weight` as the library dequantizes it; `replace` makes the layer that keeps the codes."""

    weight: Callable[[], torch.Tensor]
    replace: Callable[[], Replace] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LibraryPlan:
    """What the headers of a checkpoint hold.

    `layers`: name of a quantized tensor, as the model names it, to what reads it. `parts`: stored tensors that belong
    to those. `rounds_inputs`: the library rounds the input of a layer too, so that float weights say half of it.
    """

    description: Description
    storage: str
    layers: Mapping[str, LibraryLayer]
    parts: frozenset[str]
    rounds_inputs: bool = False
    notes: tuple[str, ...] = ()


def is_installed(package: str) -> bool:
    """Whether a package, or a part of one (`optimum.quanto`), can be imported."""
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:
        return False


Planner = Callable[[Source, Shards, Mapping[str, Any], "torch.dtype | None"], LibraryPlan]


@dataclass(frozen=True, slots=True, kw_only=True)
class LibraryFormat:
    """A format that the package `package` decodes, which comes with our extra `extra`.

    `plan` reads headers only, and needs no package; the arithmetic that it is given is that of packed layers.
    """

    name: str
    package: str
    extra: str
    plan: Planner
    executions: tuple[Execution, ...]
    version: int = 1

    def describe(self, source: Source, config: Any) -> Description:
        """See `Format.describe`."""
        with one_line(source.name, self.name), open_shards(source) as shards:
            return self._plan(source, shards, config, None).description

    def read(self, reading: Reading) -> Read:
        """See `Format.read`."""
        if not is_installed(self.package):
            raise MissingPackageError(
                f"'{reading.source.name}' is stored by {self.name}, which is not installed; "
                f"run: pip install 'tailgate[{self.extra}]'"
            )
        with one_line(reading.source.name, self.name), open_shards(reading.source) as shards:
            plan = self._plan(reading.source, shards, reading.config, reading.dtype)
            return _read(reading, shards, plan, self._execution(reading, plan))

    def _plan(self, source: Source, shards: Shards, config: Any, dtype: torch.dtype | None) -> LibraryPlan:
        from tailgate.variants.formats import settings_of

        plan = self.plan(source, shards, settings_of(config), dtype)
        if not plan.layers:
            raise CheckpointError(f"'{source.name}' says that it is stored by {self.name}, but none of its layers is")
        return plan

    def _execution(self, reading: Reading, plan: LibraryPlan) -> Execution:
        if not plan.rounds_inputs:
            return reading.execution or self.executions[0]
        if reading.execution == "dequantized":
            raise CheckpointError(
                f"'{reading.source.name}' rounds the inputs of its layers ({plan.description.activations}), which "
                "execution=dequantized would leave out; use execution=packed"
            )
        return "packed"


def _read(reading: Reading, shards: Shards, plan: LibraryPlan, execution: Execution) -> Read:
    from tailgate.variants.formats.skeleton import filled, put
    from tailgate.variants.formats.sound import plain_tensors

    state = plain_tensors(shards, plan.parts)
    for name, layer in plan.layers.items():
        state[name] = _finite(_decoded(layer, name, shards.name).to(reading.dtype), name, shards.name)
    module, notes = filled(_told(reading), state, frozenset(name.removesuffix(".weight") for name in plan.layers))
    del state
    if execution == "packed":
        for name, layer in plan.layers.items():
            assert layer.replace is not None, "a format that serves packed execution says how"
            put(module, name.removesuffix(".weight"), layer.replace())
    module.to(reading.device)
    return Read(
        module=module.eval(),
        storage=plan.storage,
        execution=execution,
        quantized_tensors=len(plan.layers),
        notes=(*plan.notes, *notes),
    )


def _told(reading: Reading) -> Reading:
    """The same reading; a configuration that says nothing of a quantization says so as an empty table."""
    config = copy.deepcopy(reading.config)
    config.quantization_config = getattr(config, "quantization_config", None) or {}
    return replace(reading, config=config)


def _decoded(layer: LibraryLayer, name: str, source: str) -> torch.Tensor:
    import torch

    try:
        return layer.weight()
    except (CheckpointError, torch.OutOfMemoryError, MemoryError):
        raise
    except Exception as error:  # the libraries raise any kind for parts that do not fit; all mean the same here
        raise CheckpointError(
            f"cannot decode {name} of '{source}': {first_line(error)}; fetch the files again"
        ) from error


def _finite(weight: torch.Tensor, name: str, source: str) -> torch.Tensor:
    from tailgate.variants.formats.sound import is_finite

    if not is_finite(weight):
        raise CheckpointError(f"{name} of '{source}' has a scale that is not finite; fetch the files again")
    return weight
