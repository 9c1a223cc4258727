"""Parse `MODEL` or `MODEL@method[:key=value,...]`."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tailgate.errors import VariantError


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantSpec:
    """A parsed variant: where the weights come from and what is done to them. `text` is what the user wrote."""

    text: str
    model: str
    method: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)


def parse_spec(text: str, methods: Collection[str]) -> VariantSpec:
    """Split a variant at the last ``@`` whose suffix begins with a registered method.

    Raises
    ------
    VariantError
        The text is empty, has an ``@`` but no registered method behind it, or a malformed option.
    """
    known = re.compile(rf"(?:{'|'.join(map(re.escape, sorted(methods)))})(?=:|$)")
    for at in reversed([position for position, letter in enumerate(text) if letter == "@"]):
        if match := known.match(text, at + 1):
            return VariantSpec(
                text=text,
                model=_model_name(text, text[:at]),
                method=match.group(),
                options=_parse_options(text, text[match.end() + 1 :]),
            )
    if "@" in text and not Path(text).exists():
        seen = text.rsplit("@", 1)[1]
        raise VariantError(f"variant '{text}': unknown method '{seen}'; known methods: {', '.join(sorted(methods))}")
    return VariantSpec(text=text, model=_model_name(text, text))


def _model_name(text: str, model: str) -> str:
    if not model.strip():
        raise VariantError(f"variant '{text}': no model before the method; write MODEL@method, e.g. smollm2@bnb-nf4")
    return model


def _parse_options(text: str, options: str) -> dict[str, str]:
    parsed: dict[str, str] = {}
    for part in filter(None, options.split(",")):
        key, equals, value = part.partition("=")
        if not equals or not key or not value:
            raise VariantError(f"variant '{text}': option '{part}' is not key=value")
        if key in parsed:
            raise VariantError(f"variant '{text}': option '{key}' is given twice; keep one")
        parsed[key] = value
    return parsed
