"""Suites: what they resolve to, and which files are refused."""

from __future__ import annotations

import json

import pytest

from tailgate_slices.item import SliceError
from tailgate_slices.registry import BUILT_IN, get_slice
from tailgate_slices.suites import load_suite, suite_names, suite_text

HEAD = 'name = "mine"\nversion = "1"\nseed = 5\ngate = "quick"\n'
LENGTHS = '[[slices]]\nname = "long_context"\ngate_by = "len"\n'
GOOD = HEAD + LENGTHS + 'strata = ["len=128", "len=256"]\nrequired = ["len=128"]\n'


@pytest.fixture
def write(tmp_path):
    def write_suite(text):
        path = tmp_path / "mine.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write_suite


def test_shipped_suites_are_the_four():
    assert suite_names() == ("deep", "hygiene", "quick", "tail")


@pytest.mark.parametrize(("name", "most"), [("quick", 8), ("tail", 24), ("deep", 24), ("hygiene", 24)])
def test_shipped_suite_keeps_to_its_number_of_cells(name, most):
    assert 0 < len(load_suite(name).cells) <= most


def test_shipped_suites_ask_every_built_in_slice():
    assert {cell.slice for name in ("tail", "hygiene") for cell in load_suite(name).cells} == set(BUILT_IN)


def test_prompts_of_quick_are_short(word_tokens):
    for cell in load_suite("quick").cells:
        item = get_slice(cell.slice).item(stratum=cell.stratum, seed=1, index=0, tokens=word_tokens)
        assert word_tokens.count(item.prompt) <= 256


def test_file_resolves_to_cells_in_order_with_what_is_required(write):
    cells = load_suite(write(GOOD)).cells
    assert [(cell.stratum, cell.required) for cell in cells] == [("len=128", True), ("len=256", False)]


def test_hash_ignores_layout_and_comments(write):
    first = load_suite(write(GOOD)).sha256
    assert load_suite(write("# a comment\n" + GOOD.replace(" = ", "   =  "))).sha256 == first


@pytest.mark.parametrize(("old", "new"), [("seed = 5", "seed = 6"), ('"len=256"', '"len=512"'), ('"quick"', '"x"')])
def test_hash_follows_content(write, old, new):
    first = load_suite(write(GOOD)).sha256
    assert load_suite(write(GOOD.replace(old, new))).sha256 != first


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (GOOD + "color = 3\n", r"unknown key 'slices.0.color' = 3; remove it"),
        (GOOD.replace("seed = 5\n", ""), r"'seed' is missing; add it"),
        (GOOD.replace("seed = 5", 'seed = "5"'), r"'seed' = '5': input should be a valid integer"),
        (GOOD.replace("seed = 5", "seed = -5"), r"'seed' = -5"),
        (HEAD, r"'slices' is missing"),
        (HEAD + "slices = []\n", r"'slices' = \[\]"),
        (HEAD + LENGTHS + "strata = []\n", r"'slices.0.strata' = \[\]"),
        (GOOD.replace("long_context", "long_contxt"), r"no slice 'long_contxt', did you mean 'long_context'"),
        (GOOD.replace('"len=256"', '"len=257"'), r"has no stratum 'len=257', did you mean 'len=256'"),
        (GOOD.replace('gate_by = "len"', 'gate_by = "color"'), r"gated by 'color', its axes are len, task"),
        (GOOD.replace('gate_by = "len"', 'gate_by = "task"'), r"stratum 'len=128' of long_context fixes no task"),
        (GOOD.replace('"len=256"', '"task=kv,len=256"'), r"no stratum 'task=kv,len=256'; write 'len=256,task=kv'"),
        (GOOD.replace('"len=256"]', '"len=128"]'), r"names the cell long_context/len=128 twice"),
        (GOOD + LENGTHS + 'strata = ["len=128"]\n', r"names the cell long_context/len=128 twice"),
        (GOOD.replace('required = ["len=128"]', 'required = ["len=512"]'), r"requires 'len=512', not among its strata"),
        ("name = [", r"is not valid TOML"),
    ],
)
def test_bad_file_is_refused_in_one_line_that_says_why(write, text, problem):
    with pytest.raises(SliceError, match=problem) as caught:
        load_suite(write(text))
    assert "\n" not in str(caught.value)


def test_more_than_24_cells_are_refused_with_their_number(write):
    tables = [(name, get_slice(name)) for name in BUILT_IN]
    text = HEAD + "".join(
        f'[[slices]]\nname = "{name}"\ngate_by = "{maker.axis}"\nstrata = {json.dumps(maker.strata)}\n'
        for name, maker in tables
    )
    n_cells = sum(len(maker.strata) for _, maker in tables)
    with pytest.raises(SliceError, match=f"has {n_cells} cells, at most 24"):
        load_suite(write(text))


def test_unknown_suite_is_refused_with_the_known_names():
    with pytest.raises(SliceError, match=r"no suite 'qick', did you mean 'quick'\?; give a TOML file or one of deep"):
        load_suite("qick")


