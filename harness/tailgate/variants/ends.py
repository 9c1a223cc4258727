"""Where a checkpoint's answers end, and what of its generation config is left alone. No weights are read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tailgate.errors import CheckpointError

if TYPE_CHECKING:
    from tailgate.variants.variant import Variant

# Fields of generation_config that change greedy decoding or are part of its mechanics, not of the model.
KEPT_GENERATION_FIELDS = frozenset(
    {"eos_token_id", "bos_token_id", "pad_token_id", "decoder_start_token_id", "transformers_version", "use_cache"}
    | {"output_attentions", "output_hidden_states", "output_scores", "output_logits", "return_dict_in_generate"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """End-of-text ids, and every field of the generation config that is not used.

    A checkpoint's repetition penalty or sampling must not differ between engines or sides.
    """

    eos_token_ids: tuple[int, ...]
    ignored: dict[str, Any]


def ends_of(found: Any, variant: Variant) -> Ends:
    """What a transformers `GenerationConfig` says of a variant.

    Raises
    ------
    CheckpointError
        Neither it nor the configuration names an end-of-text token, or one that the model does not have.
    """
    from transformers import GenerationConfig

    default = GenerationConfig().to_dict()
    ignored = {
        key: value
        for key, value in found.to_dict().items()
        if key not in KEPT_GENERATION_FIELDS and not key.startswith("_") and value != default.get(key)
    }
    ids = found.eos_token_id if found.eos_token_id is not None else variant.config.get_text_config().eos_token_id
    eos = tuple(ids) if isinstance(ids, list | tuple) else () if ids is None else (ids,)
    if not eos:
        raise CheckpointError(
            f"'{variant.source.name}' names no end-of-text token; set eos_token_id in its config.json"
        )
    vocabulary = variant.vocabulary_size
    if odd := next((end for end in eos if type(end) is not int or not 0 <= end < vocabulary), None):
        raise CheckpointError(
            f"'{variant.source.name}' ends answers at {odd!r}, which is no token of its {vocabulary}; fetch its "
            "config.json and generation_config.json again"
        )
    return Ends(eos_token_ids=eos, ignored=json.loads(json.dumps(ignored, default=str)))


def stored_ends(variant: Variant) -> Ends:
    """The ends that the files of a checkpoint name.

    Raises
    ------
    CheckpointError
        They name none, or the generation config is damaged.
    """
    from transformers import GenerationConfig

    found = GenerationConfig()
    path = variant.source.folder / "generation_config.json"
    if not variant.source.gguf_file and path.is_file():
        try:
            found = GenerationConfig.from_pretrained(variant.source.folder)
        except Exception as error:  # transformers raises many kinds for a damaged file; all mean the same here
            first = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise CheckpointError(f"cannot read {path}: {first}") from error
    return ends_of(found, variant)
