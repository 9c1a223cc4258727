"""Data files are read whole or refused with the file and the line."""

from __future__ import annotations

import gzip
import hashlib
import json

import pytest

from tailgate_slices.item import SliceError
from tailgate_slices.sources import rows
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
    assert fields(written(tmp_path, "a.jsonl.gz", gzip.compress(b'{"x": 1}\n'))) == [{"x": 1}]


def test_named_columns_stand_for_a_missing_header(tmp_path):
    path = written(tmp_path, "a.tsv", 'say "hi"\t3\n')
    assert fields(path, columns=("question", "answer")) == [{"question": 'say "hi"', "answer": "3"}]


def test_line_separator_inside_a_json_string_is_no_line_end(tmp_path):
    assert fields(written(tmp_path, "a.jsonl", '{"x": "one\u2028two"}\n')) == [{"x": "one\u2028two"}]


def test_hash_of_a_file_is_that_of_its_bytes(tmp_path):
    path = written(tmp_path, "a.jsonl", '{"x": 1}\n')
    data = read_data(path)
    assert data.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert data.version == f"1+{data.sha256[:8]}"


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
        ("a.jsonl", "[" * 100_000, "line 1 is not valid JSON"),
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
        ("a.xml", "<x/>", "unknown kind of file '.xml'"),
    ],
)
def test_fault_is_named_with_its_line(tmp_path, name, text, message):
    with pytest.raises(SliceError, match=message):
        read_data(written(tmp_path, name, text))


def test_file_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(SliceError, match="no file"):
        read_data(tmp_path / "nowhere.jsonl")


def test_folder_without_data_is_an_error(tmp_path):
    with pytest.raises(SliceError, match="has no rows"):
        read_data(tmp_path)


def test_missing_package_is_an_error_that_says_how_to_install_it():
    with pytest.raises(SliceError, match=r"pip install 'tailgate\[slices\]'"):
        require_package("no_such_package_anywhere", "this test")


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


def test_saved_dataset_folder_is_read_through_the_package(tmp_path, monkeypatch):
    written(tmp_path, "dataset_dict.json", json.dumps({"splits": ["test"]}))
    monkeypatch.setattr(rows, "require_package", lambda *_: FakeDatasets())
    assert fields(tmp_path) == [{"x": 1}]
