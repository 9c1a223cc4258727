"""What bench_engine.py asks: slice prompts of mixed lengths, questions on one document, choices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tailgate_slices.registry import get_slice

# About 40 to 1,050 tokens of prompt, answers of at most 8 to 128.
MIX = (("general", "tier=1", 128), ("long_context", "len=256", 64), ("code", "task=write-1", 128),
       ("low_resource", "lang=sw", 48), ("multihop_arithmetic", "hops=2", 8), ("long_context", "len=1024", 16),
       ("general", "tier=2", 96), ("long_context", "len=512", 32))  # fmt: skip

TALKATIVE = (("general", "tier=1", 128), ("code", "task=write-2", 128), ("low_resource", "lang=ka", 128),
             ("general", "tier=2", 128))  # fmt: skip


def prompts(tokenizer: Any, n: int, mix: Sequence[tuple[str, str, int]], seed: int = 5) -> list[dict[str, Any]]:
    """Slice prompts, (slice, stratum, answer budget) in turn."""
    found = []
    for index in range(n):
        name, stratum, budget = mix[index % len(mix)]
        item = get_slice(name).item(stratum=stratum, seed=seed, index=index, tokens=tokenizer)
        ids = list(tokenizer.encode_prompt(item.prompt, item.system))
        found.append({"key": f"r{index}", "ids": ids, "budget": budget})
    return found


def document(tokenizer: Any, length: int, questions: int) -> list[dict[str, Any]]:
    """One document of `length` tokens behind which every prompt asks something else."""
    text = "".join(f"The code of box {i} is {(i * 7919) % 100_000:05d}.\n" for i in range(length))
    ids = list(tokenizer.tokenizer.encode(text, add_special_tokens=False))[:length]
    asked = [f"\nThe code of box {3 * i + 1} is" for i in range(questions)]
    return [
        {"key": f"q{i}", "ids": ids + list(tokenizer.tokenizer.encode(each, add_special_tokens=False)), "budget": 8}
        for i, each in enumerate(asked)
    ]


def choices(tokenizer: Any, n: int) -> list[dict[str, Any]]:
    """Contexts of about 300 tokens with four choices of several tokens each."""
    shelf = ("a red wooden chair", "three small grey stones", "the old blue bicycle", "an unopened letter")
    found = []
    for index in range(n):
        lines = " ".join(f"Room {index}-{i} holds object number {(i * 31 + index) % 97}." for i in range(24))
        context = f"{lines} On the shelf of room {index} lies"
        found.append({"key": f"c{index}", "context": context, "choices": [f" {each}" for each in shelf]})
    return found


def unique_tokens(requests: Sequence[dict[str, Any]]) -> int:
    """Prompt tokens left when every common beginning is counted once."""
    seen: set[tuple[int, ...]] = set()
    for request in requests:
        previous: tuple[int, ...] = ()
        for start in range(0, len(request["ids"])):
            previous = (hash(previous), request["ids"][start])
            seen.add(previous)
    return len(seen)
