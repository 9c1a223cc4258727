"""The modules of transformers, borrowed for a forward pass and given back as they were."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from tailgate.engine.native import attention
from tailgate.engine.native.few_rows import MOST_ROWS, few_rows_product, is_plain_linear
from tailgate.engine.native.packing import Pack
from tailgate_kernels.dispatch import Kernels, PackedLayer, PackedProduct, Phase

# Shape legend: N packed tokens, E hidden size.

LONGEST_DECODED = 8  # tokens of a span: one, and a draft


class BorrowedModel:
    """A model that attends through packed attention while it computes a pack, and as before at any other time.

    Parameters
    ----------
    kernels : what computes attention and products of packed weights; None: torch's own operators.
    """

    def __init__(self, module: Any, kernels: Kernels | None = None) -> None:
        attention.register()
        self.module, self._kernels = module, kernels
        self._packed = [] if kernels is None else _packed_products(module, kernels)
        configs = (getattr(part, "config", None) for part in module.modules())
        self._configs = list({id(each): each for each in configs if each is not None}.values())
        head = module.get_output_embeddings()
        self._products = [
            (part, few_rows_product(part.weight, part.bias))
            for part in module.modules()
            if part is not head and is_plain_linear(part)
        ]

    @torch.inference_mode()
    def forward(self, packed: Pack) -> torch.Tensor:
        """Hidden states behind the last norm, [N, E]."""
        with self._attending(), _computing(self._forwards(packed)):
            output = self.module.base_model(
                input_ids=packed.ids_N[None],
                position_ids=packed.positions_N[None],
                use_cache=False,
                tailgate_pack=packed,
                tailgate_kernels=self._kernels,
            )
        hidden: torch.Tensor = output.last_hidden_state[0]
        return hidden

    @contextmanager
    def _attending(self) -> Iterator[None]:
        before = [config._attn_implementation for config in self._configs]
        try:
            for config in self._configs:
                config._attn_implementation_internal = attention.NAME
            yield
        finally:
            for config, name in zip(self._configs, before, strict=True):
                config._attn_implementation_internal = name

    def _forwards(self, packed: Pack) -> list[tuple[Any, Callable[[torch.Tensor], torch.Tensor]]]:
        """Layers, and what computes their products in this pass."""
        few_rows = self._products if packed.tokens <= MOST_ROWS else []
        phase = phase_of(packed)
        return [*few_rows, *((part, _in_phase(product, phase)) for part, product in self._packed)]


@contextmanager
def _computing(forwards: Sequence[tuple[Any, Callable[[torch.Tensor], torch.Tensor]]]) -> Iterator[None]:
    try:
        for part, forward in forwards:
            vars(part)["forward"] = forward  # past the bookkeeping of Module.__setattr__
        yield
    finally:
        for part, _ in forwards:
            del vars(part)["forward"]


def _packed_products(module: Any, kernels: Kernels) -> list[tuple[Any, PackedProduct]]:
    layers = [part for part in module.modules() if isinstance(part, PackedLayer)]
    products = [(part, part.product(kernels)) for part in layers]
    return [(part, product) for part, product in products if product is not None]


def _in_phase(product: PackedProduct, phase: Phase) -> Callable[[torch.Tensor], torch.Tensor]:
    return lambda x: product(x, phase)


def phase_of(packed: Pack) -> Phase:
    """By what kind of pass it is, not by how many rows it has."""
    return "decode" if all(span.length <= LONGEST_DECODED for span in packed.spans) else "prefill"
