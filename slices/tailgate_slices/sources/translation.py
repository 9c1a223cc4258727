"""FLORES: parallel sentences, asked as translations from and into English."""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import MappingProxyType

from tailgate_slices.item import SliceError
from tailgate_slices.sources.finite import Question
from tailgate_slices.sources.judges import Overlap
from tailgate_slices.sources.rows import Data, Row

PIVOT = "eng_Latn"
_CODE = re.compile(r"(?<![a-z])([a-z]{3}_[A-Z][a-z]{3})(?![a-zA-Z])")
LANGUAGES = MappingProxyType(
    {
        "afr": "Afrikaans",
        "amh": "Amharic",
        "arb": "Arabic",
        "asm": "Assamese",
        "ben": "Bengali",
        "bul": "Bulgarian",
        "cat": "Catalan",
        "ces": "Czech",
        "dan": "Danish",
        "deu": "German",
        "ell": "Greek",
        "eng": "English",
        "fin": "Finnish",
        "fra": "French",
        "guj": "Gujarati",
        "hau": "Hausa",
        "heb": "Hebrew",
        "hin": "Hindi",
        "hun": "Hungarian",
        "hye": "Armenian",
        "ibo": "Igbo",
        "ind": "Indonesian",
        "ita": "Italian",
        "jpn": "Japanese",
        "kan": "Kannada",
        "kat": "Georgian",
        "khm": "Khmer",
        "kin": "Kinyarwanda",
        "kor": "Korean",
        "lao": "Lao",
        "mal": "Malayalam",
        "mar": "Marathi",
        "mya": "Burmese",
        "nld": "Dutch",
        "nob": "Norwegian",
        "npi": "Nepali",
        "pan": "Punjabi",
        "pes": "Persian",
        "pol": "Polish",
        "por": "Portuguese",
        "quy": "Quechua",
        "ron": "Romanian",
        "rus": "Russian",
        "sin": "Sinhala",
        "sna": "Shona",
        "som": "Somali",
        "spa": "Spanish",
        "swe": "Swedish",
        "swh": "Swahili",
        "tam": "Tamil",
        "tel": "Telugu",
        "tgl": "Tagalog",
        "tha": "Thai",
        "tir": "Tigrinya",
        "tur": "Turkish",
        "ukr": "Ukrainian",
        "urd": "Urdu",
        "vie": "Vietnamese",
        "xho": "Xhosa",
        "yor": "Yoruba",
        "zho": "Chinese",
        "zul": "Zulu",
    }
)


def flores(data: Data) -> Iterator[Question]:
    """Each sentence both ways between English and every other language of the data.

    Raises
    ------
    SliceError
        English is missing, there is nothing else, or languages have different numbers of sentences.
    """
    sentences: dict[str, list[str]] = {}
    for row in data.rows:
        sentences.setdefault(_code(row), []).append(_sentence(row))
    others = [code for code in sentences if code != PIVOT]
    if PIVOT not in sentences or not others:
        found = ", ".join(sentences)
        raise SliceError(f"FLORES needs {PIVOT} and another language, {data.origin} has {found}; give their folder")
    for code in others:
        if len(sentences[code]) != len(sentences[PIVOT]):
            raise SliceError(
                f"{data.origin}: {code} has {len(sentences[code])} sentences, {PIVOT} {len(sentences[PIVOT])}; "
                "give files of equal length"
            )
        for number, (english, other) in enumerate(zip(sentences[PIVOT], sentences[code], strict=True)):
            if english and other:
                yield _question(number, (PIVOT, english), (code, other))
                yield _question(number, (code, other), (PIVOT, english))


def _question(number: int, source: tuple[str, str], target: tuple[str, str]) -> Question:
    asked = f"Translate this sentence from {language_name(source[0])} into {language_name(target[0])}."
    pair = f"{source[0]}-{target[0]}"
    return Question(
        id=f"{pair}-{number}",
        values={"pair": pair},
        prompt=f"{asked}\n\n{source[1]}\n\nTranslation:",
        references=(target[1],),
        judge=Overlap(reference=target[1], source=source[1]),
        max_new_tokens=256,
        stop=("\n",),
    )


def language_name(code: str) -> str:
    """English name of a language of FLORES; one without a name here is called by its code."""
    base, _, script = code.partition("_")
    return LANGUAGES.get(base, f"the language with the code {base} (in the script {script})")


def _code(row: Row) -> str:
    if "iso_639_3" in row.fields:
        return f"{row.fields['iso_639_3']}_{row.fields['iso_15924']}"
    found = _CODE.search(row.source)
    if found is None:
        raise SliceError(f"cannot tell the language of '{row.source}'; name the file like flores_swh_Latn.txt")
    return found[1]


def _sentence(row: Row) -> str:
    """The sentence of a row; some copies of the data quote lines as CSV does."""
    text = str(row.fields.get("text", row.fields.get("sentence", ""))).strip()
    inner = text[1:-1]
    if len(text) > 1 and text[0] == text[-1] == '"' and '"' in inner and '"' not in inner.replace('""', ""):
        return inner.replace('""', '"').strip()
    return text
