"""Which models the native engine serves exactly: refused by what their configuration says, then by a measured probe."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from tailgate.engine.native.borrowed import BorrowedModel
from tailgate.engine.native.head import Head, Wanted
from tailgate.engine.native.kv_store import KVStore
from tailgate.engine.native.packing import pack
from tailgate.engine.sequence import LiveSequence, Span, Stage
from tailgate.errors import SetupError

SERVED_LAYERS = frozenset({"full_attention", "sliding_attention"})
# Rotary scalings that depend on the longest sequence of a batch: packing would change them.
BATCH_DEPENDENT_ROPE = frozenset({"dynamic", "longrope"})
PROBE_LENGTHS = (37, 22)
PROBE_CUT = 30
NOISE_FACTOR = 4  # how much farther than the model's own noise packed logits may lie
BLOCK = 16
# Relative size of the last bits that another order of summation changes.
LAST_BITS = {torch.float32: 2.0**-20, torch.float16: 2.0**-11, torch.bfloat16: 2.0**-8}
# Largest relative difference of logits between two orders of summation, seen far below this on every served model.
TOLERANCE = {torch.float32: 1e-3, torch.float16: 3e-2, torch.bfloat16: 1e-1}


def refusal(config: Any) -> str | None:
    """Why a model of this configuration is not served, or None."""
    from transformers import MODEL_FOR_CAUSAL_LM_MAPPING

    if type(config) not in MODEL_FOR_CAUSAL_LM_MAPPING:
        return "it is no decoder known to transformers"
    if config.get_text_config() is not config:
        return "it is a composite model"
    return _class_refusal(MODEL_FOR_CAUSAL_LM_MAPPING[type(config)]) or _layer_refusal(config)


def _class_refusal(model_class: Any) -> str | None:
    if not getattr(model_class, "_supports_attention_backend", False):
        return "its attention does not go through the attention interface"
    if getattr(model_class, "_is_stateful", False):
        return "it keeps a state besides key-values"
    return None


def _layer_refusal(config: Any) -> str | None:
    strange = sorted(set(getattr(config, "layer_types", None) or ()) - SERVED_LAYERS)
    if strange:
        return f"it has layers of other kinds ({', '.join(strange)})"
    scaled = sorted(set(_rope_types(getattr(config, "rope_parameters", None))) & BATCH_DEPENDENT_ROPE)
    if scaled:
        return f"its rotary scaling ({scaled[0]}) depends on the longest sequence of a batch"
    return None


def _rope_types(parameters: Any) -> Iterator[str]:
    if isinstance(parameters, Mapping):
        yield str(parameters.get("rope_type", "default"))
        for nested in parameters.values():
            yield from _rope_types(nested)


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What two short sequences told: key-value bytes per token, and how far logits move by arithmetic alone.

    `noise` includes what rounding makes of it: a key that falls between two codes goes to one or the other.
    """

    bytes_per_token: int
    noise: float


@torch.inference_mode()
def probe(model: BorrowedModel, head: Head, device: str, kv: str = "") -> Probe:
    """Compare packed with plain forward passes on two short sequences.

    The first sequence is computed in two chunks beside the second: packing, positions, the store and the head all
    take part. Plain passes over a beginning and over the whole, and over embeddings whose last bits were changed, show
    how much the model's own arithmetic depends on what shares a pass and on the order of sums (much, where a method
    rounds activations: a value between two codes goes to one or the other); the packed logits may differ by little
    more, and the look at predictions may name another token only where its logit lies as close. Where
    keys and values are to be stored as codes (`kv`), the sequences are then computed so, in two chunks and whole.

    Raises
    ------
    SetupError
        The logits differ by more than that.
    """
    module = model.module
    vocabulary = int(module.config.get_text_config().vocab_size)
    prompts = [[(7919 * (i + 1) * (n + 3)) % vocabulary for n in range(size)] for i, size in enumerate(PROBE_LENGTHS)]
    packed = _packed(model, head, device, prompts, cut=PROBE_CUT)
    plain = [plain_logits(module, prompt, device) for prompt in prompts]
    noise = max(
        _distance(plain_logits(module, prompts[0][:cut], device), plain[0][:cut])
        for cut in (PROBE_LENGTHS[0] - PROBE_CUT, PROBE_CUT)
    )
    with _shaken(module):
        shaken = [plain_logits(module, prompt, device) for prompt in prompts]
    noise = max(noise, *(_distance(each, told) for each, told in zip(shaken, plain, strict=True)))
    for ours, best, theirs in zip(packed.logits, packed.best, plain, strict=True):
        check_close(ours, theirs, noise, module)
        _check_best(best, theirs, noise, module)
    if not kv:
        return Probe(bytes_per_token=packed.bytes_per_token, noise=noise)
    chunked, whole = (_packed(model, head, device, prompts, cut=cut, kv=kv) for cut in (PROBE_CUT, PROBE_LENGTHS[0]))
    rounded = max(_distance(ours, theirs) for ours, theirs in zip(chunked.logits, whole.logits, strict=True))
    return Probe(bytes_per_token=whole.bytes_per_token, noise=max(noise, rounded))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Packed:
    logits: tuple[torch.Tensor, ...]  # [N, V] of each sequence
    best: tuple[torch.Tensor, ...]  # [N] likeliest tokens of each sequence, as the look at predictions finds them
    bytes_per_token: int


