"""Answers that hold the wanted word and take it back, and answers in the language of a neighbour."""

from __future__ import annotations

import sys
import time

import pytest

from tailgate_slices.item import Answer, Item
from tailgate_slices.low_resource import LowResource, identify
from tailgate_slices.low_resource.languages import LANGUAGES
from tailgate_slices.low_resource.phrases import Phrases, mentions, search

MAKER = LowResource()


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


def grade(item, text):
    return MAKER.grade(item, Answer(text=text, finish_reason="stop"))


def mode(item, text):
    return grade(item, text).failure_mode


TERRITORY = asked(
    "word",
    "Ufaransa",
    prompt="The Swahili name of Japan is Japani.\nWhat is the Swahili name of France?",
    task="territory",
    english="France",
)
WEEKDAY = asked("term", "Jumanne", prompt="Which weekday comes after Jumatatu?", kind="weekday", position=1)
DATE = asked(
    "date",
    "5 Machi 2024",
    prompt='In Swahili, 7 May 1999 is written "7 Mei 1999".\nHow is 5 March 2024 written in Swahili?',
    position=3,
    day=5,
    year=2024,
)
ORDER = asked("order", "moja, mbili, tatu", prompt="Sort these Swahili numbers: tatu, moja, mbili.")
DIGITS = asked("digits", "1234", prompt='In Swahili, "saba" is 7.\nWhich number is this?')
NUMBER = asked("number", "arobaini na mbili", prompt='In Swahili, 7 is "saba".', english="42", value=42)
QUANTITY = asked(
    "quantity", "kilomita 12", prompt="The stages are kilomita 5 and kilomita 7.", value=12, unit="length-kilometer"
)


@pytest.mark.parametrize(
    "text",
    [
        "Ufaransa",
        "Ufaransa (France)",
        "The Swahili name of France is Ufaransa.",
        "Jina la Ufaransa kwa Kiswahili ni Ufaransa",
        "Ufaransa, not that.",
        "Kifaransa? Ufaransa",  # the language of the country, no rival of it
    ],
)
def test_name_beside_what_is_no_rival_of_it_is_right(text):
    assert mode(TERRITORY, text) is None


@pytest.mark.parametrize("text", ["Uingereza, Ujerumani, Ufaransa", "Ufaransa au Ujerumani", "Italia. Ufaransa."])
def test_list_of_names_fails_as_hedged(text):
    assert mode(TERRITORY, text) == "hedged"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1234", None),
        ("1,234", None),
        ("7, 1234", None),  # of the question
        ("1000 + 200 + 34 = 1234", None),
        ("1000, 234: 1234", None),
        ("1235 or 1234", "hedged"),
        ("1234, 1235, 1234", "hedged"),
        ("1235", "wrong_number"),
        ("-1234", "wrong_number"),
        ("\u22121234", "wrong_number"),
        ("minus 1234", "hedged"),
        ("not 1234", "hedged"),
    ],
)
def test_number_stands_alone_or_after_its_parts(text, expected):
    assert mode(DIGITS, text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("kilomita 12", None),
        ("kilomita 5 + kilomita 7 = kilomita 12", None),
        ("kilomita 13, si kilomita 12", "hedged"),
        ("si kilomita 12", "hedged"),
        ("kilomita -12", "wrong_number"),
        ("kilomita 12, kilogramu 12", "hedged"),
    ],
)
def test_quantity_has_one_value_and_one_unit(text, expected):
    assert mode(QUANTITY, text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("arobaini na mbili", None),
        ("saba, arobaini na mbili", None),
        ("arobaini + mbili = arobaini na mbili", None),
        ("arobaini na tatu au arobaini na mbili", "hedged"),
        ("si arobaini na mbili", "hedged"),
        ("minus arobaini na mbili", "hedged"),
    ],
)
def test_number_in_words_stands_alone_or_after_its_parts(text, expected):
    assert mode(NUMBER, text) == expected


@pytest.mark.parametrize(
    ("item", "text", "expected"),
    [
        (WEEKDAY, "Jumanne, si Jumatatu", None),
        (WEEKDAY, "si Jumanne", "hedged"),
        (DATE, "7 Mei 1999, 5 Machi 2024", None),
        (DATE, "4 au 5 Machi 2024", "hedged"),
        (DATE, "siyo 5 Machi 2024", "hedged"),
        (ORDER, "tatu, moja, mbili: moja, mbili, tatu", None),
        (ORDER, "moja, tatu, mbili or moja, mbili, tatu", "hedged"),
    ],
)
def test_term_date_and_order_with_a_rival_or_denied_are_hedged(item, text, expected):
    assert mode(item, text) == expected


@pytest.mark.parametrize(
    ("lang", "word", "text"),
    [
        ("id", "Prancis", "bukan Prancis"),
        ("tr", "Fransa", "Fransa değil"),
        ("uk", "Франція", "не Франція"),
        ("hi", "फ़्रांस", "फ़्रांस नहीं"),
        ("th", "ฝรั่งเศส", "ไม่ใช่ฝรั่งเศส"),
        ("my", "ပြင်သစ်", "ပြင်သစ်မဟုတ်"),
    ],
)
def test_denied_word_fails_as_hedged_before_or_behind_as_the_language_has_it(lang, word, text):
    item = asked("word", word, lang, task="territory")
    assert mode(item, word) is None
    assert mode(item, text) == "hedged"
    assert grade(item, f"not {word}").score == 0.0


