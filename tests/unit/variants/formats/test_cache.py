"""Keys and values as a checkpoint declares them (`kv=stored`): against llm-compressor, and what is refused."""

import pytest
import torch

from tailgate.engine.native.borrowed import BorrowedModel
from tailgate.engine.native.engine import NativeEngine, NativeLimits
from tailgate.engine.native.fit import sequence_of, span_of
from tailgate.engine.native.head import Head
from tailgate.engine.native.kv_store import KVStore
from tailgate.engine.native.packing import pack
from tailgate.engine.reference import ReferenceEngine
from tailgate.engine.request import Request
from tailgate.errors import CheckpointError, VariantError
from tailgate.pipeline.sides import served_model
from tailgate.variants.formats import describe_checkpoint
from tailgate.variants.load import load
from tailgate.variants.variant import resolve
from tests.support.rounded_attention import rounding
from tests.support.stored import edit_config, edit_tensors, golden
from tests.support.tiny import save_tiny

KIND, NAME, PLAIN = "compressed_tensors", "fp8-dynamic-kv-fp8", "fp8-dynamic"
IDS = list(range(4, 12))
N_IDS = len(IDS)
ATTENTION = "model.layers.0.self_attn"
BOUND = 1e-5  # of the largest logit: the sums alone differ
FP8 = {"num_bits": 8, "type": "float", "symmetric": True, "strategy": "tensor", "dynamic": False}


@pytest.fixture
def told(tmp_path):
    return golden(KIND, NAME, tmp_path / NAME)


def loaded(folder, keys="kv=stored"):
    return load(resolve(f"{folder}@stored:{keys}", "cpu"))


@torch.inference_mode()
def logits(module, kv, cut=N_IDS):
    """Logits of the tokens in one pass, or in two: the second reads what the first has stored."""
    store, sequence = KVStore(slots=16, kv=kv), sequence_of(0, IDS)
    sequence.table = [0]
    model, head = BorrowedModel(module), Head(module)
    cuts = [(0, cut), (cut, N_IDS)] if cut < N_IDS else [(0, cut)]
    return torch.cat([head.logits(model.forward(pack([span_of(sequence, *c)], store, 16, "cpu"))) for c in cuts])


def distance(ours, theirs):
    return float((ours - theirs).abs().max() / theirs.abs().max())


@pytest.mark.parametrize("execution", ["dequantized", "packed"])
@pytest.mark.parametrize("cut", [N_IDS, 5, 1])
def test_logits_are_those_of_llm_compressor_which_rounds_keys_and_values_by_these_scales(told, execution, cut):
    module = loaded(told.folder, f"kv=stored,execution={execution}").module
    assert distance(logits(module, "stored", cut), told.weights["logits"]) <= BOUND
    assert distance(logits(module, ""), told.weights["logits"]) > 1e-2


def test_answers_are_those_of_plain_transformers_whose_attention_rounds_by_the_scales(told):
    variant = resolve(f"{told.folder}@stored:kv=stored", "cpu")
    served = served_model(variant, load(variant))
    requests = [Request(key=str(n), prompt_ids=tuple(range(4 + n, 24 + 3 * n)), max_new_tokens=12) for n in range(4)]

    def answers(engine):
        return {each.key: each.tokens for batch in engine.generate(requests) for each in batch}

    found = answers(NativeEngine(served, NativeLimits(kv_bytes=1 << 20)))
    assert found == answers(ReferenceEngine(rounding(served, "stored")))


def test_a_scale_of_each_head_scales_its_head(told):
    def one_a_head(tensors):
        for name in ("k_scale", "v_scale"):
            tensors[f"{ATTENTION}.{name}"] = tensors[f"{ATTENTION}.{name}"].expand(1).reshape(1, 1, 1)

    edit_tensors(told.layers, one_a_head)
    edit_config(told.folder, kv_cache_scheme={**FP8, "strategy": "attn_head"})
    assert distance(logits(loaded(told.folder).module, "stored"), told.weights["logits"]) <= BOUND


