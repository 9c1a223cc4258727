"""Answers in many languages: what counts as right, near misses by their kind, and signals of a language lost."""

from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tailgate_slices.item import Answer, Item
from tailgate_slices.low_resource import LowResource, identify
from tailgate_slices.low_resource.languages import LANGUAGES
from tailgate_slices.low_resource.terms import terms

MAKER = LowResource()
SWAHILI = "Watoto wote wanacheza mpira pamoja nje ya shule kila siku baada ya masomo"


def first(task, lang="ka", kind=None):
    items = (MAKER.item(stratum=f"lang={lang},task={task}", seed=1, index=index, tokens=None) for index in range(200))
    return next(item for item in items if kind in (None, item.attributes["kind"]))


def grade(item, text, finish_reason="stop"):
    return MAKER.grade(item, Answer(text=text, finish_reason=finish_reason))


def mode(item, text, finish_reason="stop"):
    return grade(item, text, finish_reason).failure_mode


def asked(form, references, lang="sw", prompt="What?", **attributes):
    values = {"lang": lang, "script": LANGUAGES[lang].script, "task": form, "form": form, "kind": form, "english": ""}
    return Item(
        id="x",
        slice=MAKER.name,
        stratum=f"lang={lang}",
        index=0,
        prompt=prompt,
        references=references,
        max_new_tokens=40,
        attributes=values | attributes,
    )


WEEKDAY = asked(
    "term",
    ("Jumanne",),
    prompt="The weekday after Alhamisi is Ijumaa.\nWhich weekday comes right after Jumatatu? Answer in Swahili.",
    kind="weekday",
    position=1,
    english="Tuesday",
)
DATE = asked(
    "date",
    ("5 Machi 2024",),
    prompt='In Swahili, 7 May 1999 is written "7 Mei 1999".\nHow is 5 March 2024 written in Swahili?',
    english="March",
    position=3,
    day=5,
    year=2024,
)
ORDER = asked("order", ("moja, mbili, tatu",), prompt="Sort these Swahili numbers: tatu, moja, mbili.")
DIGITS = asked("digits", ("42",), prompt='In Swahili, "saba" is 7.\nWhich number is "arobaini na mbili"?')
NUMBER = asked(
    "number",
    ("arobaini na mbili",),
    prompt='In Swahili, 7 is "saba".\nWrite the number 42 in Swahili words.',
    english="42",
    value=42,
)
QUANTITY = asked(
    "quantity",
    ("kilomita 12",),
    prompt='The stages are kilomita 5 and kilomita 7. How long is the way?\nAnswer in Swahili, like "kilomita 9".',
    english="12 kilometers",
    value=12,
    unit="length-kilometer",
)


@pytest.mark.parametrize("template", ["{}", '"{}".', "It is {}.", "**{}**", "{}\u200b"])
def test_word_in_any_frame_is_right(template):
    item = first("copy")
    assert grade(item, template.format(item.references[0])).score == 1.0


@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC", "NFKD"])
@pytest.mark.parametrize("lang", ["yo", "bn", "ko", "lo"])
def test_word_in_any_normal_form_is_right(form, lang):
    item = first("copy", lang)
    assert grade(item, unicodedata.normalize(form, item.references[0])).score == 1.0


@pytest.mark.parametrize("lang", ["el", "th", "sw", "ka"])
@pytest.mark.parametrize("reason", ["stop", "length"])
@pytest.mark.parametrize(
    "frame",
    ['Repeat exactly: "{}"', 'To repeat exactly "{}" in a sentence', "{} is a friendly word.", "{}, I am a helpful AI"],
)
def test_word_among_others_is_no_copy(frame, reason, lang):
    item = first("copy", lang)
    assert mode(item, frame.format(item.references[0]), reason) == "not_alone"


@pytest.mark.parametrize("lang", ["el", "th", "sw", "ka"])
@pytest.mark.parametrize("frame", ["Sure! Here is the repeated text: **{}**", "Here you go: {}", "{}\u3002"])
def test_copy_may_be_announced(frame, lang):
    item = first("copy", lang)
    assert grade(item, frame.format(item.references[0])).score == 1.0


def test_word_with_a_letter_missing_or_appended_fails_as_wrong_word():
    item = first("copy")
    assert mode(item, item.references[0][:-1]) == "wrong_word"
    assert mode(item, item.references[0] + "ს") == "wrong_word"


def test_other_script_fails_as_wrong_script_even_when_cut_off():
    assert mode(first("copy"), "Франция") == "wrong_script"
    assert mode(first("copy"), "Франция", "length") == "wrong_script"
    assert mode(first("territory"), "sakartvelo") == "wrong_script"


def test_mixed_scripts_fail_as_code_switched():
    assert mode(first("copy"), "ქართული სიტყვა plain") == "code_switched"
    assert mode(first("copy"), "ქართული სიტყვა გრძელი o") == "wrong_word"


