"""Items are what they were: a changed draw, wording or word list needs a new slice version."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

import pytest

from tailgate_slices.registry import BUILT_IN, get_slice

DIGESTS = json.loads((Path(__file__).parent / "digests.json").read_text(encoding="utf-8"))
CELLS = [(name, stratum) for name in BUILT_IN for stratum in get_slice(name).strata]


class WordCounter:
    sha256 = "ab" * 32

    def count(self, text):
        return len(text.split())


def fields(item):
    """All fields; a system prompt only where there is one, as the digests are older than that field."""
    return {name: value for name, value in asdict(item).items() if name != "system" or value}


def digest(name, stratum):
    maker = get_slice(name)
    items = [maker.item(stratum=stratum, seed=20261123, index=index, tokens=WordCounter()) for index in range(5)]
    text = json.dumps([fields(item) for item in items], sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize(("name", "stratum"), CELLS)
def test_first_items_of_a_stratum_are_unchanged(name, stratum):
    assert digest(name, stratum) == DIGESTS[f"{name}@{get_slice(name).version}/{stratum}"]


def test_digests_of_strata_that_are_gone_are_gone_too():
    assert set(DIGESTS) == {f"{name}@{get_slice(name).version}/{stratum}" for name, stratum in CELLS}
