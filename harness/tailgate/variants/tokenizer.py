"""The tokenizer of a model, its chat template, and the hashes by which two sides are compared."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from tailgate.errors import CheckpointError
from tailgate.variants.fingerprint import hash_json
from tailgate.variants.source import Source

TEMPLATE_PROBE = [{"role": "user", "content": "probe"}]
SYSTEM_PROBE = [{"role": "system", "content": "probe of the system"}, *TEMPLATE_PROBE]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelTokenizer:
    """A Hugging Face tokenizer with its hashes. It counts tokens for slices that measure their own length."""

    tokenizer: Any
    sha256: str
    template_sha256: str | None  # None: the model has no chat template, prompts are sent as they are
    system_role: bool = False  # whether the template shows a system message; else it stands before the user's

    def count(self, text: str) -> int:
        """Tokens of `text` without special tokens."""
        return len(self.tokenizer.encode(text, add_special_tokens=False))

    def encode_prompt(self, prompt: str, system: str = "") -> tuple[int, ...]:
        """Token ids of one user message, after a system message if there is one. Never truncated.

        Messages go through the chat template where there is one.
        """
        messages = self.messages(prompt, system)
        if self.template_sha256 is None:
            return tuple(self.tokenizer.encode(messages[0]["content"]))
        text = self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        return tuple(self.tokenizer.encode(text, add_special_tokens=False))

    def messages(self, prompt: str, system: str = "") -> list[dict[str, str]]:
        """The turns that a prompt is made of, as chat templates and chat interfaces take them.

        Without a template, or with one that has no place for a system message, that stands before the user's, with an
        empty line between them.
        """
        messages = [{"role": "user", "content": prompt}]
        if system and self.system_role:
            messages.insert(0, {"role": "system", "content": system})
        elif system:
            messages[0]["content"] = f"{system}\n\n{prompt}"
        return messages

    def pad_token_id(self, eos: tuple[int, ...]) -> int:
        """The padding token, or the first end-of-text token where there is none."""
        pad = self.tokenizer.pad_token_id
        return int(eos[0] if pad is None else pad)

    def decode(self, ids: tuple[int, ...]) -> str:
        """Text of answer tokens, special tokens left out."""
        text: str = self.tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return text


def load_tokenizer(source: Source) -> ModelTokenizer:
    """Load and hash the tokenizer of a checkpoint.

    Raises
    ------
    CheckpointError
        The tokenizer's files are missing or damaged.
    """
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(source.folder, **source.loading, trust_remote_code=False)
    except Exception as error:  # transformers raises many kinds for a damaged tokenizer; all mean the same here
        raise CheckpointError(f"cannot load the tokenizer of '{source.name}': {_first_line(error)}") from error
    return ModelTokenizer(
        tokenizer=tokenizer,
        sha256=_tokenizer_hash(tokenizer),
        template_sha256=_template_hash(tokenizer),
        system_role=_takes_system(tokenizer),
    )


def _tokenizer_hash(tokenizer: Any) -> str:
    backend = getattr(tokenizer, "backend_tokenizer", None)
    # Padding and truncation are settings of a call, not of the tokenizer's identity.
    model = json.loads(backend.to_str()) if backend is not None else sorted(tokenizer.get_vocab().items())
    if isinstance(model, dict):
        model.pop("padding", None)
        model.pop("truncation", None)
    return hash_json([model, tokenizer.bos_token_id, tokenizer.eos_token_id])


def _template_hash(tokenizer: Any) -> str | None:
    if not tokenizer.chat_template:
        return None
    rendered = tokenizer.apply_chat_template(TEMPLATE_PROBE, tokenize=False, add_generation_prompt=True)
    return hashlib.sha256(f"{tokenizer.chat_template}\x1f{rendered}".encode()).hexdigest()


def _takes_system(tokenizer: Any) -> bool:
    """Whether the chat template shows a system message: some refuse one, some leave it out."""
    if not tokenizer.chat_template:
        return False
    try:
        rendered = tokenizer.apply_chat_template(SYSTEM_PROBE, tokenize=False, add_generation_prompt=True)
    except Exception:  # a template refuses in its own way: by raise_exception, or by an error of Jinja's
        return False
    return all(message["content"] in rendered for message in SYSTEM_PROBE)


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
