"""Answers about a text: right in any frame, and wrong by their kind."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tailgate_slices.item import Answer
from tailgate_slices.long_context import TASKS, LongContext
from tailgate_slices.long_context.grading import NAMED, SEVERAL, abstains

MAKER = LongContext()
ANSWERABLE = tuple(task for task in TASKS if task != "absent")
SINGLE_CODE = ("kv", "multikey", "tracking", "join", "symbol")
NO_CODE = "9998"  # checked below to be nowhere in the texts asked about


def draw(tokens, task, length=512, index=0):
    return MAKER.item(stratum=f"len={length},task={task}", seed=2, index=index, tokens=tokens)


def grade(item, text, finish_reason="stop"):
    return MAKER.grade(item, Answer(text=text, finish_reason=finish_reason))


def mode(item, text, finish_reason="stop"):
    return grade(item, text, finish_reason).failure_mode


def other_code(item):
    wanted = {*item.references[0].split(", "), *str(item.attributes.get("stale", "")).split(", ")}
    return next(code for code in re.findall(r"\d{4}", item.prompt) if code not in wanted)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("template", ["{}", "The answer is {}.", "**{}**", "It is {}\u3002", "{}\n"])
def test_reference_in_any_frame_is_right(task, template, word_tokens):
    item = draw(word_tokens, task)
    assert grade(item, template.format(item.references[0])).score == 1.0


@pytest.mark.parametrize("task", SINGLE_CODE)
def test_code_with_a_thousands_separator_is_right(task, word_tokens):
    item = draw(word_tokens, task)
    code = item.references[0]
    assert grade(item, f"{code[0]},{code[1:]}").score == 1.0


def test_code_beside_a_number_that_is_no_code_is_right(word_tokens):
    item = draw(word_tokens, "kv")
    assert grade(item, f"1. The code is {item.references[0]}").score == 1.0


@pytest.mark.parametrize("task", [*SINGLE_CODE, "multivalue", "multiquery"])
class TestCodes:
    def test_code_of_another_line_fails_as_wrong_line(self, task, word_tokens):
        item = draw(word_tokens, task)
        assert mode(item, f"It is {other_code(item)}.") == "wrong_line"

    def test_code_that_is_nowhere_fails_as_blurred(self, task, word_tokens):
        item = draw(word_tokens, task)
        assert NO_CODE not in item.prompt
        assert mode(item, NO_CODE) == mode(item, "The code is 123.") == "blurred"

    def test_code_with_one_digit_more_fails_as_blurred(self, task, word_tokens):
        item = draw(word_tokens, task)
        assert mode(item, item.references[0].split(", ")[0] + "7") == "blurred"

    def test_wanted_codes_and_another_fail_as_hedged(self, task, word_tokens):
        item = draw(word_tokens, task)
        assert mode(item, f"{item.references[0]} or {other_code(item)}") == "hedged"
        assert mode(item, f"{item.references[0]} or {NO_CODE}") == "hedged"

    def test_words_without_a_code_fail_as_no_code(self, task, word_tokens):
        assert mode(draw(word_tokens, task), "The code of that") == "no_code"

    def test_abstention_although_the_text_tells_fails_as_abstained(self, task, word_tokens):
        assert mode(draw(word_tokens, task), "I'm sorry, but the text does not mention it.") == "abstained"

    def test_refusal_is_no_abstention(self, task, word_tokens):
        item = draw(word_tokens, task)
        assert mode(item, "I'm sorry, but I cannot help with that") == "refused"
        assert grade(item, "I'm sorry, but I cannot help with that").signals["abstained"] == 0.0

    def test_code_cut_off_at_the_budget_in_its_digits_fails_as_length(self, task, word_tokens):
        item = draw(word_tokens, task)
        assert mode(item, f"The code is {item.references[0][:3]}", "length") == "length"


@pytest.mark.parametrize("task", ["multivalue", "multiquery"])
def test_some_of_several_codes_fail_as_incomplete(task, word_tokens):
    item = draw(word_tokens, task)
    codes = item.references[0].split(", ")
    assert mode(item, codes[0]) == mode(item, " and ".join(codes[1:])) == "incomplete"


def test_several_values_of_a_key_are_right_in_any_order(word_tokens):
    item = draw(word_tokens, "multivalue")
    assert grade(item, " and ".join(reversed(item.references[0].split(", ")))).score == 1.0


def test_codes_of_several_keys_in_another_order_fail_as_swapped(word_tokens):
    item = draw(word_tokens, "multiquery")
    assert mode(item, ", ".join(reversed(item.references[0].split(", ")))) == "swapped"


def test_codes_of_several_keys_named_with_their_keys_are_right_in_any_order(word_tokens):
    item = draw(word_tokens, "multiquery")
    pairs = list(zip(item.attributes["key"].split("|"), item.references[0].split(", "), strict=True))
    assert grade(item, "; ".join(f"the {key}: {code}" for key, code in reversed(pairs))).score == 1.0
    codes = [code for _, code in pairs]
    wrong = "; ".join(f"{key}: {code}" for (key, _), code in zip(pairs, codes[1:] + codes[:1], strict=True))
    assert mode(item, wrong) == "swapped"


def test_code_from_before_the_last_change_fails_as_stale(word_tokens):
    for index in range(10):
        item = draw(word_tokens, "tracking", index=index)
        for earlier in item.attributes["stale"].split(", "):
            assert mode(item, f"The code is {earlier}.") == "stale"


def test_old_and_new_code_fail_as_hedged(word_tokens):
    item = draw(word_tokens, "tracking")
    assert mode(item, f"{item.attributes['stale'].split(', ')[0]}, then {item.references[0]}") == "hedged"


def test_place_instead_of_its_code_fails_as_half_way(word_tokens):
    item = draw(word_tokens, "join")
    assert mode(item, f"The {item.attributes['via']}.") == "half_way"


@pytest.mark.parametrize("task", ["common", "paraphrase"])
class TestNames:
    def test_name_in_lower_case_or_in_the_plural_is_right(self, task, word_tokens):
        item = draw(word_tokens, task)
        assert grade(item, item.references[0].lower()).score == 1.0
        assert grade(item, f"{item.references[0]}s").score == 1.0

    def test_another_name_of_the_text_fails_as_wrong_line(self, task, word_tokens):
        item = draw(word_tokens, task)
        for rival in item.attributes["rivals"].split(", "):
            assert mode(item, f"It is {rival}.") == "wrong_line"

    def test_two_names_fail_as_hedged(self, task, word_tokens):
        item = draw(word_tokens, task)
        assert mode(item, f"{item.references[0]} or {item.attributes['rivals'].split(', ')[0]}") == "hedged"

    def test_beginning_of_a_name_is_no_name(self, task, word_tokens):
        item = draw(word_tokens, task)
        assert mode(item, item.references[0][:-1]) == mode(item, f"x{item.references[0]}") == "no_name"

    def test_abstention_fails_as_abstained(self, task, word_tokens):
        assert mode(draw(word_tokens, task), "Nobody.") == "abstained"


class TestLines:
    """An answer may begin a line before its value, be a list, and be followed by what nobody asked for."""

    @pytest.mark.parametrize("task", [task for task in ANSWERABLE if task not in SEVERAL])
    @pytest.mark.parametrize("lead", ["The answer is:\n", "Here it is:\n\n", "```\n", "\n\n1. "])
    def test_value_behind_its_announcement_is_right_whatever_comes_next(self, task, lead, word_tokens):
        item = draw(word_tokens, task)
        wrong = item.attributes["rivals"].split(", ")[0] if task in NAMED else other_code(item)
        assert grade(item, f"{lead}{item.references[0]}\n\nThe next one is {wrong}.").score == 1.0
        assert mode(item, f"{lead}{wrong}\n\n{item.references[0]}") in ("wrong_line", "stale")

    @pytest.mark.parametrize("task", [task for task in ANSWERABLE if task not in SEVERAL])
    def test_value_behind_an_abstention_is_none(self, task, word_tokens):
        item = draw(word_tokens, task)
        assert mode(item, f"The text does not say.\nPerhaps {item.references[0]}.") == "abstained"

    @pytest.mark.parametrize("task", SEVERAL)
    @pytest.mark.parametrize("mark", ["- ", "\n* ", "It has the code "])
    def test_codes_on_lines_of_their_own_are_right_and_one_too_many_is_hedged(self, task, mark, word_tokens):
        item = draw(word_tokens, task)
        listed = [f"{mark}{code}" for code in item.references[0].split(", ")]
        assert grade(item, "The codes are:\n" + "\n".join(listed)).score == 1.0
        assert mode(item, "\n".join(listed[:-1])) == "incomplete"
        assert mode(item, "\n".join([*listed, f"{mark}{other_code(item)}"])) == "hedged"

    @pytest.mark.parametrize("task", SEVERAL)
    def test_afterword_of_a_list_is_not_read(self, task, word_tokens):
        item = draw(word_tokens, task)
        told = item.references[0]
        assert grade(item, f"{told}\n\n**Note:** another has {other_code(item)}.").score == 1.0
        assert mode(item, f"{told}\n\nAnother has {other_code(item)}.") == "hedged"

    def test_line_that_announces_neither_abstains_nor_offers_a_number(self, word_tokens):
        item = draw(word_tokens, "kv")
        for lead in ("Here is the missing code:", "There is no ambiguity here:", "Looking at line 123 of the text:"):
            assert grade(item, f"{lead}\n{item.references[0]}").score == 1.0
        assert mode(draw(word_tokens, "absent"), "Here is the missing code:\n4821") == "hedged"

    def test_what_is_not_read_decides_no_mode(self, word_tokens):
        item = draw(word_tokens, "kv")
        assert mode(item, f"The code is {NO_CODE}.\nThe sharp plate is on", "length") == "blurred"
        assert mode(item, f"{other_code(item)}\n\nI cannot help") == "wrong_line"

    def test_abstention_on_the_second_line_is_one_and_a_value_there_is_invented(self, word_tokens):
        item = draw(word_tokens, "absent")
        assert grade(item, "The code of the red lamp is:\nnot mentioned").score == 1.0
        assert mode(item, "The code of the red lamp is:\n4821") == "hallucinated"
        assert mode(item, "The code of the red lamp is:\n") == "no_code"


ABSTENTIONS = [
    "not mentioned",
    "Not mentioned.",
    "There is no code for the red lamp.",
    "There's no red lamp in the text.",
    "None",
    "Unknown.",
    "N/A",
    "The text doesn\u2019t mention a code for it.",
    "The text does not give it.",
    "The code is not in the text.",
    "The code of the red lamp is not explicitly stated.",
    "It isn't listed.",
    "I don't know.",
    "I could not find the red lamp.",
    "No code is given.",
    "I'm sorry, but the red lamp is not mentioned.",
    "No such lamp exists.",
    "The red lamp does not have a code.",
    "It cannot be determined from the text.",
]


@pytest.mark.parametrize("text", ABSTENTIONS)
def test_usual_wording_of_an_abstention_is_right_where_the_text_does_not_tell(text, word_tokens):
    found = grade(draw(word_tokens, "absent"), text)
    assert found.score == 1.0
    assert found.signals == {"abstained": 1.0, "should_abstain": 1.0}


@pytest.mark.parametrize("text", ABSTENTIONS)
def test_same_wording_where_the_text_tells_is_an_abstention(text, word_tokens):
    found = grade(draw(word_tokens, "multikey"), text)
    assert found.failure_mode == "abstained"
    assert found.signals == {"abstained": 1.0, "should_abstain": 0.0}


@pytest.mark.parametrize(
    "text", ["The red lamp", "I cannot help with that", "It is the lamp.", "Noted.", "unknowns", "knot mentioned", "No"]
)
def test_other_words_are_no_abstention(text):
    assert not abstains(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The code is 4821.", "hallucinated"),
        ("482", "hallucinated"),
        ("4,821", "hallucinated"),
        ("It is not mentioned, so 4821.", "hedged"),
        ("The code of the lamp", "no_code"),
        ("", "empty"),
        ("I cannot help with that", "refused"),
        ("zq, " * 40, "degenerate"),
    ],
)
def test_wrong_answer_where_the_text_does_not_tell_fails_by_its_kind(text, expected, word_tokens):
    found = grade(draw(word_tokens, "absent"), text)
    assert found.failure_mode == expected
    assert found.signals == {"abstained": 0.0, "should_abstain": 1.0}


@pytest.mark.parametrize("task", TASKS)
def test_every_grade_says_whether_it_abstained_and_should_have(task, word_tokens):
    item = draw(word_tokens, task)
    for text in (item.references[0], "", "not mentioned", "1234", "zq, " * 40):
        assert set(grade(item, text).signals) == {"abstained", "should_abstain"}


PIECES = ("not ", "no ", "code ", "1234", " does", "\ud800", "\x00", ", ", "n't", "\u0661")


@settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    pieces=st.lists(st.sampled_from(PIECES)),
    task=st.sampled_from(TASKS),
    reason=st.sampled_from(["stop", "length"]),
)
def test_any_mixture_of_telling_pieces_gets_a_mode_of_the_card(word_tokens, pieces, task, reason):
    found = grade(draw(word_tokens, task), "".join(pieces), reason)
    assert found.failure_mode is None or found.failure_mode in MAKER.card.failure_modes
    assert found.score == float(found.failure_mode is None)


def test_long_text_is_graded_in_milliseconds(word_tokens):
    item = draw(word_tokens, "kv", length=131072)
    started = time.perf_counter()
    for text in ("no", "1234 " * 1000, item.references[0], "not " * 2000):
        grade(item, text)
    assert time.perf_counter() - started < 0.5
