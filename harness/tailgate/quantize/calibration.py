"""Calibration text: samples of one length, a share of them from each language, kind or file."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tailgate.errors import UsageError
from tailgate.quantize.passages import RECIPES, origin, passages
from tailgate.variants.tokenizer import ModelTokenizer
from tailgate_slices.item import item_rng
from tailgate_slices.registry import did_you_mean

FILE_SUFFIXES = (".jsonl", ".txt")
GAP = "\n\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What to calibrate with.

    `mix`: shares that sum to 1, by key of `passages.RECIPES` or path of a file; `samples` of `length` tokens each.
    """

    mix: Mapping[str, float]
    samples: int
    length: int
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """Samples as token ids, and what the record says of them."""

    rows: tuple[tuple[int, ...], ...]
    record: Mapping[str, Any]


def parse_mix(text: str) -> dict[str, float]:
    """Read ``en:0.5,sw:0.25,notes.txt:0.25``; a name alone weighs 1; the shares are scaled to sum to 1.

    Raises
    ------
    UsageError
        A name is unknown or given twice, a file is missing, or a share is no positive number.
    """
    weights: dict[str, float] = {}
    for part in filter(None, (each.strip() for each in text.split(","))):
        name, colon, number = part.rpartition(":")
        name, weight = (name, _weight(part, number)) if colon else (part, 1.0)
        _check_name(name)
        if name in weights:
            raise UsageError(f"--calibration {text}: '{name}' is given twice; keep one")
        weights[name] = weight
    if not weights:
        raise UsageError("--calibration is empty; write e.g. en:0.5,sw:0.5")
    total = sum(weights.values())
    return {name: weight / total for name, weight in weights.items()}


def _weight(part: str, number: str) -> float:
    try:
        weight = float(number)
    except ValueError:
        weight = math.nan
    if not math.isfinite(weight) or weight <= 0:
        raise UsageError(f"--calibration: the share in '{part}' is no positive number; write e.g. en:0.5")
    return weight


def _check_name(name: str) -> None:
    if name.endswith(FILE_SUFFIXES):
        if not Path(name).is_file():
            raise UsageError(f"--calibration: no file '{name}'")
    elif name not in RECIPES:
        hint = did_you_mean(name, tuple(RECIPES))
        known = ", ".join(sorted(RECIPES))
        raise UsageError(f"--calibration: no text for '{name}'{hint}; known: {known}, or a .jsonl or .txt file")


def draw(calibration: Calibration, tokenizer: ModelTokenizer, context: int) -> Drawn:
    """Draw the samples.

    Parameters
    ----------
    context : int
        Tokens that the model can attend to.

    Raises
    ------
    UsageError
        A sample is longer than the context, a share comes to no sample, or a file holds too little text.
    """
    if calibration.samples < 1 or not 1 <= calibration.length <= context:
        raise UsageError(
            f"--samples {calibration.samples} --length {calibration.length}: at least one sample, "
            f"of 1 to {context} tokens, the model's context"
        )
    counts = _apportion(calibration)
    rows: list[tuple[int, ...]] = []
    digest = hashlib.sha256()
    for name, count in counts.items():
        stream = _stream(name, calibration.seed)
        for number in range(count):
            text, ids = _sample(stream, tokenizer, calibration.length)
            if len(ids) < calibration.length:
                raise UsageError(
                    f"--calibration: '{name}' holds text for {number} of {count} samples of {calibration.length} "
                    "tokens; give more text, fewer --samples or a smaller share"
                )
            digest.update(json.dumps([name, text], ensure_ascii=False).encode())
            rows.append(ids[: calibration.length])
    record = {
        "mix": dict(calibration.mix),
        "samples": calibration.samples,
        "length": calibration.length,
        "seed": calibration.seed,
        "sha256": digest.hexdigest(),
        "samples_by_source": counts,
        "origins": {name: origin(name) if name in RECIPES else _file_origin(name) for name in counts},
    }
    return Drawn(rows=tuple(rows), record=record)


def _apportion(calibration: Calibration) -> dict[str, int]:
    """Samples by name: whole parts first, then one each to the largest remainders."""
    exact = {name: share * calibration.samples for name, share in calibration.mix.items()}
    counts = {name: math.floor(value + 1e-9) for name, value in exact.items()}
    left = calibration.samples - sum(counts.values())
    for name in sorted(exact, key=lambda each: counts[each] - exact[each])[:left]:
        counts[name] += 1
    if empty := [name for name, count in counts.items() if count == 0]:
        raise UsageError(
            f"--calibration: the share of '{empty[0]}' comes to none of {calibration.samples} samples; "
            "give more --samples or a larger share"
        )
    return counts


def _sample(stream: Iterator[str], tokenizer: ModelTokenizer, length: int) -> tuple[str, tuple[int, ...]]:
    """Whole passages until there are enough tokens; fewer ids than `length` where the text ends before."""
    text, ids = "", ()
    needed = length
    for passage in stream:
        text = f"{text}{GAP}{passage}" if text else passage
        needed -= tokenizer.count(passage)
        if needed <= 0:
            ids = tuple(tokenizer.tokenizer.encode(text))
            needed = length - len(ids)
        if ids and needed <= 0:
            return text, ids
    return text, ids


def _stream(name: str, seed: int) -> Iterator[str]:
    return passages(name, seed) if name in RECIPES else iter(_file_passages(Path(name), seed))


def _file_passages(path: Path, seed: int) -> list[str]:
    """Passages of a file in an order of the seed: rows with `text`, or paragraphs between blank lines."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--calibration: cannot read '{path}' as UTF-8 text: {error}") from error
    found = _rows(path, text) if path.suffix == ".jsonl" else text.split(GAP)
    kept = [each.strip() for each in found if each.strip()]
    order = item_rng("quantize", "file", seed).permutation(len(kept))
    return [kept[place] for place in order]


def _rows(path: Path, text: str) -> Iterator[str]:
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            passage = row["text"]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise UsageError(f"--calibration: line {number} of '{path}' is no JSON object with a \"text\"") from error
        if not isinstance(passage, str):
            raise UsageError(f"--calibration: the text in line {number} of '{path}' is no string")
        yield passage


def _file_origin(name: str) -> str:
    return f"file, sha256 {hashlib.sha256(Path(name).read_bytes()).hexdigest()}"
