"""A model behind a server: `http://HOST:PORT/v1#MODEL@endpoint:tokenizer=SPEC,...`. No weights are here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast
from urllib.parse import SplitResult, urlsplit

from tailgate.errors import VariantError
from tailgate.variants.method import Option, OptionValue
from tailgate.variants.spec import VariantSpec

ENDPOINT = "endpoint"
SCHEMES = ("http", "https")
ENDPOINT_OPTIONS = {
    "tokenizer": Option(default="", kind="text", meaning="where its tokenizer is: a folder, a hub id, smollm2"),
    "api": Option(default="completions", choices=("completions", "chat"), meaning="which of OpenAI's interfaces"),
    "concurrency": Option(default=16, kind="count", meaning="questions under way at once"),
    "timeout": Option(default=600, kind="count", meaning="seconds that an answer may take"),
    "retries": Option(default=5, kind="count", meaning="times a question is asked again when the server is busy"),
    "context": Option(default=0, kind="count", meaning="tokens of context; 0: what the server or the config says"),
    "key_env": Option(default="", kind="text", meaning="environment variable that holds the API key"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a model is served, by which name, and how it may be asked."""

    url: str
    model: str
    tokenizer: str
    api: Literal["completions", "chat"]
    concurrency: int
    timeout_s: int
    retries: int
    context: int | None
    key_env: str | None


def is_address(model: str) -> bool:
    """Whether the model part of a variant names a server."""
    return model.split("://", maxsplit=1)[0].lower() in SCHEMES and "://" in model


def parse_address(spec: VariantSpec, options: Mapping[str, OptionValue]) -> Address:
    """The address of a variant.

    Raises
    ------
    VariantError
        The address is malformed, holds a password, names no model or no tokenizer, or a key belongs to weights.
    """
    if spec.method != ENDPOINT:
        what = f"@{spec.method} changes weights" if spec.method else "it names no tokenizer"
        raise VariantError(
            f"variant '{spec.text}' is an address, and {what}; write {spec.model}@{ENDPOINT}:tokenizer=SPEC, "
            "where SPEC is the folder or hub id that the server was started from"
        )
    for key in spec.options:
        if key not in ENDPOINT_OPTIONS and key != "revision":
            raise VariantError(
                f"variant '{spec.text}': {key}= says how weights are read; an address has none, leave it out"
            )
    url, _, model = spec.model.partition("#")
    _check_url(spec, _split(spec, url))
    if not model:
        raise VariantError(f"variant '{spec.text}' names no model; write {url}#MODEL@{ENDPOINT}:tokenizer=SPEC")
    if not options["tokenizer"]:
        raise VariantError(
            f"variant '{spec.text}' names no tokenizer; add tokenizer=SPEC, a folder, a hub id or smollm2"
        )
    for key in ("concurrency", "timeout"):
        if not options[key]:
            raise VariantError(f"variant '{spec.text}': {key}=0; give a number of at least 1")
    return Address(
        url=url.rstrip("/"),
        model=model,
        tokenizer=str(options["tokenizer"]),
        api=cast(Literal["completions", "chat"], options["api"]),
        concurrency=int(options["concurrency"]),
        timeout_s=int(options["timeout"]),
        retries=int(options["retries"]),
        context=int(options["context"]) or None,
        key_env=str(options["key_env"]) or None,
    )


def _split(spec: VariantSpec, url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise VariantError(
            f"variant '{spec.text}': '{url}' is no address ({error}); write http://HOST:PORT/v1"
        ) from error
    return parts


def _check_url(spec: VariantSpec, parts: SplitResult) -> None:
    if parts.username is not None or parts.password is not None:
        raise VariantError(
            f"the address of a variant at {parts.hostname} holds a user name or password, which would be written into "
            "reports; leave them out and give key_env="
        )
    if not parts.hostname or parts.query:
        raise VariantError(f"variant '{spec.text}': write its address as http://HOST:PORT/v1, without a query")
