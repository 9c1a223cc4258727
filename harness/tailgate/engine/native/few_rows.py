"""Linear layers over a few rows on a CPU: the same product with the weights on the left.

`F.linear` hands a CPU's matrix library `x @ W.T`, which reads the weights badly when x has a few rows only: with one to
four rows it takes twice the time of `W @ x.T`. That product in turn is fast at certain numbers of columns, so the rows
are filled up to the next of them; a column more costs less than an odd number of them (docs/log.md, 2026-11-24).
"""

from __future__ import annotations

from collections.abc import Callable

import torch

# Shape legend: n rows, m rows filled up, I input features, O output features.

FILLED_UP = (2, 4, 8, 16)
MOST_ROWS = FILLED_UP[-1]  # beyond them the transposed result costs what the product gains

Product = Callable[[torch.Tensor], torch.Tensor]


def filled_up(rows: int) -> int:
    """The number of rows a product of `rows` rows, at most `MOST_ROWS`, is computed with."""
    return next(size for size in FILLED_UP if rows <= size)


def few_rows_product(weight_OI: torch.Tensor, bias_O: torch.Tensor | None) -> Product:
    """`F.linear` with a weight and a bias, for inputs [..., I] of at most `MOST_ROWS` rows."""

    def product(x: torch.Tensor) -> torch.Tensor:
        x_nI = x.reshape(-1, x.shape[-1])
        n = x_nI.shape[0]
        m = filled_up(n)
        x_mI = x_nI if m == n else torch.cat((x_nI, x_nI.new_zeros((m - n, x_nI.shape[1]))))
        # Contiguous: what follows reads it row by row, and a transposed input would slow the next product down.
        y_nO = torch.mm(weight_OI, x_mI.t())[:, :n].t().contiguous()
        if bias_O is not None:
            y_nO += bias_O
        return y_nO.view(*x.shape[:-1], weight_OI.shape[0])

    return product


def is_plain_linear(module: torch.nn.Module) -> bool:
    """Whether a module computes nothing but `F.linear` on fp32 weights in a CPU's memory.

    Quantized layers are subclasses, or hold a subclass of tensors; hooks and replaced forwards do more than a product.
    """
    return (
        type(module) is torch.nn.Linear
        and type(module.weight) is torch.nn.Parameter
        and module.weight.device.type == "cpu"
        and module.weight.dtype == torch.float32
        and "forward" not in vars(module)
        and not (module._forward_hooks or module._forward_pre_hooks)
    )
