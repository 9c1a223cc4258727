"""Content hashes: two different checkpoints never share one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def hash_tensors(tensors: Mapping[str, torch.Tensor]) -> str:
    """SHA-256 over names, dtypes, shapes and bytes of tensors, in the order of their names."""
    import torch

    digest = hashlib.sha256()
    plain = dict(part for name, tensor in tensors.items() for part in plain_parts(name, tensor))
    for name in sorted(plain):
        tensor = plain[name].detach().cpu().contiguous()
        digest.update(f"{name}\x1f{tensor.dtype}\x1f{tuple(tensor.shape)}\x1f".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def plain_parts(name: str, tensor: torch.Tensor) -> Iterator[tuple[str, torch.Tensor]]:
    """A tensor with its name; in the place of one that wraps codes and scales, those, with what tells its kind."""
    from torch.utils._python_dispatch import is_traceable_wrapper_subclass

    if not is_traceable_wrapper_subclass(tensor):
        yield name, tensor
        return
    inner, attributes = tensor.__tensor_flatten__()
    for part in inner:
        yield from plain_parts(f"{name}.{part}:{type(tensor).__name__}{attributes}", getattr(tensor, part))


def hash_json(value: object) -> str:
    """SHA-256 of a JSON value in canonical form."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def file_identity(paths: Iterable[Path]) -> list[list[str | int]]:
    """Path, size, modification time and inode of files: as long as these stay, the content is taken to stay."""
    identity: list[list[str | int]] = []
    for path in paths:
        stat = path.stat()
        identity.append([str(path), stat.st_size, stat.st_mtime_ns, stat.st_ino])
    return identity