def test_unreadable_text_is_refused(tmp_path):
    (tmp_path / "bad.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SliceError, match="cannot be read"):
        load_suite(tmp_path / "bad.toml")


def test_suite_without_calibration_file_has_none(write):
    assert load_suite(write(GOOD)).calibration == {}


def test_calibration_beside_the_file_is_read(write, tmp_path):
    scores = {"key": {"long_context/len=128": {"n": 40, "correct": 31}}}
    (tmp_path / "mine.calibration.json").write_text(json.dumps(scores))
    assert load_suite(write(GOOD)).calibration == scores


def test_calibration_does_not_change_the_hash(write, tmp_path):
    first = load_suite(write(GOOD)).sha256
    (tmp_path / "mine.calibration.json").write_text('{"key": {"long_context/len=128": {"n": 40, "correct": 31}}}')
    assert load_suite(write(GOOD)).sha256 == first


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ('{"key": {"c": {"n": 40, "correct": 41}}}', "41 correct of 40"),
        ('{"key": {"c": {"n": 0, "correct": 0}}}', "n' = 0"),
        ('{"key": {"c": {"n": 40}}}', "correct' is missing"),
        ("[1", "measure it again"),
    ],
)
def test_bad_calibration_is_refused(write, tmp_path, content, problem):
    path = write(GOOD)
    (tmp_path / "mine.calibration.json").write_text(content)
    with pytest.raises(SliceError, match=problem):
        load_suite(path)


def prompts(folder, name, text):
    (folder / name).write_text(json.dumps({"prompt": text, "reference": "x"}) + "\n")


def table(file, stratum="stratum=all", name="own:tickets"):
    return f'[[slices]]\nname = "{name}"\nfile = "{file}"\ngate_by = "stratum"\nstrata = ["{stratum}"]\n'


def test_two_files_under_one_name_are_refused_with_both(write, tmp_path):
    prompts(tmp_path, "one.jsonl", "One?")
    prompts(tmp_path, "two.jsonl", "Two?")
    with pytest.raises(SliceError, match=r"reads own:tickets from '.*one.jsonl' and '.*two.jsonl'; give one of them"):
        load_suite(write(HEAD + table("one.jsonl") + table("two.jsonl")))


def test_name_with_a_file_and_without_one_is_refused_before_anything_is_loaded(write, tmp_path):
    without = '[[slices]]\nname = "gsm8k"\ngate_by = "split"\nstrata = ["split=test"]\n'
    with pytest.raises(SliceError, match=r"reads gsm8k from no file and '.*gsm.jsonl'"):
        load_suite(write(HEAD + without + without.replace("gate_by", 'file = "gsm.jsonl"\ngate_by')))


def test_two_tables_of_one_name_and_one_file_are_one_slice(write, tmp_path):
    rows = [{"prompt": f"{name}?", "reference": "x", "stratum": name} for name in ("a", "b")]
    (tmp_path / "one.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    text = HEAD + table("one.jsonl", "stratum=a") + table("../" + tmp_path.name + "/one.jsonl", "stratum=b")
    assert [cell.stratum for cell in load_suite(write(text)).cells] == ["stratum=a", "stratum=b"]


def test_two_files_under_two_names_are_read_each(write, tmp_path):
    prompts(tmp_path, "one.jsonl", "One?")
    prompts(tmp_path, "two.jsonl", "Two?")
    load_suite(write(HEAD + table("one.jsonl") + table("two.jsonl", name="own:more")))
    asked = [
        get_slice(name).item(stratum="stratum=all", seed=1, index=0, tokens=None)
        for name in ("own:tickets", "own:more")
    ]
    assert [item.prompt for item in asked] == ["One?", "Two?"]


# Part of a suite, written as a suite of its own.

OWN = (
    HEAD
    + """[[slices]]
name = "own:tickets"
file = "data/tickets.jsonl"
gate_by = "stratum"
strata = ["stratum=short", "stratum=längere"]
"""
)


@pytest.fixture
def rewrite(tmp_path):
    """Write some cells of a suite file to another folder, and load what was written."""

    def rewritten(path, kept, out="elsewhere/deeper/part.toml"):
        other = tmp_path / out
        other.parent.mkdir(parents=True, exist_ok=True)
        other.write_text(suite_text(load_suite(path), kept, other.stem, other.parent), encoding="utf-8")
        return load_suite(other)

    return rewritten


def test_part_of_a_suite_keeps_seed_gate_and_what_is_required(write, rewrite):
    part = rewrite(write(GOOD), {"long_context/len=128"})
    assert (part.name, part.seed, part.gate) == ("part", 5, "quick")
    assert [(cell.stratum, cell.required) for cell in part.cells] == [("len=128", True)]


def test_part_of_a_suite_keeps_the_file_of_a_slice_wherever_it_is_written(write, rewrite, tmp_path):
    (tmp_path / "data").mkdir()
    rows = [{"id": f"t{n}", "prompt": "Hi?", "stratum": name} for n, name in enumerate(["short", "längere"] * 3)]
    (tmp_path / "data/tickets.jsonl").write_text("\n".join(map(json.dumps, rows)))
    whole = load_suite(write(OWN))
    part = rewrite(write(OWN), {"own:tickets/stratum=längere"})
    assert [(cell.slice, cell.stratum) for cell in part.cells] == [("own:tickets", "stratum=längere")]
    assert part.cells[0].file.resolve() == whole.cells[0].file.resolve() == tmp_path / "data/tickets.jsonl"


def test_part_of_a_suite_keeps_the_axis_that_all_its_strata_fix(write, rewrite):
    mixed = HEAD + '[[slices]]\nname = "long_context"\ngate_by = "task"\nstrata = ["len=128,task=kv", "task=multi"]\n'
    task = next(value for value in get_slice("long_context").axes["task"] if value != "kv")
    path = write(mixed.replace("task=multi", f"task={task}"))
    part = rewrite(path, {"long_context/len=128,task=kv", f"long_context/task={task}"})
    assert [cell.stratum for cell in part.cells] == ["len=128,task=kv", f"task={task}"]
    assert {cell.gate_by for cell in part.cells} == {"task"}
