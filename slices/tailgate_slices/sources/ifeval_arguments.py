"""What each instruction of IFEval must say to be checked: a gap would come to light when an answer is graded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_letter(value: object) -> bool:
    return isinstance(value, str) and len(value.strip()) == 1


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_list(value: object) -> bool:
    return isinstance(value, list | tuple) and bool(value) and all(map(_is_text, value))


def _is_relation(value: object) -> bool:
    return value in ("less than", "at least")


Wanted = Mapping[str, Callable[[object], bool]]
_WANTED: Mapping[str, Wanted] = MappingProxyType(
    {
        "keywords:existence": {"keywords": _is_list},
        "keywords:frequency": {"keyword": _is_text, "frequency": _is_number, "relation": _is_relation},
        "keywords:forbidden_words": {"forbidden_words": _is_list},
        "keywords:letter_frequency": {
            "letter": _is_letter,
            "let_frequency": _is_number,
            "let_relation": _is_relation,
        },
        "language:response_language": {"language": _is_text},
        "length_constraints:number_sentences": {"num_sentences": _is_number, "relation": _is_relation},
        "length_constraints:number_paragraphs": {"num_paragraphs": _is_number},
        "length_constraints:number_words": {"num_words": _is_number, "relation": _is_relation},
        "length_constraints:nth_paragraph_first_word": {
            "num_paragraphs": _is_number,
            "nth_paragraph": _is_number,
            "first_word": _is_text,
        },
        "detectable_content:number_placeholders": {"num_placeholders": _is_number},
        "detectable_content:postscript": {"postscript_marker": _is_text},
        "detectable_format:number_bullet_lists": {"num_bullets": _is_number},
        "detectable_format:number_highlighted_sections": {"num_highlights": _is_number},
        "detectable_format:multiple_sections": {"section_spliter": _is_text, "num_sections": _is_number},
        "combination:repeat_prompt": {"prompt_to_repeat": _is_text},
        "startend:end_checker": {"end_phrase": _is_text},
        "change_case:capital_word_frequency": {"capital_frequency": _is_number, "capital_relation": _is_relation},
    }
)


def set_arguments(given: Mapping[str, Any] | None) -> dict[str, Any]:
    """Arguments that are set: tables fill up the others with None, and write whole numbers as 3.0."""
    found = {name: value for name, value in (given or {}).items() if value is not None}
    return {
        name: int(value) if isinstance(value, float) and value.is_integer() else value for name, value in found.items()
    }


def missing_argument(name: str, given: Mapping[str, Any]) -> str | None:
    """Which argument an instruction lacks, or has in a form that cannot be checked; None: it has all of them."""
    lacking = [argument for argument, is_right in _WANTED.get(name, {}).items() if not is_right(given.get(argument))]
    return f"{name} lacks an argument that can be checked: {lacking[0]}" if lacking else None
