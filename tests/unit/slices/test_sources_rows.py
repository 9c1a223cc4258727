"""Data files are read whole or refused with the file and the line."""

from __future__ import annotations

import gzip
import hashlib
import json
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tailgate_slices.item import SliceError
from tailgate_slices.sources import readers, rows
from tailgate_slices.sources.rows import read_data, require_package


def written(folder, name, text):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def fields(path, **options):
    return [dict(row.fields) for row in read_data(path, **options).rows]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.jsonl", '{"x": "1"}\n\n{"x": "2"}\r\n'),
        ("a.json", '[{"x": "1"}, {"x": "2"}]'),
        ("a.csv", 'x\n1\n"2"\n'),
        ("a.tsv", "x\n1\n2\n"),
        ("a.jsonl", '\ufeff{"x": "1"}\n{"x": "2"}'),
    ],
)
def test_each_kind_of_file_gives_its_records(tmp_path, name, text):
    assert fields(written(tmp_path, name, text)) == [{"x": "1"}, {"x": "2"}]


def test_text_file_gives_a_row_per_line_empty_ones_included(tmp_path):
    assert [each["text"] for each in fields(written(tmp_path, "a.txt", "one\n\nthree\n"))] == ["one", "", "three"]


def test_parquet_file_gives_its_records(tmp_path):
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pyarrow.table({"x": ["1", "2"]}), tmp_path / "a.parquet")
    assert fields(tmp_path / "a.parquet") == [{"x": "1"}, {"x": "2"}]


def test_gzipped_lines_are_read(tmp_path):
    assert fields(written(tmp_path, "a.jsonl.gz", gzip.compress(b'{"x": 1}\n', mtime=0))) == [{"x": 1}]


def test_named_columns_stand_for_a_missing_header(tmp_path):
    path = written(tmp_path, "a.tsv", 'say "hi"\t3\n')
    assert fields(path, columns=("question", "answer")) == [{"question": 'say "hi"', "answer": "3"}]


def test_line_separator_inside_a_json_string_is_no_line_end(tmp_path):
    assert fields(written(tmp_path, "a.jsonl", '{"x": "one\u2028two"}\n')) == [{"x": "one\u2028two"}]


def test_hash_of_a_file_is_that_of_its_bytes(tmp_path):
    path = written(tmp_path, "a.jsonl", '{"x": 1}\n')
    data = read_data(path)
    assert data.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_folder_is_read_in_the_order_of_names_and_its_hash_knows_the_names(tmp_path):
    written(tmp_path, "b.jsonl", '{"x": 2}\n')
    written(tmp_path, "a.jsonl", '{"x": 1}\n')
    written(tmp_path, "readme.md", "not data")
    data = read_data(tmp_path)
    assert [(row.source, row.fields["x"]) for row in data.rows] == [("a", 1), ("b", 2)]
    (tmp_path / "b.jsonl").rename(tmp_path / "c.jsonl")
    assert read_data(tmp_path).sha256 != data.sha256


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.jsonl", '{"x": 1}\n{"x": \n', "line 2 is not valid JSON"),
        ("a.jsonl", '{"x": 1}\n[1]\n', "line 2 is no JSON object but list"),
        ("a.jsonl", "[" * 100_000, "line 1 is nested deeper than 100 levels"),
        ("a.jsonl", '{"x": ' + "[" * 101 + "]" * 101 + "}", "line 1 is nested deeper than 100 levels"),
        ("a.jsonl", '{"x": ' + "1" * 5000 + "}", "line 1 is not valid JSON: it holds a number of thousands of digits"),
        ("a.json", '[{"x": ' + "1" * 5000 + "}]", "a.json is not valid JSON: it holds a number"),
        ("a.jsonl", '{"x": 1}\n{"x": 1, "x": 2}', "line 2 names the key 'x' twice"),
        ("a.jsonl", '{"x": {"y": 1, "y": 2}}', "line 1 names the key 'y' twice"),
        ("a.jsonl", '{"x": ["a\\ud83d"]}', r"line 1 holds \\ud83d, half of a character"),
        ("a.jsonl", '{"\\udc00": 1}', r"line 1 holds \\udc00, half of a character"),
        ("a.json", "{", "not valid JSON"),
        ("a.json", '{"x": 1}', "no JSON list of objects"),
        ("a.csv", 'x,y\n1,2\n"3,4\n', "line 3 is not valid CSV"),
        ("a.csv", "x,y\n1,2\n3\n", "line 3 has 1 fields, the header 2"),
        ("a.csv", "x,x\n1,2\n", "names the column 'x' twice"),
        ("a.tsv", "x\ty\n1\n", "line 2 has 1 fields"),
        ("a.jsonl", b'{"x": 1}\n{"x": "\xff"}\n', "line 2 is not UTF-8"),
        ("a.jsonl", "", "has no rows"),
        ("a.csv", "x,y\n", "has no rows"),
        ("a.parquet", "no parquet", "not readable as Parquet"),
        ("a.jsonl.gz", "no gzip", "not readable as gzip"),
        ("a.jsonl.gz", gzip.compress(b'{"x": 1}' * 99, mtime=0)[:-30], "not readable as gzip"),
        ("a.jsonl.gz", gzip.compress(b"", mtime=0)[:10] + b"\xff" * 50, "not readable as gzip"),
        ("a.csv", ",".join(["x" * 50_000] * 2) + "\n1,2", r"names the column 'x+\.\.\. twice"),
        ("a.csv", ",".join(f"column {n}" for n in range(5000)) + "\n1,2", "line 2 has 2 fields, the header 5000"),
        ("a.xml", "<x/>", "unknown kind of file '.xml'"),
    ],
)
def test_fault_is_named_with_its_line(tmp_path, name, text, message):
    with pytest.raises(SliceError, match=message):
        read_data(written(tmp_path, name, text))


