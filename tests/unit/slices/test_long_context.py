"""Key-value retrieval: lengths, depths, and the ways to pick a wrong code."""

from __future__ import annotations

import re

import numpy as np
import pytest
from scipy.stats import chisquare

from tailgate_slices.item import Answer, SliceError
from tailgate_slices.long_context import LongContext

MAKER = LongContext()


def draw(tokens, stratum="len=256", index=0, seed=2):
    return MAKER.item(stratum=stratum, seed=seed, index=index, tokens=tokens)


def grade(item, text):
    return MAKER.grade(item, Answer(text=text, finish_reason="stop"))


@pytest.mark.parametrize("stratum", MAKER.strata)
@pytest.mark.parametrize("index", [0, 1, 2])
def test_prompt_is_at_most_one_line_below_its_length(stratum, index, word_tokens):
    n_tokens = word_tokens.count(draw(word_tokens, stratum, index).prompt)
    target = int(stratum.removeprefix("len="))
    words_of_a_line = 16
    assert target - words_of_a_line < n_tokens <= target


class LetterCounter:
    """Counts every letter: lines differ in length, unlike under a counter of words."""

    sha256 = "ef" * 32

    def count(self, text):
        return len(text)


@pytest.mark.parametrize("stratum", ["len=512", "len=2048"])
@pytest.mark.parametrize("index", range(10))
def test_prompt_with_lines_of_unequal_length_is_at_most_one_line_below_its_length(stratum, index):
    item = draw(LetterCounter(), stratum, index)
    target, longest_line = int(stratum.removeprefix("len=")), max(map(len, item.prompt.split("\n"))) + 1
    assert target - longest_line - 20 < len(item.prompt) <= target


def test_depth_over_many_items_is_uniform(word_tokens):
    deciles = [draw(word_tokens, "len=128", index).attributes["depth_decile"] for index in range(1000)]
    assert chisquare(np.bincount(deciles, minlength=10)).pvalue > 1e-3


def test_depth_decile_is_where_the_wanted_line_stands(word_tokens):
    for index in range(30):
        item = draw(word_tokens, "len=1024", index)
        lines = item.prompt.split("\n")[:-1]
        place = next(i for i, line in enumerate(lines) if item.references[0] in line)
        assert place == item.attributes["line"]
        assert abs(place / len(lines) - item.attributes["depth_decile"] / 10) < 0.11


def test_keys_and_codes_of_the_longest_prompt_are_all_different(word_tokens):
    pairs = re.findall(r"The code of the (.+) is (\d+)\.", draw(word_tokens, "len=8192").prompt)
    assert len({key for key, _ in pairs}) == len({code for _, code in pairs}) == len(pairs) > 450


def test_another_tokenizer_gives_another_item_under_another_name(word_tokens, other_word_tokens):
    ours, theirs = draw(word_tokens), draw(other_word_tokens)
    assert ours.id.endswith("/abababab")
    assert theirs.id.endswith("/cdcdcdcd")
    assert ours.prompt != theirs.prompt


def test_item_without_tokenizer_is_refused():
    with pytest.raises(SliceError, match="got no tokenizer"):
        draw(None)


@pytest.mark.parametrize("template", ["{}", "The code is {}.", "**{}**", "It is {}\u3002"])
def test_wanted_code_in_any_frame_is_right(template, word_tokens):
    item = draw(word_tokens)
    assert grade(item, template.format(item.references[0])).score == 1.0


def test_wanted_code_with_a_thousands_separator_is_right(word_tokens):
    item = draw(word_tokens)
    code = item.references[0]
    assert grade(item, f"{code[0]},{code[1:]}").score == 1.0


def test_code_of_another_line_fails_as_wrong_line(word_tokens):
    item = draw(word_tokens)
    other = next(code for code in re.findall(r"\d{4}", item.prompt) if code != item.references[0])
    assert grade(item, other).failure_mode == "wrong_line"


def test_code_that_is_nowhere_fails_as_blurred(word_tokens):
    assert grade(draw(word_tokens), "The code is 123.").failure_mode == "blurred"


def test_code_with_one_digit_more_fails(word_tokens):
    item = draw(word_tokens)
    assert grade(item, item.references[0] + "7").failure_mode == "blurred"


def test_wanted_code_among_others_fails_as_hedged(word_tokens):
    item = draw(word_tokens)
    codes = set(re.findall(r"\d{4}", item.prompt))
    assert grade(item, " or ".join(sorted(codes))).failure_mode == "hedged"


def test_words_without_a_code_fail_as_no_code(word_tokens):
    assert grade(draw(word_tokens), "The code of the lamp").failure_mode == "no_code"


def test_context_needed_covers_prompt_template_and_answer():
    assert MAKER.min_context("len=8192") > 8192 + 16
