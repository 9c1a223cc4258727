"""Haystacks that were built before: the last few in memory, long ones on disk as well if some folder can be used.

A file is named by all that a haystack depends on, the text of this package included.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
import zlib
from dataclasses import asdict, astuple
from functools import cache, lru_cache
from pathlib import Path

from tailgate_slices.long_context.drafts import Stack
from tailgate_slices.long_context.filler import Counter
from tailgate_slices.long_context.haystack import Address, Haystack, draw_haystack
from tailgate_slices.long_context.plans import Question

FOLDER = "TAILGATE_HAYSTACKS"  # environment variable that names another folder; empty: none
LEAST = 32_768  # tokens of a haystack from which on reading it is worth a file
KEPT = 32  # haystacks in memory: more than one for each length, at most some 20 MB


@lru_cache(maxsize=KEPT)
def haystack_at(address: Address, tokens: Counter) -> Haystack:
    """The haystack of an address: equal to a drawn one, wherever it comes from.

    Raises
    ------
    SliceError
        The length cannot be had for the task in these tokens.
    """
    folder = os.environ.get(FOLDER, _user_folder()) if address.length >= LEAST else ""
    if not folder:
        return draw_haystack(address, tokens)
    file = Path(folder, tokens.sha256[:16], f"{_name(address, tokens)}.json.z")
    found = _read(file)
    if found is None:
        found = draw_haystack(address, tokens)
        with contextlib.suppress(OSError):  # a full disk, a folder of somebody else
            _write(file, found)
    return found


def _user_folder() -> str:
    caches = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.join(caches, "tailgate", "haystacks") if os.path.isabs(caches) else ""


def _name(address: Address, tokens: Counter) -> str:
    return hashlib.sha256("\x1f".join(map(str, (_program(), tokens.sha256, *astuple(address)))).encode()).hexdigest()


@cache
def _program() -> str:
    modules = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"\x1f".join(module.read_bytes() for module in modules)).hexdigest()


def _read(file: Path) -> Haystack | None:
    """What a file holds; None for none, or a damaged one."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError, zlib.error):
        fields = json.loads(zlib.decompress(file.read_bytes()))
        questions = tuple(Question(**each) for each in fields["stack"].pop("questions"))
        stack = Stack(**fields.pop("stack"), questions=questions)
        return Haystack(**{**fields, "stack": stack, "prompt_tokens": tuple(fields["prompt_tokens"])})
    return None


def _write(file: Path, haystack: Haystack) -> None:
    """In another place first, so that nobody reads half a file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=file.parent) as aside:
        part = Path(aside, file.name)
        part.write_bytes(zlib.compress(json.dumps(asdict(haystack)).encode(), level=1))
        part.replace(file)
