"""Key-value retrieval from a list as long as the stratum says, in tokens of the model under test."""

from __future__ import annotations

import re

from tailgate_slices.drawing import item_id, level, require_stratum
from tailgate_slices.grading import COMMON_MODES, RIGHT, failure, numbers, settled
from tailgate_slices.item import Answer, Card, Grade, Item, SliceError, TokenCounter, item_rng
from tailgate_slices.long_context.haystack import build_haystack

CODE = re.compile(r"[0-9]{4}")
ANSWER_TOKENS = 16  # "The code of the wooden basket is 4821."
TEMPLATE_TOKENS = 64  # room for the chat template and its system prompt


class LongContext:
    """One code out of many, at a uniformly drawn depth."""

    name = "long_context"
    version = "1"
    axis = "len"
    strata: tuple[str, ...] = tuple(f"len={2**power}" for power in range(7, 14))
    chance = 0.0
    uses_tokenizer = True
    card = Card(
        catches="Damage to attention over distance and among similar keys: neighbours' values, blurred digits.",
        scoring="1 if the answer holds the wanted code and no other code; else 0.",
        provenance="Generated lists of objects with codes; no text of others.",
        licence="Apache-2.0",
        failure_modes={
            **COMMON_MODES,
            "wrong_line": "the code of another object",
            "blurred": "a code that stands nowhere in the list",
            "hedged": "the wanted code and others",
            "no_code": "no code at all",
        },
        limits="Literal lookup, one needle; neither reasoning over distance nor natural text.",
    )

    def item(self, *, stratum: str, seed: int, index: int, tokens: TokenCounter | None) -> Item:
        """Draw a depth, then keys and values; their number follows from the tokenizer.

        Raises
        ------
        SliceError
            No tokenizer was given, or the stratum is unknown.
        """
        require_stratum(self, stratum)
        if tokens is None:
            raise SliceError(f"{self.name} counts tokens, got no tokenizer; give one")
        rng = item_rng(self.name, self.version, seed, stratum, index, tokens.sha256)
        depth = float(rng.random())
        haystack = build_haystack(rng, level(stratum), depth, tokens)
        return Item(
            id=f"{item_id(self, stratum, seed, index)}/{tokens.sha256[:8]}",
            slice=self.name,
            stratum=stratum,
            index=index,
            prompt=haystack.prompt,
            references=(haystack.value,),
            max_new_tokens=ANSWER_TOKENS,
            stop=("\n",),
            attributes={
                "depth_decile": int(depth * 10),
                "line": haystack.line,
                "n_lines": haystack.n_lines,
                "key": haystack.key,
                "prompt_tokens": haystack.n_tokens,
            },
        )

    def grade(self, item: Item, answer: Answer) -> Grade:
        """Compare the numbers in the answer with the wanted code and with all codes of the list."""
        found = set(numbers(settled(answer)))
        if not found:
            return failure(answer, "no_code")
        wanted = item.references[0]
        others = found.intersection(CODE.findall(item.prompt)) - {wanted}
        if wanted in found:
            return failure(answer, "hedged", decisive=True) if others else RIGHT
        return failure(answer, "wrong_line", decisive=True) if others else failure(answer, "blurred")

    def min_context(self, stratum: str) -> int:
        """The prompt's target length, room for the chat template, and the answer."""
        require_stratum(self, stratum)
        return level(stratum) + TEMPLATE_TOKENS + ANSWER_TOKENS
