"""Haystacks: lengths in tokens, depths, shared texts, and needles that nothing contradicts."""

from __future__ import annotations

import re
from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from tailgate_slices.item import SliceError
from tailgate_slices.long_context import TASKS, LongContext
from tailgate_slices.long_context.filler import REGISTERS
from tailgate_slices.long_context.haystack import TASK_SHARES
from tailgate_slices.long_context.shelf import haystack_at
from tailgate_slices.long_context.words import CALLINGS, CONTAINERS, KINDS, NAMES, SYMBOLS

MAKER = LongContext()
CODE_TASKS = tuple(task for task in TASKS if task not in ("common", "paraphrase"))


def draw(tokens, stratum="len=256,task=kv", index=0, seed=2):
    return MAKER.item(stratum=stratum, seed=seed, index=index, tokens=tokens)


def haystack(item):
    """The prompt without its question."""
    return item.prompt.rpartition("\n")[0].rstrip("\n")


class CountingCounter:
    """Counts words, and how many long texts it was asked about."""

    def __init__(self, sha256):
        self.sha256 = sha256
        self.long_texts = 0

    def count(self, text):
        self.long_texts += len(text) > 20_000
        return len(text.split())


# The dense list, whose difficulty for small models is known


def test_dense_list_gives_one_code_a_line_and_asks_for_one(word_tokens):
    *lines, question = draw(word_tokens, "len=256,task=kv").prompt.split("\n")
    assert all(re.fullmatch(r"The (\w+ \w+) is on the shelf\. The code of the \1 is \d{4}\.", line) for line in lines)
    assert re.fullmatch(r"What is the code of the \w+ \w+\?", question)


@pytest.mark.parametrize("length", [512, 8192, 32768])
def test_keys_and_codes_of_a_dense_list_are_all_different(length, word_tokens):
    prompt = draw(word_tokens, f"len={length},task=kv").prompt
    pairs = re.findall(r"The code of the (.+) is (\d+)\.", prompt)
    assert len({key for key, _ in pairs}) == len({code for _, code in pairs}) == len(pairs) > length / 20
    assert prompt.count(" is on the shelf.") - len(pairs) <= 6


def test_every_line_of_a_short_list_is_asked_for_equally_often(word_tokens):
    lines = [draw(word_tokens, "len=128,task=kv", index).attributes["line"] for index in range(700)]
    assert chisquare(np.bincount(lines)).pvalue > 1e-3


# Depth


def line_start(item, phrase, tokens):
    """Where the last line with a phrase begins, as a share of the tokens of the text."""
    text = haystack(item)
    return tokens.count(text[: text.rfind("\n", 0, text.rindex(phrase)) + 1]) / tokens.count(text)


def deciding_phrase(item):
    """What stands in the line at the depth."""
    if item.attributes["task"] == "tracking":
        return f"code of the {item.attributes['key']} is changed to"
    if item.attributes["task"] == "symbol":
        return item.attributes["key"]
    return item.references[0]


@pytest.mark.parametrize("task", ["kv", "multikey", "tracking", "paraphrase", "join", "symbol"])
@pytest.mark.parametrize("length", [512, 2048, 4096])
def test_needle_stands_in_the_decile_that_the_stratum_fixes(length, task, word_tokens):
    for decile in range(10):
        for index in range(4):
            item = draw(word_tokens, f"len={length},task={task},depth={decile}", index)
            assert item.attributes["depth_decile"] == decile
            assert decile / 10 <= line_start(item, deciding_phrase(item), word_tokens) < (decile + 1) / 10


@pytest.mark.parametrize("task", ["multivalue", "multiquery"])
def test_first_of_several_wanted_needles_stands_in_the_decile(task, word_tokens):
    for decile in range(10):
        item = draw(word_tokens, f"len=2048,task={task},depth={decile}")
        assert decile / 10 <= line_start(item, item.references[0].split(", ")[0], word_tokens) < (decile + 1) / 10


def test_mentions_by_which_a_thing_leads_stand_in_the_decile(word_tokens):
    for decile in range(10):
        item = draw(word_tokens, f"len=4096,task=common,depth={decile}")
        text, name = haystack(item), f"one {item.references[0]}."
        start, end = int(decile / 10 * len(text)), int((decile + 1.1) / 10 * len(text))
        assert text[start:end].count(name) >= 2


def test_depth_over_many_items_is_uniform(word_tokens):
    deciles = [draw(word_tokens, "len=128", index).attributes["depth_decile"] for index in range(1000)]
    assert chisquare(np.bincount(deciles, minlength=10)).pvalue > 1e-3


# Several questions about one text


def test_short_text_has_one_question_and_no_cluster(word_tokens):
    assert MAKER.cluster_items("len=1024") == 1
    items = [draw(word_tokens, "len=1024", index) for index in range(8)]
    assert {item.cluster for item in items} == {None}
    assert len({haystack(item) for item in items}) == 8


