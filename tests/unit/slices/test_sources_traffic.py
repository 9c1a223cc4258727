"""What production asks, which cells stand for it, and what no cell stands for."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tailgate_slices.item import SliceError
from tailgate_slices.sources.traffic import (
    Prompt,
    coverage,
    families_of,
    features,
    is_arithmetic,
    is_code,
    length_band,
    read_traffic,
    weighted_delta,
)


@dataclass(frozen=True)
class Cell:
    slice: str
    stratum: str


GENERAL = Cell("general", "tier=1")
CODE = Cell("code", "task=write-1")
HOPS = Cell("multihop_arithmetic", "hops=2")
AMHARIC = Cell("low_resource", "lang=am")
LONG = Cell("long_context", "len=256")
CELLS = (GENERAL, CODE, HOPS, AMHARIC, LONG)
PLAIN, PYTHON, SUM = "Who wrote Hamlet?", "```python\nx = 1\n```", "What is 17 + 4?"
AMHARIC_TEXT, GREEK_TEXT, LONG_TEXT = "ሰላም ለዓለም እንዴት ናችሁ", "Πού είναι η θάλασσα", "word " * 200


def english(text):
    """Everything in Latin letters is English here, nothing else is known."""
    return "en" if text.isascii() else None


@pytest.fixture
def traffic(word_tokens):
    def made(*weighted):
        return [(Prompt(text=text, weight=weight), features(text, word_tokens, english)) for text, weight in weighted]

    return made


@pytest.mark.parametrize(
    "text",
    [
        "```\nls\n```",
        "def f(x):\n    return x;\n",
        "Fix this python:\nimport os",
        "const x = 3;\nlet y = 4;",
        "SELECT name FROM users;\n",
        "function add(a) {\n}",
        "def f(x):\n    return x",
        "from os import path\nprint(path)",
    ],
)
def test_code_is_seen(text):
    assert is_code(text)


@pytest.mark.parametrize("text", ["Who wrote Hamlet?", "A python is a snake.", "", "We let it go; it left."])
def test_prose_is_no_code(text):
    assert not is_code(text)


@pytest.mark.parametrize("text", ["What is 17 + 4?", "3 boxes of 12 eggs, how many eggs?", "12% of 80", "5*(3-1)"])
def test_arithmetic_is_seen(text):
    assert is_arithmetic(text)


@pytest.mark.parametrize(
    "text", ["Born in 1984.", "On 2024-05-01.", "Call 555-1234.", "How many are there?", "Call 555 or 556.", ""]
)
def test_text_with_numbers_is_no_arithmetic(text):
    assert not is_arithmetic(text)


@pytest.mark.parametrize(("tokens", "band"), [(1, 128), (128, 128), (129, 256), (4096, 4096), (4097, 8192)])
def test_length_falls_in_the_next_power_of_two(tokens, band):
    assert length_band(tokens) == band


def test_families_name_length_script_language_code_and_arithmetic(word_tokens):
    assert families_of(features("Please help me.", word_tokens, english)) == ("plain",)
    assert families_of(features(PLAIN, word_tokens, english)) == ("short question",)
    assert families_of(features("Please help me.", word_tokens)) == ("language=unknown",)
    assert families_of(features(LONG_TEXT, word_tokens)) == ("length=256",)
    assert families_of(features(AMHARIC_TEXT, word_tokens)) == ("script=ETHIOPIC",)
    assert families_of(features(AMHARIC_TEXT, word_tokens, lambda text: "am")) == ("script=ETHIOPIC", "language=am")
    assert families_of(features(PYTHON + SUM, word_tokens)) == ("code", "arithmetic")


def test_shares_are_by_weight_and_the_rest_is_uncovered(traffic):
    found = coverage(traffic((PLAIN, 3), (PYTHON, 1), (GREEK_TEXT, 4)), CELLS)
    assert {(each.slice, each.share) for each in found.cells if each.share} == {("general", 0.375), ("code", 0.125)}
    assert found.uncovered == 0.5
    assert found.uncovered_families == {"script=GREEK": 0.5}
    assert found.families == {"code": 0.125, "short question": 0.375, "script=GREEK": 0.5}


def test_length_beyond_the_suite_is_uncovered(traffic):
    assert coverage(traffic(("word " * 300, 1)), CELLS).uncovered_families == {"length=512": 1.0}


def test_without_cells_everything_is_uncovered(traffic):
    assert coverage(traffic((PLAIN, 1)), ()).uncovered == 1.0


def test_delta_is_weighted_by_traffic_over_the_measured_share(traffic):
    deltas = {("general", "tier=1"): -0.01, ("code", "task=write-1"): -0.05}
    found = weighted_delta(traffic((PLAIN, 3), (PYTHON, 1), (GREEK_TEXT, 4)), deltas, CELLS)
    assert found.mean == pytest.approx(-0.02)
    assert found.measured_share == 0.5


def test_prompt_of_several_cells_takes_their_mean_and_their_worst(traffic):
    deltas = {("code", "task=write-1"): -0.10, ("multihop_arithmetic", "hops=2"): 0.02}
    found = weighted_delta(traffic((PYTHON + SUM, 1)), deltas, CELLS)
    assert (found.mean, found.worst) == (pytest.approx(-0.04), -0.10)


def test_nothing_measured_gives_no_delta(traffic):
    found = weighted_delta(traffic((PLAIN, 1)), {}, CELLS)
    assert (found.mean, found.worst, found.measured_share) == (None, None, 0.0)


def file_of(folder, *rows):
    path = folder / "traffic.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_file_is_read_with_weight_one_by_default(tmp_path):
    path = file_of(tmp_path, {"prompt": "a"}, {"prompt": "b", "weight": 2.5, "id": "x"})
    assert read_traffic(path) == (Prompt(text="a"), Prompt(text="b", weight=2.5))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"prompt": "a", "wieght": 1}, "line 1: unknown column 'wieght'"),
        ({"weight": 1}, "line 1 has no prompt"),
        ({"prompt": "a", "weight": -1}, "weight is -1"),
        ({"prompt": "a", "weight": "much"}, "weight is 'much'"),
        ({"prompt": "a", "weight": True}, "weight is True"),
        ({"prompt": "a", "weight": float("nan")}, "weight is nan"),
        ({"prompt": "a", "weight": [1]}, "weight is"),
        ({"prompt": "a", "weight": 0}, "all weights are zero"),
        ({"prompt": "a", "weight": 10**400}, "weight is 1000"),
        ({"prompt": "a", "x" * 9000: 1}, r"unknown column 'x+\.\.\."),
    ],
)
def test_fault_of_a_row_is_named_with_its_line(tmp_path, row, message):
    with pytest.raises(SliceError, match=message):
        read_traffic(file_of(tmp_path, row))


def test_weights_that_add_up_to_infinity_are_an_error(tmp_path, traffic):
    with pytest.raises(SliceError, match="the weights add up to infinity; divide"):
        read_traffic(file_of(tmp_path, {"prompt": "a", "weight": 1e308}, {"prompt": "b", "weight": 1e308}))
    with pytest.raises(SliceError, match="the weights add up to inf"):
        coverage(traffic((PLAIN, 1e308), (PYTHON, 1e308)), CELLS)


def test_traffic_without_weight_is_an_error(traffic):
    with pytest.raises(SliceError, match="no traffic"):
        coverage(traffic((PLAIN, 0)), CELLS)


@pytest.mark.parametrize(
    "text", [" " * 100_000, "1" * 100_000, "def " * 25_000, "{" * 100_000, "\n" * 100_000, "SELECT " * 15_000]
)
def test_hostile_prompt_is_looked_at_quickly(word_tokens, text):
    started = time.process_time()
    features(text, word_tokens)
    assert time.process_time() - started < 2.0


@settings(max_examples=100, deadline=None, derandomize=True)
@given(texts=st.lists(st.text(max_size=80), min_size=1, max_size=6), weight=st.floats(0.1, 10))
def test_shares_of_any_traffic_lie_between_zero_and_one(texts, weight):
    class Words:
        sha256 = "ab" * 32

        def count(self, text):
            return len(text.split())

    prompts = [(Prompt(text=text, weight=weight), features(text, Words())) for text in texts]
    found = coverage(prompts, CELLS)
    shares = [*found.families.values(), found.uncovered, *(each.share for each in found.cells)]
    assert all(0.0 <= share <= 1.0 + 1e-9 for share in shares)
