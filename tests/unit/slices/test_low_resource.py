"""Words of low-resource languages: the pools are in the language, and lost languages are recognised."""

from __future__ import annotations

import unicodedata

import pytest

from tailgate_slices.item import Answer
from tailgate_slices.low_resource import LowResource
from tailgate_slices.low_resource.languages import LANGUAGES, terms
from tailgate_slices.low_resource.scripts import dominant_script, is_broken, script_of

MAKER = LowResource()


def first(task, lang="ka"):
    items = (MAKER.item(stratum=f"lang={lang}", seed=1, index=index, tokens=None) for index in range(200))
    return next(item for item in items if item.attributes["task"] == task)


def grade(item, text, finish_reason="stop"):
    return MAKER.grade(item, Answer(text=text, finish_reason=finish_reason))


def test_languages_are_at_least_six_in_at_least_four_scripts():
    assert len(LANGUAGES) >= 6
    assert len({language.script for language in LANGUAGES.values()}) >= 4


@pytest.mark.parametrize("code", list(LANGUAGES))
def test_pool_is_large_enough_for_fresh_items(code):
    assert len(terms(code)) >= 150


@pytest.mark.parametrize("code", list(LANGUAGES))
def test_every_word_of_a_pool_is_in_the_script_of_its_language(code):
    for term in terms(code):
        assert {script_of(char) for char in term.native} - {None} == {LANGUAGES[code].script}, term


@pytest.mark.parametrize("code", list(LANGUAGES))
def test_no_word_of_a_pool_is_an_english_name(code):
    english = {term.english.casefold() for each in LANGUAGES for term in terms(each)}
    assert not [term for term in terms(code) if term.native.casefold() in english]


@pytest.mark.parametrize("code", list(LANGUAGES))
def test_words_of_a_pool_are_unambiguous_both_ways(code):
    pool = terms(code)
    assert len({term.native for term in pool}) == len({term.english for term in pool}) == len(pool)


@pytest.mark.parametrize("code", list(LANGUAGES))
def test_words_of_a_pool_hold_letters_and_marks_only(code):
    assert {unicodedata.category(char)[0] for term in terms(code) for char in term.native} <= {"L", "M"}


@pytest.mark.parametrize("code", list(LANGUAGES))
def test_budget_holds_the_word_at_one_token_a_byte(code):
    for index in range(50):
        item = MAKER.item(stratum=f"lang={code}", seed=1, index=index, tokens=None)
        assert item.max_new_tokens > len(item.references[0].encode())


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
        ("France ფრა საფრანგეთი", "GEORGIAN"),
        ("123 !?", None),
        ("", None),
    ],
)
def test_dominant_script_of_real_words(text, script):
    assert dominant_script(text) == script


@pytest.mark.parametrize("text", ["abc\ufffd", "\ue000", "\u0378", "Ã©tÃ©", "საფრ".encode().decode("latin-1")])
def test_wrongly_decoded_text_is_broken(text):
    assert is_broken(text)


@pytest.mark.parametrize("text", ["café", "Dìíbọ́ótì", "საფრანგეთი", "naïve"])
def test_well_decoded_text_is_not_broken(text):
    assert not is_broken(text)


@pytest.mark.parametrize("code", list(LANGUAGES))
def test_no_word_of_a_pool_looks_broken(code):
    assert not [term for term in terms(code) if is_broken(term.native)]


@pytest.mark.parametrize("template", ["{}", '"{}".', "It is {} in that language.", "**{}**"])
def test_word_in_any_frame_is_right(template):
    item = first("copy")
    assert grade(item, template.format(item.references[0])).score == 1.0


def test_word_in_decomposed_form_is_right():
    item = first("copy", "yo")
    assert grade(item, unicodedata.normalize("NFD", item.references[0])).score == 1.0


def test_word_with_a_letter_missing_fails_as_wrong_word():
    item = first("copy")
    assert grade(item, item.references[0][:-1]).failure_mode == "wrong_word"


def test_word_with_a_letter_appended_fails_as_wrong_word():
    item = first("copy")
    assert grade(item, item.references[0] + "ს").failure_mode == "wrong_word"


def test_other_script_fails_as_wrong_script():
    assert grade(first("copy"), "Франция").failure_mode == "wrong_script"


def test_transliteration_fails_as_wrong_script():
    assert grade(first("translate"), "sakartvelo").failure_mode == "wrong_script"


def test_other_script_cut_off_at_the_budget_stays_wrong_script():
    assert grade(first("copy"), "Франция", "length").failure_mode == "wrong_script"


def test_english_name_fails_as_untranslated():
    item = first("translate")
    assert grade(item, str(item.attributes["english"])).failure_mode == "untranslated"


def test_replacement_characters_fail_as_broken_text():
    item = first("copy")
    assert grade(item, item.references[0][:-1] + "\ufffd\ufffd").failure_mode == "broken_text"


def test_punctuation_alone_fails_as_no_word():
    assert grade(first("copy"), "...").failure_mode == "no_word"


def test_other_entry_of_a_glossary_fails_as_wrong_entry():
    item = first("lookup")
    natives = {term.native for term in terms("ka")}
    other = next(
        word.strip(".")
        for word in item.prompt.split()
        if word.strip(".") in natives and word.strip(".") != item.references[0]
    )
    assert grade(item, other).failure_mode == "wrong_entry"
    assert grade(item, f"{item.references[0]} or {other}").failure_mode == "wrong_entry"


@pytest.mark.parametrize("task", ["copy", "lookup", "translate"])
def test_every_task_is_drawn(task):
    assert first(task).prompt


def test_translation_does_not_hold_its_answer():
    item = first("translate")
    assert item.references[0] not in item.prompt
