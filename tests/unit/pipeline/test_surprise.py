"""What the candidate makes of each of the baseline's tokens."""

import json
import math

import pytest

from tailgate.engine.request import TokenStats, Transcript
from tailgate.pipeline.surprise import MOST_TOKENS, characters_before, token_surprise
from tests.support.tiny import Tiny, tiny_tokenizer


@pytest.fixture(scope="module")
def decode():
    tokenizer = tiny_tokenizer(Tiny())
    return lambda tokens: tokenizer.decode(list(tokens))


def answered(text, decode):
    tokens = tuple(tiny_tokenizer(Tiny()).encode(text))
    return Transcript(key="a", tokens=tokens, text=decode(tokens), finish_reason="stop")


def stats(log_probs):
    log_probs = tuple(log_probs)
    n = len(log_probs)
    return TokenStats(agrees=(True,) * n, log_probs=log_probs, margins=(1.0,) * n, kl_floors=(0.0,) * n)


def test_tokens_are_told_by_their_characters_and_nats(decode):
    answer = answered("seven", decode)
    told = json.loads(token_surprise(answer, stats(-0.26 * n for n in range(len(answer.tokens))), decode))
    assert sum(characters for characters, _ in told) == len("seven")
    assert [nats for _, nats in told] == [round(0.26 * n, 1) for n in range(len(answer.tokens))]


def test_tokens_inside_a_character_have_no_characters_of_their_own(decode):
    answer = answered("ሰላም", decode)
    assert len(answer.tokens) > len(answer.text)
    told = json.loads(token_surprise(answer, stats([-1.0] * len(answer.tokens)), decode))
    assert sum(characters for characters, _ in told) == 3
    assert {characters for characters, _ in told} == {0, 1}
    assert characters_before(answer, 1, decode) == 0


def test_what_has_no_number_is_the_highest(decode):
    answer = answered("ab", decode)
    told = json.loads(token_surprise(answer, stats([math.nan] + [-1e9] * (len(answer.tokens) - 1)), decode))
    assert {nats for _, nats in told} == {99.9}


def test_the_end_that_the_baseline_chose_and_what_is_beyond_the_cap_are_left_out(decode):
    answer = answered("a" * 400, decode)
    told = json.loads(token_surprise(answer, stats([-1.0] * (len(answer.tokens) + 1)), decode))
    assert len(told) == min(MOST_TOKENS, len(answer.tokens))


def test_an_engine_that_did_not_look_tells_nothing(decode):
    assert token_surprise(answered("ab", decode), None, decode) is None
    assert token_surprise(Transcript(key="a", tokens=(), text="", finish_reason="stop"), stats(()), decode) is None
