"""Key-values of every layer, one slot a token, as computed or rounded to codes."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from tailgate.engine.blocks import Copy, Run
from tailgate.engine.native.kv_codes import CODECS, STORED, Parts, Scales, codecs

# Shape legend: H key-value heads, S slots, N packed tokens, m slots of a run, D head size.


class KVStore:
    """Slabs per layer, allocated when the layer first writes: only then its head count and sizes are known.

    Parameters
    ----------
    slots : tokens it holds.
    kv : how keys and values are stored: int8, fp8, int4, stored, or empty: as computed.
    """

    def __init__(self, slots: int, kv: str = "") -> None:
        self.slots, self._asked = slots, kv
        self.codes = "fp8" if kv == STORED else kv
        self._codec = CODECS[self.codes]  # reads what was written: scales lie beside the codes, given or found
        self._layers: dict[int, tuple[Parts, Parts]] = {}  # slabs [H, S, *] of keys and of values
        self._dtype = torch.float32  # of what is written

    def write(
        self,
        layer: int,
        k_HND: torch.Tensor,
        v_HND: torch.Tensor,
        slots_N: torch.Tensor,
        scales: Scales | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Put the key-values of packed tokens into their slots; return them as every later pass will read them.

        `scales` are those that came with the checkpoint, for a store that goes by them.
        """
        self._dtype = k_HND.dtype
        of_keys, of_values = codecs(self._asked, scales)
        new = of_keys.encode(k_HND), of_values.encode(v_HND)
        if layer not in self._layers:
            self._layers[layer] = self._slabs(new[0]), self._slabs(new[1])
        for slabs, parts in zip(self._layers[layer], new, strict=True):
            for slab, part in zip(slabs, parts, strict=True):
                slab.index_copy_(1, slots_N, part)
        return self._codec.decode(new[0], self._dtype), self._codec.decode(new[1], self._dtype)

    def _slabs(self, parts: Parts) -> Parts:
        return tuple(part.new_empty((part.shape[0], self.slots, part.shape[2])) for part in parts)

    def parts(self, layer: int) -> tuple[Parts, Parts]:
        """What is kept of all keys and all values of a layer, [H, S, *] each: written slots hold something."""
        return self._layers[layer]

    def read(self, layer: int, run: Run) -> tuple[torch.Tensor, torch.Tensor]:
        """Keys and values of a run, [H, m, D] each; not copied where they are stored as computed."""
        k, v = self._layers[layer]
        return self._read(k, run), self._read(v, run)

    def _read(self, slabs: Parts, run: Run) -> torch.Tensor:
        return self._codec.decode(tuple(slab.narrow(1, run.slot, run.tokens) for slab in slabs), self._dtype)

    def gather(self, layer: int, slots_m: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Keys and values of slots in any order, [H, m, D] each."""
        k, v = (tuple(slab[:, slots_m] for slab in slabs) for slabs in self._layers[layer])
        return self._codec.decode(k, self._dtype), self._codec.decode(v, self._dtype)

    def copy(self, copies: Sequence[Copy]) -> None:
        """Duplicate slots in every layer, in the order given."""
        slabs = [slab for layer in self._layers.values() for parts in layer for slab in parts]
        for each in copies:
            for slab in slabs:
                source = slab.narrow(1, each.source, each.tokens)
                # The clone costs a little and lets source and target overlap.
                slab.narrow(1, each.target, each.tokens).copy_(source.clone())

    @property
    def bytes_per_token(self) -> int:
        """Memory of one slot in all layers that have been written: codes and scales."""
        slabs = [slab for layer in self._layers.values() for parts in layer for slab in parts]
        return sum(slab.shape[0] * slab.shape[2] * slab.element_size() for slab in slabs)
