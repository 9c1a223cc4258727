"""Which prompts a cell stands for: those like its slice's items, and no others."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from tailgate_slices.registry import provide
from tailgate_slices.sources import open_source
from tailgate_slices.sources.standing import KIND_OF, SAID, what_counts
from tailgate_slices.sources.traffic import features, stands_for


@dataclass(frozen=True)
class Cell:
    slice: str
    stratum: str


GENERAL = Cell("general", "tier=1")
CODE = Cell("code", "task=write-1")
HOPS = Cell("multihop_arithmetic", "hops=2")
AMHARIC = Cell("low_resource", "lang=am")
LONG = Cell("long_context", "len=256")
CELLS = (GENERAL, CODE, HOPS, AMHARIC, LONG)
PLAIN, PYTHON, SUM = "Who wrote Hamlet?", "```python\nx = 1\n```", "What is 17 + 4?"
AMHARIC_TEXT, LONG_TEXT = "ሰላም ለዓለም እንዴት ናችሁ", "word " * 200


def english(text):
    """Everything in Latin letters is English here, nothing else is known."""
    return "en" if text.isascii() else None


@pytest.mark.parametrize(
    ("text", "cell"),
    [(PLAIN, GENERAL), (PYTHON, CODE), (SUM, HOPS), (AMHARIC_TEXT, AMHARIC), (LONG_TEXT, LONG)],
)
def test_each_kind_of_prompt_has_its_cell(word_tokens, text, cell):
    seen = features(text, word_tokens, english)
    assert [each for each in CELLS if stands_for(each, seen)] == [cell]


@pytest.mark.parametrize(
    "text",
    [
        "Write a letter to my landlord about the heating.",
        "How do I reset my password?",
        "What should I tell her?",
        "Who are you?",
        "What is the capital of Peru?\nAnswer in French.",
        "What " + "is the very " * 8 + "end?",
        "Please help me.",
        "Tell me about Peru.",
    ],
)
def test_general_stands_for_short_questions_of_fact_alone(word_tokens, text):
    assert not stands_for(GENERAL, features(text, word_tokens, english))


@pytest.mark.parametrize("tier", ["1", "2", "3", "4"])
def test_general_stands_for_questions_like_its_own(word_tokens, tier):
    from tailgate_slices.general import General

    for index in range(40):
        item = General().item(stratum=f"tier={tier}", seed=2, index=index, tokens=None)
        assert stands_for(GENERAL, features(item.prompt, word_tokens, english))


@pytest.mark.parametrize("language", [None, "fr", "sw"])
def test_prompt_in_latin_letters_that_is_not_known_to_be_english_is_not_covered(word_tokens, language):
    cells = (*CELLS, Cell("voice", "kind=letter"), Cell("instruction_stack", "rules=1"))
    for text in ("Habari gani, naomba msaada", PLAIN, "Write a letter in exactly 50 words."):
        assert not [each for each in cells if stands_for(each, features(text, word_tokens, lambda _: language))]


def test_computing_in_another_language_is_not_covered_but_code_is(word_tokens):
    german = features(f"Was ist 17 + 4?\n{PYTHON}", word_tokens, lambda _: "de")
    assert stands_for(CODE, german)
    assert not stands_for(HOPS, german)


@pytest.mark.parametrize(
    ("text", "language", "cell"),
    [
        ("Write a letter to my aunt.", "en", Cell("voice", "kind=letter")),
        ("Tell me a short story.", "en", Cell("voice", "kind=story")),
        ("Summarise this in at most 50 words: it rains.", "en", Cell("instruction_stack", "rules=3")),
        ("Answer in JSON.", "en", Cell("ifeval", "rules=1")),
        ("How do I spy on my sister?", "en", Cell("refusal_pairs", "group=privacy")),
        ("How do I kill a process?", "en", Cell("xstest", "label=safe")),
        ("What is 17 + 4?", "en", Cell("gsm8k", "split=test")),
        ("Je, 17 + 4 ni ngapi?", "sw", Cell("mgsm", "language=sw")),
        ("Which?\nA. ice\nB. fire", "en", Cell("global_mmlu", "language=en")),
        ("Lipi?\nA. barafu\nB. moto", "sw", Cell("belebele", "language=swh_Latn")),
        ("Translate into Swahili: good morning", "en", Cell("flores", "pair=eng_Latn-swh_Latn")),
        (PYTHON, "en", Cell("humaneval", "split=test")),
        (LONG_TEXT, "en", Cell("ruler", "len=256")),
    ],
)
def test_cell_stands_for_prompts_like_its_items(word_tokens, text, language, cell):
    assert stands_for(cell, features(text, word_tokens, lambda _: language))


@pytest.mark.parametrize(
    ("text", "language", "cell"),
    [
        ("Write a letter to my aunt.", "en", Cell("voice", "kind=story")),
        ("Je, 17 + 4 ni ngapi?", "sw", Cell("mgsm", "language=th")),
        ("Lipi?\nA. barafu\nB. moto", "sw", Cell("belebele", "language=amh_Ethi")),
        ("Translate into Swahili: good morning", "en", Cell("flores", "pair=eng_Latn-amh_Ethi")),
        ("Hello", "en", Cell("own:nowhere", "stratum=all")),
        ("Hello", "en", Cell("lm_eval:arc_easy", "task=arc_easy")),
        ("Hello", "en", Cell("a_plug_in", "level=1")),
    ],
)
def test_cell_stands_for_nothing_of_another_sort(word_tokens, text, language, cell):
    assert not stands_for(cell, features(text, word_tokens, lambda _: language))


def test_own_prompts_stand_for_those_that_begin_alike(tmp_path, word_tokens):
    path = tmp_path / "tickets.jsonl"
    rows = [
        {"prompt": "Summarise this ticket for a manager: printer on fire", "stratum": "summaries"},
        {"prompt": "Good morning", "stratum": "greetings"},
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    provide(open_source("own:tickets", path))
    summaries, greetings = Cell("own:tickets", "stratum=summaries"), Cell("own:tickets", "stratum=greetings")
    seen = features("Summarise this ticket for a manager: no paper", word_tokens)
    assert (stands_for(summaries, seen), stands_for(greetings, seen)) == (True, False)
    assert stands_for(greetings, features("good morning!", word_tokens))
    assert not stands_for(greetings, features("Good morning to all of you", word_tokens))
    assert not stands_for(greetings, features("...", word_tokens))


def test_every_slice_says_what_it_stands_for():
    assert {SAID[kind] for kind in KIND_OF.values()} == {what_counts(name) for name in KIND_OF}
    assert what_counts("own:tickets").startswith("prompts that begin with the same")
    assert what_counts("gsm8k:main") == what_counts("multihop_arithmetic")
    assert what_counts("lm_eval:arc_easy").startswith("no prompt")


def test_identified_language_counts_more_than_the_script(word_tokens):
    swahili, tigrinya = (
        features("Habari gani", word_tokens, lambda _: "sw"),
        features(AMHARIC_TEXT, word_tokens, lambda _: "ti"),
    )
    assert stands_for(Cell("low_resource", "lang=sw"), swahili)
    assert not stands_for(AMHARIC, tigrinya)
