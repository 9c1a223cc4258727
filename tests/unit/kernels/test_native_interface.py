"""The native engine can call the kernels with what it has: its packs and slabs, its head and wanted rows.

Its attention and its look at logits are replaced by the kernels, interpreted; its answers stay the same.
"""

from dataclasses import replace

import numpy as np
import pytest
import torch

from tailgate.engine.distribution import TOP_K, TopTokens
from tailgate.engine.native import attention
from tailgate.engine.native.engine import NativeEngine, NativeLimits
from tailgate.engine.native.head import Head as NativeHead
from tailgate.engine.native.kv_codes import CODECS
from tailgate.engine.request import Draft, Request
from tailgate.engine.sequence import Row
from tailgate_kernels.attention_batch import Batch, Heads, StoredKV
from tailgate_kernels.dispatch import select
from tailgate_kernels.reference_attention import Look
from tailgate_kernels.stats_request import Head, Stored, Wanted
from tests.support.architectures import VOCABULARY, served, tiny_architecture

BLOCK = 16


def blocks(runs):
    return tuple(run.slot // BLOCK + index for run in runs for index in range(-(-run.tokens // BLOCK)))


def attend(at, window, softcap, sinks):
    """What `_in_pieces` and `_spelled_out` compute, by the kernel."""
    kernels, pack = select("triton", "cpu"), at.pack
    kv = next(name for name, codec in CODECS.items() if codec is pack.store._codec)
    heads = Heads(
        queries=at.q_QND.shape[0], kv=at.k_HND.shape[0], size=at.q_QND.shape[2], dtype=at.q_QND.dtype, kv_format=kv
    )
    plan = pack.pieces.get(None)
    if plan is None:
        batch = Batch(
            lengths=tuple(span.length for span in pack.spans),
            ends=tuple(span.end for span in pack.spans),
            tables=tuple(blocks(span.table) for span in pack.spans),
            block=BLOCK,
        )
        plan = pack.pieces[None] = kernels.plan(batch, heads, slots=pack.store.slots)
    k, v = pack.store._layers[at.layer]
    look = Look(scale=at.scale, window=window, softcap=softcap)
    found = kernels.paged_attention(at.q_QND, StoredKV(kv=kv, k=k, v=v), plan, look)
    if sinks is None:
        return found.out_QND
    return found.out_QND * torch.sigmoid(found.lse_QN - sinks.float()[:, None])[..., None]


def rows(self, hidden_NE, wanted):
    """What `Head.rows` finds, by the kernel."""
    if not wanted:
        return []
    hidden_RE = hidden_NE[torch.tensor([each.packed for each in wanted])]
    form = Head(
        weight_VE=self._project.weight,
        bias_V=self._project.bias,
        multiply=self._multiply_by or 1.0,
        divide=self._divide_by or 1.0,
        softcap=self._softcap,
    )
    k = min(TOP_K, form.weight_VE.shape[0])
    ids, log_probs = torch.full((len(wanted), k), -1, dtype=torch.int32), torch.zeros(len(wanted), k)
    for row, each in enumerate(wanted):
        if each.baseline is not None:
            ids[row] = torch.from_numpy(each.baseline.ids.astype(np.int32))
            log_probs[row] = torch.from_numpy(each.baseline.log_probs)
    targets = torch.tensor([-1 if each.target is None else each.target for each in wanted], dtype=torch.int32)
    asked = Wanted(targets_R=targets, stored=Stored(ids_RK=ids, log_probs_RK=log_probs), top_k=k)
    found = select("triton", "cpu").token_stats(hidden_RE, form, asked, phase="decode")
    return [
        Row(
            best=int(found.best_R[row]),
            finite=bool(found.finite_R[row]),
            margin=float(found.margin_R[row]),
            log_prob=float(found.target_log_prob_R[row]),
            kl_floor=float(found.kl_R[row]),
            top=top_tokens(found, row) if each.keep_top else None,
        )
        for row, each in enumerate(wanted)
    ]


def top_tokens(found, row):
    ids, log_probs = found.top_ids_RK[row].numpy().astype(np.uint32), found.top_log_probs_RK[row].numpy()
    return TopTokens(ids=ids, log_probs=log_probs, lse=float(found.lse_R[row]))


def asked():
    rng = np.random.default_rng(4)
    document = rng.integers(2, VOCABULARY, 20).tolist()
    return [
        Request(key=f"r{n}", prompt_ids=(*document, 3 + n, *range(2, 2 + 5 * n)), max_new_tokens=3) for n in range(2)
    ]


def engine(model, kv=""):
    return NativeEngine(replace(served(model), kv=kv), NativeLimits(kv_bytes=1 << 18, block=BLOCK))


def answers(built):
    return {each.key: each for batch in built.generate(asked()) for each in batch}


@pytest.mark.parametrize(("name", "kv"), [("llama", ""), ("llama", "int4"), ("gemma2", ""), ("gpt_oss", "")])
def test_attention_of_the_native_engine(name, kv, monkeypatch, require):
    require("triton")
    model = tiny_architecture(name)
    expected = answers(engine(model, kv))
    monkeypatch.setattr(attention, "_in_pieces", lambda at, window, sinks: attend(at, window, None, sinks))
    monkeypatch.setattr(
        attention, "_spelled_out", lambda at, spans, window, softcap, sinks: attend(at, window, softcap, sinks)
    )
    found = answers(engine(model, kv))
    assert {key: each.tokens for key, each in found.items()} == {key: each.tokens for key, each in expected.items()}
    for key, each in found.items():
        for top, other in zip(each.tops, expected[key].tops, strict=True):
            assert np.allclose(top.log_probs, other.log_probs, atol=1e-4)


@pytest.mark.parametrize("name", ["gemma2", "cohere"])
def test_head_of_the_native_engine(name, monkeypatch, require):
    require("triton")
    model = tiny_architecture(name)
    built = engine(model)
    told = answers(built)
    other = tiny_architecture(name, seed=1)
    drafts = [Draft(request=request, baseline=told[request.key]) for request in asked()]
    expected = {each.transcript.key: each for batch in engine(other).verify(drafts) for each in batch}
    monkeypatch.setattr(NativeHead, "rows", rows)
    found = {each.transcript.key: each for batch in engine(other).verify(drafts) for each in batch}
    for key, each in found.items():
        assert each.transcript.tokens == expected[key].transcript.tokens
        assert each.stats.agrees == expected[key].stats.agrees
        for values in ("log_probs", "margins", "kl_floors"):
            assert getattr(each.stats, values) == pytest.approx(getattr(expected[key].stats, values), abs=1e-4), values