@pytest.mark.parametrize("task", TASKS)
def test_four_questions_share_a_text_at_the_beginning_of_the_prompt(task, word_tokens):
    stratum = f"len=2048,task={task}"
    assert MAKER.cluster_items(stratum) == 4
    groups = defaultdict(list)
    for index in range(12):
        groups[draw(word_tokens, stratum, index).cluster].append(draw(word_tokens, stratum, index))
    assert [[item.index for item in group] for group in groups.values()] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
    assert all(len({haystack(item) for item in group}) == 1 for group in groups.values())
    assert len({haystack(group[0]) for group in groups.values()}) == 3


@pytest.mark.parametrize("task", TASKS)
def test_questions_about_one_text_have_different_keys_and_answers(task, word_tokens):
    for number in range(5):
        items = [draw(word_tokens, f"len=2048,task={task}", 4 * number + place) for place in range(4)]
        assert len({item.attributes["key"] for item in items}) == 4
        assert len({item.references for item in items}) == 4
        assert len({item.prompt for item in items}) == 4


def test_other_questions_of_a_text_take_no_further_count_of_it():
    tokens = CountingCounter("34" * 32)
    draw(tokens, "len=8192", 4)
    before = tokens.long_texts
    for index in (5, 6, 7):
        draw(tokens, "len=8192", index)
    assert tokens.long_texts == before


def test_task_and_language_belong_to_the_text(word_tokens):
    for number in range(6):
        items = [draw(word_tokens, "len=2048", 4 * number + place) for place in range(4)]
        assert len({(item.attributes["task"], item.attributes["language"]) for item in items}) == 1


# Needles


@pytest.mark.parametrize("task", [task for task in CODE_TASKS if task != "absent"])
@pytest.mark.parametrize("length", [128, 512, 2048])
def test_wanted_codes_stand_in_the_text_exactly_once(length, task, word_tokens):
    for index in range(12):
        item = draw(word_tokens, f"len={length},task={task}", index)
        for code in item.references[0].split(", "):
            assert item.prompt.count(code) == 1


@pytest.mark.parametrize("task", TASKS)
def test_no_number_of_a_text_but_codes_is_longer_than_three_digits(task, word_tokens):
    text = draw(word_tokens, f"len=4096,task={task}").prompt
    assert not re.findall(r"\d{5,}", text)
    found = Counter(re.findall(r"\d{4}", text))
    assert not found or max(found.values()) == 1


@pytest.mark.parametrize("task", ["multikey", "multiquery", "kv", "absent"])
def test_no_key_has_two_codes(task, word_tokens):
    keys = re.findall(r"[Cc]ode of the (.+?) is \d", draw(word_tokens, f"len=4096,task={task}").prompt)
    assert len(keys) == len(set(keys)) > 10


def test_absent_key_has_no_code_and_another_of_its_noun_has_one(word_tokens):
    for index in range(40):
        item = draw(word_tokens, "len=2048,task=absent", index)
        text, noun = haystack(item), item.attributes["key"].split()[1]
        assert f"the {item.attributes['key']} is" not in text
        assert re.search(rf"The code of the \w+ {noun} is \d{{4}}\.", text)


def test_answerable_and_unanswerable_questions_are_worded_alike(word_tokens):
    asked = {task: draw(word_tokens, f"len=512,task={task}") for task in ("absent", "multikey")}
    wordings = {item.prompt.rpartition("\n")[2].replace(item.attributes["key"], "KEY") for item in asked.values()}
    assert len(wordings) == 1


def test_all_values_of_a_key_and_no_others_are_wanted(word_tokens):
    for index in range(20):
        item = draw(word_tokens, "len=2048,task=multivalue", index)
        there = re.findall(rf"One code of the {item.attributes['key']} is (\d{{4}})\.", item.prompt)
        assert sorted(there) == sorted(item.references[0].split(", "))
        assert f"gives {len(there)} codes" in item.prompt


def test_tracked_code_is_the_last_one_set(word_tokens):
    for index in range(40):
        item = draw(word_tokens, "len=512,task=tracking", index)
        given = {}
        to = r"(?:(\d{4})|the code of the (\w+ \w+))"
        steps = re.findall(rf"code of the (\w+ \w+) is (?:set|changed) to {to}\.", item.prompt)
        given |= {key: code for key, code, _ in steps if code and key != item.attributes["key"]}
        of_key = [code or given[source] for key, code, source in steps if key == item.attributes["key"]]
        assert of_key[-1] == item.references[0]
        assert of_key[:-1] == item.attributes["stale"].split(", ")


