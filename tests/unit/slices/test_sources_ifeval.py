"""Each verifiable instruction has an answer that follows it and one that does not."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tailgate_slices.item import Answer, SliceError
from tailgate_slices.sources.ifeval_rules import RULES, count_sentences, missing_rule
from tailgate_slices.sources.instructions import Follows, ifeval, loose_variants
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
    assert half.signals == {"instructions_followed": 0.5, "followed_loosely": 0.0}


@pytest.mark.parametrize(
    ("text", "loosely"),
    [
        ('"a b"', 1.0),
        ('Sure:\n"a b"', 1.0),
        ('"a b"\nIs that right?', 1.0),
        ('Sure:\n"a b"\nIs that right?', 1.0),
        ('**"a b"**', 1.0),
        ('a "b" c', 0.0),
        ("", 0.0),
    ],
)
def test_loose_reading_leaves_out_asterisks_and_the_first_or_last_line(text, loosely):
    grade = ifeval(row(["startend:quotation"], [{}])).judge(Answer(text=text, finish_reason="stop"))
    assert grade.signals["followed_loosely"] == loosely
    assert grade.score == (1.0 if text == '"a b"' else 0.0)


def test_instructions_may_be_followed_loosely_by_different_variants():
    both = ifeval(
        row(["startend:quotation", "detectable_format:number_highlighted_sections"], [{}, {"num_highlights": 1}])
    )
    grade = both.judge(Answer(text='Sure, *here*:\n"a b"', finish_reason="stop"))
    assert (grade.score, grade.signals["followed_loosely"]) == (0.0, 1.0)


def test_variants_of_a_line_are_the_line_and_nothing():
    assert loose_variants("*a*") == ("*a*", "", "a")


# As in the checkers of lm-evaluation-harness.
@pytest.mark.parametrize(
    ("text", "first_word", "followed"),
    [
        ("a\n\ndon't go", "don", True),
        ("a\n\ndon't go", "don't", False),
        ("a\n\n'Yes', then", "yes", True),
        ("a\n\nyes.no", "yes", True),
        ("a\n\n\n\nyes", "yes", False),  # the second of the paragraphs is empty
        ("a\n\nyes\n\n", "yes", True),
        ("a\n\nyes\n\nno", "yes", False),
    ],
)
def test_first_word_of_a_paragraph_ends_at_a_stop_and_empty_paragraphs_have_places(text, first_word, followed):
    given = {"num_paragraphs": 2, "nth_paragraph": 2, "first_word": first_word}
    assert RULES["length_constraints:nth_paragraph_first_word"](text, given) is followed


@pytest.mark.parametrize(
    ("name", "given", "text", "followed"),
    [
        ("detectable_format:number_bullet_lists", {"num_bullets": 1}, "* \nb", True),
        ("detectable_format:number_highlighted_sections", {"num_highlights": 2}, "***a***", True),
        ("detectable_format:title", {}, "<< > >>", True),
        ("detectable_format:title", {}, "<<>>", False),
        ("detectable_content:postscript", {"postscript_marker": "P.S."}, "p.  s. more", False),
        ("keywords:frequency", {**LEAST, "keyword": " go ", "frequency": 1}, "go", True),
        (
            "change_case:capital_word_frequency",
            {"capital_relation": "less than", "capital_frequency": 2},
            "a WELL-KNOWN man",
            True,
        ),
    ],
)
def test_odd_marks_count_as_they_do_in_the_original(name, given, text, followed):
    assert RULES[name](text, given) is followed


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
        ("length_constraints:number_words", {"relation": "at best", "num_words": 3}, "relation"),
        ("keywords:existence", {"keywords": "moon"}, "keywords"),
        ("keywords:existence", {"keywords": []}, "keywords"),
        ("keywords:letter_frequency", {"let_relation": "at least", "letter": "qu", "let_frequency": 2}, "letter"),
        ("length_constraints:nth_paragraph_first_word", {"num_paragraphs": 2, "nth_paragraph": 1}, "first_word"),
    ],
)
def test_row_that_cannot_be_checked_says_why(name, arguments, reason):
    assert reason in ifeval(row([name], [arguments]))


def test_whole_numbers_that_a_table_wrote_as_decimals_are_read():
    assert ifeval(row(["length_constraints:number_words"], [{**LEAST, "num_words": 3.0}])).values == {"rules": "1"}


@pytest.mark.parametrize(
    ("names", "kwargs", "message"),
    [
        ([], [], r"line 1: instruction_id_list is \[\]; write a list of texts"),
        ("a:b", [{}], "instruction_id_list is 'a:b'"),
        (["punctuation:no_comma"], [], "kwargs is .*a list of 1 objects"),
    ],
)
def test_row_without_instructions_or_with_others_arguments_is_an_error(names, kwargs, message):
    with pytest.raises(SliceError, match=message):
        ifeval(row(names, kwargs))


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
