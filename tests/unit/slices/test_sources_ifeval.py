"""Each verifiable instruction has an answer that follows it and one that does not."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tailgate_slices.item import Answer
from tailgate_slices.sources.ifeval_rules import RULES, count_sentences, missing_rule
from tailgate_slices.sources.instructions import Follows, ifeval
from tailgate_slices.sources.rows import Row

LEAST, LESS = {"relation": "at least"}, {"relation": "less than"}
CASES = [
    ("keywords:existence", {"keywords": ["moon", "Sun"]}, "the sun and the Moon", "the sun"),
    ("keywords:frequency", {**LEAST, "keyword": "go", "frequency": 2}, "Go, go!", "go"),
    ("keywords:frequency", {**LESS, "keyword": "go", "frequency": 2}, "go", "go go"),
    ("keywords:forbidden_words", {"forbidden_words": ["war"]}, "warm", "a War."),
    ("keywords:letter_frequency", {"let_relation": "at least", "letter": "q", "let_frequency": 2}, "qQ", "q"),
    ("language:response_language", {"language": "kn"}, "ನಮಸ್ಕಾರ", "hello"),
    ("length_constraints:number_sentences", {**LEAST, "num_sentences": 2}, "One. Two!", "One, by Mr. Two."),
    ("length_constraints:number_paragraphs", {"num_paragraphs": 2}, "a\n***\nb", "a\n\nb"),
    ("length_constraints:number_paragraphs", {"num_paragraphs": 2}, "***\na\n***\nb\n***", "a\n***\n***\nb"),
    ("length_constraints:number_words", {**LESS, "num_words": 3}, "one two", "one two three"),
    (
        "length_constraints:nth_paragraph_first_word",
        {"num_paragraphs": 2, "nth_paragraph": 2, "first_word": "Yes"},
        "No.\n\n'Yes', then",
        "Yes\n\nNo",
    ),
    ("detectable_content:number_placeholders", {"num_placeholders": 2}, "[name] and [place]", "[name] and ]["),
    ("detectable_content:postscript", {"postscript_marker": "P.P.S"}, "Hi\nP.P.S. more", "Hi\nP.S. more"),
    ("detectable_content:postscript", {"postscript_marker": "P.S."}, "Hi\np. s. more", "Hi"),
    ("detectable_format:number_bullet_lists", {"num_bullets": 2}, "* a\n- b", "* a\n**b**"),
    ("detectable_format:constrained_response", {}, "My answer is yes.", "Yes"),
    ("detectable_format:number_highlighted_sections", {"num_highlights": 2}, "*a* and **b**", "*a* and **"),
    (
        "detectable_format:multiple_sections",
        {"section_spliter": "SECTION", "num_sections": 2},
        "SECTION 1 a SECTION 2 b",
        "SECTION 1",
    ),
    ("detectable_format:json_format", {}, '```json\n{"a": 1}\n```', "a: 1"),
    ("detectable_format:title", {}, "<<Ode>>\ntext", "<< >>"),
    ("combination:two_responses", {}, "a\n******\nb", "a\n******\na"),
    ("combination:repeat_prompt", {"prompt_to_repeat": "Say it."}, "say it. It", "It. Say it."),
    ("startend:end_checker", {"end_phrase": "The end."}, 'So "the end."', "the end"),
    ("startend:quotation", {}, '"all of it"', '"'),
    (
        "change_case:capital_word_frequency",
        {"capital_relation": "at least", "capital_frequency": 2},
        "BIG and RED",
        "BIG",
    ),
    ("change_case:english_capital", {}, "ALL OF IT.", "All"),
    ("change_case:english_lowercase", {}, "all of it.", "All"),
    ("punctuation:no_comma", {}, "a; b", "a, b"),
]


def row(names, kwargs, key=7):
    return Row(fields={"key": key, "prompt": "Do.", "instruction_id_list": names, "kwargs": kwargs}, line=1, source="x")


@pytest.mark.parametrize(("name", "arguments", "right", "wrong"), CASES, ids=[case[0] for case in CASES])
def test_instruction_tells_followed_from_broken(name, arguments, right, wrong):
    assert RULES[name](right, arguments)
    assert not RULES[name](wrong, arguments)


def test_every_rule_has_a_case():
    assert {case[0] for case in CASES} == set(RULES)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("One.", 1),
        ("No end", 1),
        ("Dr. No came. He left...", 2),
        ("What?! Yes.", 2),
        ("It is 3.5 m. Yes", 2),
        ("एक। दो।", 2),
    ],
)
def test_sentences_are_counted(text, count):
    assert count_sentences(text) == count


def test_prompt_scores_only_if_all_instructions_are_followed():
    question = ifeval(row(["punctuation:no_comma", "startend:quotation"], [{}, {"num_words": None}]))
    assert question.judge(Answer(text='"a b"', finish_reason="stop")).score == 1.0
    half = question.judge(Answer(text="a b", finish_reason="stop"))
    assert (half.score, half.failure_mode) == (0.0, "broke_startend")
    assert half.signals == {"instructions_followed": 0.5}


def test_no_text_follows_nothing():
    grade = ifeval(row(["punctuation:no_comma"], [{}])).judge(Answer(text=" ", finish_reason="stop"))
    assert (grade.failure_mode, grade.signals["instructions_followed"]) == ("empty", 0.0)


def test_row_becomes_a_question_with_its_key_and_number_of_rules():
    question = ifeval(row(["punctuation:no_comma", "startend:quotation"], [{}, {}], key=1000))
    assert (question.id, question.values) == ("1000", {"rules": "2"})


@pytest.mark.parametrize(
    ("name", "arguments", "reason"),
    [
        ("magic:spell", {}, "not implemented"),
        ("language:response_language", {"language": "de"}, "needs a language detector"),
        ("length_constraints:number_words", {"relation": "at least"}, "lacks an argument"),
    ],
)
def test_row_that_cannot_be_checked_says_why(name, arguments, reason):
    assert reason in ifeval(row([name], [arguments]))


def test_language_with_a_script_of_its_own_can_be_checked():
    assert missing_rule("language:response_language", {"language": "th"}) is None


HOSTILE = [
    "\x00",
    "\ud800",
    "[" * 40_000,
    "<<" * 20_000,
    "." * 40_000 + "x",
    "*" * 40_000,
    "*a" * 20_000,
    "a\n" * 20_000,
    "P." * 20_000,
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_every_rule_reads_hostile_text_quickly(text):
    started = time.process_time()
    for name, arguments, _, _ in CASES:
        RULES[name](text, arguments)
    assert time.process_time() - started < 2.0


@settings(max_examples=100, deadline=None, derandomize=True)
@given(text=st.text(max_size=300), case=st.sampled_from(CASES), reason=st.sampled_from(["stop", "length"]))
def test_any_text_gets_a_score_or_a_failure_mode(text, case, reason):
    judge = Follows(instructions=((case[0], case[1]),))
    grade = judge(Answer(text=text, finish_reason=reason))
    assert (grade.score, grade.failure_mode is None) in {(1.0, True), (0.0, False)}
    assert grade.failure_mode is None or grade.failure_mode in judge.modes
