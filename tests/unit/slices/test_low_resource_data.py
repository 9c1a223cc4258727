"""Languages of the low-resource slice: enough of them, and every text that can be asked is proven to be in them."""

from __future__ import annotations

import re
import sys
import unicodedata
from types import SimpleNamespace

import pytest

from tailgate_slices.item import SliceError
from tailgate_slices.low_resource import numerals
from tailgate_slices.low_resource.languages import LANGUAGES, NO_RULES, OTHER_WORDS, TASKS, THAI_LETTERS
from tailgate_slices.low_resource.numerals import collation, number_proof, readings, spellings, squash
from tailgate_slices.low_resource.proofs import proof, tidied
from tailgate_slices.low_resource.questions import calendar_kinds, dates
from tailgate_slices.low_resource.respelling import highest
from tailgate_slices.low_resource.scripts import dominant_script, is_broken, normal, other_share, script_of, visible
from tailgate_slices.low_resource.terms import (
    VALUES,
    calendar,
    calendar_names,
    quantity,
    terms,
    territories,
    units,
    written_date,
)

ZWNJ, ZWJ = "\u200c", "\u200d"
CODES = list(LANGUAGES)
SPELLING = [code for code in CODES if "number-to-words" in LANGUAGES[code].tasks]
NOT_SPELLING = [code for code in CODES if "number-to-words" not in LANGUAGES[code].tasks]
NUMBERS = [*range(1, 130), *range(130, 1000, 37), *range(1000, 9999, 499), 9999]


def test_languages_are_at_least_twenty_four_in_at_least_twelve_scripts():
    assert len(LANGUAGES) >= 24
    assert len({language.script for language in LANGUAGES.values()}) >= 12


@pytest.mark.parametrize("tier", ["high", "mid", "low"])
def test_every_tier_has_languages_in_several_scripts(tier):
    assert len({language.script for language in LANGUAGES.values() if language.tier == tier}) >= 4


@pytest.mark.parametrize("task", TASKS)
def test_every_task_has_at_least_twelve_languages(task):
    assert sum(task in language.tasks for language in LANGUAGES.values()) >= 12


@pytest.mark.parametrize("code", CODES)
def test_pool_is_large_enough_for_fresh_items(code):
    assert len(terms(code)) >= 100
    assert len(territories(code)) >= 40


@pytest.mark.parametrize("code", CODES)
def test_every_word_of_a_pool_is_in_the_script_of_its_language(code):
    for term in terms(code):
        assert {script_of(char) for char in term.native} - {None} == {LANGUAGES[code].script}, term


@pytest.mark.parametrize("code", CODES)
def test_no_word_of_a_pool_is_an_english_name(code):
    english = {term.english.casefold() for term in terms(code)}
    assert not [term for term in terms(code) if term.native.casefold() in english]


@pytest.mark.parametrize("code", CODES)
def test_words_of_a_pool_are_unambiguous_both_ways(code):
    pool = terms(code)
    assert len({term.native for term in pool}) == len({term.english for term in pool}) == len(pool)


@pytest.mark.parametrize("code", CODES)
def test_words_of_a_pool_hold_letters_and_marks_and_joiners_only_and_look_sound(code):
    signs = {char for term in terms(code) for char in term.native} - {ZWNJ, ZWJ}
    assert {unicodedata.category(char)[0] for char in signs} <= {"L", "M"}
    assert not [term for term in terms(code) if is_broken(term.native)]


@pytest.mark.parametrize("code", CODES)
def test_tasks_of_the_calendar_and_of_units_have_data_exactly_where_the_language_says_so(code):
    lacks = LANGUAGES[code].lacks
    spoken = "number-to-words" not in lacks
    assert ("date" not in lacks) == bool(calendar_kinds(code))
    assert ("answer" not in lacks) == (bool(calendar_kinds(code)) or spoken)
    assert ("problem" not in lacks) == (bool(units(code)) or spoken)