@pytest.mark.parametrize("length", [128, 512, 2048, 16384])
def test_most_common_thing_leads_every_rival(length, word_tokens):
    for index in range(4):
        item = draw(word_tokens, f"len={length},task=common", index)
        counts = Counter(re.findall(r"Noted: one (\w+)\.", item.prompt))
        rivals = item.attributes["rivals"].split(", ")
        assert counts[item.references[0]] >= max(counts[rival] for rival in rivals) + 2
        assert {item.references[0], *rivals} <= {thing for things in KINDS.values() for thing in things}


def test_callings_are_described_without_a_content_word_of_the_question():
    idle = {"a", "an", "the", "and", "of", "in", "is", "with", "them", "for", "which", "write", "into", "at", "to"}
    for says, calling in CALLINGS:
        question = set(re.findall(r"[a-z]+", f"which person is {calling}? write the name.")) - idle
        needle = set(re.findall(r"[a-z]+", says.lower())) - idle
        assert not {(one, two) for one in question for two in needle if one[:4] == two[:4]}


def test_fact_and_code_of_a_join_stand_in_different_documents(word_tokens):
    for index in range(40):
        item = draw(word_tokens, "len=1024,task=join", index)
        first, second = item.prompt.split("Document 2")
        place, name = item.attributes["via"], item.attributes["key"]
        fact, code = f"{name} left a letter in", f"{place} opens"
        assert (fact in first, code in first) == (code in second, fact in second)
        assert (fact in first) != (fact in second)


@pytest.mark.parametrize("language", ["python", "javascript"])
def test_asked_symbol_of_a_listing_is_defined_once(language, word_tokens):
    items = [draw(word_tokens, "len=512,task=symbol", index) for index in range(40)]
    for item in (each for each in items if each.attributes["language"] == language):
        text, name = haystack(item), item.attributes["key"]
        assert text.count(name) == 1
        assert re.search(rf"{name}(?: = |\(\)[^0-9]+return ){item.references[0]}\b", text)


# Filler


def test_filler_has_six_registers_and_at_least_four_other_languages():
    assert {name for name, _ in REGISTERS} == {"diary", "minutes", "log", "letters", "recipes", "code"}
    assert {language for _, language in REGISTERS} >= {"en", "de", "fr", "es", "it", "ru"}


@pytest.mark.parametrize("key", REGISTERS, ids="-".join)
def test_no_filler_speaks_of_codes_or_of_what_needles_are_about(key):
    register = REGISTERS[key]
    parts = (*register.templates, *register.short, *(option for each in register.slots.values() for option in each))
    said = set(re.findall(r"\w+", " ".join(parts).casefold()))
    things = {thing for each in KINDS.values() for thing in each}
    assert not said & {"code", "codes", "noted", "opens", *map(str.casefold, NAMES), *things, *CONTAINERS, *SYMBOLS}
    assert not re.search(r"\d{4}", " ".join(parts))


def test_drawn_items_reach_every_task_register_and_language(word_tokens):
    items = [draw(word_tokens, "len=512", index) for index in range(500)]
    assert {item.attributes["task"] for item in items} == set(TASKS) == set(TASK_SHARES)
    assert {(item.attributes["register"], item.attributes["language"]) for item in items} >= set(REGISTERS)


# Purity


@settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(indices=st.lists(st.integers(0, 40), min_size=1, max_size=6), length=st.sampled_from(["128", "1024", "2048"]))
def test_shards_that_ask_in_any_order_and_forget_agree(word_tokens, indices, length):
    ours = [draw(word_tokens, f"len={length}", index) for index in indices]
    haystack_at.cache_clear()
    theirs = [draw(word_tokens, f"len={length}", index) for index in reversed(indices)]
    assert ours == theirs[::-1]


def test_another_tokenizer_gives_another_item_under_another_name(word_tokens, other_word_tokens):
    ours, theirs = draw(word_tokens, "len=2048"), draw(other_word_tokens, "len=2048")
    assert ours.id.endswith("/abababab")
    assert theirs.id.endswith("/cdcdcdcd")
    assert ours.prompt != theirs.prompt
    assert ours.cluster != theirs.cluster


def test_item_without_tokenizer_is_refused():
    with pytest.raises(SliceError, match="got no tokenizer"):
        draw(None)


def test_stratum_without_a_length_is_refused_with_one_that_has_it(word_tokens):
    with pytest.raises(SliceError, match="write 'len=512,task=kv'"):
        draw(word_tokens, "task=kv")


@pytest.mark.parametrize("stratum", ["len=512", "len=8192,task=multiquery"])
def test_context_needed_covers_prompt_template_and_answer(stratum, word_tokens):
    item = draw(word_tokens, stratum)
    assert MAKER.min_context(stratum) >= 1.01 * int(stratum[4:].split(",")[0]) + item.max_new_tokens + 63
