"""Whether an answer is taken back by words beside it: "not that", "si hiyo", "bu değil", "that is wrong"."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from types import MappingProxyType

from tailgate_slices.grading import words
from tailgate_slices.item import Answer
from tailgate_slices.low_resource.reading import Reading
from tailgate_slices.low_resource.scripts import SPACELESS, normal

_ARTICLES = frozenset({"a", "an", "the"})
_ENGLISH = frozenset({"not", "never", "isn", "t", "minus", "negative"})
# Words that deny what follows them; where one means something else as well (Persian "no" is nine), it is left out.
_BEFORE: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        **{"id": frozenset({"bukan", "bukanlah"}), "sw": frozenset({"si", "sio", "siyo"}), "cy": frozenset({"nid"})},
        **{"uk": frozenset({"не"}), "bg": frozenset({"не"}), "el": frozenset({"όχι", "δεν"}), "he": frozenset({"לא"})},
        **{"ka": frozenset({"არ", "არა"}), "hy": frozenset({"ոչ"}), "th": frozenset({"ไม่ใช่"})},
        **{"lo": frozenset({"ບໍ່ແມ່ນ"}), "km": frozenset({"មិនមែន"})},
    }
)
# Words that deny what they follow.
_AFTER: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        **{"tr": frozenset({"değil"}), "az": frozenset({"deyil"}), "uz": frozenset({"emas"}), "mn": frozenset({"биш"})},
        **{"kk": frozenset({"емес"}), "ky": frozenset({"эмес"}), "hy": frozenset({"չէ"}), "am": frozenset({"አይደለም"})},
        **{"hi": frozenset({"नहीं"}), "mr": frozenset({"नाही"}), "ne": frozenset({"होइन"}), "gu": frozenset({"નથી"})},
        **{
            "ur": frozenset({"نہیں"}),
            "fa": frozenset({"نیست"}),
            "bn": frozenset({"নয়", "না"}),
            "pa": frozenset({"ਨਹੀਂ"}),
        },
        **{"ta": frozenset({"அல்ல", "இல்லை"}), "te": frozenset({"కాదు"}), "ml": frozenset({"അല്ല"})},
        **{"kn": frozenset({"ಅಲ್ಲ"}), "si": frozenset({"නොවේ"}), "my": frozenset({"မဟုတ်"}), "ko": frozenset({"아니다"})},
    }
)
# English that denies the sentence, or the part of one, before it. "X is not Y" says that of names that differ, too.
_IS = r"(?:\b(?:is|was|are|were|would be)|['\u2019]s)"
_ISNT = rf"(?:{_IS} +(?:not|never)|\b(?:is|was|are|were)n['\u2019]t|\b(?:can ?not|can['\u2019]t|could not) be)"
_ADVERB = r"(?:(?:an?|the|also|clearly|definitely|completely|simply|just|actually|certainly|obviously|probably) +){0,2}"
_RIGHT = "right|correct|true|valid|accurate|proper|it|asked|wanted|what|so"
_THING = "answer|word|name|number|one|solution|translation|order|date|term|case|result|value"
_DENIAL = re.compile(
    rf"{_ISNT} +{_ADVERB}(?:(?:{_RIGHT})\b|(?:\w+ +)?(?:{_THING})\b)"
    rf"|{_IS} +{_ADVERB}(?:wrong|incorrect|false|mistaken|untrue|inaccurate|invalid)\b"
    rf"|(?:{_ISNT}|{_IS} +{_ADVERB}(?:not|never))[\W_]*$",
    re.IGNORECASE,
)
_STOPS = ".;:!?\n\u3002\u061b\u061f\u0964\u0589\u1362\u104b\u17d4"
_STOP = re.compile(rf"[{_STOPS}](?=\s)")
_PAUSE = re.compile(rf"[,\u3001\u060c\u104a{_STOPS}](?=\s)")
_HOLD_COMMAS = frozenset({"date", "order"})  # forms whose right answers may
_POINTS_BACK = frozenset({"that", "this", "it", "which", "these", "those", "they", "the", "answer", "but", "and"})
_ALL_ELSE = re.compile(r"\b(?:any|every)(?:thing|one)? (?:but|except|else|other)|\bother than\b", re.IGNORECASE)
_MOST_DENIALS = 16


def taken_back(reading: Reading, is_right: Callable[[Reading], bool]) -> bool:
    """Whether a right answer says in English, behind it, that it is wrong, or is right only with what it denies."""
    text, kept, done = reading.text, [], 0
    boundary = _STOP if reading.form in _HOLD_COMMAS else _PAUSE
    for found in islice(_DENIAL.finditer(text), _MOST_DENIALS):
        start = _last_end(boundary, text, done, found.start())
        subject = text[start : found.start()]
        if _ALL_ELSE.search(subject):
            continue
        if _POINTS_BACK.issuperset(words(subject)):
            kept_to = max(done, start - 1)
            start = _last_end(boundary, text, done, kept_to)
            subject = text[start:kept_to]
        if is_right(_saying(reading, subject)):
            return True
        kept.append(text[done:start])
        done = found.end()
    rest = "".join(kept) + text[done:]
    return bool(kept) and not is_right(_saying(reading, rest, is_cut=reading.answer.finish_reason == "length"))


def _last_end(boundary: re.Pattern[str], text: str, start: int, stop: int) -> int:
    return max((found.end() for found in boundary.finditer(text, start, stop)), default=start)


def _saying(reading: Reading, text: str, *, is_cut: bool = False) -> Reading:
    answer = Answer(text=text, finish_reason="length" if is_cut else "stop")
    return Reading(item=reading.item, answer=answer)


def denied(reading: Reading) -> bool:
    """Whether every mention of an accepted answer, as the item writes it, is denied."""
    phrases = [phrase for reference in reading.item.references if (phrase := normal(reference))]
    if reading.script in SPACELESS:
        return any(_is_denied_there(reading, " ".join(phrase)) for phrase in phrases)
    found = [
        _is_denied(reading, at, at + len(phrase))
        for phrase in phrases
        for at in range(len(reading.said) - len(phrase) + 1)
        if reading.said[at : at + len(phrase)] == phrase
    ]
    return bool(found) and all(found)


def _is_denied(reading: Reading, start: int, stop: int) -> bool:
    before, after = reading.said[:start], reading.said[stop : stop + 1]
    return _last(before) in _ENGLISH | _of(_BEFORE, reading) or bool(_of(_AFTER, reading).intersection(after))


def _last(said: Sequence[str]) -> str:
    """The last word that is no article; nothing where there is none within two words."""
    return next((word for word in reversed(said[-2:]) if word not in _ARTICLES), "")


def _is_denied_there(reading: Reading, phrase: str) -> bool:
    """The same without spaces between words: the denial is glued to the answer."""
    before, found, after = " ".join(reading.said).partition(phrase)
    if not found:
        return False
    own = any(before.rstrip().endswith(word) for word in _of(_BEFORE, reading))
    behind = any(after.lstrip().startswith(word) for word in _of(_AFTER, reading))
    return own or behind or _last(before.split()) in _ENGLISH


def _of(table: Mapping[str, frozenset[str]], reading: Reading) -> frozenset[str]:
    return table.get(reading.lang, frozenset())
