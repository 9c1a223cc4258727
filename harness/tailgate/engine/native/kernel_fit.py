"""What kernels do that two short sequences do not show: shared beginnings, stored codes, a look at given tokens."""

from __future__ import annotations

from typing import Any

import torch

from tailgate.engine.native.borrowed import BorrowedModel
from tailgate.engine.native.fit import BLOCK, Probe, check_close, plain_logits, sequence_of, span_of
from tailgate.engine.native.head import Head, Wanted
from tailgate.engine.native.kv_store import KVStore
from tailgate.engine.native.packing import pack

SHARED = 4 * BLOCK  # tokens, as many as kernels share at least
OWN = (5, 3)  # tokens of two sequences behind them


@torch.inference_mode()
def check_kernels(model: BorrowedModel, head: Head, device: str, kv: str, found: Probe) -> None:
    """Compare two sequences that share a beginning, computed by kernels, with plain passes and with torch's operators.

    Raises
    ------
    SetupError
        Logits, or log-probabilities of given tokens, differ by more than the model's own noise allows.
    """
    module = model.module
    prompts = _prompts(int(module.config.get_text_config().vocab_size))
    plain_NV = torch.cat([plain_logits(module, prompt, device)[SHARED:] for prompt in prompts])
    hidden_NE = _continued(model, prompts, device, "")
    check_close(head.logits(hidden_NE), plain_NV, found.noise, module)
    _check_look(head, hidden_NE, plain_NV, found.noise, module)
    if kv:
        ours, theirs = (_continued(each, prompts, device, kv) for each in (model, BorrowedModel(module)))
        check_close(head.logits(ours), head.logits(theirs), found.noise, module)


def _prompts(vocabulary: int) -> list[list[int]]:
    shared = [(104729 * (place + 1)) % vocabulary for place in range(SHARED)]
    return [[*shared, *((7919 * (n + 2) + place) % vocabulary for place in range(own))] for n, own in enumerate(OWN)]


def _continued(model: BorrowedModel, prompts: list[list[int]], device: str, kv: str) -> torch.Tensor:
    """Hidden states of both continuations, in one pass over a beginning that lies in the same blocks; [N, E]."""
    store = KVStore(slots=BLOCK * 8, kv=kv)
    first, second = (sequence_of(number, prompt) for number, prompt in enumerate(prompts))
    blocks = [6, 1, 2, 3]
    first.table, second.table = [*blocks, 4], [*blocks, 7]
    model.forward(pack([span_of(first, 0, SHARED)], store, BLOCK, device))
    spans = [span_of(each, SHARED, len(each.tokens)) for each in (first, second)]
    return model.forward(pack(spans, store, BLOCK, device))


def _check_look(head: Head, hidden_NE: torch.Tensor, plain_NV: torch.Tensor, noise: float, module: Any) -> None:
    """Log-probabilities of given tokens, the likeliest and the second half of the vocabulary's by turns."""
    best_N, n = plain_NV.argmax(dim=-1), plain_NV.shape[0]
    targets = [int(best_N[place]) if place % 2 else (place + plain_NV.shape[1] // 2) for place in range(n)]
    wanted = [Wanted(packed=place, target=target, keep_top=True) for place, target in enumerate(targets)]
    rows = head.rows(hidden_NE, wanted)
    log_probs_NV = torch.log_softmax(plain_NV, dim=-1)
    theirs_N = torch.stack([log_probs_NV[place, target] for place, target in enumerate(targets)])
    check_close(theirs_N.new_tensor([row.log_prob for row in rows]), theirs_N, 2 * noise, module)
    chosen_N = torch.stack([plain_NV[place, row.best] for place, row in enumerate(rows)])
    check_close(chosen_N, plain_NV.amax(dim=-1), noise, module)
