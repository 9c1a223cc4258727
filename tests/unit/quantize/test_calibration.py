"""Calibration text: the mix is what was asked for, equal seeds give equal text, and too little text is refused."""

import itertools
import unicodedata

import pytest

from tailgate.errors import UsageError
from tailgate.quantize.calibration import Calibration, draw, parse_mix
from tailgate.quantize.passages import RECIPES, origin, passages
from tailgate.variants.source import find_source
from tailgate.variants.tokenizer import load_tokenizer
from tailgate_slices.registry import get_slice
from tests.support.tiny import save_tiny

CONTEXT = 512


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    folder = save_tiny(tmp_path_factory.mktemp("tiny"))
    return load_tokenizer(find_source(str(folder), {}))


def drawn(tokenizer, mix, *, samples=4, length=64, seed=0):
    return draw(Calibration(mix=parse_mix(mix), samples=samples, length=length, seed=seed), tokenizer, CONTEXT)


def test_shares_are_scaled_to_sum_to_one():
    assert parse_mix("en:2, sw:1,am:1") == {"en": 0.5, "sw": 0.25, "am": 0.25}
    assert parse_mix("en") == {"en": 1.0}


@pytest.mark.parametrize(
    ("mix", "reason"),
    [
        ("", "is empty"),
        ("en:0", "no positive number"),
        ("en:nan", "no positive number"),
        ("en:much", "no positive number"),
        ("en,en:2", "given twice"),
        ("swa", "did you mean"),
        ("klingon", "known: am, az"),
        ("missing.jsonl", "no file 'missing.jsonl'"),
    ],
)
def test_mix_that_cannot_be_read_is_one_error(mix, reason):
    with pytest.raises(UsageError, match=reason):
        parse_mix(mix)


def test_samples_have_the_length_and_the_shares_that_were_asked_for(tokenizer):
    found = drawn(tokenizer, "en:0.5,sw:0.3,code:0.2", samples=10, length=33)
    assert [len(row) for row in found.rows] == [33] * 10
    assert found.record["samples_by_source"] == {"en": 5, "sw": 3, "code": 2}
    assert found.record["mix"] == pytest.approx({"en": 0.5, "sw": 0.3, "code": 0.2})


def test_remainder_goes_to_the_shares_that_lost_most_by_rounding(tokenizer):
    found = drawn(tokenizer, "en:0.5,sw:0.26,am:0.24", samples=5)
    assert found.record["samples_by_source"] == {"en": 3, "sw": 1, "am": 1}


def test_share_that_comes_to_no_sample_is_refused(tokenizer):
    with pytest.raises(UsageError, match="the share of 'sw' comes to none of 4 samples"):
        drawn(tokenizer, "en:0.99,sw:0.01")


def test_same_seed_gives_the_same_text_and_another_seed_another(tokenizer):
    first, again, other = (drawn(tokenizer, "en,sw", seed=seed) for seed in (3, 3, 4))
    assert (first.rows, first.record) == (again.rows, again.record)
    assert first.record["sha256"] != other.record["sha256"]
    assert first.rows != other.rows


def test_hash_tells_two_mixes_apart(tokenizer):
    assert drawn(tokenizer, "en").record["sha256"] != drawn(tokenizer, "en,sw").record["sha256"]


@pytest.mark.parametrize(("key", "script"), [("am", "ETHIOPIC"), ("ka", "GEORGIAN"), ("ru", "CYRILLIC")])
def test_text_of_a_language_is_mostly_in_its_script(key, script):
    letters = [char for passage in itertools.islice(passages(key, 0), 100) for char in passage if char.isalpha()]
    assert sum(unicodedata.name(char).startswith(script) for char in letters) > len(letters) / 2


@pytest.mark.parametrize("key", sorted(RECIPES))
def test_every_key_has_text_and_says_where_it_comes_from(key):
    some = list(itertools.islice(passages(key, 0), 6))
    assert all(passage.strip() for passage in some)
    assert len(set(some)) > 1
    assert "@" in origin(key)


def test_code_is_drawn_with_its_answers():
    assert any("def " in passage and "return" in passage for passage in itertools.islice(passages("code", 0), 30))


def test_items_of_a_suite_with_the_same_seed_are_other_ones():
    maker = get_slice("multihop_arithmetic")
    asked = {maker.item(stratum="hops=4", seed=0, index=index, tokens=None).prompt for index in range(200)}
    text = list(itertools.islice(passages("math", 0), 400))
    assert not any(passage.rpartition("\n")[0] in asked for passage in text)


@pytest.mark.parametrize(("samples", "length"), [(0, 64), (4, 0), (4, CONTEXT + 1)])
def test_size_that_makes_no_sample_is_refused(tokenizer, samples, length):
    with pytest.raises(UsageError, match=f"--samples {samples} --length {length}: at least one sample"):
        drawn(tokenizer, "en", samples=samples, length=length)


def test_file_of_rows_is_used_and_hashed(tokenizer, tmp_path):
    file = tmp_path / "own.jsonl"
    file.write_text('{"text": "abcdefghij"}\n\n{"text": "klmnopqrst"}\n{"text": "uvwxyz"}\n')
    found = drawn(tokenizer, str(file), samples=2, length=10)
    texts = {tokenizer.decode(row) for row in found.rows}
    assert texts <= {"abcdefghij", "klmnopqrst", "uvwxyz\n\nab", "uvwxyz\n\nkl"}
    assert found.record["origins"][str(file)].startswith("file, sha256 ")


def test_file_of_paragraphs_is_mixed_with_a_language(tokenizer, tmp_path):
    file = tmp_path / "own.txt"
    file.write_text("first paragraph of ours\n\nsecond paragraph of ours\n")
    found = drawn(tokenizer, f"{file}:0.5,en:0.5", samples=2, length=20)
    assert "paragraph" in tokenizer.decode(found.rows[0])
    assert "paragraph of ours" not in tokenizer.decode(found.rows[1])


def test_file_with_too_little_text_is_refused(tokenizer, tmp_path):
    file = tmp_path / "own.txt"
    file.write_text("short\n")
    with pytest.raises(UsageError, match="holds text for 0 of 4 samples of 64 tokens"):
        drawn(tokenizer, str(file))


@pytest.mark.parametrize("line", ["no json", '{"prompt": "x"}', '["text"]', "3", '{"text": 3}', "[" * 100_000])
def test_row_without_text_is_named(tokenizer, tmp_path, line):
    file = tmp_path / "own.jsonl"
    file.write_text('{"text": "fine"}\n' + line + "\n")
    with pytest.raises(UsageError, match="line 2 of"):
        drawn(tokenizer, str(file))


def test_file_that_is_no_utf8_is_one_error(tokenizer, tmp_path):
    file = tmp_path / "own.txt"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="cannot read"):
        drawn(tokenizer, str(file))
