"""What answers say in words: abstentions of many wordings, values that are denied, numbers that are spelled out."""

from __future__ import annotations

import pytest

from tailgate_slices.item import Answer
from tailgate_slices.long_context import LongContext
from tailgate_slices.long_context.saying import abstains, spells_number

MAKER = LongContext()
ELSEWHERE = "9998"  # in none of the texts asked about


@pytest.fixture
def grade(word_tokens):
    """Score and failure mode of an answer to a question of a task; ``{}`` in it stands for the reference."""

    def judge(task, text, finish_reason="stop"):
        item = MAKER.item(stratum=f"len=512,task={task}", seed=2, index=0, tokens=word_tokens)
        assert ELSEWHERE not in item.prompt
        rival = str(item.attributes.get("rivals", "")).split(", ")[0]
        text = text.format(item.references[0], rival=rival)
        found = MAKER.grade(item, Answer(text=text, finish_reason=finish_reason))
        return found.score, found.failure_mode

    return judge


@pytest.mark.parametrize(
    "text",
    [
        "Not applicable",
        "Unclear",
        "null",
        "I don't see a code",
        "The text lacks a code for the red lamp.",
        "The text omits it.",
        "It was left out.",
        "I'm not sure.",
        "No idea.",
        "The code is unavailable.",
        "The text never mentions it.",
        "It does not seem to give one.",
        "I do not find any code.",
        "The text is silent on this.",
        "There is no code, only 12 boxes.",
        "4821 is not its code; its code is not mentioned.",
    ],
)
def test_further_wording_of_an_abstention_is_right_where_the_text_does_not_tell(text, grade):
    assert grade("absent", text) == (1.0, None)


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        ("The code is 75123. There is no other.", "hallucinated"),
        ("The code is four thousand eight hundred, without a doubt.", "hallucinated"),
        ("It is four eight two one, no doubt.", "hallucinated"),
        ("It is 482 without any doubt.", "hallucinated"),
        ("Not mentioned, so I take 75123.", "hedged"),
        ("There is no code; say four thousand and one.", "hedged"),
        ("There is no doubt: the red lamp.", "no_code"),
        ("There is no other lamp.", "no_code"),
        ("4821 is not the code.", "no_code"),
    ],
)
def test_invention_is_wrong_however_firmly_it_is_put(text, mode, grade):
    assert grade("absent", text) == (0.0, mode)


@pytest.mark.parametrize("text", ["There is no doubt.", "Without a doubt.", "There is no question about it."])
def test_firm_words_are_no_abstention(text):
    assert not abstains(text)


def test_abstention_beside_a_number_of_another_length_is_no_abstention(grade):
    assert grade("kv", "The code is 75123. It is not stated otherwise.") == (0.0, "blurred")


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("four thousand", True),
        ("Forty-eight twenty-one", True),
        ("two hundred and one", True),
        ("four, eight, two, one", True),
        ("one of the two", False),
        ("thousands of lamps", False),
        ("no one", False),
    ],
)
def test_number_in_words_is_seen(text, spelled):
    assert spells_number(text) is spelled


@pytest.mark.parametrize("task", ["kv", "multikey", "tracking", "join", "symbol"])
@pytest.mark.parametrize(
    "text",
    [
        "{} is not the code.",
        "The code is not {}.",
        "not {}",
        "It isn't {}.",
        "**{}** is not it",
        "{} isn\u2019t the code",
        "{} is wrong",
        "**{}** is incorrect.",
        "{} is the wrong code",
        "{} is definitely not it",
        "{}. That is wrong.",
        "{}, which is not the code",
    ],
)
def test_denied_code_is_no_answer(text, task, grade):
    assert grade(task, text) == (0.0, "denied")


@pytest.mark.parametrize("task", ["common", "paraphrase"])
@pytest.mark.parametrize("text", ["It is not {}.", "{} is not the one.", "Not {}!", "{} isn't.", "{} is wrong"])
def test_denied_name_is_no_answer(text, task, grade):
    assert grade(task, text) == (0.0, "denied")


@pytest.mark.parametrize(
    "text", ["The code is {}, not 9998.", "It is not 9998 but {}.", "{} rather than 9998", "I think not. {}", "No, {}"]
)
def test_code_beside_a_denied_one_is_right(text, grade):
    assert grade("kv", text) == (1.0, None)


@pytest.mark.parametrize("task", ["common", "paraphrase"])
def test_name_beside_a_denied_one_is_right_and_the_other_way_round_wrong(task, grade):
    assert grade(task, "{}, not {rival}") == (1.0, None)
    assert grade(task, "Not {}, but {rival}") == (0.0, "wrong_line")


def test_denied_code_of_a_text_that_is_said_not_to_tell_is_an_abstention(grade):
    assert grade("kv", "{} is not the code; it is not mentioned.") == (0.0, "abstained")


@pytest.mark.parametrize("text", ["1,1" * 2000, "not 1" * 1000, "4821 is" * 700, "n't the " * 600])
def test_long_text_of_denials_is_graded(text, grade):
    assert grade("kv", text)[0] == 0.0


@pytest.mark.parametrize("text", ["{} is not wrong", "{}. It is not stated elsewhere.", "9998 is wrong. {}"])
def test_code_that_is_not_denied_itself_is_right(text, grade):
    assert grade("kv", text) == (1.0, None)


@pytest.mark.parametrize("finish_reason", ["stop", "length"])
def test_echo_of_the_question_is_no_abstention_wherever_it_is_cut(finish_reason, word_tokens):
    item = MAKER.item(stratum="len=512,task=absent", seed=2, index=0, tokens=word_tokens)
    question = item.prompt.rpartition("\n")[2]
    for length in range(len(question) + 1):
        found = MAKER.grade(item, Answer(text=question[:length], finish_reason=finish_reason))
        assert (found.score, found.signals["abstained"]) == (0.0, 0.0), question[:length]
    for text in (f"{question} Not mentioned.", f"{question}\nAnswer: not mentioned", "Answer: not mentioned."):
        assert MAKER.grade(item, Answer(text=text, finish_reason="stop")).score == 1.0


def test_condition_put_otherwise_is_no_abstention(grade):
    assert grade("absent", "If the text doesn't mention the code, answer: not mentioned.") == (0.0, "no_code")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The code was changed from {stale} to {}.", (1.0, None)),
        ("from **{stale}** to **{}**", (1.0, None)),
        ("It was changed from {stale} to {late}, then changed to {}", (1.0, None)),
        ("It was set to {stale}, then changed to {late} and finally to {}.", (1.0, None)),
        ("The code was changed from {} to {stale}.", (0.0, "stale")),
        ("{stale} or {}", (0.0, "hedged")),
        ("from {stale} to 12", (0.0, "blurred")),
    ],
)
def test_code_that_is_said_to_be_changed_from_is_no_rival(text, expected, word_tokens):
    item = MAKER.item(stratum="len=512,task=tracking", seed=2, index=0, tokens=word_tokens)
    stale = item.attributes["stale"].split(", ")
    text = text.format(item.references[0], stale=stale[0], late=stale[-1])
    found = MAKER.grade(item, Answer(text=text, finish_reason="stop"))
    assert (found.score, found.failure_mode) == expected