@pytest.mark.parametrize("code", CODES)
def test_names_of_the_calendar_are_proven_and_stand_for_one_position(code):
    for kind in calendar_kinds(code):
        forms = [form for place in calendar(code, kind) for form in place.forms]
        assert len(set(forms)) == len(forms)
        assert all(proof(form, script=LANGUAGES[code].script) is None for form in forms)
        for place in calendar(code, kind):
            assert all(calendar_names(code, kind)[normal(form)] == place.position for form in place.forms)


@pytest.mark.parametrize("code", CODES)
def test_written_dates_hold_the_day_and_the_year_and_a_month_of_their_own(code):
    written = {month: written_date(code, 2007, month, 19) for month in dates(code)}
    assert len(set(written.values())) == len(written)
    for text in written.values():
        assert re.findall("[0-9]+", text) in (["19", "2007"], ["2007", "19"])


@pytest.mark.parametrize("code", CODES)
def test_quantities_hold_their_value_and_words_of_the_language(code):
    for unit in units(code):
        for value in (VALUES[0], 11, 21, VALUES[-1]):
            text = quantity(code, unit, value)
            assert re.findall("[0-9]+", text) == [str(value)]
            assert proof(text, script=LANGUAGES[code].script) is None


def numbers_of(code):
    return [number for number in NUMBERS if number <= highest(code)]


@pytest.mark.parametrize("code", SPELLING)
def test_numbers_in_words_are_proven_and_read_back(code):
    for number in numbers_of(code):
        for text in spellings(code, number):
            assert proof(text, script=LANGUAGES[code].script, english=numerals.ENGLISH) is None
            assert text == tidied(text)


@pytest.mark.parametrize("code", SPELLING)
def test_numbers_in_words_are_told_apart(code):
    seen = {}
    for number in numbers_of(code):
        for text in spellings(code, number):
            assert seen.setdefault(squash(code, text), number) == number


@pytest.mark.parametrize("code", NOT_SPELLING)
def test_language_without_number_words_gets_english_or_unproven_ones_from_icu(code):
    reasons = {"lo": THAI_LETTERS, "chr": OTHER_WORDS}
    assert LANGUAGES[code].lacks["number-to-words"] == reasons.get(code, NO_RULES)
    with pytest.raises(SliceError, match="cannot spell"):
        [spellings(code, number) for number in NUMBERS]


def test_lao_is_spelled_up_to_99_and_with_thai_letters_beyond():
    assert all(spellings("lo", number) for number in range(1, 100))
    for number in (0, 100, 999, 1000):
        with pytest.raises(SliceError, match="cannot spell"):
            spellings("lo", number)
    assert "THAI" in {script_of(char) for char in numerals._forms("lo", 100)[0]}


@pytest.mark.parametrize(
    ("code", "number", "text"),
    [("sw", 42, "arobaini na mbili"), ("ka", 42, "ორმოცდაორი"), ("tr", 101, "yüz bir"), ("th", 21, "ยี่สิบเอ็ด")],
)
def test_known_numbers_are_spelled_as_people_spell_them(code, number, text):
    assert squash(code, text) in {squash(code, each) for each in spellings(code, number)}
    assert readings(code)[squash(code, text)] == number


def test_words_for_another_number_are_no_proof():
    assert number_proof("sw", 42, "arobaini na tatu") == "is read back as 43"
    assert number_proof("sw", 42, "forty-two") == "is English"
    assert number_proof("sw", 42, "xyz") == "is read back as None"


@pytest.mark.parametrize(
    ("text", "script", "reason"),
    [
        ("می\u200cشود", "ARABIC", None),
        ("ශ්\u200dරී", "SINHALA", None),
        ("\u200cمی", "ARABIC", "holds the invisible U+200C"),
        ("Ufar\u200cansa", "LATIN", "holds the invisible U+200C"),
        ("Ufaransa", "LATIN", None),
        ("საფრანგეთი", "GEORGIAN", None),
        ("France", "LATIN", "is English"),
        ("saa France", "LATIN", "is English"),
        ("France", "GEORGIAN", "holds LATIN"),
        ("ສາມສิບ", "LAO", "holds THAI"),  # a Thai vowel sign in a Lao word
        ("Ufar\u00adansa", "LATIN", "holds the invisible U+00AD"),
        ("Ufar\u200bansa", "LATIN", "holds the invisible U+200B"),
        ("saa\u00a05", "LATIN", "holds the invisible U+00A0"),
        ("e\u0301tat", "LATIN", "is not composed (NFC)"),
        ("15", "LATIN", "holds no letters"),
        ("", "LATIN", "holds no letters"),
    ],
)
def test_proof_names_what_speaks_against_a_text(text, script, reason):
    assert proof(text, script=script, english=frozenset({"france"})) == reason