def test_whole_pairs_of_surrogates_are_characters(tmp_path):
    assert fields(written(tmp_path, "a.jsonl", '{"x": "\\ud83d\\ude00"}')) == [{"x": "\U0001f600"}]


def test_long_field_of_a_csv_file_is_read_and_the_limit_of_the_process_is_put_back(tmp_path):
    import csv

    before = csv.field_size_limit()
    assert fields(written(tmp_path, "a.csv", f"x\n{'y' * 200_000}\n")) == [{"x": "y" * 200_000}]
    assert csv.field_size_limit() == before


def test_archive_that_unpacks_to_too_much_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(readers, "MOST_UNPACKED", 1000)
    with pytest.raises(SliceError, match="unpacks to more than 1000 bytes"):
        read_data(written(tmp_path, "a.jsonl.gz", gzip.compress(b" " * 2000, mtime=0)))


@pytest.mark.parametrize("name", ["a" * 300 + ".jsonl", "a" * 5000])
def test_path_that_no_file_can_have_is_an_error_of_one_line(tmp_path, name):
    with pytest.raises(SliceError, match="cannot be read: File name too long") as caught:
        read_data(tmp_path / name)
    assert len(str(caught.value)) < 200


def test_file_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(SliceError, match="no file"):
        read_data(tmp_path / "nowhere.jsonl")


def test_folder_without_data_is_an_error(tmp_path):
    with pytest.raises(SliceError, match="has no rows"):
        read_data(tmp_path)


def test_missing_package_is_an_error_that_says_how_to_install_it():
    with pytest.raises(SliceError, match=r"pip install 'tailgate\[slices\]'"):
        require_package("no_such_package_anywhere", "this test")
    with pytest.raises(SliceError, match=r"pip install lm_eval$"):
        require_package("no_such_package_anywhere", "this test", "lm_eval")


class FakeDatasets:
    """As much of the package datasets as is used."""

    def __init__(self, *, fail=False):
        self.asked, self.fail = [], fail

    def load_dataset(self, hub, *config, split):
        self.asked.append((hub, config, split))
        if self.fail:
            raise ConnectionError("offline\nand more")
        return [{"x": config}]

    def load_from_disk(self, path):
        return {"test": [{"x": 1}]}


