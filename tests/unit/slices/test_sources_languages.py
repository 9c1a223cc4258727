"""A language is told where it is sure, and not otherwise."""

from __future__ import annotations

import sys
import types

import pytest

from tailgate_slices.sources.languages import lingua_language, short_code


def told(code, value):
    language = types.SimpleNamespace(iso_code_639_1=types.SimpleNamespace(name=code))
    return types.SimpleNamespace(language=language, value=value)


@pytest.fixture
def confidences(monkeypatch):
    """Let lingua see two languages with these confidences."""

    def install(first, second):
        class Detector:
            def compute_language_confidence_values(self, text):
                return [told("SW", first), told("ZU", second), told("EN", 0.0)]

        class Builder:
            @classmethod
            def from_all_languages(cls):
                return cls()

            def build(self):
                return Detector()

        module = types.ModuleType("lingua")
        module.LanguageDetectorBuilder = Builder
        monkeypatch.setitem(sys.modules, "lingua", module)
        return lingua_language()

    return install


@pytest.mark.parametrize(
    ("text", "first", "second", "language"),
    [
        ("Habari za asubuhi", 0.5, 0.1, "sw"),
        ("Habari za asubuhi", 0.5, 0.3, None),  # another language is nearly as likely
        ("Habari za asubuhi", 0.1, 0.01, None),  # nothing is likely
        ("Habari", 0.5, 0.1, None),  # too short
        ("Habari", 0.95, 0.01, "sw"),
        ("", 0.0, 0.0, None),
    ],
)
def test_language_is_told_by_length_confidence_and_lead(confidences, text, first, second, language):
    assert confidences(first, second)(text) == language


def test_language_is_not_identified_where_lingua_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "lingua", None)
    assert lingua_language() is None


@pytest.mark.parametrize(
    ("code", "short"),
    [("swh_Latn", "sw"), ("eng_Latn", "en"), ("amh_Ethi", "am"), ("zho_Hans", "zh"), ("th", "th"), ("quy_Latn", "quy")],
)
def test_codes_of_benchmarks_are_shortened_where_there_is_a_short_one(code, short):
    assert short_code(code) == short