def _packed(
    model: BorrowedModel, head: Head, device: str, prompts: Sequence[Sequence[int]], *, cut: int, kv: str = ""
) -> _Packed:
    """Logits of two sequences in one pass, what lies behind `cut` tokens of the first in another."""
    store = KVStore(slots=BLOCK * 8, kv=kv)
    first, second = (sequence_of(number, prompt) for number, prompt in enumerate(prompts))
    first.table, second.table = [5, 0, 1], [3, 4]
    steps = [[span_of(first, 0, cut), span_of(second, 0, PROBE_LENGTHS[1])]]
    if cut < PROBE_LENGTHS[0]:
        steps.append([span_of(first, cut, PROBE_LENGTHS[0])])
    hidden = [model.forward(pack(step, store, BLOCK, device)) for step in steps]
    together, *rest = [head.logits(each) for each in hidden]
    both, *later = [_best(head, each) for each in hidden]
    return _Packed(
        logits=(torch.cat([together[:cut], *rest]), together[cut:]),
        best=(torch.cat([both[:cut], *later]), both[cut:]),
        bytes_per_token=store.bytes_per_token,
    )


def _best(head: Head, hidden_NE: torch.Tensor) -> torch.Tensor:
    rows = head.rows(hidden_NE, [Wanted(packed=place) for place in range(hidden_NE.shape[0])])
    return torch.tensor([row.best for row in rows], device=hidden_NE.device)


def plain_logits(module: Any, prompt: Sequence[int], device: str) -> torch.Tensor:
    """Logits of the model's own forward pass, in fp32; [N, V]."""
    logits_NV: torch.Tensor = module(input_ids=torch.tensor([prompt], device=device), use_cache=False).logits[0].float()
    return logits_NV


@contextmanager
def _shaken(module: Any) -> Iterator[None]:
    """Embeddings with every other entry moved by its last bits."""

    def shake(_: torch.nn.Module, __: object, found: torch.Tensor) -> torch.Tensor:
        moved = found.clone()
        moved[..., ::2] *= 1 + LAST_BITS.get(found.dtype, LAST_BITS[torch.float32])
        return moved

    handle = module.get_input_embeddings().register_forward_hook(shake)
    try:
        yield
    finally:
        handle.remove()


def _distance(first_NV: torch.Tensor, second_NV: torch.Tensor) -> float:
    """Largest difference between finite logits; a model that overflows is reported row by row, not here."""
    both = first_NV.isfinite() & second_NV.isfinite()
    return float((first_NV - second_NV)[both].abs().max()) if bool(both.any()) else 0.0


def sequence_of(number: int, prompt: Sequence[int]) -> LiveSequence:
    """A sequence that is only read."""
    return LiveSequence(number=number, tokens=list(prompt), stage=Stage.PREFIX)


def span_of(sequence: LiveSequence, start: int, stop: int) -> Span:
    """Positions `start` to `stop - 1` of a sequence, all of them to be looked at."""
    return Span(sequence=sequence, start=start, tokens=tuple(sequence.tokens[start:stop]), first_row=0)


def _check_best(best_N: torch.Tensor, plain_NV: torch.Tensor, noise: float, module: Any) -> None:
    chosen_N = plain_NV.gather(1, best_N[:, None])[:, 0]
    _check_difference(_distance(chosen_N, plain_NV.amax(dim=-1)), plain_NV, noise, module)


def check_close(ours_NV: torch.Tensor, plain_NV: torch.Tensor, noise: float, module: Any) -> None:
    """Refuse numbers that lie farther apart than `noise` and another order of summation explain.

    Raises
    ------
    SetupError
        They do.
    """
    _check_difference(_distance(ours_NV, plain_NV), plain_NV, noise, module)


def _check_difference(difference: float, plain_NV: torch.Tensor, noise: float, module: Any) -> None:
    finite = plain_NV[plain_NV.isfinite()]
    scale = float(finite.abs().max()) if finite.numel() else 1.0
    bound = max(TOLERANCE.get(module.dtype, TOLERANCE[torch.float32]) * scale, NOISE_FACTOR * noise)
    if not difference <= bound:
        raise SetupError(
            f"the native engine does not reproduce '{module.config.model_type}' (logits differ by {difference:.2g}, "
            f"{bound:.2g} allowed); use --engine reference"
        )
