"""A tokenizer whose counts can be checked by eye."""

from __future__ import annotations

import pytest


class WordCounter:
    """Counts words between white space."""

    def __init__(self, sha256: str = "ab" * 32) -> None:
        self.sha256 = sha256

    def count(self, text: str) -> int:
        return len(text.split())


@pytest.fixture
def word_tokens() -> WordCounter:
    return WordCounter()


@pytest.fixture
def other_word_tokens() -> WordCounter:
    return WordCounter("cd" * 32)
