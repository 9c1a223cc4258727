"""Every item of a run as one compressed block of a page, for the browser of items in ``report.html``.

Texts are made visible and cut here, so that the page's script only shows them. A block that would make the page heavier
than `MOST_BYTES` first loses items that changed nothing, the last ones of a run first, and says how many.
"""

from __future__ import annotations

import base64
import gzip
import json
import math
from collections.abc import Iterable, Sequence
from typing import Any, Literal

from tailgate.records import PairedOutcome
from tailgate.report.flips import divergence, snippet
from tailgate.report.text import count, head, left_out, middle_out, one_line, percent, visible
from tailgate.report.view import ItemBlock

MOST_BYTES = 18 << 20  # of the block as it stands in the page
PROMPT_HEAD, PROMPT_TAIL = 700, 900
SAME, MARK, REST = 1500, 40, 1500
REFERENCE = 600
Change = Literal["lost", "gained", "same", "invalid"]
CHANGES: tuple[Change, ...] = ("lost", "gained", "same", "invalid")
# Of a row: names by number, then texts. The script of the page reads them in this order.
FIELDS = (
    *("candidate", "cell", "change", "id", "scores", "failed", "note", "prompt", "reference", "answers"),
    *("surprise", "more"),
)
# Nats from which a token is shaded more: the candidate gives it less than a half, a tenth, a hundredth.
SHADES = tuple(-math.log(share) for share in (0.5, 0.1, 0.01))


def item_block(outcomes: Sequence[PairedOutcome], cells: Sequence[str], most_bytes: int = MOST_BYTES) -> ItemBlock:
    """The items of a run, ordered by candidate and cell, those that changed first.

    Parameters
    ----------
    cells : names of cells in the order of the report; others follow by name.
    most_bytes : of the block.
    """
    ordered = _ordered(outcomes, cells)
    block = _pack(ordered)
    kept = ordered
    while len(block) > most_bytes and any(change_of(each) == "same" for each in kept):
        kept = _without_some(kept, len(block) / most_bytes)
        block = _pack(kept)
    hidden = len(ordered) - len(kept)
    note = (
        f"{count(hidden, 'item')} that changed nothing not on this page; outcomes.parquet holds all."
        if hidden
        else None
    )
    return ItemBlock(block=block, shown=len(kept), left_out=note)


def change_of(outcome: PairedOutcome) -> Change:
    """What the candidate did to an item."""
    if outcome.invalid is not None:
        return "invalid"
    if outcome.candidate_score == outcome.baseline_score:
        return "same"
    return "lost" if outcome.candidate_score < outcome.baseline_score else "gained"


def _ordered(outcomes: Sequence[PairedOutcome], cells: Sequence[str]) -> list[PairedOutcome]:
    rank = {cell: place for place, cell in enumerate(dict.fromkeys(cells))}
    candidates = {name: place for place, name in enumerate(dict.fromkeys(each.candidate for each in outcomes))}

    def key(each: PairedOutcome) -> tuple[int, int, str, int, int, str]:
        cell = str(each.key)
        place = rank.get(cell, len(rank))
        return candidates[each.candidate], place, cell, CHANGES.index(change_of(each)), each.index, each.item_id

    return sorted(outcomes, key=key)


def _without_some(kept: list[PairedOutcome], factor: float) -> list[PairedOutcome]:
    """Leave out items that changed nothing until the rest should fit, at least one."""
    same = [place for place, each in enumerate(kept) if change_of(each) == "same"]
    target = int(len(kept) / (1.05 * factor))
    gone = set(same[-max(1, len(kept) - target) :])
    return [each for place, each in enumerate(kept) if place not in gone]


def _pack(ordered: Iterable[PairedOutcome]) -> str:
    names: dict[str, dict[str, int]] = {"candidates": {}, "cells": {}, "failures": {}}
    rows = [_row(each, names) for each in ordered]
    page = {**{kind: list(found) for kind, found in names.items()}, "changes": CHANGES, "fields": FIELDS, "rows": rows}
    text = json.dumps(page, ensure_ascii=False, separators=(",", ":"))
    return base64.b64encode(gzip.compress(text.encode(), 6, mtime=0)).decode("ascii")


def _row(outcome: PairedOutcome, names: dict[str, dict[str, int]]) -> list[Any]:
    def number(kind: str, name: str) -> int:
        return names[kind].setdefault(name, len(names[kind]))

    parting = divergence(outcome)
    failures = (outcome.baseline_failure, outcome.candidate_failure)
    answers = [
        _parts(outcome.baseline_text, parting.baseline),
        _parts(outcome.candidate_text, parting.candidate),
    ]
    return [
        number("candidates", one_line(outcome.candidate)),
        number("cells", one_line(str(outcome.key))),
        CHANGES.index(change_of(outcome)),
        one_line(outcome.item_id, 120),
        f"{percent(outcome.baseline_score)} → {percent(outcome.candidate_score)}",
        [-1 if each is None else number("failures", one_line(each, 80)) for each in failures],
        _note(outcome, parting.label),
        middle_out(outcome.prompt, PROMPT_HEAD, PROMPT_TAIL),
        head(outcome.reference, REFERENCE),
        answers,
        _surprise(outcome),
        _more(outcome),
    ]


def _note(outcome: PairedOutcome, parting: str) -> str:
    if outcome.invalid is not None:
        return f"spoiled: {one_line(outcome.invalid, 120)}"
    return "the same answer" if change_of(outcome) == "same" and outcome.divergence_token is None else parting


def _parts(text: str, start: int | None) -> list[str]:
    """An answer as what is the same, what is marked and the rest."""
    found = snippet(text, start, same=SAME, mark=MARK, rest=REST)
    return [found.same, found.mark, found.rest]


def _surprise(outcome: PairedOutcome) -> list[tuple[str, int]]:
    """The baseline's answer in pieces of alike shade, 0 to 3; empty where nothing changed or nobody looked."""
    if change_of(outcome) == "same" or not outcome.token_surprise:
        return []
    found: list[tuple[str, int]] = []
    at, most = 0, 0.0
    for characters, nats in _told(outcome.token_surprise):
        most = max(most, nats)  # a token that ends inside a character is seen in the one that completes it
        if not characters:
            continue
        piece, shade = visible(outcome.baseline_text[at : at + characters]), sum(most > each for each in SHADES)
        at, most = at + characters, 0.0
        if found and found[-1][1] == shade:
            found[-1] = (found[-1][0] + piece, shade)
        elif piece:
            found.append((piece, shade))
    if found and at < len(outcome.baseline_text):
        found.append((left_out(len(outcome.baseline_text) - at), 0))
    return found


def _told(token_surprise: str) -> list[tuple[int, float]]:
    """Characters and nats of tokens; none where the column was damaged: it only adorns."""
    try:
        return [(int(characters), float(nats)) for characters, nats in json.loads(token_surprise)]
    except (TypeError, ValueError):
        return []


def _more(outcome: PairedOutcome) -> str:
    known = {
        "agreement": None if outcome.top1_agreement is None else percent(outcome.top1_agreement),
        "KL at least": None if outcome.mean_kl_floor is None else f"{outcome.mean_kl_floor:.3g} nats a token",
        "tokens": f"{outcome.prompt_tokens:,} + {outcome.baseline_tokens:,} / {outcome.candidate_tokens:,}",
        "attributes": None if outcome.attributes in ("", "{}") else one_line(outcome.attributes, 300),
    }
    return "; ".join(f"{name} {value}" for name, value in known.items() if value is not None)
