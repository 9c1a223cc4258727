"""Tiny seeded models of many architectures, real transformers classes with random weights."""

from __future__ import annotations

from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM

from tailgate.engine.protocol import ServedModel

VOCABULARY = 97
CONTEXT = 512
COMMON = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": CONTEXT,
    "bos_token_id": 0,
    "eos_token_id": 1,
    "pad_token_id": 1,
}
HEADS = {"head_dim": 8}
ARCHITECTURES: dict[str, dict[str, Any]] = {
    "llama": {},
    "qwen2": {"use_sliding_window": True, "sliding_window": 12, "max_window_layers": 1},
    "qwen3": HEADS,
    "mistral": {"sliding_window": 11},
    "gemma2": {**HEADS, "query_pre_attn_scalar": 8, "sliding_window": 9, "attn_logit_softcapping": 5.0,
               "final_logit_softcapping": 3.0},
    "gemma3_text": {**HEADS, "query_pre_attn_scalar": 8, "sliding_window": 10, "sliding_window_pattern": 2},
    "phi3": {},
    "olmo2": {},
    "granite": {"logits_scaling": 2.0, "attention_multiplier": 0.2, "residual_multiplier": 0.7},
    "cohere": {"logit_scale": 0.5},
    "qwen3_moe": {**HEADS, "num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16},
    "mixtral": {"num_local_experts": 4, "num_experts_per_tok": 2},
    "gpt_oss": {**HEADS, "num_local_experts": 4, "num_experts_per_tok": 2, "sliding_window": 8,
                "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0}},
}  # fmt: skip


def tiny_architecture(name: str, seed: int = 0) -> Any:
    """A model of that type with weights large enough that its next tokens depend on what it has read."""
    config = AutoConfig.for_model(name, **{**COMMON, **ARCHITECTURES[name]})
    # The fused attention of transformers leaves soft-capping out.
    attention = {"attn_implementation": "eager"} if "attn_logit_softcapping" in ARCHITECTURES[name] else {}
    model = AutoModelForCausalLM.from_config(config, **attention).eval().requires_grad_(False)
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        if parameter.dim() > 1:
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.25)
    for parameter_name, parameter in model.named_parameters():
        if parameter_name.endswith("sinks"):
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    return model


def served(model: Any) -> ServedModel:
    """A model with a decoding of its own: a letter a token."""
    return ServedModel(
        module=model,
        decode=lambda tokens: "".join(chr(0x100 + token) for token in tokens),
        eos_token_ids=(1,),
        pad_token_id=1,
        context_length=CONTEXT,
        device="cpu",
    )
