"""Variants in memory, each with an engine, and how their text becomes tokens."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tailgate.engine.native.engine import NativeEngine, NativeLimits
from tailgate.engine.native.fit import refusal
from tailgate.engine.protocol import ServedModel
from tailgate.errors import IntegrityError, SetupError, UsageError
from tailgate.serve.errors import refused
from tailgate.variants.load import LoadedModel, can_donate, load
from tailgate.variants.variant import Variant, resolve


@dataclass(frozen=True, slots=True, kw_only=True)
class Hosted:
    """A variant that is served under a name."""

    name: str
    variant: Variant
    engine: NativeEngine = field(repr=False)
    fingerprint: str
    eos_token_ids: tuple[int, ...]
    created: int  # seconds since the epoch

    @property
    def context_length(self) -> int:
        """Tokens of prompt and answer together."""
        return self.variant.context_length

    def encode(self, text: str) -> tuple[int, ...]:
        """Tokens of a prompt as it is.

        Raises
        ------
        ApiError
            The text is no Unicode text.
        """
        return tuple(self.variant.tokenizer.tokenizer.encode(_checked(text)))

    def encode_chat(self, messages: Sequence[Mapping[str, str]]) -> tuple[int, ...]:
        """Tokens of a conversation through the model's chat template.

        Raises
        ------
        ApiError
            The model has no chat template, or its template refuses the messages.
        """
        tokenizer = self.variant.tokenizer
        if tokenizer.template_sha256 is None:
            raise refused(f"model '{self.name}' has no chat template; use /v1/completions")
        for message in messages:
            _checked(message["content"])
        try:
            text = tokenizer.tokenizer.apply_chat_template(
                [dict(message) for message in messages], tokenize=False, add_generation_prompt=True
            )
        except Exception as error:  # templates raise what they like
            raise refused(f"the chat template refuses the messages: {str(error)[:200]}", "messages") from error
        return tuple(tokenizer.tokenizer.encode(text, add_special_tokens=False))

    def decode(self, tokens: tuple[int, ...]) -> str:
        """Text of tokens, special ones left out."""
        return self.variant.tokenizer.decode(tokens)

    def token_text(self, token: int) -> str:
        """Text of one token, special ones included."""
        text: str = self.variant.tokenizer.tokenizer.decode([token], clean_up_tokenization_spaces=False)
        return text


def _checked(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise refused(f"the text holds half a surrogate pair at character {error.start}; send Unicode text") from error
    return text


def resolve_served(served: Mapping[str, str], device: str) -> dict[str, Variant]:
    """Find the files of every variant, by name; loads no weights.

    Raises
    ------
    SetupError
        The native engine does not serve one of the architectures.
    """
    found = {}
    for name, spec in served.items():
        variant = resolve(spec, device)
        if (reason := refusal(variant.config)) is not None:
            raise SetupError(
                f"'{spec}' cannot be served: the native engine does not serve '{variant.architecture}' ({reason})"
            )
        found[name] = variant
    return found


def check_shadow(baseline: Variant, candidate: Variant) -> None:
    """Refuse a candidate that reads other tokens than the baseline.

    Raises
    ------
    IntegrityError
        Tokenizers or vocabularies differ.
    UsageError
        It is the baseline itself.
    """
    if candidate.spec == baseline.spec:
        raise UsageError(f"--shadow {candidate.spec.text} is what is served; give another variant of it")
    sides = f"'{candidate.spec.text}' and '{baseline.spec.text}'"
    if candidate.tokenizer.sha256 != baseline.tokenizer.sha256:
        raise IntegrityError(f"the tokenizers of {sides} differ; shadow a checkpoint of the same parent")
    if candidate.vocabulary_size != baseline.vocabulary_size:
        raise IntegrityError(f"the vocabulary sizes of {sides} differ; shadow a checkpoint of the same parent")


def host(variants: Mapping[str, Variant]) -> dict[str, Hosted]:
    """Load variants and give each an engine; weights of one file are read once where they can be shared.

    Raises
    ------
    CheckpointError, IntegrityError, SetupError
        A variant cannot be loaded or cannot be computed exactly by the native engine.
    """
    loaded: dict[str, LoadedModel] = {}
    for name, variant in variants.items():
        donors = (loaded[other] for other in loaded if can_donate(variants[other], variant))
        loaded[name] = load(variant, next(donors, None))
    limits = NativeLimits(kv_bytes=_kv_share(list(variants.values())))
    return {name: _hosted(name, variants[name], model, limits) for name, model in loaded.items()}


def build_engine(variant: Variant, loaded: LoadedModel, limits: NativeLimits | None = None) -> NativeEngine:
    """The native engine on a loaded variant."""
    model = ServedModel(
        module=loaded.module,
        decode=variant.tokenizer.decode,
        eos_token_ids=loaded.eos_token_ids,
        pad_token_id=loaded.pad_token_id,
        context_length=variant.context_length,
        device=variant.device,
        kv=variant.kv,
    )
    return NativeEngine(model, limits)


def _hosted(name: str, variant: Variant, loaded: LoadedModel, limits: NativeLimits) -> Hosted:
    return Hosted(
        name=name,
        variant=variant,
        engine=build_engine(variant, loaded, limits),
        fingerprint=loaded.facts.fingerprint,
        eos_token_ids=loaded.eos_token_ids,
        created=int(time.time()),
    )


def _kv_share(variants: Sequence[Variant]) -> int | None:
    """Bytes of key-values for each of several variants that share a GPU; else the engine's own choice."""
    if len(variants) < 2 or not variants[0].device.startswith("cuda"):
        return None
    import torch

    free, _ = torch.cuda.mem_get_info(variants[0].device)
    return int(free * 0.8) // len(variants)


def describe(hosted: Hosted) -> dict[str, Any]:
    """A row of /v1/models."""
    return {
        "id": hosted.name,
        "object": "model",
        "created": hosted.created,
        "owned_by": "tailgate",
        "max_model_len": hosted.context_length,
        "fingerprint": hosted.fingerprint,
    }
