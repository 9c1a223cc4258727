"""What `tailgate slices` shows: built-in slices, and those that are made from data."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tailgate.errors import UsageError
from tailgate.pipeline import catalogue
from tailgate.pipeline.catalogue import (
    ItemRequest,
    card_lines,
    generate_items,
    lint_cards,
    list_lines,
    list_slices,
    show_slice,
)
from tailgate_slices.registry import BUILT_IN, slice_names
from tailgate_slices.sources.catalogue import CATALOGUE

PROBLEM = {"question": "2 boxes of 3?", "answer": "2*3=<<2*3=6>>6\n#### 6"}


@pytest.fixture
def problems(tmp_path):
    path = tmp_path / "gsm8k.jsonl"
    path.write_text((json.dumps(PROBLEM) + "\n") * 3)
    return path


@pytest.fixture
def prompts(tmp_path):
    path = tmp_path / "tickets.jsonl"
    rows = [{"prompt": f"Ticket {n}?", "system": "Be brief.", "stratum": s} for n, s in enumerate("aab")]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def request(name, *, n=1, file=None, settings=()):
    return ItemRequest(slice=name, n=n, seed=1, settings=settings, tokenizer="smollm2", file=file)


def test_published_slices_are_listed_behind_the_others_without_strata():
    rows = list_slices()
    assert [row["name"] for row in rows] == [*slice_names(), *CATALOGUE]
    assert all(bool(row["strata"]) == (row["name"] not in CATALOGUE) for row in rows)
    assert "gsm8k: published, its strata come with its data" in list_lines(rows)


def test_card_of_a_published_slice_is_shown_without_its_data():
    card = show_slice("belebele")
    assert (card["version"], card["axis"], card["strata"], card["chance"]) == ("2", "language", [], 0.25)
    assert card["failure_modes"]["hedged"]
    assert card["owner"]


def test_slice_is_shown_with_the_strata_of_its_file(problems, prompts):
    assert show_slice("gsm8k", problems)["strata"] == ["split=test"]
    assert show_slice("own:tickets", prompts)["strata"] == ["stratum=a", "stratum=b"]


@pytest.mark.parametrize("name", [*BUILT_IN, "gsm8k"])
def test_card_says_who_owns_it_and_which_traffic_its_cells_stand_for(name):
    lines = card_lines(show_slice(name))
    assert any(line.startswith("owner: ") and line != "owner: " for line in lines)
    assert any(line.startswith("traffic: its cells stand for ") for line in lines)


def test_items_are_generated_from_a_file(problems, prompts):
    (item,) = generate_items(request("gsm8k", file=problems))
    assert item["prompt"].endswith("Question: 2 boxes of 3?\nAnswer:")
    items = list(generate_items(request("own:tickets", n=2, file=prompts)))
    assert [(item["stratum"], item["system"]) for item in items] == [
        ("stratum=a", "Be brief."),
        ("stratum=b", "Be brief."),
    ]


def test_more_items_than_there_are_are_refused_before_the_first_one(prompts):
    with pytest.raises(UsageError, match=r"--n 4 asks for 2 items of own:tickets/stratum=b, which has 1; give --n 2"):
        next(generate_items(request("own:tickets", n=4, file=prompts)))
    assert len(list(generate_items(request("own:tickets", n=2, file=prompts, settings=("stratum=a",))))) == 2


@pytest.mark.parametrize(
    ("name", "file", "message"),
    [
        ("own:tickets", None, "needs the file of its prompts; give file = ... in a suite, or --file"),
        ("ruler", "nowhere.jsonl", "no file 'nowhere.jsonl'"),
        ("general", "some.jsonl", "general is made without data; leave --file out"),
        ("gsm8", None, "no slice 'gsm8'"),
    ],
)
def test_slice_that_cannot_be_made_is_an_error_of_one_line(tmp_path, monkeypatch, name, file, message):
    monkeypatch.chdir(tmp_path)
    path = None if file is None else tmp_path.relative_to(tmp_path) / file
    for ask in (lambda: show_slice(name, path), lambda: list(generate_items(request(name, file=path)))):
        with pytest.raises(UsageError, match=message):
            ask()


def test_cards_of_published_slices_are_looked_at_as_well(monkeypatch):
    assert lint_cards() == []
    gap = {**CATALOGUE, "gsm8k": replace(CATALOGUE["gsm8k"], licence="", catches=" ")}
    monkeypatch.setattr(catalogue, "CATALOGUE", gap)
    assert lint_cards() == [
        "gsm8k: the card says nothing of 'catches'; fill it in",
        "gsm8k: the card says nothing of 'licence'; fill it in",
    ]


# The command line itself.


def test_file_option_of_show_and_generate(tailgate, problems):
    code, out, _ = tailgate("slices", "show", "gsm8k", "--file", problems, "--json")
    assert (code, json.loads(out)["strata"]) == (0, ["split=test"])
    code, out, _ = tailgate("slices", "generate", "gsm8k", "--file", problems, "--n", "1", "--seed", "1", "--json")
    assert (code, json.loads(out)["references"]) == (0, ["6"])
    assert tailgate("slices", "show", "gsm8k")[0] == 0
    assert "gsm8k: published" in tailgate("slices", "list")[1]


@pytest.mark.parametrize(
    "content",
    [
        b'{"prompt": "x", "stratum": "\\ud800"}',
        b'{"prompt": "x", "max_new_tokens": ' + b"1" * 5000 + b"}",
        b'{"prompt": "x", "grader": "json_schema", "schema": ' + b'{"not": ' * 900 + b"{}" + b"}" * 901,
        b'{"prompt": "x", "grader": "regex", "pattern": "' + b"(" * 20_000 + b'"}',
        b'{"prompt": "x", "prompt": "y"}',
        b"\xff",
    ],
    ids=["surrogate", "digits", "depth", "pattern", "keys", "bytes"],
)
def test_faulty_file_ends_in_one_short_line_and_exit_code_2(tailgate, tmp_path, content):
    path = tmp_path / "prompts.jsonl"
    path.write_bytes(content)
    code, out, err = tailgate("slices", "check", path)
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert len(err) < 500


def test_path_that_is_too_long_ends_in_one_line_and_exit_code_2(tailgate, tmp_path):
    code, _, err = tailgate("slices", "check", tmp_path / ("x" * 300 + ".jsonl"))
    assert (code, len(err.splitlines())) == (2, 1)
    assert "File name too long" in err


def test_calibration_is_not_begun_where_its_suite_cannot_be_written(tailgate, tmp_path):
    (tmp_path / "there.toml").write_text("")
    code, _, err = tailgate("slices", "calibrate", "nowhere", "--out", tmp_path / "there.toml")
    assert code == 2
    assert "is there already" in err