TWENTY_ONE = asked("number", "ยี่สิบเอ็ด", "th", prompt='In Thai, 5 is "ห้า".', english="21", value=21)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("คำตอบคือ ยี่สิบเอ็ด", None),
        ("คำตอบคือยี่สิบเอ็ด", None),
        ("ยี่สิบเอ็ดครับ", None),
        ("ผมไม่สามารถบอกได้ว่ายี่สิบเอ็ด", None),  # "can" begins like three
        ("คำตอบคือ หนึ่งร้อยยี่สิบเอ็ด", "wrong_number"),
        ("สองพันสามร้อยยี่สิบเอ็ด", "wrong_number"),
        ("คำตอบคือ ยี่สิบสอง", "wrong_number"),
        ("ยี่สิบสองหรือยี่สิบเอ็ด", "hedged"),
        ("ยี่สิบเอ็ดด", "wrong_word"),
    ],
)
def test_number_without_spaces_around_it_is_found_whole(text, expected):
    assert mode(TWENTY_ONE, text) == expected


@pytest.mark.parametrize(
    ("lang", "word", "text", "expected"),
    [
        ("th", "ญี่ปุ่น", "คำตอบคือญี่ปุ่น", None),
        ("th", "ญี่ปุ่น", "ญี่ปุ่นครับ", None),
        ("th", "ญี่ปุ่น", "ญี่ปุ่นหรือจีน", "hedged"),
        ("th", "ญี่ปุ่น", "ญี่ปุ่นน", "wrong_word"),
        ("km", "ជប៉ុន", "ចម្លើយគឺជប៉ុន", None),
        ("lo", "ຍີ່ປຸ່ນ", "ຄຳຕອບແມ່ນຍີ່ປຸ່ນ", None),
        ("my", "ဂျပန်", "အဖြေကဂျပန်", None),
    ],
)
def test_word_without_spaces_around_it_is_found_unless_it_is_misspelt(lang, word, text, expected):
    assert mode(asked("word", word, lang, task="territory", english="Japan"), text) == expected


def test_longest_known_word_is_found_and_none_that_ends_before_its_vowel():
    assert search("xabcab", {"ab", "abc"}, 3) == [(1, 4), (4, 6)]
    assert search("สามารถ", {"สาม"}, 3) == []
    assert search("สามคน", {"สาม"}, 3) == [(0, 3)]


def test_longest_phrase_is_mentioned_where_several_begin_alike():
    assert mentions(["a", "b", "c", "b"], Phrases([("a",), ("a", "b"), ("b",)])) == [("a", "b"), ("b",)]


@pytest.mark.parametrize("apostrophe", ["'", "\u2019", "\u02bc", "\u02bb", "\u2018"])
def test_any_apostrophe_is_right_in_names_and_numbers(apostrophe):
    five = asked("number", "п\u02bcять", "uk", english="5", value=5)
    assert mode(five, f"п{apostrophe}ять") is None
    assert mode(five, f"it{apostrophe}s двадцять п{apostrophe}ять") == "wrong_number"
    assert mode(asked("word", "Oʻzbekiston", "uz"), f"O{apostrophe}zbekiston") is None


def test_number_without_its_apostrophe_is_that_of_a_neighbour():
    assert mode(asked("number", "п\u02bcять", "uk", english="5", value=5), "пять") == "wrong_word"


@pytest.mark.parametrize(
    ("item", "text"),
    [
        (TERRITORY, "Jerman"),  # Indonesian
        (TERRITORY, "Fransa"),  # Turkish
        (TERRITORY, "Germany"),
        (WEEKDAY, "Selasa"),
        (NUMBER, "empat puluh dua"),
        (NUMBER, "kırk iki"),
        (asked("word", "Франція", "uk", english="France"), "Франция"),
        (asked("number", "एघार", "ne", english="11", value=11), "ग्यारह"),  # Hindi
    ],
    ids=lambda value: value if isinstance(value, str) else value.stratum,
)
def test_word_of_a_neighbour_fails_as_wrong_language_without_a_detector(item, text, monkeypatch):
    monkeypatch.setitem(sys.modules, "lingua", None)
    identify.detector.cache_clear()
    found = grade(item, text)
    identify.detector.cache_clear()
    assert (found.failure_mode, found.signals["language_right"]) == ("wrong_language", 0.0)


def test_other_word_of_the_language_itself_is_of_the_right_language():
    found = grade(TERRITORY, "Ujerumani")
    assert (found.failure_mode, found.signals["language_right"]) == ("wrong_word", 1.0)


def test_word_that_no_language_of_the_slice_has_tells_nothing():
    assert "language_right" not in grade(TERRITORY, "Ufarranssa").signals


@pytest.mark.parametrize("code", list(LANGUAGES))
def test_right_answers_in_words_tell_that_the_language_is_kept(code):
    items = [MAKER.item(stratum=f"lang={code}", seed=2, index=index, tokens=None) for index in range(60)]
    spoken = [item for item in items if item.attributes["form"] in ("word", "term", "date", "number", "order")]
    told = [grade(item, item.references[0]).signals.get("language_right") for item in spoken]
    assert 0.0 not in told
    assert told.count(1.0) >= 0.97 * len(told)


def test_ten_thousand_items_of_all_languages_are_drawn_and_graded_in_seconds():
    started, strata = time.process_time(), MAKER.strata
    for index in range(10_000):
        item = MAKER.item(stratum=strata[index % len(strata)], seed=1, index=index, tokens=None)
        grade(item, "Jerman" if index % 2 else item.references[0])
    assert time.process_time() - started < 20.0
