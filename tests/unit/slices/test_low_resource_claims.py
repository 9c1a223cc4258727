"""Answers that go on about other terms, that say they are wrong, or that begin like a list."""

from __future__ import annotations

import time

import pytest

from tailgate_slices.item import Answer, Item
from tailgate_slices.low_resource import LowResource
from tailgate_slices.low_resource.languages import LANGUAGES, TASKS

MAKER = LowResource()
FORMS = (("ka", "copy"), ("sw", "territory"), ("th", "lookup"), *(("sw", task) for task in TASKS))


def asked(form, reference, lang="sw", prompt="What?", **attributes):
    values = {"lang": lang, "script": LANGUAGES[lang].script, "task": form, "form": form, "kind": form, "english": ""}
    return Item(
        id="x",
        slice=MAKER.name,
        stratum=f"lang={lang}",
        index=0,
        prompt=prompt,
        references=(reference,),
        max_new_tokens=40,
        attributes=values | attributes,
    )


def mode(item, text, finish_reason="stop"):
    return MAKER.grade(item, Answer(text=text, finish_reason=finish_reason)).failure_mode


SWATI = asked(
    "word",
    "სუატი",
    "ka",
    prompt="The Georgian name of Swati is სუატი. The Georgian name of Faroese is ფარერული.\n"
    "What is the Georgian name of Swati?",
    task="lookup",
    kind="name",
    english="Swati",
)
RIGHT = "The Georgian name of Swati is სუატი."
DATE = asked("date", "5 Machi 2024", position=3, day=5, year=2024)
FIRST_OF_MAY = asked("date", "1 Mei 2024", position=5, day=1, year=2024)
ORDER = asked("order", "moja, mbili, tatu", prompt="Sort these Swahili numbers: tatu, moja, mbili.")
WEEKS = asked("quantity", "43 minggu", "id", value=43, unit="duration-week")
DIGITS = asked("digits", "42")


@pytest.mark.parametrize(
    "rest",
    [
        " The Georgian name of Faroese is ფარერული.",
        " The Georgian name of Georgian is დანია.",
        " The Georgian name of Ruritania is ფარერული",
        ", and the Georgian name of Faroese is ფარერული.",
        " Faroese is ფარერული.",
        " Faroese: ფარერული.",
        " ფარერული is the Georgian name of Faroese.",
        " The Georgian name of Swati is a variant of the Latin name of Swati, which is",
    ],
)
@pytest.mark.parametrize("claim", [RIGHT, "სუატი is the Georgian name of Swati."])
def test_right_first_claim_is_right_wherever_the_budget_cuts_what_follows_about_others(claim, rest):
    assert mode(SWATI, claim + rest) is None
    cuts = [claim + rest[:length] for length in range(len(rest) + 1)]
    assert {mode(SWATI, text, "length") for text in cuts} == {None}


@pytest.mark.parametrize("lang", ["ka", "sw", "th", "cy"])
def test_glossary_restated_from_the_asked_term_on_is_right_at_every_cut(lang):
    for index in range(20):
        item = MAKER.item(stratum=f"lang={lang},task=lookup", seed=3, index=index, tokens=None)
        entries = item.prompt.partition(".\n")[0].split(". ")
        claim = next(entry for entry in entries if entry.endswith(f" is {item.references[0]}"))
        rest = "".join(f". {entry}" for entry in entries if entry != claim)
        assert {mode(item, claim + rest[:length], "length") for length in range(len(rest) + 1)} == {None}


@pytest.mark.parametrize(
    "text",
    [
        "სუატი or ფარერული",
        "სუატი, ფარერული",
        "ფარერული",
        "The Georgian name of Faroese is ფარერული. The Georgian name of Swati is სუატი.",
        "The Georgian name of Faroese is ფარერული.",
        f"{RIGHT} No, ფარერული.",
        f"{RIGHT} ფარერული",
        f"{RIGHT} ფარერული is right",
        f"{RIGHT} The Georgian name of Swati is ფარერული.",
        f"{RIGHT} ფარერული is the Georgian name of Swati.",
        f"{RIGHT} The Georgian name of it is ფარერული.",
        f"{RIGHT} In Georgian is ფარერული",
        "სუატი. ფარერული is the Georgian name",
    ],
)
def test_other_entry_first_or_for_the_asked_term_itself_is_wrong(text):
    assert mode(SWATI, text) == "wrong_entry"