def test_scales_are_part_of_the_fingerprint_and_unused_ones_are_noted(told, tmp_path):
    used, unused = loaded(told.folder), load(resolve(str(told.folder), "cpu"))
    assert (used.facts.kv, unused.facts.kv) == ("stored", "")
    assert [("kv=stored" in str(each.facts.notes)) for each in (used, unused)] == [False, True]
    plain = load(resolve(str(golden(KIND, PLAIN, tmp_path / PLAIN).folder), "cpu"))
    assert torch.equal(logits(unused.module, ""), logits(plain.module, ""))
    edit_tensors(told.layers, lambda tensors: tensors[f"{ATTENTION}.k_scale"].mul_(2))
    assert loaded(told.folder).facts.fingerprint not in (used.facts.fingerprint, unused.facts.fingerprint)


@pytest.mark.parametrize(
    "names", [("k_proj.k_scale", "v_proj.v_scale"), ("k_proj.output_scale", "v_proj.output_scale")]
)
def test_scales_are_found_by_the_names_that_other_tools_give_them(told, names):
    def rename(tensors):
        for old, new in zip(("k_scale", "v_scale"), names, strict=True):
            tensors[f"{ATTENTION}.{new}"] = tensors.pop(f"{ATTENTION}.{old}")

    edit_tensors(told.layers, rename)
    assert distance(logits(loaded(told.folder).module, "stored"), told.weights["logits"]) <= BOUND


def set_scale(value):
    return lambda tensors: tensors.update({f"{ATTENTION}.k_scale": torch.tensor(value)})


def rename_layer(tensors):
    for name in ("k_scale", "v_scale"):
        tensors[f"model.layers.0.mlp.{name}"] = tensors.pop(f"{ATTENTION}.{name}")


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda tensors: tensors.pop(f"{ATTENTION}.v_scale"), "has scales of keys and values for 0 of 1 layers"),
        (set_scale([0.0]), "scales that are zero or not finite"),
        (set_scale([float("nan")]), "scales that are zero or not finite"),
        (set_scale([-0.5]), "k_scale of .* is negative"),
        (set_scale([0.5, 0.5, 0.5]), "has 3 scales for 1 key-value heads"),
        (set_scale([2]), "k_scale of .* is I64, not a float"),
        (rename_layer, "for model.layers.0.mlp, which is no attention layer"),
        (lambda tensors: tensors.update({f"{ATTENTION}.q_scale": torch.ones(1)}), "it rounds queries too"),
        (lambda tensors: tensors.update({f"{ATTENTION}.k_zero_point": torch.ones(1)}), "shifts codes by a zero point"),
    ],
)
def test_scales_that_are_missing_damaged_or_of_another_kind_are_refused(told, edit, message):
    edit_tensors(told.layers, edit)
    with pytest.raises(CheckpointError, match=message):
        loaded(told.folder)


@pytest.mark.parametrize(
    ("scheme", "words"),
    [
        ({**FP8, "type": "int"}, "int8, a stored scale per tensor"),
        ({**FP8, "dynamic": True, "strategy": "token"}, "fp8, a scale per token, found from them"),
    ],
)
def test_a_scheme_that_is_not_served_is_described_and_refused_by_name(told, scheme, words):
    edit_config(told.folder, kv_cache_scheme=scheme)
    variant = resolve(str(told.folder), "cpu")
    assert describe_checkpoint(variant.source, variant.config).kv_cache == words
    with pytest.raises(CheckpointError, match=f"kv=stored is not served for .*: it asks for {words}"):
        loaded(told.folder)


def test_a_checkpoint_that_declares_nothing_is_refused_before_it_is_read(tmp_path):
    for folder in (save_tiny(tmp_path / "plain"), golden(KIND, PLAIN, tmp_path / PLAIN).folder):
        with pytest.raises(VariantError, match="kv=stored, but the checkpoint declares no scheme for keys and values"):
            resolve(f"{folder}@stored:kv=stored", "cpu")
