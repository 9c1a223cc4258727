"""Key-values of every layer, one slot a token."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from tailgate.engine.blocks import Copy

# Shape legend: H key-value heads, S slots, N packed tokens, D head size.


class KVStore:
    """A slab per layer, allocated when the layer first writes: only then its head count and sizes are known."""

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self.layers: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def write(self, layer: int, k_HND: torch.Tensor, v_HND: torch.Tensor, slots_N: torch.Tensor) -> None:
        """Put the key-values of packed tokens into their slots."""
        if layer not in self.layers:
            self.layers[layer] = (self._slab(k_HND), self._slab(v_HND))
        k_HSD, v_HSD = self.layers[layer]
        k_HSD.index_copy_(1, slots_N, k_HND)
        v_HSD.index_copy_(1, slots_N, v_HND)

    def _slab(self, new_HND: torch.Tensor) -> torch.Tensor:
        heads, _, size = new_HND.shape
        return new_HND.new_empty((heads, self.slots, size))

    def read(self, layer: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Keys and values of a layer, [H, S, D] each."""
        return self.layers[layer]

    def copy(self, copies: Sequence[Copy]) -> None:
        """Duplicate slots in every layer, in the order given."""
        for each in copies:
            for slabs in self.layers.values():
                for slab_HSD in slabs:
                    source = slab_HSD[:, each.source : each.source + each.tokens]
                    # The clone costs a little and lets source and target overlap.
                    slab_HSD[:, each.target : each.target + each.tokens] = source.clone()

    @property
    def bytes_per_token(self) -> int:
        """Memory of one slot in all layers that have been written."""
        return sum(
            slab.shape[0] * slab.shape[2] * slab.element_size() for slabs in self.layers.values() for slab in slabs
        )
