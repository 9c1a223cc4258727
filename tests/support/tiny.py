"""Tiny real checkpoints: a seeded Llama of a few thousand weights and a byte-level tokenizer, saved to a folder."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

TEMPLATE = "{% for m in messages %}<u>{{ m['content'] }}{% endfor %}{% if add_generation_prompt %}<a>{% endif %}"
SPECIALS = ("<s>", "</s>", "<u>", "<a>")


@dataclass(frozen=True, kw_only=True)
class Tiny:
    """What a tiny checkpoint is made of."""

    seed: int = 0
    context: int = 512
    hidden: int = 64
    template: str | None = TEMPLATE
    extra_tokens: int = 0
    generation: dict[str, Any] = field(default_factory=dict)


def tiny_tokenizer(spec: Tiny) -> PreTrainedTokenizerFast:
    """One token per byte, four special tokens."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: index for index, token in enumerate([*SPECIALS, *letters])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(list(SPECIALS))
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>")
    fast.chat_template = spec.template
    if spec.extra_tokens:
        fast.add_tokens([f"<x{i}>" for i in range(spec.extra_tokens)])
    return fast


def tiny_model(spec: Tiny) -> LlamaForCausalLM:
    """A seeded random Llama; its weights come from a generator of their own."""
    config = LlamaConfig(
        vocab_size=260 + spec.extra_tokens,
        hidden_size=spec.hidden,
        intermediate_size=2 * spec.hidden,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=spec.context,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=1,
        tie_word_embeddings=False,
    )
    model = LlamaForCausalLM(config)
    generator = torch.Generator().manual_seed(spec.seed)
    for parameter in model.parameters():
        parameter.data.copy_(torch.randn(parameter.shape, generator=generator) * 0.3)
    return model


def save_tiny(folder: Path, spec: Tiny | None = None, model: LlamaForCausalLM | None = None) -> Path:
    """Save a tiny checkpoint; returns the folder."""
    spec = spec or Tiny()
    model = model or tiny_model(spec)
    model.generation_config = GenerationConfig(eos_token_id=1, pad_token_id=1, **spec.generation)
    model.save_pretrained(folder)
    tiny_tokenizer(spec).save_pretrained(folder)
    return folder
