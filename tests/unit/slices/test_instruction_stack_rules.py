"""Every kind of rule, with a text that keeps it and a near miss that breaks it."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tailgate_slices.instruction_stack.reading import Reading
from tailgate_slices.instruction_stack.rule import FAMILIES, Rule, pack, unpack
from tailgate_slices.instruction_stack.stack import KINDS

# kind, parameters, a text that keeps the rule, a near miss
LAYOUT = [
    ("bullets", {"n": 2, "mark": "-"}, "Two things:\n- rain\n- snow", "- rain\n-snow"),
    ("line_marks", {"mark": ">"}, "> rain\n> snow", "> rain\nsnow"),
    ("numbered", {"n": 2}, "1. Rain.\n2. Snow.", "1. Rain.\n3. Snow."),
    ("paragraphs", {"n": 2}, "Rain.\nIt falls.\n \nSnow.", "Rain.\nSnow."),
    ("dividers", {"n": 1, "mark": "***"}, "Rain.\n***\nSnow.", "Rain *** snow."),
    ("title", {}, "<<On rain>>\nIt falls.", "<On rain>\nIt falls."),
    ("heading", {}, "# Rain\nIt falls.", "Rain\n# It falls."),
    ("json_keys", {"keys": "title and text"}, '{"text": "It falls.", "title": "Rain"}', '{"title": "Rain"}'),
    ("json_keys", {"keys": "a and b"}, '```json\n{"a": 1, "b": 2}\n```', 'Here: {"a": 1, "b": 2}'),
    ("quoted", {}, '"Rain falls."', '"Rain" falls.'),
    ("quoted", {}, "\u201cRain falls.\u201d", '"Rain falls.'),
    ("repeat_task", {"task": "Write about rain."}, "write about rain\nIt falls.", "Write about rain. It falls."),
    ("alternate_prefixes", {"first": "A:", "second": "B:"}, "A: rain\nB: snow\nA: fog", "A: rain\nA: snow"),
    ("fenced", {}, "```\nrain\n```", "```\nrain"),
    ("tagged", {"tag": "note"}, "<note>\nrain\n</note>", "<note>\nrain\n</note> That is it."),
    ("postscript", {}, "Rain.\nP.S. Snow.", "Rain. P.S. Snow."),
    ("sections", {"n": 2}, "Part 1\nRain.\nPart 2:\nSnow.", "Part 1\nRain.\nPart 3\nSnow."),
    ("last_line", {"line": "That is all."}, "Rain.\nThat is all.", "Rain.\nThat is all!"),
    ("lower_case", {}, "rain falls.", "Rain falls."),
    ("upper_case", {}, "RAIN FALLS 3 TIMES.", "RAIN FALLS 3 TIMEs."),
    ("capital_words", {"n": 2}, "RAIN falls, SNOW too.", "RAIN falls, I see."),
    ("placeholder", {}, "Ask at [address].", "Ask at [].\n"),
    ("emphasis", {}, "The *blue* sea.", "2 * 3 * 4"),
]
AMOUNTS = [
    ("words_between", {"low": 2, "high": 3}, "Rain - falls.", "Rain."),
    ("words_at_most", {"n": 3}, "It's well-known rain.", "It is well known."),
    ("words_at_least", {"n": 3}, "Rain falls here.", "Rain - falls."),
    ("sentences_exactly", {"n": 2}, "Rain? At 7.30 it falls!", "Rain falls."),
    ("sentences_at_most", {"n": 1}, "1. Rain falls.", "Rain. Snow."),
    ("sentence_words_at_most", {"n": 2}, "Rain falls. Snow too.", "Rain falls here."),
    ("lines_exactly", {"n": 2}, "rain\n\nsnow", "rain snow"),
    ("lines_between", {"low": 2, "high": 3}, "a\nb\nc", "a\nb\nc\nd"),
    ("one_line", {}, "Rain. Snow.", "Rain.\nSnow."),
    ("line_words_at_most", {"n": 2}, "- rain falls\n- snow", "rain falls here\nsnow"),
    ("characters_at_most", {"n": 5}, " rain \n", "rain .."),
    ("no_blank_lines", {}, "rain\nsnow", "rain\n\nsnow"),
    ("no_mark", {"mark": ",", "marks": "commas"}, "rain; snow", "rain, snow"),
    ("no_digits", {}, "two rains", "2 rains"),
    ("latin_only", {}, "café \u2013 1!", "caf\u00e9 \u0434"),
    ("ascii_only", {}, "cafe", "café"),
    ("final_mark", {"mark": "!", "marks": "an exclamation mark"}, "Rain!", "Rain!!."),
    ("line_begins", {"k": 2, "word": "Snow"}, "Rain.\n- Snow falls.", "Snow.\nRain."),
    ("line_words", {"k": 2, "n": 1}, "Rain falls.\nSnow.", "Rain."),
    ("line_ends", {"k": 1, "word": "falls"}, "Rain (falls).\nSnow.", "It falls down."),
]
LEXICAL = [
    ("first_word", {"word": "rain"}, "**Rain** falls.", "The rain."),
    ("first_letter", {"letter": "r"}, '"Rain" falls.', "The rain."),
    ("last_word", {"word": "falls"}, "Rain falls!", "Rain falls down."),
    ("last_letter", {"letter": "s"}, "Rain falls.", "Rain fell."),
    ("word_place", {"k": 2, "word": "falls"}, "Rain, falls.", "Falls."),
    ("acrostic", {"letters": "R, S"}, "rain\n- snow", "rain\nsnow\nsun"),
    ("include_word", {"word": "rain"}, "The RAIN.", "The raincoat."),
    ("avoid_word", {"word": "the"}, "Then rain.", "In the rain."),
    ("include_phrase", {"phrase": "the Rain"}, "In the rain.", "The cold rain."),
    ("some_of_words", {"options": "fog, rain, snow"}, "Snow and rain.", "Rain and rain."),
    ("word_exactly", {"word": "rain", "n": 2}, "Rain, rain.", "Rain, rain, rain."),
    ("word_at_least", {"word": "rain", "n": 2}, "Rain rain rain.", "Rain."),
    ("word_at_most", {"word": "rain", "n": 1}, "Rain.", "Rain, rain."),
    ("word_before", {"first": "rain", "second": "snow"}, "Rain, then snow.", "Snow, then rain."),
    ("distinct_words", {"n": 2}, "Rain falls.", "Rain, rain."),
    ("word_ending", {"ending": "ing", "n": 2}, "Falling and rising.", "Falling, ing."),
    ("avoid_letter", {"letter": "q"}, "Rain.", "Quiet rain."),
    ("avoid_initial", {"letter": "s"}, "It is rain.", "It is Snow."),
    ("letter_at_least", {"letter": "a", "n": 2}, "A rain.", "Rain."),
    ("letter_at_most", {"letter": "a", "n": 1}, "Rain.", "A rain."),
    ("no_longer_words", {"n": 4}, "Rain is here.", "Rain falls."),
    ("long_word", {"n": 5}, "Rain falls.", "Rain fell."),
    ("no_apostrophe", {}, "It is rain.", "It\u2019s rain."),
    ("no_doubled_word", {}, "Rain, no rain.", "Rain, rain."),
]
CONTENT = [
    ("mention_name", {"word": "Anna"}, "I saw ANNA.", "I saw Annabel."),
    ("mention_city", {"word": "Rome"}, "In Rome.", "In Romeo."),
    ("mention_colour", {"word": "red"}, "A red box.", "A bored fox."),
    ("mention_animal", {"word": "fox"}, "Foxes bark.", "A foxglove."),
    ("mention_animal", {"word": "mouse"}, "Three mice.", "A mousetrap."),
    ("mention_food", {"word": "rice"}, "Some rice.", "The price."),
    ("mention_food", {"word": "beans"}, "A bean.", "A beanbag."),
    ("mention_day", {"word": "Monday"}, "On Mondays!", "On Tuesday!"),
    ("mention_month", {"word": "June"}, "In June.", "In July."),
    ("mention_job", {"word": "nurse"}, "The nurse.", "The nursery."),
    ("mention_object", {"word": "map"}, "A map.", "A maple."),
    ("mention_object", {"word": "box"}, "Two boxes.", "Two boxers."),
    ("name_some_of", {"n": 2, "plural": "animals", "options": "fox, hen, cow"}, "A hen, a cow.", "A hen, a hen."),
    ("name_none_of", {"plural": "animals", "options": "fox, hen"}, "A cow.", "A cow, two hens."),
    ("name_before", {"first": "Anna", "second": "Ben"}, "Anna and Ben.", "Ben and Anna."),
    ("name_before", {"first": "fox", "second": "hen"}, "Foxes and hens, a fox.", "Hens, a fox, a hen."),
    ("number", {"number": "42"}, "I have 42, or 7.", "At 42% or $42 or 12:42 or 421 or 42.7 or 7.42 or 1,042."),
    ("price", {"price": "$42"}, "It costs $42.", "It costs $421 or $42.99 or $42,000."),
    ("time", {"time": "7:30"}, "At 7:30.", "At 17:30 or 7:30:15."),
    ("percentage", {"percentage": "42%"}, "By 42%.", "By 142%, or 42, or 1.42%."),
    ("year", {"year": "1900"}, "In 1900, or so.", "In 19001, or 1900.5, or the 1900s."),
    ("email", {"address": "ben@example.org"}, "To Ben@example.org.", "To ben@example.com or reuben@example.org."),
    ("email", {"address": "ben@example.org"}, "ben@example.org, please", "To ben@example.org.uk."),
    ("hashtag", {"hashtag": "#rain"}, "Use #Rain.", "Use # rain or #rainbow."),
    ("ask", {}, "Rain?", "Rain."),
    ("no_question", {}, "Rain.", "Rain?"),
    ("exclaim", {}, "Rain!", "Rain."),
    ("address_reader", {}, "You see rain.", "The young see rain."),
    ("first_person", {}, "We see rain.", "Wet rain."),
    ("no_first_person", {}, "Wet rain.", "My rain."),
    ("greet", {"word": "Hello"}, "Hello Anna.", "Anna, hello."),
    ("sign", {"name": "Anna"}, "Rain.\nBest wishes from Anna", "Best wishes from Anna and Ben."),
    ("foreign_word", {"word": "привет"}, "They say Привет.", "They say privet."),
    ("compare", {}, "More than rain.", "More then rain."),
    ("reason", {}, "Because of rain.", "The cause of rain."),
    ("contrast", {}, "Rain, but warm.", "A button."),
    ("sequence", {}, "First rain, then snow.", "First rain, and snow."),
]
TABLE = [*LAYOUT, *AMOUNTS, *LEXICAL, *CONTENT]
HOSTILE = [
    *("", " ", "\x00", "\ud800", "\n" * 5000, "(" * 100_000, "9" * 100_000, "[" * 100_000, '{"a":' * 50_000),
    *("<<" * 50_000, "*a" * 50_000, "[a" * 50_000, "a@" * 50_000, "$1" * 50_000, "# " * 50_000, "- " * 50_000),
    *("\u0301" * 100_000, "`" * 5000, "a\n" * 50_000, " \n" * 50_000, ". " * 50_000, "\u0130" * 50_000),
]


def kept(name, params, text):
    return Rule(kind=KINDS[name], params=params).kept_by(Reading.of(text))


@pytest.mark.parametrize(
    ("name", "params", "text", "near_miss"), TABLE, ids=[f"{r[0]}-{i}" for i, r in enumerate(TABLE)]
)
def test_rule_is_kept_by_a_text_and_broken_by_a_near_miss(name, params, text, near_miss):
    assert kept(name, params, text)
    assert not kept(name, params, near_miss)


def test_table_above_has_every_kind_of_rule_and_they_are_at_least_forty_five():
    assert {row[0] for row in TABLE} == set(KINDS)
    assert len(KINDS) >= 45


def test_every_family_has_at_least_twenty_kinds():
    assert all(sum(kind.family == family for kind in KINDS.values()) >= 20 for family in FAMILIES)


@pytest.mark.parametrize("row", TABLE, ids=[f"{r[0]}-{i}" for i, r in enumerate(TABLE)])
def test_wording_names_every_parameter_or_says_it_in_words(row):
    name, params = row[:2]
    shown = {"repeat_task": (), "final_mark": ("marks",)}.get(name, tuple(params))  # the prompt itself shows the task
    text = Rule(kind=KINDS[name], params=params).text
    assert all(str(params[each]) in text for each in shown)


def test_rules_packed_into_a_text_come_back():
    rules = tuple(Rule(kind=KINDS[row[0]], params=row[1]) for row in TABLE)
    assert unpack(pack(rules), KINDS) == rules


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_is_checked_by_every_rule_in_a_moment(text):
    started = time.perf_counter()
    seen = Reading.of(text)
    assert {Rule(kind=KINDS[row[0]], params=row[1]).kept_by(seen) for row in TABLE} <= {True, False}
    assert time.perf_counter() - started < 0.5


@settings(max_examples=200, deadline=None, derandomize=True)
@given(text=st.text(max_size=200))
def test_any_text_keeps_a_rule_or_breaks_it(text):
    seen = Reading.of(text)
    assert {Rule(kind=KINDS[row[0]], params=row[1]).kept_by(seen) for row in TABLE} <= {True, False}


@settings(max_examples=100, deadline=None, derandomize=True)
@given(text=st.text(alphabet="aB1 .!?,\n-*#<>[]{}\":'`$%@", max_size=120))
def test_text_of_marks_keeps_a_rule_or_breaks_it(text):
    seen = Reading.of(text)
    assert {Rule(kind=KINDS[row[0]], params=row[1]).kept_by(seen) for row in TABLE} <= {True, False}


def test_sentences_end_at_marks_before_white_space_and_at_line_ends():
    seen = Reading.of('1. He said "no." Then 3.5 more!\n- Why?\n***\nWell')
    assert seen.sentences == ('He said "no', "Then 3.5 more", "Why", "Well")


def test_text_past_the_bound_is_not_read():
    assert Reading.of("a " * 100_000).tokens == ("a",) * 2000
