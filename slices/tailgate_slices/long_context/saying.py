"""What an answer says in words: that the text does not tell, that a value is not the one, or a number."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tailgate_slices.grading import words

_VERBS = "mentioned|stated|given|listed|specified|provided|present|included|found|available|known|named|there|defined"
_VERBS += "|described|shown|determined|recorded|noted|contained|anywhere|part of|possible to|(?:in|on) (?:the|this|any)"
_VERBS += "|clear|sure|certain|applicable|disclosed|visible|written|revealed|set|assigned"
_SAYS = "say|mention|contain|give|list|include|exist|appear|specify|state|provide|tell|know|show|name|describe|hold|see"
_SAYS += "|find|define|reveal|indicate|recall|offer|assign"
_THINGS = "code|codes|mention|information|record|value|entry|answer|data|details|number|one|name|text|line|idea|clue"
_BARE = "none|unknown|nobody|nothing|nowhere|unspecified|unmentioned|undefined|n a|missing|absent|unclear|null|nil"
_BARE += "|uncertain|unsure|undisclosed|unavailable|unlisted|unstated|undetermined|unanswerable|nonexistent"
_BARE += "|lacks?|lacking|omits?|omitted|left out|silent (?:on|about)|fails to"
# "There is no other" and "no doubt" make a claim firmer.
_FIRM = "other|others|doubt|question|need|mistake|way"
# Written for words with one space between them, without punctuation: "doesn't" reads "doesn t".
_ABSTENTION = re.compile(
    rf" (?:not|never|isn t|aren t|wasn t|weren t) (?:[a-z]+ ){{0,2}}(?:{_VERBS}) "
    rf"| (?:does not|do not|did not|doesn t|don t|didn t) (?:[a-z]+ ){{0,2}}(?:{_SAYS}) | never (?:{_SAYS})s? "
    rf"| (?:does not|do not|doesn t|don t) have | without (?:a|any) (?:{_THINGS}) "
    rf"| there (?:is|are|was|were|s) (?:no|not|none) (?!(?:{_FIRM}) )| there (?:isn t|aren t|wasn t) "
    rf"| no (?:such|{_THINGS}) | (?:{_BARE}) "
    r"| (?:cannot|can t|can not|could not|couldn t|unable to|not able to) (?:be )?(?:find|found|see|locate|determine)"
)
_UNIT = "one|two|three|four|five|six|seven|eight|nine"
_DIGIT = f"zero|oh|{_UNIT}|ten|eleven|twelve|[a-z]{{3,5}}teen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety"
_SPELLED = re.compile(rf" (?:{_UNIT}|[a-z]{{2,6}}t(?:y|een)) (?:hundred|thousand) |(?: (?:{_DIGIT})){{3}} ")
_GAP = r"[ \t*_\"'`\u2018\u2019\u201c\u201d]{1,4}"
CODE = r"[0-9][0-9,]{0,12}"
# An answer that repeats the question repeats what the question says for the case that the text does not tell.
_CONDITION = re.compile(
    r" if the text (?:does|doesn|did|didn) (?:not|t)(?: [a-z]+){1,9}? (?:answer|say|write|reply) not mentioned(?= )"
    r"| if the text(?: (?:does|doesn|did|didn)(?: (?:not|t)(?: [a-z]+(?: it(?: answer(?: not)?)?)?)?)?)?(?= )"
)
_LINK = (
    r"(?:[,;:]?[ \t*_\"'`\u2018\u2019\u201c\u201d]{1,4}(?:and|then|later|finally|again|was|is|were|changed|set)){0,4}"
)
_PAST = re.compile(rf"\b(?:from|to){_GAP}{CODE}(?={_LINK}[,;:]?{_GAP}to{_GAP}{CODE})", re.IGNORECASE)
_ADVERB = rf"(?:(?:an?|the|also|clearly|definitely|completely|simply|just|actually|certainly|obviously){_GAP}){{0,2}}"
_RIGHT = "right|correct|true|accurate|answer|code|number|value|name|one|it"
_FALSE = "wrong|incorrect|false|mistaken|untrue|inaccurate|invalid"


def abstains(text: str) -> bool:
    """Whether an answer says, in usual English words, that the text does not tell."""
    return _ABSTENTION.search(_CONDITION.sub(" ", _spaced(text))) is not None


def spells_number(text: str) -> bool:
    """Whether an answer holds a number of three digits or more in words: ``four thousand``, ``four eight two one``."""
    return _SPELLED.search(_spaced(text)) is not None


def without_denied(text: str, value: str) -> str:
    """The text without values, by the pattern of one, that it denies: ``not 4821``, ``4821 is not``, ``is wrong``."""
    before = rf"(?:\b(?:not|never|neither|nor|rather than|instead of)|n['\u2019]t){_GAP}"
    idle = rf"(?:(?:the|a|code|number|name|value|be){_GAP}){{0,3}}"
    is_ = rf"(?:{_GAP}(?:is|was|are|were)|['\u2019]s)"
    is_not = rf"(?:{_GAP}{_ADVERB}(?:not|never|no)\b|n['\u2019]t\b)(?!{_GAP}(?:{_FALSE}))"
    is_false = rf"{_GAP}{_ADVERB}(?:{_FALSE})\b"
    # "4821. It is not stated elsewhere" takes nothing back.
    back = (
        rf"[.,;:!?]?{_GAP}(?:but{_GAP})?(?:that|this|it|which){is_}(?:{is_false}|{is_not}{_GAP}{_ADVERB}(?:{_RIGHT})\b)"
    )
    after = rf"(?:{is_}(?:{is_not}|{is_false})|{back})"
    return re.sub(rf"{before}{idle}(?:{value})|\b(?:{value}){after}", " ", text, flags=re.IGNORECASE)


def without_past(text: str) -> str:
    """The text without codes that it says were changed to another: ``from 8975 to 3924``."""
    return _PAST.sub(" ", text)


def name_pattern(names: Sequence[str]) -> str:
    """A pattern for any of the names, also in the plural."""
    return rf"(?:{'|'.join(map(re.escape, names))})s?\b"


def _spaced(text: str) -> str:
    return f" {' '.join(words(text))} "
