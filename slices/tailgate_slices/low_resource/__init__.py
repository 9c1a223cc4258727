"""Words of low-resource languages: copied, looked up in a small glossary, or translated from memory."""

from __future__ import annotations

import unicodedata

from tailgate_slices.drawing import item_id, pick, pick_distinct, require_stratum
from tailgate_slices.grading import COMMON_MODES, RIGHT, bounded, failure, find_phrase, words
from tailgate_slices.item import Answer, Card, Grade, Item, TokenCounter, item_rng
from tailgate_slices.low_resource.languages import LANGUAGES, Language, Term, terms
from tailgate_slices.low_resource.scripts import dominant_script, is_broken

TASKS = ("copy",) * 6 + ("lookup",) * 3 + ("translate",)  # the share of each task; translating needs a large model
GLOSSARY_ENTRIES = 2
FRAME_TOKENS = {"copy": 6, "lookup": 16, "translate": 16}  # quotation marks; "The Georgian name of Japan is"


class LowResource:
    """One word of one language per item; the language is the stratum."""

    name = "low_resource"
    version = "1"
    axis = "lang"
    strata: tuple[str, ...] = tuple(f"lang={code}" for code in LANGUAGES)
    chance = 0.0
    uses_tokenizer = False
    card = Card(
        catches="Lost languages: wrong script, broken characters, English in place of the language.",
        scoring="1 if the wanted word occurs whole and, from a glossary, no other word of it does; else 0.",
        provenance="Names of countries, languages, months and days from CLDR through Babel, pinned; own wordings.",
        licence="Apache-2.0; CLDR data Unicode-3.0",
        failure_modes={
            **COMMON_MODES,
            "broken_text": "replacement characters, unassigned code points or misread UTF-8",
            "wrong_script": "most of the new letters are in another script than the language's",
            "untranslated": "the English name instead",
            "wrong_entry": "another word of the glossary",
            "wrong_word": "another or a misspelt word",
            "no_word": "no letters beyond those of the question",
        },
        limits="Single words, mostly proper names; neither grammar nor understanding of text.",
    )

    def item(self, *, stratum: str, seed: int, index: int, tokens: TokenCounter | None) -> Item:
        """Draw a task and a word of the language, with the rest of a glossary where there is one."""
        require_stratum(self, stratum)
        rng = item_rng(self.name, self.version, seed, stratum, index)
        language = LANGUAGES[stratum.partition("=")[2]]
        task = pick(rng, TASKS)
        glossary = pick_distinct(rng, terms(language.code), GLOSSARY_ENTRIES)
        term = pick(rng, glossary)
        return Item(
            id=item_id(self, stratum, seed, index),
            slice=self.name,
            stratum=stratum,
            index=index,
            prompt=_prompt(task, language, term, glossary),
            references=(term.native,),
            # No byte-level or byte-fallback tokenizer needs more tokens than a word has bytes.
            max_new_tokens=FRAME_TOKENS[task] + len(term.native.encode()),
            stop=("\n",),
            attributes={"task": task, "english": term.english, "script": language.script},
        )

    def grade(self, item: Item, answer: Answer) -> Grade:
        """Look for the wanted word; without it, tell in which way the language was lost."""
        said, wanted = words(answer.text), words(item.references[0])
        if find_phrase(said, wanted) is None:
            return _how_lost(item, answer, said)
        others = set(said) & _glossary(item) - set(wanted)
        return failure(answer, "wrong_entry", decisive=True) if others else RIGHT

    def min_context(self, stratum: str) -> int:
        """A glossary in a script that takes a token a byte, with room for the chat template, and the answer."""
        require_stratum(self, stratum)
        return 384


def _prompt(task: str, language: Language, term: Term, glossary: list[Term]) -> str:
    if task == "copy":
        return f'Repeat exactly: "{term.native}"'
    if task == "lookup":
        entries = " ".join(f"The {language.name} name of {each.english} is {each.native}." for each in glossary)
        return f"{entries}\nWhat is the {language.name} name of {term.english}?"
    return f"What is the {language.name} name of {term.english}?"


def _glossary(item: Item) -> set[str]:
    """Native words of the prompt of a lookup."""
    if item.attributes["task"] != "lookup":
        return set()
    entries = item.prompt.partition("\n")[0].split(".")
    return {word for entry in entries for word in words(entry.rpartition(" is ")[2])}


def _how_lost(item: Item, answer: Answer, said: tuple[str, ...]) -> Grade:
    if is_broken(bounded(answer.text)):
        return failure(answer, "broken_text", decisive=True)
    if set(said) & _glossary(item):
        return failure(answer, "wrong_entry", decisive=True)
    # The frame "The Swahili name of Japan is" repeats the question: only what is new shows the language.
    new = " ".join(word for word in said if word not in set(words(item.prompt)) | _FRAME)
    script = dominant_script(unicodedata.normalize("NFC", new))
    if script is None:
        english = find_phrase(said, words(str(item.attributes["english"]))) is not None
        return failure(answer, "untranslated", decisive=True) if english else failure(answer, "no_word")
    if script != item.attributes["script"]:
        return failure(answer, "wrong_script", decisive=True)
    return failure(answer, "wrong_word")


_FRAME = {"the", "word", "name", "is", "in", "for", "a", "of", "this"}
