"""Read weights, apply the method, hash the result."""

from __future__ import annotations

import copy
import json
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any, cast

import torch

from tailgate.errors import CheckpointError, IntegrityError, SetupError, VariantError
from tailgate.variants.complete import check_complete, check_used, no_reports
from tailgate.variants.dtypes import DTYPES, rounding_to
from tailgate.variants.ends import Ends, ends_of
from tailgate.variants.fingerprint import hash_json, hash_tensors, plain_parts
from tailgate.variants.formats import find_format
from tailgate.variants.formats.gguf import refuse_zeroed
from tailgate.variants.formats.protocol import Execution, Read, Reading
from tailgate.variants.formats.sound import refuse_nonfinite
from tailgate.variants.linear import first_uncovered
from tailgate.variants.method import COMMON_KEYS, Applied
from tailgate.variants.registry import STORED
from tailgate.variants.variant import FINGERPRINT_VERSION, Facts, Variant

# Where a configuration was read from and by which version: no part of what is computed.
DESCRIPTIVE_FIELDS = frozenset({"_name_or_path", "transformers_version", "dtype", "architectures"})


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedModel:
    """A model in memory, ready to serve. `pristine` is true while no method has changed its weights."""

    module: torch.nn.Module
    eos_token_ids: tuple[int, ...]
    pad_token_id: int
    facts: Facts
    source_sha256: str
    pristine: bool


def load(variant: Variant, donor: LoadedModel | None = None) -> LoadedModel:
    """Load a variant, copying the weights of `donor` when it holds the same source unchanged.

    Raises
    ------
    CheckpointError
        The weights cannot be read, do not fit the architecture or do not fill it, or are not finite.
    IntegrityError
        The method would leave some of the model's weight matrices as they are.
    SetupError
        The model does not fit into the device's memory.
    VariantError
        It is an address.
    """
    if variant.address is not None:
        raise VariantError(f"'{variant.spec.text}' is an address: its weights are on the server, not here")
    try:
        return _load(variant, donor)
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise SetupError(
            f"'{variant.spec.text}' does not fit into the memory of {variant.device}; free some"
        ) from error


def _load(variant: Variant, donor: LoadedModel | None) -> LoadedModel:
    if donor is not None and donor.pristine:
        module, source_sha256 = copy.deepcopy(donor.module), donor.source_sha256
        eos, ignored = donor.eos_token_ids, dict(donor.facts.ignored_generation_config)
        read = None
    else:
        read = _read_stored(variant)
        module = read.module if read else _read_weights(variant)
        source_sha256 = hash_tensors(module.state_dict())
        ends = _take_generation_config(module, variant)
        eos, ignored = ends.eos_token_ids, ends.ignored
    applied = _apply(variant, module)
    if _rounds_floats(variant):
        cast(Any, module).to(compute_dtype(variant))
    module.eval().requires_grad_(False)
    return LoadedModel(
        module=module,
        eos_token_ids=eos,
        pad_token_id=variant.tokenizer.pad_token_id(eos),
        facts=replace(
            _facts(variant, module, applied, read),
            fingerprint=_fingerprint(variant, source_sha256, eos),
            eos_token_ids=eos,
            ignored_generation_config=ignored,
        ),
        source_sha256=source_sha256,
        pristine=applied is None and read is None,
    )


def _apply(variant: Variant, module: torch.nn.Module) -> Applied | None:
    """Apply the method, refusing a model of which it would leave weight matrices as they are."""
    method = variant.method
    if method is None:
        return None
    if not _rounds_floats(variant) and (missed := first_uncovered(module)):
        raise IntegrityError(
            f"{method.name} covers linear layers only, and '{variant.source.name}' keeps weights elsewhere (first: "
            f"{missed}); its verdict would be about another model than the one to be shipped"
        )
    return method.load()(module, variant.options)


def _rounds_floats(variant: Variant) -> bool:
    return variant.method is not None and variant.method.name in DTYPES


def can_donate(donor: Variant, receiver: Variant) -> bool:
    """Whether two variants read the same weights the same way before their methods are applied."""
    return (
        donor.method is None
        and donor.source == receiver.source
        and compute_dtype(donor) == (torch.float32 if _rounds_floats(receiver) else compute_dtype(receiver))
        and _common_options(donor) == _common_options(receiver)
    )


def _common_options(variant: Variant) -> dict[str, str]:
    """The keys that decide how weights are read; how keys and values are stored does not."""
    return {key: value for key, value in variant.spec.options.items() if key in COMMON_KEYS and key != "kv"}


def compute_dtype(variant: Variant) -> torch.dtype:
    """Arithmetic of a variant: fp32 on a CPU; on CUDA what `dtype=`, the method or the checkpoint says, else fp16."""
    if variant.device.startswith("cpu"):
        return torch.float32
    name = variant.spec.options.get("dtype") or (variant.method.name if variant.method else "")
    stored = torch.bfloat16 if variant.config.dtype == torch.bfloat16 else torch.float16
    return DTYPES.get(name, stored)


def _read_stored(variant: Variant) -> Read | None:
    """Read a checkpoint whose weights are stored quantized; None where they are plain."""
    found = find_format(variant.source, variant.config)
    if found is None:
        return None
    _refuse_placing(variant, found.name)
    execution = variant.spec.options.get("execution")
    return found.read(
        Reading(
            source=variant.source,
            config=variant.config,
            dtype=compute_dtype(variant),
            device=variant.device,
            execution=cast(Execution | None, execution),
            attention=_attention(variant),
            stored_cache=variant.kv == STORED,
        )
    )


