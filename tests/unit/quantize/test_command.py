"""`tailgate quantize` on the command line."""

import json

import pytest

from tailgate.quantize.methods import METHODS
from tests.support.tiny import save_tiny

OPTIONS = {
    "--method", "--out", "--calibration", "--samples", "--length", "--seed", "--revision", "--python", "--json",
    "--help",
}  # fmt: skip


@pytest.fixture(scope="module")
def parent(tmp_path_factory):
    return save_tiny(tmp_path_factory.mktemp("tiny"))


def test_options_are_frozen_and_every_method_is_named_in_the_help(tailgate):
    code, out, _ = tailgate("quantize", "--help")
    words = {word.strip(",.;") for word in out.split()}
    assert code == 0
    assert {word for word in words if word.startswith("--")} == OPTIONS
    assert set(METHODS) <= words


def test_folder_is_printed_and_can_be_compared_with_its_parent(tailgate, parent, tmp_path):
    code, out, _ = tailgate("quantize", parent, "--method", "rtn:group=64", "--out", tmp_path / "out")
    assert (code, out.strip()) == (0, str(tmp_path / "out"))
    code, out, _ = tailgate("variants", "inspect", tmp_path / "out", "--store", tmp_path / "store", "--json")
    assert code == 0
    assert json.loads(out)["quantized_tensors"] == 14


def test_json_is_the_record_with_the_folder(tailgate, parent, tmp_path):
    code, out, _ = tailgate("quantize", parent, "--method", "fp8", "--out", tmp_path / "out", "--json")
    record = json.loads((tmp_path / "out" / "tailgate_quantize.json").read_text())
    assert (code, json.loads(out)) == (0, {"out": str(tmp_path / "out"), **record})


@pytest.mark.parametrize(
    ("method", "more", "code", "reason"),
    [
        ("fp9", (), 2, "no method 'fp9'"),
        ("gptq-int4", ("--calibration", "xx"), 2, "no text for 'xx'"),
        ("gptq-int4", ("--python", "/nowhere/python"), 4, "is no Python that can be run"),
        ("nf4", ("--seed", "1"), 2, "leave --seed out"),
    ],
)
def test_mistake_is_one_line_and_the_right_exit_code(tailgate, parent, tmp_path, method, more, code, reason):
    ended, out, err = tailgate("quantize", parent, "--method", method, "--out", tmp_path / "out", *more)
    assert (ended, out) == (code, "")
    assert err.count("\n") == 1
    assert reason in err
    assert not (tmp_path / "out").exists()