def test_english_name_fails_as_untranslated():
    item = first("territory")
    assert mode(item, str(item.attributes["english"])) == "untranslated"


def test_replacement_characters_fail_as_broken_text():
    item = first("copy")
    assert mode(item, item.references[0][:-1] + "\ufffd\ufffd") == "broken_text"


def test_punctuation_alone_fails_as_no_word():
    assert mode(first("copy"), "...") == "no_word"


def test_other_entry_of_a_glossary_fails_as_wrong_entry():
    item, natives = first("lookup"), {term.native for term in terms("ka")}
    shown = [word.strip(".") for word in item.prompt.split()]
    other = next(word for word in shown if word in natives and word != item.references[0])
    assert mode(item, other) == "wrong_entry"
    assert mode(item, f"{item.references[0]} or {other}") == "wrong_entry"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Jumanne", None),
        ("jumanne.", None),
        ("The weekday right after Jumatatu is Jumanne.", None),
        ("Jumatano", "wrong_term"),
        ("Jumanne au Jumatano", "wrong_term"),
        ("Jumatatu", "wrong_term"),
        ("Tuesday", "untranslated"),
        ("siku", "wrong_word"),
        ("", "empty"),
    ],
)
def test_weekday_is_right_alone_or_beside_those_of_the_question(text, expected):
    assert mode(WEEKDAY, text) == expected


def test_month_whose_name_ends_in_that_of_another_is_not_taken_for_it():
    item = asked("term", ("нэгдүгээр сар",), lang="mn", kind="month", position=1, english="January")
    assert mode(item, "нэгдүгээр сар") is None
    assert mode(item, "арван нэгдүгээр сар") == "wrong_term"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5 Machi 2024", None),
        ("Machi 5, 2024", None),
        ("7 Mei 1999 na 5 Machi 2024", None),
        ("tarehe ٥ Machi ٢٠٢٤", None),
        ("5 Machi 2023", "partial"),
        ("5/2024", "partial"),
        ("Machi", "partial"),
        ("5 Aprili 2024", "wrong_term"),
        ("7 Mei 1999", "wrong_term"),
        ("sijui", "wrong_word"),
        ("5 March 2024", "untranslated"),
        ("5 Machi 20", "length"),
    ],
)
def test_date_needs_day_month_and_year_in_any_order(text, expected):
    assert mode(DATE, text, "length" if expected == "length" else "stop") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("moja, mbili, tatu", None),
        ("1. Moja 2. Mbili 3. Tatu", None),
        ("tatu, moja, mbili -> moja; mbili; tatu.", None),
        ("moja mbili tatu", None),
        ("tatu, mbili, moja", "wrong_order"),
        ("moja, tatu, mbili", "wrong_order"),
        ("moja, mbili", "partial"),
        ("mbili", "partial"),
        ("nne, tano, sita", "wrong_word"),
        ("moja, mbili", "length"),
    ],
)
def test_order_is_exact_whatever_the_punctuation(text, expected):
    assert mode(ORDER, text, "length" if expected == "length" else "stop") == expected


def test_number_that_begins_another_is_told_from_it_by_the_comma():
    item = asked("order", ("un deg, un deg un, dau ddeg",), lang="cy")
    assert mode(item, "un deg, un deg un, dau ddeg") is None
    assert mode(item, "un deg un, un deg, dau ddeg") == "wrong_order"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("42", None),
        ("It is 42.", None),
        ("٤٢", None),
        ("४२", None),
        ("7, 42", None),
        ("24", "wrong_number"),
        ("420", "wrong_number"),
        ("forty-two", "no_number"),
        ("arobaini", "no_number"),
        ("\ufffd", "broken_text"),
        ("9" * 3000, "degenerate"),
    ],
)
def test_last_number_in_digits_of_any_script_is_the_answer(text, expected):
    assert mode(DIGITS, text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("arobaini na mbili", None),
        ("Arobaini-na-mbili!", None),
        ("42 ni arobaini na mbili.", None),
        ("saba, arobaini na mbili", None),
        ("mia arobaini na mbili", "wrong_number"),
        ("arobaini na tatu", "wrong_number"),
        ("arobaini", "wrong_number"),
        ("arobaini na mbili, arobaini na tatu", "wrong_number"),
        ("saba", "wrong_number"),
        ("42", "in_digits"),
        ("forty-two", "untranslated"),
        ("nambari", "wrong_word"),
        ("arobaini na", "length"),
    ],
)
def test_number_in_words_is_exact(text, expected):
    assert mode(NUMBER, text, "length" if expected == "length" else "stop") == expected


