"""Where ICU's number words are not the language's own: what is put right, left out, and accepted besides."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType

Pairs = tuple[tuple[str, str], ...]
HIGHEST = 9999
_TAMIL_VOWELS = {"அ": "", "ஆ": "ா", "இ": "ி", "உ": "ு", "எ": "ெ", "ஏ": "ே", "ஐ": "ை", "ஒ": "ொ"}
# Letters of one sound, in the order of their vowels: two sibilants, three breathings, the two stops, two sounds of ts.
_ETHIOPIC_TWINS = {
    ord(twin) + at: chr(ord(letter) + at) for twin, letter in ("ሐሀ", "ኀሀ", "ሠሰ", "ዐአ", "ፀጸ") for at in range(7)
} | {ord("ሃ"): "ሀ", ord("ሓ"): "ሀ", ord("ኃ"): "ሀ", ord("ኣ"): "አ", ord("ዓ"): "አ"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Respelling:
    """What is known about ICU's number words of a language.

    `highest` is the last number up to which they are, as corrected, beyond doubt. `corrections` are patterns and what
    replaces them, one after the other. `variants` are patterns and what may stand there as well; `words` are whole
    words and other spellings of them; `besides` are wholly different words of some numbers. `alike` folds away what
    writers spell either way, in words without spaces.
    """

    highest: int = HIGHEST
    corrections: Pairs = ()
    variants: Pairs = ()
    words: Mapping[str, str] = field(default_factory=dict)
    besides: Mapping[int, Sequence[str]] = field(default_factory=dict)
    alike: Pairs = ()


def highest(code: str) -> int:
    """The last number whose words are beyond doubt in a language."""
    return _of(code).highest


@lru_cache(maxsize=65536)
def corrected(code: str, text: str) -> str:
    """ICU's words for a number as the language spells them."""
    for pattern, right in _of(code).corrections:
        text = re.sub(pattern, right, text)
    return text


@lru_cache(maxsize=65536)
def accepted(code: str, number: int, text: str) -> tuple[str, ...]:
    """The words of a number and every other way in which the language may put them."""
    known = _of(code)
    texts = [text]
    for pattern, other in known.variants:
        texts += [re.sub(pattern, other, each) for each in texts]
    for word, others in known.words.items():
        texts += [_swapped(each, word, other) for each in texts if word in each for other in others.split()]
    return tuple(dict.fromkeys([*texts, *known.besides.get(number, ())]))


def _swapped(text: str, word: str, other: str) -> str:
    return " ".join(other if each == word else each for each in text.split(" "))


@lru_cache(maxsize=65536)
def folded(code: str, text: str) -> str:
    """Words of a language without spaces, free of what writers spell either way."""
    for pattern, letter in _of(code).alike:
        text = re.sub(pattern, letter, text)
    return text.translate(_ETHIOPIC_TWINS) if code == "am" else text


def _of(code: str) -> Respelling:
    return RESPELLINGS.get(code, _SOUND)


_SOUND = Respelling()
_HUNDREDS_OF_BG = "(сто|двеста|триста|[а-я]+стотин)"
_TENS_OF_HE = "(עשרים|שלושים|ארבעים|חמישים|שישים|שבעים|שמונים|תשעים)"
_HUNDREDS_OF_HE = "(מאה|מאתיים|[א-ת]+ מאות)"
_TENS_OF_SW = "(?=(?:kumi|ishirini|thelathini|arobaini|hamsini|sitini|sabini|themanini|tisini))"