def test_tidied_text_has_plain_spaces_and_nothing_invisible():
    assert tidied(" e\u0301\u00adta\u200bt\u00a0 5\u202f") == "état 5"


@pytest.mark.parametrize("text", ["می\u200cشود", "ശ്രീ\u200cലങ്ക", "ශ්\u200dරී ලංකාව"])
def test_tidied_text_keeps_joiners_where_the_script_is_spelt_with_them(text):
    assert tidied(text) == text
    assert tidied("ab\u200cc\u200dd") == "abcd"


@pytest.mark.parametrize("code", ["fa", "ml", "kn", "si", "te", "or"])
def test_words_spelt_with_joiners_are_shown_with_them(code):
    assert [term for term in terms(code) if ZWNJ in term.native or ZWJ in term.native]


def test_quantity_in_sinhala_keeps_the_joiner_of_its_unit():
    assert "ග්\u200dරෑම්" in quantity("si", "mass-gram", 12)


def test_alphabetical_order_is_the_language_s_own():
    assert sorted(["ç", "d", "c"], key=collation("tr")) == ["c", "ç", "d"]
    assert sorted(["z", "ə", "e"], key=collation("az")) == ["e", "ə", "z"]


def test_missing_icu_is_an_error_that_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "icu", None)
    numerals._icu.cache_clear()
    with pytest.raises(SliceError, match="pip install pyicu-wheels"):
        numerals._icu()


def test_another_icu_release_is_an_error_because_its_items_would_differ(monkeypatch):
    monkeypatch.setitem(sys.modules, "icu", SimpleNamespace(ICU_VERSION="58.2"))
    numerals._icu.cache_clear()
    with pytest.raises(SliceError, match=r"found 58\.2"):
        numerals._icu()


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("Ufaransa", "LATIN"),
        ("ፈረንሳይ", "ETHIOPIC"),
        ("საფრანგეთი", "GEORGIAN"),
        ("ফ্রান্স", "BENGALI"),
        ("பிரான்ஸ்", "TAMIL"),
        ("បារាំង", "KHMER"),
        ("ຝຣັ່ງ", "LAO"),
        ("Франция", "CYRILLIC"),
        ("프랑스", "HANGUL"),
        ("France ფრა საფრანგეთი", "GEORGIAN"),
        ("123 !?", None),
        ("", None),
    ],
)
def test_dominant_script_of_real_words(text, script):
    assert dominant_script(text) == script


def test_share_of_another_script_counts_letters_only():
    assert other_share("აბ cd 12", "GEORGIAN") == 0.5
    assert other_share("აბგ.", "GEORGIAN") == 0.0
    assert other_share("12", "GEORGIAN") is None


@pytest.mark.parametrize(
    "text",
    [
        "abc\ufffd",
        "\ue000",
        "\u0378",
        "Ã©tÃ©",
        "साल".encode().decode("latin-1"),
        "საფრ".encode().decode("latin-1"),
        "Франция".encode().decode("latin-1"),
        "it\u00e2\u20ac\u2122s",
        "<0xE1><0x83>",
    ],
)
def test_wrongly_decoded_text_is_broken(text):
    assert is_broken(text)


@pytest.mark.parametrize(
    "text", ["café", "Dìíbọ́ótì", "საფრანგეთი", "naïve", "«café»", "voilà…", "groß\u00a0", "Điện Biên Phủ", "<0x> 10"]
)
def test_well_decoded_text_is_not_broken(text):
    assert not is_broken(text)


def test_visible_text_keeps_marks_and_drops_joiners():
    assert visible("ศุกร์\u200bเสาร์\u00ad") == "ศุกร์เสาร์"
