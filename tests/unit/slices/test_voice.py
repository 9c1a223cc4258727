"""Open prompts, and the numbers that describe how an answer is written."""

from __future__ import annotations

import math
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tailgate_slices.item import Answer, SliceError
from tailgate_slices.voice import Voice, style

MAKER = Voice()
LAYOUT = "Hahahahahaha!\n\n| Tea | Rain |\n|----------------|----------------|\n| warm | ____________ |"


def draw(stratum, index, seed=1):
    return MAKER.item(stratum=stratum, seed=seed, index=index, tokens=None)


def grade(text, finish_reason="stop"):
    return MAKER.grade(draw("kind=story", 0), Answer(text=text, finish_reason=finish_reason))


def test_voice_is_never_gated():
    assert MAKER.descriptive


def test_prompts_are_many():
    prompts = {draw(stratum, index).prompt for stratum in MAKER.strata for index in range(600)}
    assert len(prompts) >= 1000


@pytest.mark.parametrize("stratum", MAKER.strata)
def test_prompt_is_one_line_with_a_subject_and_no_reference(stratum):
    for index in range(60):
        item = draw(stratum, index)
        assert item.attributes["subject"] in item.prompt
        assert item.attributes["kind"] == stratum.removeprefix("kind=")
        assert not set("{}\n").intersection(item.prompt)
        assert item.references == ()


def test_tone_is_asked_for_at_the_end():
    ends = {tone: draw(f"kind=letter,tone={tone}", 3).prompt for tone in MAKER.axes["tone"]}
    assert ends["brief"].endswith(" Keep it brief.")
    assert ends["friendly"].endswith(" Be friendly.")
    assert ends["formal"].endswith(" Use a formal tone.")


def test_stratum_by_tone_draws_the_kind():
    assert {draw("tone=plain", index).attributes["kind"] for index in range(80)} == set(MAKER.axes["kind"])


def test_unknown_stratum_is_an_error():
    with pytest.raises(SliceError, match="kind=list"):
        draw("kind=poem", 0)


@pytest.mark.parametrize(
    "text", ["Once upon a time.", "Nope", "I'm sorry, but I can't help with that.", "雨が降る。", LAYOUT]
)
def test_any_answer_with_a_word_scores(text):
    assert (grade(text).score, grade(text).failure_mode) == (1.0, None)


@pytest.mark.parametrize(
    ("text", "finish_reason", "mode"),
    [
        ("", "stop", "empty"),
        (" \n", "stop", "empty"),
        ("", "length", "length"),
        ("rain, " * 30, "length", "degenerate"),
        ("?!", "stop", "no_words"),
        ("\x00", "stop", "no_words"),
    ],
)
def test_answer_that_is_none_fails(text, finish_reason, mode):
    found = grade(text, finish_reason)
    assert (found.score, found.failure_mode) == (0.0, mode)


def test_answer_without_text_counts_as_a_length_of_nought():
    assert grade(" ").signals == {"length_chars": 0.0, "length_words": 0.0, "truncated": 0.0}
    assert grade("", "length").signals["truncated"] == 1.0


def test_every_answer_has_the_lengths_that_a_ratio_needs():
    for text in ("", "?!", "\x00", "rain, " * 30, "Once upon a time."):
        assert {"length_chars", "length_words"} <= set(grade(text).signals)


def test_loop_is_measured_all_the_same():
    assert grade("rain, " * 30).signals["repetition_share"] > 0.9


def test_cut_off_answer_is_told():
    assert grade("Once upon", "length").signals["truncated"] == 1.0
    assert grade("Once upon a time.").signals["truncated"] == 0.0


@pytest.mark.parametrize(
    ("text", "signal", "value"),
    [
        ("  rain  ", "length_chars", 4),
        ("Rain falls, I see.", "length_words", 4),
        ("Rain. Snow? Fog!", "sentences", 3),
        ("Rain at 7.30 falls\nSnow", "sentences", 2),
        ("Rain falls. Snow falls here too.", "words_per_sentence", 3),
        ("Rain? Snow. Fog. Sun?", "question_share", 0.5),
        ("Really?! Yes.", "question_share", 0.5),
        ("rain rain snow snow", "distinct_1", 0.5),
        ("a b a b a", "distinct_2", 0.5),
        ("a b c d a b c d", "repetition_share", 0.2),
        ("Rain falls on the roof.", "repetition_share", 0),
        ("Perhaps it rains and maybe it is cold now", "hedges_per_100_words", 200 / 9),
        ("It depends: I think it may rain.", "hedges_per_100_words", 300 / 7),
        ("It rains.", "hedges_per_100_words", 0),
        ("I'm sorry, it rains.", "apologizes", 1),
        ("I apologise. Sorry.", "apologizes", 1),
        ("It rains.", "apologizes", 0),
        ("Two:\n- rain\n* snow\n1. fog", "bullet_share", 0.75),
        ("-rain\n1.5 fog", "bullet_share", 0),
        ("# Rain\n**Snow**\n**Fog** falls\n#sun", "heading_share", 0.5),
        ("See:\n```python\nprint()\n```", "code_share", 0.75),
        ("```\nprint()", "code_share", 1),
        ("It rains.", "code_share", 0),
        ("Rain \u2614 and \U0001f600\U0001f600!", "emoji", 3),
        ("It rains :)", "emoji", 0),
    ],
)
def test_signal_counts_what_it_says(text, signal, value):
    assert style(text.strip())[signal] == pytest.approx(value)


def test_rate_over_nothing_is_left_out():
    assert set(style("?!")) == {
        *("length_chars", "length_words", "emoji", "bullet_share", "heading_share", "code_share", "sentences")
    }


def test_one_word_has_no_pairs_of_words():
    assert "distinct_2" not in style("Rain")
    assert style("Rain")["distinct_1"] == 1.0


HOSTILE = ["\ud800", "(" * 100_000, "9" * 100_000, "." * 100_000, "a. " * 50_000, "**" * 50_000, "# " * 50_000]


@pytest.mark.parametrize(
    "text", [*HOSTILE, "```\n" * 20_000, "\n" * 100_000, "**a" * 9000, "\ufdfa" * 9000], ids=range(11)
)
def test_hostile_text_is_measured_in_a_moment(text):
    started = time.perf_counter()
    grade(text)
    assert time.perf_counter() - started < 0.5


@settings(max_examples=300, deadline=None, derandomize=True)
@given(text=st.text(max_size=300), reason=st.sampled_from(["stop", "length"]))
def test_any_text_gets_a_grade_and_finite_signals(text, reason):
    found = grade(text, reason)
    assert (found.score, found.failure_mode is None) in {(1.0, True), (0.0, False)}
    assert found.failure_mode is None or found.failure_mode in MAKER.card.failure_modes
    assert all(math.isfinite(value) and value >= 0 for value in found.signals.values())
    assert all(value <= 1 for name, value in found.signals.items() if name.endswith("_share"))


def test_items_asked_twice_are_the_same():
    assert [draw("kind=list", index) for index in range(9)] == [draw("kind=list", index) for index in range(9)]


def test_thousand_answers_of_full_length_are_drawn_and_measured_in_seconds():
    text = "Once upon a time there was a fox who lived near the river and loved rain. " * 5
    started = time.process_time()
    for index in range(1000):
        draw("kind=story", index)
        grade(f"{index} {text}")
    assert time.process_time() - started < 4.0
