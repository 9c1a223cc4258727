"""Words, numbers, dates and quantities of many languages: copied, looked up, sorted, computed with and recalled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from tailgate_slices.drawing import fixed_values, item_id, pick
from tailgate_slices.grading import COMMON_MODES, failure
from tailgate_slices.item import Answer, Card, Grade, Item, Slice, SliceError, TokenCounter, item_rng
from tailgate_slices.low_resource.judge import DECISIVE, drift, fault
from tailgate_slices.low_resource.languages import LANGUAGES, TASKS, Language
from tailgate_slices.low_resource.questions import ask
from tailgate_slices.low_resource.reading import Reading

# Tasks whose answer stands in the prompt come most often: a model of any size has something to lose there.
WEIGHTS: Mapping[str, int] = MappingProxyType({**dict.fromkeys(TASKS, 2), "copy": 8, "lookup": 6, "territory": 1})
# Room for a frame around the answer: quotation marks; "The Georgian name of Japan is".
FRAME_TOKENS: Mapping[str, int] = MappingProxyType({**dict.fromkeys(TASKS, 16), "copy": 6})
# Bytes of the longest prompt and answer, which no tokenizer needs more tokens for, with room for a chat template.
CONTEXT: Mapping[str, int] = MappingProxyType({**dict.fromkeys(TASKS, 1024), "copy": 384, "lookup": 384})


class LowResource(Slice):
    """One question about one language per item; the axes are the language and the task."""

    name = "low_resource"
    version = "5"
    axes: Mapping[str, tuple[str, ...]] = MappingProxyType({"lang": tuple(LANGUAGES), "task": TASKS})
    card = Card(
        catches="Lost languages: wrong script, broken characters, English or a neighbour in place of the language.",
        why="Languages with little training text lose first.",
        scoring=(
            "1 if the answer holds the wanted word, term, date, number or quantity, or the words in the wanted order, "
            "and nothing that speaks against it: no rival name, no other number, no denial; of a copy, no other words "
            "but those that announce it; else 0. Apostrophes, joiners and common other spellings of number words count "
            "as the same. Signals: script_right (most letters are in the language's script), other_script_share "
            "(letters in another script), broken_text, and language_right (a name or number word of the language; or "
            "of a neighbour in the same script or of English alone; where neither is said, the optional detector "
            "lingua, if sure); absent where not measurable."
        ),
        provenance=(
            "Names, calendar terms, dates and units from CLDR through Babel, number words and sorting from ICU, both "
            "pinned; each text is proven to be in the language (script, not English, read back); own wordings. ICU's "
            "number words are checked against tables written by hand, and put right or left out where they differ. "
            "Since version 3, a language reads no other's calendar, words keep their joiners, and Cherokee has no "
            "number words; Welsh and Burmese have them up to 99."
        ),
        licence="Apache-2.0; CLDR and ICU data Unicode-3.0",
        failure_modes={
            **COMMON_MODES,
            "broken_text": "replacement characters, unassigned code points or misread UTF-8",
            "wrong_script": "most of the new letters are in another script than the language's",
            "code_switched": "a fifth or more of the new letters are in another script",
            "wrong_language": "the right script, another language by its names and number words, or by the detector",
            "hedged": "the right answer beside a rival of it (a name, number, unit or order), or denied",
            "not_alone": "the word to be copied among other words: talk about it, or the request said again",
            "untranslated": "the English name or number instead",
            "wrong_entry": "another word of the glossary",
            "wrong_term": "another month or weekday of the language",
            "wrong_word": "another or a misspelt word",
            "no_word": "no letters beyond those of the question",
            "wrong_number": "another number",
            "in_digits": "a number in digits where words were asked for",
            "no_number": "no number in digits",
            "wrong_order": "all words, in another order",
            "partial": "a part of the answer: some words of an order, a date or a quantity without its number or unit",
        },
        limits=(
            "Words and short phrases; questions are put in English around them. Where a language has other correct "
            "names than CLDR's, they count as wrong for baseline and candidate alike. A denial in the language itself "
            "is seen in most languages, not in all. A copy among other words (mode not_alone) counts as wrong "
            "although its letters are right. Answers end at their first line break, so an announcement on a line of "
            "its own is all that is read."
        ),
    )

    def item(self, *, stratum: str, seed: int, index: int, tokens: TokenCounter | None) -> Item:
        """Draw the axes that the stratum leaves open, then a question."""
        rng = item_rng(self.name, self.version, seed, stratum, index)
        language, task = _draw_axes(rng, self._fixed(stratum))
        question = ask(task, rng, language)
        return Item(
            id=item_id(self, stratum, seed, index),
            slice=self.name,
            stratum=stratum,
            index=index,
            prompt=question.prompt,
            references=question.references,
            # No byte-level or byte-fallback tokenizer needs more tokens than a text has bytes.
            max_new_tokens=FRAME_TOKENS[task] + max(len(text.encode()) for text in question.references),
            stop=("\n",),
            attributes={
                "lang": language.code,
                "task": task,
                "tier": language.tier,
                "script": language.script,
                "form": question.form,
                "kind": question.kind,
                "english": question.english,
                **question.more,
            },
        )

    def grade(self, item: Item, answer: Answer) -> Grade:
        """Compare with the wanted answer; where it is not there, tell in which way the language was lost."""
        reading = Reading(item=item, answer=answer)
        mode, signals = fault(reading), drift(reading)
        if mode is None:
            return Grade(score=1.0, failure_mode=None, signals=signals)
        return replace(failure(answer, mode, decisive=mode in DECISIVE), signals=signals)

    def min_context(self, stratum: str) -> int:
        """The longest prompt in a script that takes a token a byte, with room for the chat template, and the answer."""
        fixed = self._fixed(stratum)
        return CONTEXT[fixed["task"]] if "task" in fixed else max(CONTEXT.values())

    def _fixed(self, stratum: str) -> dict[str, str]:
        """Values that a stratum fixes, of which the language has the task."""
        fixed = fixed_values(self, stratum)
        if "lang" in fixed and "task" in fixed:
            language = LANGUAGES[fixed["lang"]]
            reason = language.lacks.get(fixed["task"])
            if reason is not None:
                raise SliceError(
                    f"{self.name} has no items for '{stratum}' ({language.name}): {reason}; "
                    f"its tasks are {', '.join(language.tasks)}"
                )
        return fixed


def _draw_axes(rng: np.random.Generator, fixed: Mapping[str, str]) -> tuple[Language, str]:
    """The language and the task of an item, those left open drawn among what goes together."""
    if "lang" in fixed:
        language = LANGUAGES[fixed["lang"]]
    else:
        language = pick(rng, [each for each in LANGUAGES.values() if fixed["task"] in each.tasks])
    if "task" in fixed:
        return language, fixed["task"]
    return language, pick(rng, [task for task in language.tasks for _ in range(WEIGHTS[task])])