def _refuse_placing(variant: Variant, stored: str) -> None:
    """Refuse keys that say how plain weights are read: codes are read whole, and a CPU computes with them in fp32."""
    on_cpu = variant.device.startswith("cpu")
    for key in ("device_map", *(["dtype"] if on_cpu else [])):
        if (value := variant.spec.options.get(key)) is not None:
            raise VariantError(
                f"variant '{variant.spec.text}': {key}={value} is not served for a checkpoint stored as {stored}"
                f"{' on a CPU' if key == 'dtype' else ''}; leave the key out"
            )


def _read_weights(variant: Variant) -> torch.nn.Module:
    from transformers import AutoModelForCausalLM

    device_map = variant.spec.options.get("device_map")
    try:
        with no_reports():
            module, told = cast(Any, AutoModelForCausalLM).from_pretrained(
                variant.source.folder,
                **variant.source.loading,
                # A float method must see the values that it rounds; the loader casts to the compute dtype afterwards.
                dtype=torch.float32 if _rounds_floats(variant) else compute_dtype(variant),
                trust_remote_code=False,
                use_safetensors=None if variant.source.gguf_file else True,
                output_loading_info=True,
                **_attention(variant),
                **({"device_map": device_map} if device_map else {}),
            )
    except (torch.OutOfMemoryError, MemoryError):
        raise
    except Exception as error:  # a damaged file surfaces as any of a dozen kinds; all mean the same here
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise CheckpointError(f"cannot load the weights of '{variant.source.name}': {first}") from error
    check_complete(variant.source.name, told)
    check_used(variant.source.name, set(told["unexpected_keys"]))
    refuse_nonfinite(module, variant.source.name)
    if variant.source.gguf_file:
        refuse_zeroed(module, variant.source)
    if not device_map:
        cast(Any, module).to(variant.device)
    if stored := variant.spec.options.get("dtype"):
        rounding_to(stored)(module, {})
    return cast(torch.nn.Module, module)


def _attention(variant: Variant) -> dict[str, str]:
    """The fused attention of transformers leaves out soft-capping: a model that has it needs the one spelled out."""
    capped = getattr(variant.config.get_text_config(), "attn_logit_softcapping", None) is not None
    return {"attn_implementation": "eager"} if capped else {}


def _take_generation_config(module: torch.nn.Module, variant: Variant) -> Ends:
    """Strip the generation config to its end-of-text ids; return them with every field that was ignored."""
    from transformers import GenerationConfig

    ours = cast(Any, module)
    ends = ends_of(ours.generation_config, variant)
    pad = variant.tokenizer.pad_token_id(ends.eos_token_ids)
    ours.generation_config = GenerationConfig(eos_token_id=list(ends.eos_token_ids), pad_token_id=pad)
    return ends


def _facts(variant: Variant, module: torch.nn.Module, applied: Applied | None, read: Read | None) -> Facts:
    compute = compute_dtype(variant)
    done = applied or read
    return Facts(
        fingerprint="",
        storage=done.storage if done else variant.spec.options.get("dtype", _name(compute)),
        compute_dtype=_name(compute),
        bytes_by_dtype=_bytes_by_dtype(module),
        quantized_tensors=done.quantized_tensors if done else 0,
        changed_tensors=applied.changed_tensors if applied else None,
        notes=(*variant.source.notes, *(done.notes if done else ())),
        kv=variant.kv,
        execution=read.execution if read else "",
    )


def _fingerprint(variant: Variant, source_sha256: str, eos: tuple[int, ...]) -> str:
    """Hash of everything that decides an answer: tensors as read, configuration, end-of-text ids, method.

    The configuration counts because rotary scaling, windows and norms change answers without changing a tensor.
    """
    method = variant.method
    return hash_json(
        [
            FINGERPRINT_VERSION,
            source_sha256,
            config_identity(variant),
            sorted(eos),
            variant.spec.options.get("dtype"),
            method and [method.name, method.version, dict(variant.options), dict(method.versions())],
            *([f"kv={variant.kv}"] if variant.kv else []),
            *variant.format_versions(),
        ]
    )


def config_identity(variant: Variant) -> dict[str, Any]:
    """What of a configuration decides answers, as JSON."""
    config = {key: value for key, value in variant.config.to_dict().items() if key not in DESCRIPTIVE_FIELDS}
    if variant.source.gguf_file:
        config.pop("quantization_config", None)  # names the file; its tensors are decoded and hashed
    return cast(dict[str, Any], json.loads(json.dumps(config, default=str)))


def _bytes_by_dtype(module: torch.nn.Module) -> dict[str, int]:
    """Memory of the weights: parameters, buffers, and scales that only the state of a quantized layer holds."""
    sizes: Counter[str] = Counter()
    seen: set[tuple[int, int]] = set()
    for name, held in (*module.named_parameters(), *module.named_buffers(), *module.state_dict().items()):
        for _, tensor in plain_parts(name, held):
            place = (tensor.data_ptr(), tensor.numel())
            if place not in seen:
                sizes[_name(tensor.dtype)] += tensor.numel() * tensor.element_size()
            seen.add(place)
    return dict(sorted(sizes.items()))


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