RESPELLINGS: Mapping[str, Respelling] = MappingProxyType(
    {
        "uk": Respelling(variants=(("^одна тисяча", "тисяча"),)),
        "el": Respelling(
            corrections=(("εννενήντα", "ενενήντα"), ("χίλιάδες", "χιλιάδες")),
            variants=(
                *(("επτ", "εφτ"), ("οκτ", "οχτ"), ("εννέα", "εννιά"), ("δεκαέξι", "δεκάξι"), ("μία", "μια")),
                ("είκοσι (?=.)", "εικοσι"),  # in one word, the accent is on the last part
            ),
        ),
        # The last part of a number has "and" before it, round tens and hundreds as well.
        "he": Respelling(
            corrections=((f" {_TENS_OF_HE}$", r" ו\1"), (f"(אלף|אלפיים|אלפים) {_HUNDREDS_OF_HE}$", r"\1 ו\2")),
            variants=(
                (f" ו{_TENS_OF_HE}$", r" \1"),
                (f"(אלף|אלפיים|אלפים) ו{_HUNDREDS_OF_HE}$", r"\1 \2"),
                ("שתים עשרה", "שתיים עשרה"),
            ),
        ),
        "fa": Respelling(
            corrections=(("^یک هزار", "هزار"),),
            variants=(("^هزار", "یک هزار"), ("^صد", "یکصد"), ("هجده", "هیجده")),
            alike=(("ي", "ی"), ("ك", "ک")),
        ),
        "hi": Respelling(
            variants=(("नबे$", "नवे"), ("^एक (?=सौ|हज़ार)", "")),
            words={
                **{"छह": "छः छे छ", "अठारह": "अट्ठारह", "बाईस": "बाइस", "तेईस": "तेइस", "सत्ताईस": "सत्ताइस"},
                **{"अट्ठाईस": "अठाईस अट्ठाइस", "उनतीस": "उन्तीस उनत्तीस", "इकतीस": "इकत्तीस"},
                **{"उनतालीस": "उन्तालीस", "चौवालीस": "चवालीस", "छियालीस": "छयालीस", "उनचास": "उन्चास"},
                **{"तिरेपन": "तिरपन", "तिरेसठ": "तिरसठ", "छियासठ": "छयासठ", "उनासी": "उन्यासी", "सत्तासी": "सतासी"},
                **{"अट्ठासी": "अठासी", "पंचानबे": "पचानबे पचानवे", "अट्ठानबे": "अठानबे अठानवे"},
            },
            alike=(("\u093c", ""), ("ँ", "ं"), ("[ङञणनम]्(?=[क-म])", "ं")),
        ),
        # After hundreds and thousands, a final one is "et" again, as after tens.
        "th": Respelling(
            corrections=(("(ร้อย|พัน)หนึ่ง$", r"\1เอ็ด"),),
            variants=(("(ร้อย|พัน)เอ็ด$", r"\1หนึ่ง"), ("^หนึ่ง(?=ร้อย|พัน)", "")),
        ),
        "bg": Respelling(
            corrections=((f"(хиляда|хиляди) {_HUNDREDS_OF_BG}$", r"\1 и \2"),),
            variants=((f"(хиляда|хиляди) и {_HUNDREDS_OF_BG}$", r"\1 \2"),),
        ),
        "az": Respelling(
            corrections=(("atmış", "altmış"), ("səqsən", "səksən"), ("(^| )bir (?=yüz|min)", r"\1")),
            variants=(("(^|min )(?=yüz)", r"\1bir "), ("^(?=min)", "bir ")),
        ),
        "kk": Respelling(variants=(("(^|мың )(?=жүз)", r"\1бір "), ("^(?=мың)", "бір "))),
        "ky": Respelling(variants=(("(^|миң )бир (?=жүз)", r"\1"), ("^бир (?=миң)", ""), ("^(?=миң|жүз)", "бир "))),
        # Hundreds are written apart from what follows; behind "da" (and), the same letters begin a three.
        "ka": Respelling(
            corrections=(("თრვამეტი", "თვრამეტი"), ("(?<!დ)ას(?=[ა-ჰ])(?!ი$)", "ას ")),
            variants=(("რვაას", "რვას"), ("ცხრაას", "ცხრას")),
        ),
        "hy": Respelling(
            corrections=(
                *(("իննասուն", "իննսուն"), ("տասն$", "տասը")),
                *(("(?<=[ա-ֆ])հարյուր", " հարյուր"), ("(^| )մեկ (?=հարյուր|հազար)", r"\1")),
            ),
            variants=(
                *(("ինը$", "ինն"), ("ինը (?=հարյուր|հազար)", "ինն "), ("տասը$", "տաս")),
                *(("(^|հազար )(?=հարյուր)", r"\1մեկ "), ("^(?=հազար)", "մեկ ")),
            ),
        ),
        "ta": Respelling(
            corrections=(
                *(("எண்நூறு", "எண்ணூறு"), ("நாநூறூ", "நானூறு"), ("ஒன்று ஆயிரம்", "ஆயிரம்"), ("ு ஆயிரம்", "ாயிரம்")),
                *(("பது (?=.)", "பத்து "), ("([நணன])ூறு (?=.)", r"\1ூற்று "), ("யிரம் (?=.)", "யிரத்து ")),
            ),
            variants=(("பதின்மூ", "பதிமூ"), ("முந்நூ", "முன்னூ"), ("நானூ", "நாநூ"), ("ஐநூ", "ஐந்நூ")),
            words={"ஐந்தாயிரம்": "ஐயாயிரம்", "ஐந்தாயிரத்து": "ஐயாயிரத்து", "நான்காயிரம்": "நாலாயிரம்"},
            # Where words meet, a final u gives way to a vowel; many say i for it before consonants.
            alike=(
                *((f"[ிு]{vowel}", sign) for vowel, sign in _TAMIL_VOWELS.items()),
                ("(த்த|ற்ற)ி(?=[க-றல-ஹ])", r"\1ு"),
            ),
        ),
        "gu": Respelling(
            corrections=(("(^| )બે સો", r"\1બસો"),),
            variants=(("^એક (?=સો|હજાર)", ""),),
            words={
                **{"દસ": "દશ", "તેવીસ": "ત્રેવીસ", "છવીસ": "છવ્વીસ", "સડત્રીસ": "સાડત્રીસ", "અડત્રીસ": "આડત્રીસ"},
                **{"ત્રેતાલીસ": "તેતાલીસ", "ચુંમાલીસ": "ચુમ્માલીસ", "સાઈઠ": "સાઠ", "અગણોસિત્તેર": "ઓગણોસિત્તેર ઓગણસિત્તેર"},
                **{"સિત્યોતેર": "સત્યોતેર", "ઇઠ્યોતેર": "અઠ્યોતેર", "ઓગણાએંસી": "ઓગણએંસી", "પંચાસી": "પંચ્યાસી"},
                **{"સિત્યાસી": "સત્યાસી", "ઈઠ્યાસી": "અઠ્યાસી"},
            },
            alike=(("ં", ""), ("ઈ", "ઇ"), ("ી", "િ"), ("ૂ", "ુ")),
        ),
        "ne": Respelling(
            corrections=(("शुन्य", "शून्य"),),
            variants=(("^एक (?=सय|हजार)", ""),),
            words={
                **{"छ": "छः", "दस": "दश", "एक्काइस": "एकाइस", "उनन्तिस": "उन्तिस", "चवालिस": "चौवालिस"},
                **{"उनन्चालिस": "उन्चालिस उन्तालिस", "सतचालिस": "सत्चालिस सैँतालिस", "उनन्चास": "उन्चास"},
                **{"चवन्न": "चौवन्न", "उनन्साठी": "उन्साठी उनसट्ठी", "उनन्सत्तरी": "उनहत्तर", "असी": "अस्सी"},
            },
            alike=(("ी", "ि"), ("ू", "ु"), ("ई", "इ"), ("ँ", "ं"), ("न्न", "न")),
        ),
        # A comma may part thousands from the rest; "na" stands before the last part, and often before others.
        "sw": Respelling(
            corrections=((", (?!mia )", " na "), (", (mia [a-z]+)$", r" na \1"), (", ", " ")),
            variants=(
                *((f"(mia [a-z]+) na {_TENS_OF_SW}", r"\1 "), ("(elfu [a-z]+) (?=mia)", r"\1 na ")),
                *(("^(elfu [a-z]+)(?: na)? ", r"\1, "), ("^(elfu|mia) moja$", r"\1")),
            ),
        ),
        # Beyond 99, ICU lacks the mutations and the gender of thousands. The older way counts by twenties.
        "cy": Respelling(
            highest=99,
            corrections=(("^un deg$", "deg"),),
            besides={
                **{10: ("un deg",), 11: ("un ar ddeg",), 12: ("deuddeg",), 13: ("tri ar ddeg", "tair ar ddeg")},
                **{14: ("pedwar ar ddeg", "pedair ar ddeg"), 15: ("pymtheg",), 16: ("un ar bymtheg",)},
                **{17: ("dau ar bymtheg", "dwy ar bymtheg"), 18: ("deunaw",), 20: ("ugain",), 40: ("deugain",)},
                **{19: ("pedwar ar bymtheg", "pedair ar bymtheg"), 30: ("deg ar hugain",), 50: ("hanner cant",)},
                **{60: ("trigain",), 80: ("pedwar ugain",)},
                **{100: ("cant",), 200: ("dau gant",), 300: ("tri chant",), 600: ("chwe chant",)},
                **{1000: ("mil",), 2000: ("dwy fil",), 3000: ("tair mil",), 4000: ("pedair mil",)},
            },
        ),
        "am": Respelling(
            corrections=(
                *(("ሁለት አስር", "ሃያ"), ("ሦስት አስር", "ሰላሳ"), ("አራት አስር", "አርባ"), ("አምስት አስር", "ሃምሳ")),
                *(("ስድስት አስር", "ስልሳ"), ("ሰባት አስር", "ሰባ"), ("ስምንት አስር", "ሰማንያ"), ("ዘጠኝ አስር", "ዘጠና")),
                *(("አስር (?=.)", "አስራ "), ("ሺ", "ሺህ"), ("^ሺህ", "አንድ ሺህ")),
            ),
            variants=(
                *(("ሃምሳ", "አምሳ"), ("ስልሳ", "ስድሳ"), ("ሰማንያ", "ሰማኒያ"), ("^(?=መቶ)", "አንድ "), ("ሺህ መቶ", "ሺህ አንድ መቶ")),
                *(("^አንድ ሺህ", "ሺህ"), ("ሺህ", "ሺ"), ("ሦስት", "ሶስት")),
            ),
        ),
        # Tens take a creaky tone before units; seven is often spelt like the word for a year. Beyond 99, the ten of
        # 110 to 119 has a one before it, or not.
        "my": Respelling(
            highest=99,
            corrections=(("ခုနှစ်", "ခုနစ်"), ("ဆယ်(?=.)", "ဆယ့်")),
            variants=(("ခုနစ်", "ခုနှစ်"), ("^(?=ဆယ)", "တစ်"), ("ဆယ့်", "ဆယ်")),
        ),
    }
)
