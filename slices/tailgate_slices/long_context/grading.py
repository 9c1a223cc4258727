"""How answers about a haystack are judged. Values other than the wanted one are looked for only where there are any."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tailgate_slices.grading import bounded, failure, is_loop, numbers, settled, words
from tailgate_slices.item import Answer, Grade, Item

NAMED = ("common", "paraphrase")  # tasks whose answer is a name; the others ask for codes of four digits
_VALUE_DIGITS = 3  # an unanswerable question is answered with a value from that many digits on, "2 boxes" is none

_VERBS = "mentioned|stated|given|listed|specified|provided|present|included|found|available|known|named|there|defined"
_VERBS += "|described|shown|determined|recorded|noted|contained|anywhere|part of|possible to|(?:in|on) (?:the|this|any)"
_SAYS = "say|mention|contain|give|list|include|exist|appear|specify|state|provide|tell|know|show|name|describe|hold"
_THINGS = "code|codes|mention|information|record|value|entry|answer|data|details|number|one|name|text|line"
# Written for words with one space between them, without punctuation: "doesn't" reads "doesn t".
_ABSTENTION = re.compile(
    rf" (?:not|never|isn t|aren t|wasn t|weren t) (?:[a-z]+ ){{0,2}}(?:{_VERBS}) "
    rf"| (?:does not|do not|did not|doesn t|don t|didn t) (?:[a-z]+ )?(?:{_SAYS}) "
    r"| (?:does not|doesn t) have | without (?:a|any) "
    rf"| there (?:is|are|was|were|s) (?:no|not|none) | there (?:isn t|aren t|wasn t) | no (?:such|{_THINGS}) "
    r"| (?:none|unknown|nobody|nothing|nowhere|unspecified|unmentioned|undefined|n a|missing|absent) "
    r"| (?:cannot|can t|can not|could not|couldn t|unable to|not able to) (?:be )?(?:find|found|see|locate|determine)"
)


def grade_lookup(item: Item, answer: Answer) -> Grade:
    """Judge an answer by the task of its item; every grade says whether the answer abstained."""
    text = settled(answer)
    task = str(item.attributes["task"])
    given = _names_in(item, text) if task in NAMED else _codes_in(text)
    abstained = abstains(text) and not given
    mode = _mode(item, text, given, abstained)
    signals = {"abstained": float(abstained), "should_abstain": float(task == "absent")}
    if mode is None:
        return Grade(score=1.0, failure_mode=None, signals=signals)
    # An abstention may begin like a refusal: "I'm sorry, but the text does not mention it".
    if mode == "abstained" and not is_loop(bounded(text)):
        return Grade(score=0.0, failure_mode=mode, signals=signals)
    failed = failure(answer, mode, decisive=mode in ("hedged", "hallucinated", "wrong_line", "stale", "swapped"))
    return Grade(score=failed.score, failure_mode=failed.failure_mode, signals=signals)


def abstains(text: str) -> bool:
    """Whether an answer says, in usual English words, that the text does not tell."""
    return _ABSTENTION.search(f" {' '.join(words(text))} ") is not None


def _mode(item: Item, text: str, given: Sequence[str], abstained: bool) -> str | None:
    """How an answer is wrong; None where it is right."""
    task = item.attributes["task"]
    if task == "absent":
        return _mode_of_absent(text, given, abstained)
    wanted = item.references[0].split(", ")
    others = [value for value in given if value not in wanted]
    if not set(given).isdisjoint(wanted):
        return _mode_of_hit(item, text, given, others)
    if others:
        return _mode_of_others(item, others)
    return "abstained" if abstained else _mode_of_none(item, text)


def _mode_of_absent(text: str, given: Sequence[str], abstained: bool) -> str | None:
    if abstained:
        return None
    if abstains(text):
        return "hedged"
    valued = given or [number for number in numbers(text) if len(number) >= _VALUE_DIGITS]
    return "hallucinated" if valued else "no_code"


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


def _codes_in(text: str) -> list[str]:
    return [number for number in numbers(text) if len(number) == 4]


def _names_in(item: Item, text: str) -> list[str]:
    """Names of the text that an answer holds, also in the plural."""
    said = set(words(text))
    known = [item.references[0], *str(item.attributes["rivals"]).split(", ")]
    return [name for name in known if not said.isdisjoint((name.casefold(), f"{name.casefold()}s"))]