def test_asked_term_that_ends_like_another_is_itself():
    item = asked(
        "word",
        "ปาปัวนิวกินี",
        "th",
        prompt="The Thai name of Komi is โกมิ. The Thai name of Papua New Guinea is ปาปัวนิวกินี.\nWhat?",
        task="lookup",
        english="Papua New Guinea",
    )
    right = "The Thai name of Papua New Guinea is ปาปัวนิวกินี."
    assert mode(item, f"{right} The Thai name of Komi is โกมิ.") is None
    assert mode(item, f"{right} The Thai name of Papua New Guinea is โกมิ.") == "wrong_entry"


@pytest.mark.parametrize(("lang", "task"), FORMS)
@pytest.mark.parametrize(
    "denial",
    [
        "{} is not the answer",
        "{} is wrong",
        "{} is incorrect.",
        "**{}** is not correct",
        "{} isn\u2019t right",
        "{} is the wrong answer",
        "The answer {} is definitely not",
        "{}. That is wrong.",
        "{}, but {} is wrong",
        "{} is not the Swahili word",
    ],
)
def test_right_answer_said_to_be_wrong_is_hedged(lang, task, denial):
    for index in range(6):
        item = MAKER.item(stratum=f"lang={lang},task={task}", seed=4, index=index, tokens=None)
        text = denial.format(*(item.references[0],) * 2)
        assert MAKER.grade(item, Answer(text=text, finish_reason="stop")).score == 0.0, text


@pytest.mark.parametrize(("lang", "task"), [form for form in FORMS if form[1] != "copy"])
@pytest.mark.parametrize(
    "firm", ["{} is right", "{} is correct, not wrong", "{} is not wrong", "zz is wrong. {}", "zz is wrong; it is {}"]
)
def test_right_answer_beside_something_else_that_is_wrong_is_right(lang, task, firm):
    item = MAKER.item(stratum=f"lang={lang},task={task}", seed=4, index=0, tokens=None)
    assert mode(item, firm.format(item.references[0])) is None


@pytest.mark.parametrize("text", ["Machi 5, 2024 is wrong", "Machi 5, 2024, but Machi 5, 2024 is wrong", "5/3"])
def test_date_in_another_order_is_denied_as_well(text):
    assert mode(DATE, text) is not None


@pytest.mark.parametrize("text", ["1,042 is wrong", "1042 is not the answer", "1042. This is incorrect."])
def test_number_written_otherwise_is_denied_as_well(text):
    assert mode(asked("digits", "1042"), text) == "hedged"
    assert mode(asked("digits", "1042"), text, "length") == "hedged"


def test_all_else_is_wrong_means_that_the_answer_is_right():
    assert mode(DIGITS, "Anything but 42 is wrong") is None
    assert mode(DIGITS, "42, and everything else is wrong") is None


@pytest.mark.parametrize(
    ("item", "text", "expected"),
    [
        (WEEKS, "1. 43 minggu", None),
        (WEEKS, "(1) 43 minggu", None),
        (WEEKS, "1. 44 minggu", "wrong_number"),
        (WEEKS, "1. 44 minggu 2. 43 minggu", "hedged"),
        (WEEKS, "2. 43 minggu", "hedged"),
        (DIGITS, "1. 42", None),
        (DIGITS, "41. 42", "hedged"),
        (DATE, "1. 5 Machi 2024", None),
        (FIRST_OF_MAY, "1. Mei 2024", None),
    ],
)
def test_number_of_a_list_is_no_rival(item, text, expected):
    assert mode(item, text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("moja, mbili, moja, mbili, tatu", "hedged"),
        ("moja mbili moja mbili tatu", "hedged"),
        ("tatu, moja, mbili, tatu", "hedged"),
        ("moja, moja, mbili, tatu", "hedged"),
        ("moja, mbili, tatu; moja, mbili, tatu", None),
        ("moja comes first: moja, mbili, tatu.", None),
        ("moja comes first. 1. moja 2. mbili 3. tatu", None),
    ],
)
def test_words_of_an_order_stand_in_it_once(text, expected):
    assert mode(ORDER, text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "სუატი is wrong. " * 250,
        "სუატი" + " " * 3000 + "is",
        "სუატი. " + "is not the " * 350,
        "სუატი " + "Japan is " * 400,
        "სუატი " + "name of a " * 400,
        "სუატი " + "ფარერული " * 400 + "is the Georgian name of",
    ],
)
def test_hostile_text_of_claims_and_denials_is_graded_in_time(text):
    started = time.process_time()
    mode(SWATI, text, "length")
    assert time.process_time() - started < 1.0
