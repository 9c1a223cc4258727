"""The parent's side of the worker: which Python is asked, what it is told, and what each of its failures reads like."""

import json
import os
import sys

import pytest

from tailgate.errors import MissingPackageError, OutputError, SetupError
from tailgate.quantize.llm_compressor import VARIABLE, Task, find_python, run
from tailgate.quantize.produce import Request, produce
from tests.support.tiny import save_tiny

LIBRARIES = '{"libraries": {"llmcompressor": "9"}}'


@pytest.fixture
def stand_in(tmp_path):
    """A program in the place of the worker's Python; it keeps what it was told and answers what it is given."""

    def make(answer, *, complaint="", code=0):
        program = tmp_path / "python"
        program.write_text(
            f"#!{sys.executable}\nimport sys\n"
            f"open({str(tmp_path / 'told.json')!r}, 'w').write(sys.stdin.read())\n"
            f"print({answer!r}, end='')\nprint({complaint!r}, file=sys.stderr)\nsys.exit({code})\n"
        )
        program.chmod(0o755)
        return program

    return make


def task(tmp_path):
    return Task(
        method="gptq-int4",
        plain=tmp_path / "plain",
        out=tmp_path / "out",
        options={"group": 64},
        ignore=("lm_head",),
        rows=((1, 2), (3, 4)),
    )


def test_worker_is_told_everything_in_one_object(stand_in, tmp_path):
    assert run(stand_in(LIBRARIES), task(tmp_path)) == {"llmcompressor": "9"}
    assert json.loads((tmp_path / "told.json").read_text()) == {
        "do": "quantize", "method": "gptq-int4", "plain": str(tmp_path / "plain"), "out": str(tmp_path / "out"),
        "options": {"group": 64}, "ignore": ["lm_head"], "rows": [[1, 2], [3, 4]],
    }  # fmt: skip


def test_what_the_worker_says_is_passed_on_line_by_line(stand_in, tmp_path):
    heard = []
    run(stand_in(LIBRARIES, complaint="layer 1\n\nlayer 2"), task(tmp_path), heard.append)
    assert heard == ["layer 1", "layer 2"]


@pytest.mark.parametrize(
    ("answer", "complaint", "code", "reason"),
    [
        ('{"error": "ValueError: no such layer"}', "", 1, r"failed \(exit 1\): ValueError: no such layer"),
        ("", "first\nlast line\n\n", 1, r"failed \(exit 1\): last line"),
        ("", "", 3, r"failed \(exit 3\): it said nothing"),
        ("not json", "crashed", 0, r"failed \(exit 0\): crashed"),
        ("[]", "odd", 0, r"failed \(exit 0\): odd"),
    ],
)
def test_failure_of_the_worker_is_one_line(stand_in, tmp_path, answer, complaint, code, reason):
    with pytest.raises(SetupError, match=reason):
        run(stand_in(answer, complaint=complaint, code=code), task(tmp_path))


def test_full_disk_of_the_worker_is_told_as_one(stand_in, tmp_path):
    full = '{"error": "OSError: [Errno 28] No space left on device"}'
    with pytest.raises(OutputError, match="No space left on device; free space"):
        run(stand_in(full, code=1), task(tmp_path))


def test_interrupt_ends_the_worker(tmp_path):
    def interrupts(line):
        raise KeyboardInterrupt

    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\necho $$ > {tmp_path / 'pid'}\necho begun >&2\nexec sleep 600\n")
    program.chmod(0o755)
    with pytest.raises(KeyboardInterrupt):
        run(program, task(tmp_path), interrupts)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_named_python_goes_before_the_variable(stand_in, tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path / "elsewhere"))
    assert find_python("gptq-int4", stand_in(LIBRARIES)) == tmp_path / "python"


def test_variable_names_the_python(stand_in, tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(stand_in(LIBRARIES)))
    assert find_python("gptq-int4", None) == tmp_path / "python"


def test_no_python_named_and_none_here_tells_how_to_make_one(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr("tailgate.quantize.llm_compressor.find_spec", lambda name: None)
    with pytest.raises(MissingPackageError, match=r"pip install llmcompressor==.* then set TAILGATE_LLMCOMPRESSOR"):
        find_python("awq-int4", None)


def test_path_that_is_no_program_is_refused(tmp_path):
    (tmp_path / "python").write_text("")
    with pytest.raises(MissingPackageError, match="is no Python that can be run"):
        find_python("w8a8", tmp_path / "python")


def test_python_without_the_library_is_refused_by_the_worker_itself(tmp_path):
    bare = tmp_path / "python"
    # Without site-packages it has no llm-compressor, wherever the tests run.
    bare.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')
    bare.chmod(0o755)
    with pytest.raises(MissingPackageError, match="lacks llm-compressor"):
        find_python("gptq-int8", bare)


def test_failed_worker_leaves_no_checkpoint(stand_in, tmp_path, monkeypatch):
    parent = save_tiny(tmp_path / "parent")
    program = stand_in('{"error": "RuntimeError: gone", "libraries": {}}', code=1)
    monkeypatch.setattr("tailgate.quantize.llm_compressor.find_python", lambda method, given: program)
    before = sorted(os.listdir(tmp_path))
    with pytest.raises(SetupError, match="RuntimeError: gone"):
        produce(
            Request(
                model=str(parent), method="gptq-int4:group=64", out=tmp_path / "out", mix="en", samples=2, length=16
            )
        )
    assert sorted(set(os.listdir(tmp_path)) - {"told.json"}) == before
    told = json.loads((tmp_path / "told.json").read_text())
    assert [len(row) for row in told["rows"]] == [16, 16]
    assert told["ignore"] == ["lm_head"]
