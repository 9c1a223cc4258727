"""The safetensors files of a checkpoint as one table of tensors: headers first, tensors when they are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tailgate.errors import CheckpointError
from tailgate.variants.source import Source, tensor_files, weight_map

if TYPE_CHECKING:
    import torch

INDEX = "model.safetensors.index.json"
SINGLE = "model.safetensors"
FLOATS = frozenset({"F16", "BF16", "F32"})  # names of the safetensors format


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """Type and shape of a stored tensor. `dtype` is the safetensors name, e.g. I32, F16 or F8_E4M3."""

    dtype: str
    shape: tuple[int, ...]


class Shards:
    """Tensors by name, over all files. Open it by `open_shards`."""

    def __init__(self, source: Source, opened: Mapping[Path, Any]) -> None:
        self.name = source.name
        self._file_of: dict[str, Any] = {}
        self._headers: dict[str, Header] = {}
        for file in opened.values():
            for name in file.keys():  # noqa: SIM118 -- a safetensors file is no mapping
                if name in self._file_of:
                    raise CheckpointError(f"tensor {name} of '{self.name}' lies in two files; remove the older one")
                part = file.get_slice(name)
                self._file_of[name] = file
                self._headers[name] = Header(dtype=str(part.get_dtype()), shape=tuple(part.get_shape()))

    @property
    def headers(self) -> Mapping[str, Header]:
        """Header of every tensor."""
        return self._headers

    def header(self, name: str) -> Header:
        """Header of a tensor.

        Raises
        ------
        CheckpointError
            No file holds it.
        """
        if name not in self._headers:
            raise CheckpointError(f"'{self.name}' holds no tensor {name}; its files and its configuration disagree")
        return self._headers[name]

    def expect(self, name: str, dtypes: frozenset[str], *shapes: tuple[int, ...]) -> Header:
        """Header of a tensor that must be of one of these types and shapes.

        Raises
        ------
        CheckpointError
            It is missing, or of another type or shape.
        """
        found = self.header(name)
        if found.dtype not in dtypes or found.shape not in shapes:
            raise CheckpointError(
                f"tensor {name} of '{self.name}' is {found.dtype} {list(found.shape)}, its configuration asks for "
                f"{' or '.join(sorted(dtypes))} {' or '.join(str(list(shape)) for shape in shapes)}; fetch both again"
            )
        return found

    def tensor(self, name: str) -> torch.Tensor:
        """Read a tensor."""
        self.header(name)
        tensor: torch.Tensor = self._file_of[name].get_tensor(name)
        return tensor


@contextmanager
def open_shards(source: Source) -> Iterator[Shards]:
    """Open the files that hold a checkpoint's weights, and read their headers.

    Raises
    ------
    CheckpointError
        A file is damaged, a tensor lies in two of them, or not in the one that the index names.
    """
    from safetensors import SafetensorError, safe_open

    with ExitStack() as stack:
        try:
            opened = {path: stack.enter_context(safe_open(path, framework="pt")) for path in tensor_files(source)}
        except (SafetensorError, OSError) as error:
            raise CheckpointError(f"damaged weights of '{source.name}': {error}; fetch the file again") from error
        shards = Shards(source, opened)
        _check_index(source, opened)
        yield shards


def _check_index(source: Source, opened: Mapping[Path, Any]) -> None:
    held = {path.name: set(file.keys()) for path, file in opened.items()}
    for name, file in weight_map(source).items():
        if name not in held[file]:
            raise CheckpointError(f"tensor {name} of '{source.name}' is not in {file}, as its index says; fetch both")
