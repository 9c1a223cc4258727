"""A resolved variant: files found, options checked, tokenizer and config read; weights only when asked for."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, MutableMapping
from dataclasses import asdict, dataclass, field, replace
from importlib import metadata
from typing import Any

from tailgate.errors import CheckpointError, VariantError
from tailgate.variants.address import ENDPOINT, Address, is_address, parse_address
from tailgate.variants.fingerprint import file_identity, hash_json
from tailgate.variants.formats import describe_checkpoint, find_format, settings_of
from tailgate.variants.formats.beside import settings_beside
from tailgate.variants.formats.protocol import Format
from tailgate.variants.method import Method, OptionValue, resolve_options
from tailgate.variants.registry import STORED, methods
from tailgate.variants.source import Source, check_files, find_source, find_tokenizer
from tailgate.variants.spec import VariantSpec, parse_spec
from tailgate.variants.tokenizer import ModelTokenizer, load_tokenizer

FINGERPRINT_VERSION = 1  # bumped when another rule decides what a fingerprint covers
# Values of the keys that every method takes.
COMMON_CHOICES = {
    "dtype": ("fp16", "bf16", "fp32"),
    "kv": ("int8", "fp8", "int4", STORED),
    "execution": ("packed", "dequantized"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of a variant once its weights have been read; cached by the identity of its files."""

    fingerprint: str
    storage: str
    compute_dtype: str
    bytes_by_dtype: Mapping[str, int]
    quantized_tensors: int
    changed_tensors: int | None  # None: no method was applied
    eos_token_ids: tuple[int, ...] = ()
    ignored_generation_config: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    kv: str = ""  # how keys and values are stored; empty: as computed
    execution: str = ""  # how stored codes are computed with; empty: there are none

    @property
    def lossless(self) -> bool:
        """Whether a method was applied and left every tensor, and every key and value, as it was."""
        return self.changed_tensors == 0 and not self.kv


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One side of a comparison, resolved but not loaded."""

    spec: VariantSpec
    source: Source
    method: Method | None
    options: Mapping[str, OptionValue]
    device: str
    config: Any = field(repr=False)  # transformers PretrainedConfig
    tokenizer: ModelTokenizer = field(repr=False)
    address: Address | None = None  # the model is behind a server; `source` holds its tokenizer alone
    context_limit: int | None = None  # of the engine that serves it, where that is known

    @property
    def context_length(self) -> int:
        """Tokens the model can attend to, prompt and answer together.

        Raises
        ------
        CheckpointError
            The configuration does not say; a guess could cut a prompt.
        """
        length = getattr(self._text_config, "max_position_embeddings", None)
        if self.context_limit is not None:
            return min(self.context_limit, length) if isinstance(length, int) and length > 0 else self.context_limit
        if not isinstance(length, int) or length < 1:
            raise CheckpointError(
                f"'{self.source.name}' names no context length; set max_position_embeddings in its config.json"
            )
        return length

    @property
    def kv(self) -> str:
        """How keys and values of past tokens are stored: int8, fp8, int4, stored, or empty: as computed.

        `stored`: as the checkpoint declares, by its own scales.
        """
        return self.spec.options.get("kv", "")

    @property
    def vocabulary_size(self) -> int:
        """Rows of the embedding table."""
        return int(self._text_config.vocab_size)

    @property
    def architecture(self) -> str:
        """The model type that transformers knows it by."""
        return str(self.config.model_type)

    @property
    def _text_config(self) -> Any:
        return self.config.get_text_config()

    def format_versions(self) -> list[str]:
        """The format of stored codes, once its arithmetic has changed; empty before that, and for plain weights."""
        found = None if self.address else find_format(self.source, self.config)
        return [f"{found.name} {found.version}"] if found is not None and found.version > 1 else []

    def facts_key(self) -> str:
        """Key under which the facts of this variant may be cached: files, method, options and versions."""
        return hash_json(
            {
                "files": file_identity(self.source.weight_files),
                "fingerprint_version": FINGERPRINT_VERSION,
                "method": self.method and [self.method.name, self.method.version],
                "options": dict(self.options),
                "common": dict(self.spec.options),
                "device": self.device.split(":")[0],
                "format": self.format_versions(),
                "versions": {**_base_versions(), **(self.method.versions() if self.method else {})},
            }
        )


def _base_versions() -> dict[str, str]:
    return {name: metadata.version(name) for name in ("torch", "transformers")}


def resolve(text: str, device: str) -> Variant:
    """Parse a variant, find its files, check their headers, and read its config and tokenizer.

    Raises
    ------
    VariantError, MissingPackageError, CheckpointError
        See `parse_spec`, `find_source` and `check_files`; also a method whose package is missing.
    """
    spec = parse_spec(text, methods())
    method = methods()[spec.method] if spec.method else None
    options = resolve_options(method, spec.options, text) if method else {}
    if is_address(spec.model):
        return _resolve_address(spec, options, device)
    if method and method.name == ENDPOINT:
        method.load()  # says where it belongs
    _check_common(spec)
    if method and method.name == STORED:
        method = None
    source = find_source(spec.model, spec.options)
    if method:
        method.load()
    check_files(source)
    config, tokenizer = _read_heads(source, json.dumps(file_identity(source.weight_files)))
    _check_stored(spec, method, find_format(source, config))
    _check_cache(spec, source, config)
    return Variant(
        spec=spec,
        source=source,
        method=method,
        options=options,
        device=device,
        config=config,
        tokenizer=tokenizer,
    )


def _resolve_address(spec: VariantSpec, options: Mapping[str, OptionValue], device: str) -> Variant:
    """A variant behind a server: its tokenizer and configuration are read, its weights are not here."""
    address = parse_address(spec, options)
    found = find_tokenizer(address.tokenizer, spec.options)
    source = replace(found, name=spec.model, notes=())
    config, tokenizer = _read_heads(source, json.dumps(file_identity(source.weight_files)))
    return Variant(
        spec=spec,
        source=source,
        method=methods()[ENDPOINT],
        options=options,
        device=device,
        config=config,
        tokenizer=tokenizer,
        address=address,
        context_limit=address.context,
    )


def _check_common(spec: VariantSpec) -> None:
    for key, choices in COMMON_CHOICES.items():
        if (value := spec.options.get(key)) is not None and value not in choices:
            raise VariantError(f"variant '{spec.text}': {key}={value}; choose from {', '.join(choices)}")


def _check_stored(spec: VariantSpec, method: Method | None, stored: Format | None) -> None:
    """Refuse to quantize twice, and an execution where nothing is stored in codes."""
    if stored is not None and method is not None:
        raise VariantError(
            f"variant '{spec.text}': the checkpoint is stored as {stored.name} already; leave @{method.name} out, "
            f"or write @{STORED} before its keys"
        )
    asked = spec.options.get("execution")
    served = () if stored is None else stored.executions
    if asked is not None and asked not in served:
        what = f"{stored.name} serves {' and '.join(served)}" if stored else "its weights are stored plainly"
        raise VariantError(f"variant '{spec.text}': execution={asked}, but {what}; leave the key out")


def _check_cache(spec: VariantSpec, source: Source, config: Any) -> None:
    if spec.options.get("kv") != STORED:
        return
    described = describe_checkpoint(source, config)
    if described is None or not described.kv_cache:
        raise VariantError(
            f"variant '{spec.text}': kv={STORED}, but the checkpoint declares no scheme for keys and values; "
            "use kv=int8, fp8 or int4"
        )


@functools.lru_cache(maxsize=8)
def _read_heads(source: Source, identity: str) -> tuple[Any, ModelTokenizer]:
    """Config and tokenizer of a checkpoint; parsing a GGUF file for them takes seconds, so variants share it."""
    return _load_config(source), load_tokenizer(source)


def _load_config(source: Source) -> Any:
    from transformers import AutoConfig

    try:
        config = AutoConfig.from_pretrained(source.folder, **source.loading, trust_remote_code=False)
    except Exception as error:  # transformers raises many kinds for a damaged config; all mean the same here
        if _brings_code(source):
            raise CheckpointError(
                f"'{source.name}' needs code of its own (auto_map in its config.json), and no code of a checkpoint is "
                "run; put it behind a server of yours and compare http://HOST:PORT/v1#MODEL"
            ) from error
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise CheckpointError(f"cannot read the configuration of '{source.name}': {first}") from error
    if not settings_of(config) and (beside := settings_beside(source)):
        config.quantization_config = beside
    return config


def _brings_code(source: Source) -> bool:
    """Whether a configuration names modelling code beside it, of an architecture that transformers does not have."""
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    try:
        found = json.loads((source.folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(found, dict) and "auto_map" in found and found.get("model_type") not in CONFIG_MAPPING


def cached_facts(variant: Variant, cache: MutableMapping[str, Any], reader: str = "") -> Facts | None:
    """Facts recorded when the same files were read before, or None; `reader`: who read them, if not our loader."""
    row = cache.get(variant.facts_key() + reader)
    if not row:
        return None
    return Facts(**{**row, "notes": tuple(row["notes"]), "eos_token_ids": tuple(row["eos_token_ids"])})


def remember_facts(variant: Variant, facts: Facts, cache: MutableMapping[str, Any], reader: str = "") -> None:
    """Record facts for later runs."""
    cache[variant.facts_key() + reader] = asdict(facts)