@pytest.mark.parametrize("text", ["สี่สิบสอง", "สี่ สิบ สอง", "สี่\u200bสิบ\u200bสอง", "42: สี่สิบสอง"])
def test_number_in_a_script_without_spaces_is_right_however_it_is_spaced(text):
    item = asked("number", ("สี่สิบสอง",), lang="th", value=42, english="42")
    assert mode(item, text) is None
    assert mode(item, "สี่สิบสาม") == "wrong_number"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("kilomita 12", None),
        ("Safari ni kilomita 12.", None),
        ("kilomita ١٢", None),
        ("kilomita 5 + kilomita 7 = kilomita 12", None),
        ("kilomita 13", "wrong_number"),
        ("13 hours", "wrong_number"),
        ("12 kilometers", "untranslated"),
        ("12", "partial"),
        ("dakika 12", "partial"),
        ("kilomita", "partial"),
        ("siku nyingi", "wrong_word"),
        ("kilomita 1", "length"),
    ],
)
def test_quantity_needs_its_number_and_its_unit(text, expected):
    assert mode(QUANTITY, text, "length" if expected == "length" else "stop") == expected


def test_quantity_with_the_unit_in_another_script_fails_as_wrong_script():
    item = first("problem", "am", "sum")
    assert mode(item, f"{item.attributes['value']} kilos") == "wrong_script"


def test_signals_of_a_right_answer_say_that_the_language_is_kept():
    item = first("copy")
    signals = grade(item, item.references[0]).signals
    assert signals == {"broken_text": 0.0, "script_right": 1.0, "other_script_share": 0.0, "language_right": 1.0}


def test_signals_measure_how_much_of_an_answer_left_the_script():
    item = first("copy")
    signals = grade(item, "აბგ def Франц").signals
    assert signals["script_right"] == 0.0
    assert signals["other_script_share"] == pytest.approx(8 / 11)


def test_english_frame_of_the_question_is_no_other_script():
    item = first("lookup")
    answer = f"The Georgian name of {item.attributes['english']} is {item.references[0]}"
    assert grade(item, answer).signals["other_script_share"] == 0.0


def test_signal_that_cannot_be_measured_is_absent():
    assert set(grade(DIGITS, "42").signals) == {"broken_text"}
    assert set(grade(first("copy"), "").signals) == {"broken_text"}


def test_broken_text_is_a_signal_of_right_answers_too():
    item = first("copy")
    found = grade(item, f"{item.references[0]} \ufffd")
    assert (found.score, found.signals["broken_text"]) == (1.0, 1.0)


def test_without_a_detector_nothing_is_said_about_the_language(monkeypatch):
    monkeypatch.setitem(sys.modules, "lingua", None)
    identify.detector.cache_clear()
    found = grade(NUMBER, "The children play football together outside the school")
    assert "language_right" not in found.signals
    assert found.failure_mode == "wrong_word"
    identify.detector.cache_clear()


def test_detector_tells_swahili_from_english():
    pytest.importorskip("lingua", reason="lingua-language-detector is not installed")
    identify.detector.cache_clear()
    assert grade(NUMBER, SWAHILI).signals["language_right"] == 1.0
    found = grade(NUMBER, "Children play football together outside the school every day after their lessons")
    assert found.signals["language_right"] == 0.0
    assert found.failure_mode == "wrong_language"


def test_short_answers_and_languages_unknown_to_the_detector_are_left_alone():
    assert identify.agrees("mbili", "sw") is None
    assert identify.agrees("ქართული " * 5, "xx") is None


def test_any_mode_given_is_on_the_card():
    texts = ["", "x", "42", "kilomita 12", "forty", "Jumatano", "\ufffd", "Франция", "ქართ word", SWAHILI, "ten " * 40]
    items = [WEEKDAY, DATE, ORDER, DIGITS, NUMBER, QUANTITY, first("lookup"), first("sort"), first("territory")]
    modes = {mode(item, text, reason) for item in items for text in texts for reason in ("stop", "length")}
    assert modes - {None} <= set(MAKER.card.failure_modes)


@settings(max_examples=120, deadline=None, derandomize=True)
@given(
    text=st.text(max_size=300) | st.text("აბgმ 12,\u200b\u0301٤ ", max_size=300),
    at=st.integers(0, 8),
    reason=st.sampled_from(["stop", "length"]),
)
def test_any_text_gets_a_score_or_a_mode_and_signals_between_zero_and_one(text, at, reason):
    items = [WEEKDAY, DATE, ORDER, DIGITS, NUMBER, QUANTITY, first("copy"), first("lookup"), first("number-to-words")]
    found = grade(items[at], text, reason)
    assert (found.score, found.failure_mode is None) in {(1.0, True), (0.0, False)}
    assert all(0.0 <= value <= 1.0 for value in found.signals.values())


@pytest.mark.parametrize(
    "text", ["\ud800", "\x00" * 9000, "(" * 9000, "moja " * 9000, "\u0301" * 9000, "\u200b" * 9000]
)
@pytest.mark.parametrize("item", [WEEKDAY, DATE, ORDER, DIGITS, NUMBER, QUANTITY], ids=lambda item: item.stratum)
def test_hostile_text_is_graded_and_wrong(item, text):
    assert grade(item, text).score == 0.0
