"""The parts of the sandbox that need no sandbox: choice, limits, filter, container command line, unsafe processes."""

from __future__ import annotations

import itertools
import json
import logging
import signal
import stat
import struct
import sys

import pytest

from tailgate_slices import sandbox
from tailgate_slices.item import SliceError
from tailgate_slices.sandbox import (
    Limits,
    Program,
    SandboxUnavailable,
    choose_runner,
    run_many,
    unsafe_from_environment,
    why_not,
)
from tailgate_slices.sandbox.bubblewrap import Bubblewrap
from tailgate_slices.sandbox.calls import _report, lua_string, lua_value
from tailgate_slices.sandbox.container import IMAGE_VARIABLE, Container
from tailgate_slices.sandbox.interpreters import find_interpreter, resource_limits
from tailgate_slices.sandbox.process import _ended, ended_by_message
from tailgate_slices.sandbox.program import LANGUAGES, Result
from tailgate_slices.sandbox.seccomp import ARCHITECTURES, filter_program
from tailgate_slices.sandbox.unsafe import UnsafeProcess

ALLOW, KILL, ENOSYS = 0x7FFF0000, 0x80000000, 0x00050000 | 38
TIGHT = Limits(wall_s=3.0, cpu_s=1)


class Refusing:
    """A runner that works for no language."""

    def __init__(self, reason):
        self.name, self.reason = "refusing", reason

    def why_not(self, language):
        return self.reason


@pytest.fixture
def nothing_works(monkeypatch):
    monkeypatch.setattr(sandbox, "_bubblewrap", lambda: Refusing("bubblewrap is not installed"))
    monkeypatch.setattr(sandbox, "_container", lambda: Refusing("no container engine"))
    sandbox._choose.cache_clear()
    yield
    sandbox._choose.cache_clear()


# choice


def test_without_a_sandbox_programs_are_refused_with_every_reason(nothing_works):
    with pytest.raises(SandboxUnavailable, match="is not installed; no container engine; install bubblewrap"):
        choose_runner("python", unsafe=False)
    assert "--unsafe-exec" in why_not("python", unsafe=False)


def test_refusal_is_an_error_of_slices():
    assert issubclass(SandboxUnavailable, SliceError)


def test_unsafe_process_is_chosen_only_where_it_is_allowed_and_nothing_else_works(nothing_works):
    assert choose_runner("python", unsafe=True).name == "unsafe"
    assert why_not("python", unsafe=True) is None


@pytest.mark.parametrize(("value", "expected"), [("1", True), ("0", False), ("", False), ("yes", False), (None, False)])
def test_unsafe_execution_is_allowed_by_one_value(monkeypatch, value, expected):
    monkeypatch.delenv(sandbox.UNSAFE_VARIABLE, raising=False)
    if value is not None:
        monkeypatch.setenv(sandbox.UNSAFE_VARIABLE, value)
    assert unsafe_from_environment() is expected


