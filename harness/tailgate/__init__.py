"""Decides whether a quantized checkpoint may replace its parent: paired, per slice, in the tail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tailgate.api import Outcomes, Run, compare, decide, load_run

__all__ = ["Outcomes", "Run", "compare", "decide", "load_run"]


def __getattr__(name: str) -> Any:
    """Load the public names when first used, so that `tailgate --help` stays quick."""
    if name in __all__:
        from tailgate import api

        return getattr(api, name)
    raise AttributeError(f"module 'tailgate' has no attribute '{name}'")