def test_hub_is_asked_for_each_configuration(monkeypatch):
    fake = FakeDatasets()
    monkeypatch.setattr(rows, "require_package", lambda *_: fake)
    data = rows.from_hub("org/set", ("sw", "am"), "test")
    assert [row.source for row in data.rows] == ["sw", "am"]
    assert fake.asked == [("org/set", ("sw",), "test"), ("org/set", ("am",), "test")]


def test_hub_that_cannot_be_reached_is_an_error_of_one_line(monkeypatch):
    monkeypatch.setattr(rows, "require_package", lambda *_: FakeDatasets(fail=True))
    with pytest.raises(SliceError, match=r"org/set.*ConnectionError: offline; give a local file"):
        rows.from_hub("org/set", (), "test")


def test_saved_dataset_folder_that_is_damaged_is_an_error_of_one_line(tmp_path, monkeypatch):
    written(tmp_path, "state.json", "{}")

    class Damaged:
        def load_from_disk(self, path):
            raise KeyError("_data_files")

    monkeypatch.setattr(rows, "require_package", lambda *_: Damaged())
    with pytest.raises(SliceError, match="cannot be loaded: KeyError: '_data_files'; save it again"):
        read_data(tmp_path)


def test_saved_dataset_folder_is_read_through_the_package(tmp_path, monkeypatch):
    written(tmp_path, "dataset_dict.json", json.dumps({"splits": ["test"]}))
    monkeypatch.setattr(rows, "require_package", lambda *_: FakeDatasets())
    assert fields(tmp_path) == [{"x": 1}]


NAMES = ("a.jsonl", "a.json", "a.csv", "a.tsv", "a.txt", "a.parquet", "a.jsonl.gz")
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
RECORDS = st.lists(st.dictionaries(st.text(max_size=5), VALUES, max_size=4), max_size=4)


def rows_or_one_line(path):
    """Rows of a file, or a short error of one line: nothing else may happen, and not for long."""
    started = time.process_time()
    message = complaint(path)
    assert time.process_time() - started < 2.0
    assert "\n" not in message.strip()
    assert len(message) < 700


def complaint(path):
    try:
        read_data(path)
    except SliceError as error:
        return str(error)
    return ""


@settings(
    max_examples=400, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    name=st.sampled_from(NAMES),
    content=st.binary(max_size=400) | st.text(max_size=200).map(lambda t: t.encode("utf-8", "replace")),
)
def test_any_bytes_end_in_rows_or_in_one_line(tmp_path, name, content):
    rows_or_one_line(written(tmp_path, name, content))


@settings(
    max_examples=200, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(records=RECORDS, cut=st.integers(0, 60), put=st.binary(max_size=4), packed=st.booleans())
def test_damaged_records_end_in_rows_or_in_one_line(tmp_path, records, cut, put, packed):
    content = b"".join(json.dumps(record).encode() + b"\n" for record in records)
    content = gzip.compress(content) if packed else content
    damaged = content[:cut] + put + content[cut + 2 :]
    rows_or_one_line(written(tmp_path, "a.jsonl.gz" if packed else "a.jsonl", damaged))


@settings(
    max_examples=100, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(cut=st.integers(0, 500), put=st.binary(max_size=6))
def test_damaged_parquet_ends_in_rows_or_in_one_line(tmp_path, cut, put):
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    whole = tmp_path / "whole.bin"
    if not whole.exists():
        parquet.write_table(pyarrow.table({"x": ["one", "two"], "y": [1, 2]}), whole)
    content = whole.read_bytes()
    rows_or_one_line(written(tmp_path, "a.parquet", content[:cut] + put + content[cut + len(put) :]))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "," * 200_000),
        ("a.csv", '"' * 200_000),
        ("a.tsv", "\t" * 200_000 + "\nx"),
        ("a.jsonl", '{"x":' * 60_000),
        ("a.jsonl", '{"x": "' + "\\ud800" * 40_000),
        ("a.json", "[" + "{}," * 20_000 + "{}]"),
        ("a.txt", "\n" * 50_000),
    ],
)
def test_large_odd_file_is_read_or_refused_quickly(tmp_path, name, content):
    rows_or_one_line(written(tmp_path, name, content))
