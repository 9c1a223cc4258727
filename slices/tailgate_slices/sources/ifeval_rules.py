"""Verifiable instructions of IFEval (Zhou et al. 2023), each a function of the answer and the row's arguments.

Written from the published definitions. Where the original leans on a package (nltk, langdetect), a rule here is plain
Python; the card of the slice says which rules differ. All of them are linear in the answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from tailgate_slices.low_resource.scripts import dominant_script

Arguments = Mapping[str, Any]
Rule = Callable[[str, Arguments], bool]

_WORD = re.compile(r"\w+")
_TOKEN = re.compile(r"\w+(?:[-.]\w+)*")  # WELL-KNOWN and U.S.A are one word in capitals
_STOPS = re.compile(r"[.,?!'\"]")
_STARRED = re.compile(r"^[^\S\n]*\*[^*].*$", re.MULTILINE)
_DASHED = re.compile(r"^[^\S\n]*-.*$", re.MULTILINE)
_POSTSCRIPTS = MappingProxyType({"P.P.S": re.compile(r"p\.\s?p\.\s?s"), "P.S.": re.compile(r"p\.\s?s\.")})
# The look-behind keeps a search from starting anew inside a run of marks, which would take quadratic time.
_SENTENCE_END = re.compile(
    r"(?<![.!?\u0964\u3002\uff01\uff1f])[.!?\u0964\u3002\uff01\uff1f]+[\"')\]\u2019\u201d]?(?=\s|\Z)"
)
_ABBREVIATIONS = frozenset(
    ["mr", "mrs", "ms", "dr", "prof", "st", "sr", "jr", "vs", "e.g", "i.e", "u.s", "p.s", "p.p.s"]
)
_OPTIONS = ("My answer is yes.", "My answer is no.", "My answer is maybe.")
# Languages of the benchmark that their script alone tells; others need a detector, and their rows are unavailable.
_SCRIPTS = MappingProxyType(
    {
        "bn": "BENGALI",
        "gu": "GUJARATI",
        "he": "HEBREW",
        "kn": "KANNADA",
        "ko": "HANGUL",
        "ml": "MALAYALAM",
        "pa": "GURMUKHI",
        "ta": "TAMIL",
        "te": "TELUGU",
        "th": "THAI",
    }
)


def missing_rule(name: str, arguments: Arguments) -> str | None:
    """Why an instruction cannot be checked here; None: it can."""
    if name not in RULES:
        return f"{name} is not implemented"
    if name == "language:response_language" and arguments.get("language") not in _SCRIPTS:
        return f"{name}={arguments.get('language')} needs a language detector"
    return None


def _compare(count: int, relation: object, wanted: object) -> bool:
    return count < int(str(wanted)) if relation == "less than" else count >= int(str(wanted))


def _all_keywords(text: str, given: Arguments) -> bool:
    return all(str(word).lower() in text.lower() for word in given["keywords"])


def _keyword_frequency(text: str, given: Arguments) -> bool:
    count = text.lower().count(str(given["keyword"]).strip().lower())
    return _compare(count, given.get("relation"), given["frequency"])


def _forbidden_words(text: str, given: Arguments) -> bool:
    return not any(re.search(rf"\b{re.escape(str(word))}\b", text, re.IGNORECASE) for word in given["forbidden_words"])


def _letter_frequency(text: str, given: Arguments) -> bool:
    count = text.lower().count(str(given["letter"]).strip().lower())
    return _compare(count, given.get("let_relation"), given["let_frequency"])


def _language(text: str, given: Arguments) -> bool:
    return dominant_script(text) == _SCRIPTS[given["language"]]


def _sentences(text: str, given: Arguments) -> bool:
    return _compare(count_sentences(text), given.get("relation"), given["num_sentences"])


def count_sentences(text: str) -> int:
    """Sentences: ends of . ! ? and their like before white space, common abbreviations apart; a rest counts as one."""
    count, begin = 0, 0
    for end in _SENTENCE_END.finditer(text):
        last_word = text[max(begin, end.start() - 12) : end.start()].split()[-1:] or [""]
        if last_word[0].lower().lstrip("(\"'") in _ABBREVIATIONS and end[0] == ".":
            continue
        count, begin = count + 1, end.end()
    return count + bool(_WORD.search(text, begin))


def _paragraphs(text: str, given: Arguments) -> bool:
    parts = [part.strip() for part in text.split("***")]
    inner = parts[1:-1]
    return all(inner) and sum(bool(part) for part in parts) == int(given["num_paragraphs"])


def _words(text: str, given: Arguments) -> bool:
    return _compare(len(_WORD.findall(text)), given.get("relation"), given["num_words"])


def _first_word(text: str, given: Arguments) -> bool:
    """As in the original: an empty paragraph has a place but no number, and a word ends at its first stop."""
    parts, nth = text.split("\n\n"), int(given["nth_paragraph"])
    filled = sum(bool(part.strip()) for part in parts)
    if filled != int(given["num_paragraphs"]) or not 1 <= nth <= filled or not parts[nth - 1].strip():
        return False
    first = parts[nth - 1].split()[0].lstrip("'").lstrip('"')
    return _STOPS.split(first)[0].lower() == str(given["first_word"]).lower()


def _placeholders(text: str, given: Arguments) -> bool:
    return _count_enclosed(text, "[", "]") >= int(given["num_placeholders"])


def _count_enclosed(text: str, opening: str, closing: str) -> int:
    """Non-overlapping pairs of brackets in one line."""
    return sum(_pairs_in_line(line, opening, closing) for line in text.split("\n"))


def _pairs_in_line(line: str, opening: str, closing: str) -> int:
    count, at = 0, 0
    while (start := line.find(opening, at)) >= 0 and (end := line.find(closing, start)) >= 0:
        count, at = count + 1, end + 1
    return count


def _postscript(text: str, given: Arguments) -> bool:
    marker = str(given["postscript_marker"]).strip()
    known = _POSTSCRIPTS.get(marker)
    return marker.lower() in text.lower() if known is None else known.search(text.lower()) is not None


def _bullets(text: str, given: Arguments) -> bool:
    return len(_STARRED.findall(text)) + len(_DASHED.findall(text)) == int(given["num_bullets"])


def _one_of_the_options(text: str, given: Arguments) -> bool:
    return any(option in text for option in _OPTIONS)


def _highlights(text: str, given: Arguments) -> bool:
    single = sum(bool(found.strip("*").strip()) for found in re.findall(r"\*[^\n*]*\*", text))
    double = sum(bool(found[2:-2].strip()) for found in re.findall(r"\*\*[^\n*]*\*\*", text))
    return single + double >= int(given["num_highlights"])


def _sections(text: str, given: Arguments) -> bool:
    name = re.escape(str(given["section_spliter"]).strip())
    return len(re.findall(rf"{name}\s?\d+", text)) >= int(given["num_sections"])


def _json(text: str, given: Arguments) -> bool:
    body = text.strip()
    for opening in ("```json", "```Json", "```JSON", "```"):
        body = body.removeprefix(opening)
    try:
        json.loads(body.removesuffix("```").strip())
    except (ValueError, RecursionError):
        return False
    return True


def _title(text: str, given: Arguments) -> bool:
    for line in text.split("\n"):
        start, end = line.find("<<"), line.rfind(">>")
        if 0 <= start < end - 2 and line[start : end + 2].lstrip("<").rstrip(">").strip():
            return True
    return False


def _two_responses(text: str, given: Arguments) -> bool:
    parts = [part.strip() for part in text.split("******")]
    filled = [part for part in parts if part]
    return all(parts[1:-1]) and len(filled) == 2 and filled[0] != filled[1]


def _repeats_prompt(text: str, given: Arguments) -> bool:
    return text.strip().lower().startswith(str(given["prompt_to_repeat"]).strip().lower())


def _ends(text: str, given: Arguments) -> bool:
    return text.strip().strip('"').lower().endswith(str(given["end_phrase"]).strip().lower())


def _capital_words(text: str, given: Arguments) -> bool:
    count = sum(word.isupper() for word in _TOKEN.findall(text))
    return _compare(count, given.get("capital_relation"), given["capital_frequency"])


def _all_capitals(text: str, given: Arguments) -> bool:
    return text.isupper() and dominant_script(text) == "LATIN"


def _all_lowercase(text: str, given: Arguments) -> bool:
    return text.islower() and dominant_script(text) == "LATIN"


def _no_comma(text: str, given: Arguments) -> bool:
    return "," not in text


def _quotation(text: str, given: Arguments) -> bool:
    body = text.strip()
    return len(body) > 1 and body[0] == '"' == body[-1]


RULES: Mapping[str, Rule] = MappingProxyType(
    {
        "keywords:existence": _all_keywords,
        "keywords:frequency": _keyword_frequency,
        "keywords:forbidden_words": _forbidden_words,
        "keywords:letter_frequency": _letter_frequency,
        "language:response_language": _language,
        "length_constraints:number_sentences": _sentences,
        "length_constraints:number_paragraphs": _paragraphs,
        "length_constraints:number_words": _words,
        "length_constraints:nth_paragraph_first_word": _first_word,
        "detectable_content:number_placeholders": _placeholders,
        "detectable_content:postscript": _postscript,
        "detectable_format:number_bullet_lists": _bullets,
        "detectable_format:constrained_response": _one_of_the_options,
        "detectable_format:number_highlighted_sections": _highlights,
        "detectable_format:multiple_sections": _sections,
        "detectable_format:json_format": _json,
        "detectable_format:title": _title,
        "combination:two_responses": _two_responses,
        "combination:repeat_prompt": _repeats_prompt,
        "startend:end_checker": _ends,
        "startend:quotation": _quotation,
        "change_case:capital_word_frequency": _capital_words,
        "change_case:english_capital": _all_capitals,
        "change_case:english_lowercase": _all_lowercase,
        "punctuation:no_comma": _no_comma,
    }
)
