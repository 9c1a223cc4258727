"""What a production prompt asks for, as far as signs in its text tell: code, computing, a translation, a short fact.

Signs of code and computing hold in any language; the other kinds are known by English words. All is linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from tailgate_slices.sources.translation import LANGUAGES

MAX_READ = 20_000  # characters looked at
CODE, ARITHMETIC, CHOICE, TRANSLATION = "code", "arithmetic", "multiple choice", "translation"
RULES, OPEN, BORDERLINE, QUESTION = "rules of form", "open text", "borderline request", "short question"
KINDS = (CODE, ARITHMETIC, CHOICE, TRANSLATION, RULES, OPEN, BORDERLINE, QUESTION)
_CODE_SIGNS = (
    re.compile(r"```"),
    re.compile(r"^\s{0,40}(?:def|class) \w{1,80}\s?[(:]", re.MULTILINE),
    re.compile(r"^\s{0,40}(?:import|#include|using|package) ?[\w.<>\"]{1,80};?$", re.MULTILINE),
    re.compile(r"^\s{0,40}from [\w.]{1,80} import \w", re.MULTILINE),
    re.compile(r"\b\w{1,80}\([^()\n]{0,80}\)[;:]?\s?$", re.MULTILINE),
    re.compile(r"\b(?:function|func|fn) \w{1,80}\s?\("),
    re.compile(r"^\s{0,40}(?:const|let|var) \w{1,80} ?=", re.MULTILINE),
    re.compile(r"[;{}]\s?$", re.MULTILINE),
    re.compile(r"\b(?:SELECT|INSERT|UPDATE|DELETE)\b.{1,200}\b(?:FROM|INTO|SET)\b"),
    re.compile(r"\b(?:python|javascript|typescript|sql|regex|bash|c\+\+|stack trace|traceback)\b", re.IGNORECASE),
)
# Without spaces a hyphen or slash between digits is a date, a range or a telephone number.
_FORMULA = re.compile(r"\d ?[+*×÷^=] ?[(\d]|\d [-/\u2212] [(\d]")
_NUMBER = re.compile(r"\d[\d.,]{0,30}")
_ASKS_AMOUNT = re.compile(
    r"\b(?:how (?:many|much)|total|sum|average|percent|calculate|compute|left|each|altogether|remain\w{0,6})\b|%|[$€£]",
    re.IGNORECASE,
)
_OPTION = re.compile(r"^\s{0,8}\(?([A-D])[.):]\s", re.MULTILINE)
_TRANSLATE = re.compile(r"\b(?:translat\w{1,6}|how do you say)\b", re.IGNORECASE)
_RULES_OF_FORM = re.compile(
    r"\b(?:(?:at (?:most|least)|exactly|no more than|under|within|less than|more than|up to) \d{1,4} "
    r"(?:words?|sentences?|lines?|paragraphs?|bullet points?|characters?)"
    r"|(?:do not|don't|never|without) us(?:e|ing) (?:any )?"
    r"(?:commas?|the words?|the letters?|capital|bullet|markdown|emoji)"
    r"|(?:all|only) (?:in )?(?:lower ?case|upper ?case|capital letters)|in (?:valid )?json\b|as (?:a )?json\b"
    r"|(?:begin|start|end|finish) (?:your|the|each|every) (?:answer|reply|response|sentence|line)s? with"
    r"|(?:wrap|put) (?:your|the) (?:answer|reply|response) in)",
    re.IGNORECASE,
)
_WRITE = r"\b(?:write|draft|compose|give me|create)\b[^.?!\n]{0,40}\b"
_OPEN_TEXT: Mapping[str, re.Pattern[str]] = MappingProxyType(
    {
        kind: re.compile(pattern, re.IGNORECASE)
        for kind, pattern in (
            ("list", r"\blist (?:a few|some|several)\b|\b(?:name|give me) some \w{1,12}\b|\bmake a list\b"),
            ("letter", rf"{_WRITE}(?:letters?|e-?mails?|notes?|invitations?|messages?)\b"),
            ("explanation", r"\bexplain\b|\bshould every(?:body|one) know\b|\bintroduce (?:me|some\w{3,4}) to\b"),
            ("description", rf"\bdescribe\b|{_WRITE}descriptions?\b"),
            ("advice", r"\bwhat (?:do|would) you (?:advise|recommend)\b|\badvice\b|\bwhat should i (?:tell|say)\b"),
            ("opinion", r"\bwhat do you think\b|\byour (?:view|opinion)\b|^(?:do|should) (?:you|people|we|\w{2,12}s) "),
            ("dialogue", rf"{_WRITE}(?:dialogues?|conversations?|interviews?|talks?)\b|\bwhat do they say\b"),
            ("story", rf"\btell (?:me )?a[^.?!\n]{{0,20}} (?:story|tale)\b|{_WRITE}(?:story|tales?|novels?|poems?)\b"),
        )
    }
)
_HARM = re.compile(
    r"\b(?:kill\w{0,3}|murder\w{0,3}|shoot\w{0,3}|stab\w{0,4}|steal\w{0,3}|stolen|rob|cheat\w{0,3}|forge\w{0,2}|fake|spy|"
    r"spying|hack\w{0,3}|poison\w{0,3}|bombs?|explosives?|weapons?|blackmail\w{0,3}|plagiari\w{1,4}|smuggl\w{1,3}|"
    r"strangl\w{1,3}|slaughter\w{0,3}|burgl\w{1,4}|cocaine|heroin|suicid\w{1,2}|genocid\w{1,2}|tortur\w{1,3}|"
    r"assault\w{0,3}|bully\w{0,3}|rape|secretly|"
    r"in secret|behind (?:his|her|their|my \w{2,12}'s) back|without (?:him|her|them|being|getting) (?:\w{2,12} )?"
    r"(?:knowing|noticing|noticed|caught|seen)|vandali\w{1,4}|(?:lie to|trick) (?:my|the|him|her|them))\b",
    re.IGNORECASE,
)
_ASKS_FACT = re.compile(r"(?:what|which|who|whose|whom|where|when)\b", re.IGNORECASE)
_ABOUT_ME = re.compile(r"\b(?:i|me|my|we|us|our|you|your)\b", re.IGNORECASE)
MOST_WORDS = 16  # of a short question; the longest of the slice general has twelve


def kinds_of(text: str) -> frozenset[str]:
    """Everything that the signs of a prompt say of it.

    Beside `KINDS` these are ``open text/letter`` and the like, and ``translation/Swahili`` for a language it names.
    """
    return frozenset(_kinds(text[:MAX_READ]))


def is_code(text: str) -> bool:
    """Whether a prompt holds code or asks for it: a fenced block, a definition, or two other kinds of signs."""
    signs = [sign.search(text[:MAX_READ]) is not None for sign in _CODE_SIGNS]
    return signs[0] or signs[1] or sum(signs) >= 2


def is_arithmetic(text: str) -> bool:
    """Whether a prompt asks to compute: a formula, or two numbers and a word such as *how many*."""
    part = text[:MAX_READ]
    if _FORMULA.search(part) is not None:
        return True
    return len(_NUMBER.findall(part)) >= 2 and _ASKS_AMOUNT.search(part) is not None


def is_short_question(text: str) -> bool:
    """Whether a prompt asks for one fact: a line of few words from *what* or *who* to a question mark, of nobody here.

    "What is the capital of Peru?" does; "How do I reset my password?" and "What should I tell her?" do not.
    """
    line = text.strip()[:400]
    plain = line.endswith("?") and "\n" not in line and _ABOUT_ME.search(line) is None
    return plain and _ASKS_FACT.match(line) is not None and len(line.split()) <= MOST_WORDS


def _kinds(text: str) -> Iterator[str]:
    if is_code(text):
        yield CODE
    if is_arithmetic(text):
        yield ARITHMETIC
    if {"A", "B"} <= set(_OPTION.findall(text)):
        yield CHOICE
    if _TRANSLATE.search(text) is not None:
        yield TRANSLATION
        yield from (f"{TRANSLATION}/{name}" for name in LANGUAGES.values() if name in text)
    if _RULES_OF_FORM.search(text) is not None:
        yield RULES
    opened = [kind for kind, sign in _OPEN_TEXT.items() if sign.search(text) is not None]
    if opened:
        yield OPEN
        yield from (f"{OPEN}/{kind}" for kind in opened)
    if _HARM.search(text) is not None:
        yield BORDERLINE
    if is_short_question(text) and not is_arithmetic(text):
        yield QUESTION
