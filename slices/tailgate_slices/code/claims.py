"""What a text takes back, and which of its sentences says what comes out. Linear in the text."""

from __future__ import annotations

import re

_VALUE = (
    r"(?:`[^`\n]{1,200}`|\"[^\"\n]{1,200}\"|'[^'\n]{1,200}'|\u201c[^\u201d\n]{1,200}\u201d|[-\u2212\u2013]?\w{1,200})"
)
_FILLERS = (
    r"(?:(?:the|an?|be|been|equal|to|just|only|exactly|simply|actually|really|number|integer|value|output|answer"
    r"|result|string|word|text|correct|right|going|print|prints|printed|return|give|is|are|think|believe|case|that"
    r") ){0,6}"
)
_NOT = r"(?:\b(?:not|cannot|never|no longer|neither|nor|instead of|rather than)\b|n['\u2019]t\b)"
_NOT_VALUE = re.compile(  # "not 12", "isn't the number `12`", "not:\n```\n12\n```"
    rf"(?:\b(?:and|but) )?{_NOT}[ \t]{{0,3}}(?!because\b){_FILLERS}:?[\s*_(]{{0,6}}"
    rf"(?:```\w{{0,12}}\s)?{_VALUE}(?:\*\*|__)?",
    re.IGNORECASE,
)
_VALUE_NOT = re.compile(  # "12 is wrong", "`12` isn't the answer", "12 (incorrect)"
    rf"(?<![\w`]){_VALUE}(?!\w)[^\w\s.`]{{0,4}}[ ,:]{{0,2}}\(?"
    r"(?:(?:which )?(?:(?:is|was|be|seems|looks|would|will|can|could|may|must)[ ]"
    r"(?:(?:the|an?|clearly|also|actually|simply|definitely|certainly|most|likely|be) ){0,3}(?:not|never|no|far from)\b"
    r"|(?:is|was|wo|would|ca|could)n['\u2019]t\b|cannot\b)"
    r"|(?:(?:which|that|this|it) )?(?:(?:is|was|be|seems|looks|would|will|can|could|may|must)[ ]"
    r"(?:(?:the|an?|clearly|also|actually|simply|definitely|certainly|most|likely|be) ){0,3})?"
    r"(?:wrong|incorrect|false|invalid|mistaken|impossible)\b)",
    re.IGNORECASE,
)
_CALCULATION = re.compile(
    r"(?<=[\w`\"'*]) {1,3}\(`?[ \t]{0,3}\w{1,20}(?: ?[-+*/\u00d7] ?-?\w{1,20}){1,8}[ \t]{0,3}`?\)"
)
_BETWEEN = re.compile(r"(?<=[.!])\s{1,4}(?=[A-Z`\"'x])")
_STATES = re.compile(
    r"\b(?:output|result|answer)\b[^.\n]{0,80}?(?:\bis\b|\bbe\b|:)|\b(?:prints|will print|displays|outputs|logs)\b",
    re.IGNORECASE,
)
_EXPLAINS = re.compile(r"\b(?:first|initial|initially|originally|starts|started|begins|because|since)\b", re.IGNORECASE)
_CORRECTS = re.compile(
    r"\b(?:actually|instead|correct|corrected|correction|should|really|wait|sorry|no|but|however|or|so|then|hence"
    r"|therefore|thus|finally|final|ends?|becomes|now|last|lastly|gives|equals|output|result"
    r"|answer|prints?|printed|mistake|wrong)\b",
    re.IGNORECASE,
)


def without_rejected(text: str) -> str:
    """A text without the values that it says are not the output, and what it says of them."""
    kept, end = [], 0
    for start, stop in sorted(found.span() for pattern in (_NOT_VALUE, _VALUE_NOT) for found in pattern.finditer(text)):
        kept.append(text[end : max(start, end)])
        end = max(stop, end)
    return " ".join([*kept, text[end:]])


def without_calculation(text: str) -> str:
    """A text without the calculation in brackets behind a value: "12 (7 + 5)"; one with a result stays."""
    return _CALCULATION.sub("", text)


def stating_sentence(paragraph: str) -> str:
    """The last sentence that is a value or says what comes out, if the ones behind it say how it began."""
    sentences = _BETWEEN.split(paragraph)
    for at in range(len(sentences) - 1, -1, -1):
        if _STATES.search(sentences[at]) or len(sentences[at].split()) == 1:
            return sentences[at]
        if not _EXPLAINS.search(sentences[at]) or _CORRECTS.search(sentences[at]):
            break
    return paragraph
