"""Parallel sentences of FLORES as translations from and into English."""

from __future__ import annotations

import hashlib

import pytest

from tailgate_slices.item import SliceError
from tailgate_slices.sources import published
from tailgate_slices.sources.translation import language_name


def items(maker, stratum):
    return [maker.item(stratum=stratum, seed=1, index=index, tokens=None) for index in range(maker.size(stratum))]


def flores(folder, **files):
    for code, text in files.items():
        (folder / f"flores_{code}.txt").write_text(text, encoding="utf-8")
    return published("flores", folder)


def test_parallel_sentences_are_asked_both_ways(tmp_path):
    maker = flores(tmp_path, eng_Latn="One.\nTwo.\n", amh_Ethi="አንድ።\nሁለት።\n")
    assert set(maker.axes["pair"]) == {"eng_Latn-amh_Ethi", "amh_Ethi-eng_Latn"}
    found = {item.id.rpartition("/")[2]: item for item in items(maker, "pair=eng_Latn-amh_Ethi")}
    assert found["eng_Latn-amh_Ethi-1"].references == ("ሁለት።",)
    assert "from English into Amharic.\n\nTwo.\n\n" in found["eng_Latn-amh_Ethi-1"].prompt


def test_sentence_quoted_as_csv_does_is_unquoted(tmp_path):
    maker = flores(tmp_path, eng_Latn='"We go," he said.\n', ben_Beng='"""ক,"" খ"\n')
    (item,) = items(maker, "pair=eng_Latn-ben_Beng")
    assert item.references == ('"ক," খ',)
    assert '"We go," he said.' in item.prompt


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"amh_Ethi": "x\n"}, "needs eng_Latn and another language"),
        ({"eng_Latn": "x\n"}, "needs eng_Latn and another language"),
        ({"eng_Latn": "x\ny\n", "amh_Ethi": "x\n"}, "amh_Ethi has 1 sentences, eng_Latn 2"),
        ({"nothing": "x\n"}, "cannot tell the language"),
    ],
)
def test_sentences_that_are_not_parallel_are_an_error(tmp_path, files, message):
    with pytest.raises(SliceError, match=message):
        flores(tmp_path, **files)


def test_language_without_a_name_is_called_by_its_code():
    assert language_name("swh_Latn") == "Swahili"
    assert "code fuv" in language_name("fuv_Latn")


def test_prompt_of_a_translation_is_what_it_was(tmp_path):
    maker = flores(tmp_path, eng_Latn="One.\n", amh_Ethi="አንድ።\n")
    (item,) = items(maker, "pair=eng_Latn-amh_Ethi")
    assert (maker.version[0], hashlib.sha256(item.prompt.encode()).hexdigest()[:16]) == ("1", "1acabbfdaf4cfd02")
