"""How answers about a haystack are judged. Values other than the wanted one are looked for only where there are any."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tailgate_slices.grading import MAX_CHARS, bounded, failure, is_loop, numbers, settled, words
from tailgate_slices.item import Answer, Grade, Item
from tailgate_slices.long_context.saying import (
    CODE,
    abstains,
    name_pattern,
    spells_number,
    without_denied,
    without_past,
)

NAMED = ("common", "paraphrase")  # tasks whose answer is a name; the others ask for codes of four digits
SEVERAL = ("multivalue", "multiquery")  # tasks whose answer may be a list
# What a list may be followed by, behind an empty line.
_AFTERWORD = re.compile(r"\n[ \t]*\n\W*(?:note|explanation|reason|please|let me|i hope|these|this|if)\b", re.IGNORECASE)
_VALUE_DIGITS = 3  # who offers a number of that many digits does not abstain; "2 boxes" are none


def grade_lookup(item: Item, answer: Answer) -> Grade:
    """Judge an answer by the task of its item; every grade says whether the answer abstained."""
    settled_text = settled(answer)
    text = _answering(item, settled_text)
    if text != settled_text:
        answer = Answer(text=text, finish_reason="stop")
    kept = _kept(item, text)
    abstained = abstains(text) and not _offers(item, kept)
    mode = _mode(item, text, kept, abstained)
    signals = {"abstained": float(abstained), "should_abstain": float(item.attributes["task"] == "absent")}
    if mode is None:
        return Grade(score=1.0, failure_mode=None, signals=signals)
    # An abstention may begin like a refusal: "I'm sorry, but the text does not mention it".
    if mode == "abstained" and not is_loop(bounded(text)):
        return Grade(score=0.0, failure_mode=mode, signals=signals)
    failed = failure(answer, mode, decisive=mode in ("hedged", "hallucinated", "wrong_line", "stale", "swapped"))
    return Grade(score=failed.score, failure_mode=failed.failure_mode, signals=signals)


def _answering(item: Item, text: str) -> str:
    """The text to the end of its first line that offers a value or abstains; lists of several to their afterword.

    "The code of the basket is:" answers on its next line; what a model goes on to say, often about another key, is not
    the answer.
    """
    if item.attributes["task"] in SEVERAL:
        return _AFTERWORD.split(text, maxsplit=1)[0]
    lines = text[:MAX_CHARS].splitlines(keepends=True)
    for place, line in enumerate(lines, start=1):
        if _answers(item, line):
            return "".join(lines[:place])
    return text


def _answers(item: Item, line: str) -> bool:
    kept = _kept(item, line)
    if line.rstrip().endswith(":"):  # announces: "Here is the missing code:"
        return bool(_given(item, kept))
    return _offers(item, kept) or abstains(line)


def _kept(item: Item, text: str) -> str:
    """The text without the values that it denies or says to be outdated."""
    kept = without_denied(text, name_pattern(_names(item)) if item.attributes["task"] in NAMED else CODE)
    return without_past(kept) if item.attributes["task"] == "tracking" else kept


def _mode(item: Item, text: str, kept: str, abstained: bool) -> str | None:
    """How an answer is wrong; None where it is right. `kept` is the text without the values that it denies."""
    if item.attributes["task"] == "absent":
        return None if abstained else _mode_of_value(item, kept)
    wanted, given = item.references[0].split(", "), _given(item, kept)
    others = [value for value in given if value not in wanted]
    if not set(given).isdisjoint(wanted):
        return _mode_of_hit(item, kept, given, others)
    if others:
        return _mode_of_others(item, others)
    if abstained:
        return "abstained"
    return _mode_of_none(item, text) if set(_given(item, text)).isdisjoint(wanted) else "denied"


def _mode_of_value(item: Item, text: str) -> str:
    """An answer that should have abstained."""
    if not _offers(item, text):
        return "no_code"
    return "hedged" if abstains(text) else "hallucinated"


def _mode_of_hit(item: Item, text: str, given: Sequence[str], others: Sequence[str]) -> str | None:
    """An answer that names at least one wanted value."""
    if others:
        return "hedged"
    wanted = item.references[0].split(", ")
    if not set(wanted) <= set(given):
        return "incomplete"
    if item.attributes["task"] == "multiquery" and list(dict.fromkeys(given)) != _in_order(item, text, wanted):
        return "swapped"
    return None


def _mode_of_others(item: Item, others: Sequence[str]) -> str:
    if item.attributes["task"] in NAMED:
        return "wrong_line"
    stale = str(item.attributes.get("stale", "")).split(", ")
    if not set(stale).isdisjoint(others):
        return "stale"
    # No run of digits in a prompt is longer than a code, so a substring is a whole code.
    return "wrong_line" if any(code in item.prompt for code in others) else "blurred"


def _mode_of_none(item: Item, text: str) -> str:
    """An answer without any code or name of the text."""
    via = str(item.attributes.get("via", ""))
    if via and via in " ".join(words(text)):
        return "half_way"
    if item.attributes["task"] in NAMED:
        return "no_name"
    return "blurred" if numbers(text) else "no_code"


def _in_order(item: Item, text: str, wanted: Sequence[str]) -> list[str]:
    """The wanted codes in the order in which the answer names their keys, or else in the order asked for."""
    plain = " ".join(words(text))
    places = [plain.find(key) for key in str(item.attributes["key"]).split("|")]
    if min(places) < 0:
        return list(wanted)
    return [code for _, code in sorted(zip(places, wanted, strict=True))]


def _offers(item: Item, text: str) -> bool:
    """Whether a text holds something that an answer could be, right or wrong."""
    if item.attributes["task"] in NAMED:
        return bool(_given(item, text))
    return any(len(number) >= _VALUE_DIGITS for number in numbers(text)) or spells_number(text)


def _given(item: Item, text: str) -> list[str]:
    """Codes in a text; or names of the haystack, also in the plural."""
    if item.attributes["task"] not in NAMED:
        return [number for number in numbers(text) if len(number) == 4]
    said = set(words(text))
    return [name for name in _names(item) if not said.isdisjoint((name.casefold(), f"{name.casefold()}s"))]


def _names(item: Item) -> list[str]:
    return [item.references[0], *str(item.attributes["rivals"]).split(", ")]
