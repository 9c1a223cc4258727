"""Whether an answer is taken back by a word beside it: "not that", "si hiyo", "bu değil"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

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
