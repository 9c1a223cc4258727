"""The modules of transformers, borrowed for a forward pass and given back as they were."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from tailgate.engine.native import attention
from tailgate.engine.native.few_rows import MOST_ROWS, few_rows_product, is_plain_linear
from tailgate.engine.native.packing import Pack

# Shape legend: N packed tokens, E hidden size.


class BorrowedModel:
    """A model that attends through packed attention while it computes a pack, and as before at any other time."""

    def __init__(self, module: Any) -> None:
        attention.register()
        self.module = module
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
        with self._attending(), self._few_rows(packed.tokens):
            output = self.module.base_model(
                input_ids=packed.ids_N[None],
                position_ids=packed.positions_N[None],
                use_cache=False,
                tailgate_pack=packed,
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

    @contextmanager
    def _few_rows(self, rows: int) -> Iterator[None]:
        products = self._products if rows <= MOST_ROWS else []
        try:
            for part, product in products:
                vars(part)["forward"] = product  # past the bookkeeping of Module.__setattr__
            yield
        finally:
            for part, _ in products:
                del vars(part)["forward"]