def test_missing_bubblewrap_is_a_reason(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    runner = Bubblewrap()
    assert runner.why_not("python") == "bubblewrap is not installed (no bwrap on the PATH)"
    with pytest.raises(SandboxUnavailable, match="not installed"):
        runner.run(Program(language="python", source=""), TIGHT)


@pytest.mark.parametrize(("language", "name"), [("javascript", "node"), ("lua", "lua5.4")])
def test_missing_interpreter_is_a_reason(monkeypatch, language, name):
    monkeypatch.setenv("PATH", "/nowhere")
    find_interpreter.cache_clear()
    try:
        assert name in UnsafeProcess().why_not(language)
        with pytest.raises(SandboxUnavailable, match=name):
            UnsafeProcess().run(Program(language=language, source=""), TIGHT)
    finally:
        find_interpreter.cache_clear()


# the filter of system calls


def decide(program, *, machine, number, flags=0):
    """What the kernel would do: an interpreter of the four kinds of instruction used."""
    words = {0: number, 4: machine, 16: flags}
    at, loaded = 0, 0
    while True:
        code, if_true, if_false, operand = struct.unpack_from("=HBBI", program, 8 * at)
        at += 1
        if code == 0x20:
            loaded = words[operand]
        elif code == 0x06:
            return operand
        else:
            holds = {0x15: loaded == operand, 0x35: loaded >= operand, 0x45: bool(loaded & operand)}[code]
            at += if_true if holds else if_false


@pytest.mark.parametrize("name", list(ARCHITECTURES))
def test_filter_ends_what_it_names_and_allows_the_rest(name):
    architecture, program = ARCHITECTURES[name], filter_program(name)
    for number in range(500):
        verdict = decide(program, machine=architecture.audit, number=number)
        if number in architecture.ended.values() or number == architecture.clone:
            assert verdict == KILL
        else:
            assert verdict == (ENOSYS if number in architecture.absent.values() else ALLOW)


@pytest.mark.parametrize("name", list(ARCHITECTURES))
def test_filter_allows_threads_but_no_processes(name):
    architecture, program = ARCHITECTURES[name], filter_program(name)
    found = [decide(program, machine=architecture.audit, number=architecture.clone, flags=flags)
             for flags in (0x3D0F00, 0x11, 0x4111)]  # fmt: skip
    assert found == [ALLOW, KILL, KILL]


@pytest.mark.parametrize("name", list(ARCHITECTURES))
def test_filter_ends_calls_of_other_conventions(name):
    architecture, program = ARCHITECTURES[name], filter_program(name)
    assert decide(program, machine=0x40000003, number=0) == KILL  # 32-bit
    assert decide(program, machine=architecture.audit, number=0x40000000) == KILL  # x32


def test_filter_of_an_unknown_processor_does_not_exist():
    assert filter_program("vax") is None


def test_processor_without_a_filter_has_no_sandbox(monkeypatch, require):
    require("bwrap")
    monkeypatch.setattr("platform.machine", lambda: "vax")
    assert "processor vax" in Bubblewrap().why_not("python")


# how programs end


@pytest.mark.parametrize(
    ("code", "stderr", "timed_out", "expected"),
    [
        (0, "MemoryError", False, "ok"),
        (1, "", False, "runtime_error"),
        (1, "MemoryError", False, "memory"),
        (-6, "JavaScript heap out of memory", False, "memory"),
        (1, "lua5.4: not enough memory", False, "memory"),
        (1, "PermissionError: [Errno 1]", False, "forbidden"),
        (-signal.SIGSYS, "", False, "forbidden"),
        (-signal.SIGXFSZ, "", False, "forbidden"),
        (-signal.SIGXCPU, "", False, "timeout"),
        (-signal.SIGKILL, "", True, "timeout"),
        (-signal.SIGKILL, "", False, "killed"),
        (-signal.SIGSEGV, "", False, "killed"),
    ],
)
def test_end_is_named_by_code_signal_and_message(code, stderr, timed_out, expected):
    assert _ended(code, stderr, timed_out=timed_out) == expected


def test_message_of_nothing_special_is_unnamed():
    assert ended_by_message("ValueError: 3") is None


@pytest.mark.parametrize("language", LANGUAGES)
def test_limits_bound_memory_files_and_time(language):
    if find_interpreter(language) is None:
        pytest.skip(f"no interpreter of {language}")
    found = resource_limits(find_interpreter(language), Limits(cpu_s=3))
    assert found["cpu"] == (3, 4)
    assert found["data"][1] == Limits().memory_bytes
    assert (found["as"][1] == Limits().memory_bytes) is (language != "javascript")
    assert found["core"] == (0, 0)


# plain processes


def run_unsafe(source, stdin="", limits=TIGHT):
    return UnsafeProcess().run(Program(language="python", source=source, stdin=stdin), limits)


def test_unsafe_process_says_so_once(caplog):
    sandbox.unsafe._warn.cache_clear()
    with caplog.at_level(logging.WARNING):
        run_unsafe("pass")
        run_unsafe("pass")
    assert [record.message for record in caplog.records] == [
        "programs that a model wrote run WITHOUT a sandbox, with this user's rights"
    ]


def test_unsafe_process_reads_writes_and_ends():
    result = run_unsafe("import sys\nprint(sys.stdin.read() * 2)\nsys.exit(4)", stdin="ab")
    assert (result.ended, result.exit_code, result.stdout) == ("runtime_error", 4, "abab\n")


def test_unsafe_process_has_limits():
    assert run_unsafe("x = bytearray(10**11)").ended == "memory"
    assert run_unsafe("while True: print('x' * 1000)").ended == "output"
    assert run_unsafe("while True: pass").ended == "timeout"
    assert run_unsafe("import time\ntime.sleep(60)", limits=Limits(wall_s=0.5)).ended == "timeout"


def test_unsafe_process_gets_no_environment(monkeypatch):
    monkeypatch.setenv("SECRET", "of the host")
    assert "of the host" not in run_unsafe("import os\nprint(dict(os.environ))").stdout


def test_unsafe_process_does_not_wait_for_a_child_left_behind():
    result = run_unsafe("import subprocess\nsubprocess.Popen(['sleep', '60'])")
    assert (result.ended, result.seconds < 2) == ("ok", True)


def test_text_that_is_no_unicode_is_a_program_all_the_same():
    assert run_unsafe("print('\ud800')").ended == "ok"


def test_many_programs_run_side_by_side_in_order():
    programs = [Program(language="python", source=f"print({n})") for n in range(5)]
    assert [result.stdout for result in run_many(programs, UnsafeProcess(), TIGHT)] == [f"{n}\n" for n in range(5)]


# containers, with a fake engine that runs the program itself

ENGINE = """#!{python}
import json, os, subprocess, sys
with open({log!r}, "a") as log:
    log.write(json.dumps(sys.argv[1:]) + "\\n")
if sys.argv[1] == "run":
    image = sys.argv.index("some/image")
    folder = sys.argv[sys.argv.index("--volume") + 1].split(":")[0]
    command = [part.replace("/program", folder) for part in sys.argv[image + 1:]]
    command[0] = {{"python3": sys.executable}}.get(command[0], command[0])
    sys.exit(subprocess.run(command).returncode)
"""


@pytest.fixture
def engine(tmp_path):
    path, log = tmp_path / "podman", tmp_path / "log"
    path.write_text(ENGINE.format(python=sys.executable, log=str(log)))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    log.touch()
    return path


def asked_of(engine):
    return [json.loads(line) for line in (engine.parent / "log").read_text().splitlines()]


def test_container_runs_a_program_after_a_trivial_one(engine):
    runner = Container(engine=str(engine), image="some/image")
    result = runner.run(Program(language="python", source="print(input() + '!')", stdin="hi\n"), TIGHT)
    assert (runner.name, result.ended, result.stdout) == ("podman", "ok", "hi!\n")
    assert [call[0] for call in asked_of(engine)] == ["run", "rm", "run", "rm"]


def test_container_has_no_network_no_rights_and_limits(engine):
    Container(engine=str(engine), image="some/image").why_not("python")
    call = asked_of(engine)[0]
    pairs = set(itertools.pairwise(call))
    assert {("--network", "none"), ("--cap-drop", "ALL"), ("--user", "65534:65534"), ("--pull", "never")} <= pairs
    assert {("--memory", str(Limits().memory_bytes)), ("--memory-swap", str(Limits().memory_bytes))} <= pairs
    assert {("--pids-limit", "64"), ("--security-opt", "no-new-privileges"), ("--ulimit", "core=0:0")} <= pairs
    assert "--read-only" in call
    assert call[call.index("--volume") + 1].endswith(":/program:ro")


def test_container_that_outlives_its_time_is_removed(engine, monkeypatch):
    monkeypatch.setattr("tailgate_slices.sandbox.container._START_S", 0.5)
    runner = Container(engine=str(engine), image="some/image")
    result = runner.run(Program(language="python", source="import time\ntime.sleep(60)"), Limits(wall_s=0.5))
    assert result.ended == "timeout"
    started, removed = asked_of(engine)[-2:]
    assert removed == ["rm", "--force", started[started.index("--name") + 1]]


def test_container_without_an_image_is_refused(engine, monkeypatch):
    monkeypatch.delenv(IMAGE_VARIABLE, raising=False)
    runner = Container(engine=str(engine))
    assert IMAGE_VARIABLE in runner.why_not("python")
    with pytest.raises(SandboxUnavailable, match=IMAGE_VARIABLE):
        runner.run(Program(language="python", source=""), TIGHT)


def test_container_image_is_taken_from_the_environment(engine, monkeypatch):
    monkeypatch.setenv(IMAGE_VARIABLE, "some/image")
    assert Container(engine=str(engine)).why_not("python") is None


def test_machine_without_an_engine_has_no_container(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    assert "no container engine" in Container(image="some/image").why_not("lua")


def test_engine_that_does_not_work_is_a_reason(tmp_path):
    broken = tmp_path / "docker"
    broken.write_text("#!/bin/sh\necho 'Cannot connect to the daemon' >&2\nexit 125\n")
    broken.chmod(0o755)
    assert "Cannot connect to the daemon" in Container(engine=str(broken), image="some/image").why_not("python")


def test_container_really_runs_where_an_engine_and_an_image_are():
    runner = Container()
    reason = runner.why_not("python")
    if reason is not None:
        pytest.skip(reason)
    assert runner.run(Program(language="python", source="import os\nprint(os.getuid())"), TIGHT).stdout == "65534\n"


# what the harness said


def report(*lines, n_calls=3):
    result = Result(ended="ok", exit_code=0, stdout="\n".join(lines), stderr="", seconds=0.1)
    return _report(result, "TOKEN", n_calls)


def test_first_line_about_a_call_counts():
    found = report('TOKEN{"call": 0, "value": 1}', 'TOKEN{"call": 0, "value": 2}', 'TOKEN{"call": 2, "error": "E"}')
    assert [found.returned[0].value, found.returned[1], found.returned[2].error] == [1, None, "E"]


@pytest.mark.parametrize(
    "line",
    [
        '{"call": 0, "value": 1}',
        'x TOKEN{"call": 0, "value": 1}',
        'TOKEN{"call": true, "value": 1}',
        'TOKEN{"call": -1, "value": 1}',
        'TOKEN{"call": 3, "value": 1}',
        'TOKEN{"call": 0.0, "value": 1}',
        'TOKEN{"call": "0", "value": 1}',
        'TOKEN[0, 1]',
        "TOKEN" + "[" * 100_000,
        "TOKEN" + "9" * 100_000,
        "TOKEN",
        'TOKEN{"problem": ["syntax"]}',
        'TOKEN{"problem": "other"}',
    ],
)  # fmt: skip
def test_line_out_of_shape_is_no_result(line):
    found = report(line)
    assert (found.returned, found.problem) == ((None, None, None), None)


def test_lua_texts_are_quoted_byte_by_byte():
    assert lua_string('a"\\\n\0é') == '"a\\034\\092\\010\\000\\195\\169"'
    assert lua_value([1, {"a": "b"}, True, None]) == '{1, {["a"] = "b"}, true, nil}'
