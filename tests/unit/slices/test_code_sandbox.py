"""The parts of the sandbox that need no sandbox: choice, limits, filter, names of ends, what a harness says."""

from __future__ import annotations

import signal
import struct
import time

import pytest

from tailgate_slices import sandbox
from tailgate_slices.item import SliceError
from tailgate_slices.sandbox import (
    Limits,
    Program,
    SandboxUnavailable,
    choose_runner,
    unsafe_from_environment,
    why_not,
)
from tailgate_slices.sandbox.bubblewrap import Bubblewrap
from tailgate_slices.sandbox.calls import _report, lua_string, lua_value
from tailgate_slices.sandbox.endings import ending, last_words
from tailgate_slices.sandbox.interpreters import find_interpreter, resource_limits
from tailgate_slices.sandbox.program import LANGUAGES, Result
from tailgate_slices.sandbox.seccomp import ARCHITECTURES, filter_program
from tailgate_slices.sandbox.unsafe import UnsafeProcess

ALLOW, KILL, ENOSYS = 0x7FFF0000, 0x80000000, 0x00050000 | 38
TIGHT = Limits(wall_s=3.0, cpu_s=1)
HEAP = "\nFATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory\n 1: 0xb9c310 [node]\n"


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
        (-6, HEAP, False, "memory"),
        (-6, "# Fatal process out of memory: Zone", False, "memory"),
        (-6, "terminate called after throwing an instance of 'std::bad_alloc'", False, "memory"),
        (1, "Traceback:\nMemoryError: too much", False, "memory"),
        (1, "/usr/bin/lua5.4: not enough memory", False, "memory"),
        (1, "Traceback:\nPermissionError: [Errno 1] Operation not permitted", False, "forbidden"),
        (1, "Traceback:\nOSError: [Errno 30] Read-only file system: '/usr/x'", False, "forbidden"),
        (1, "Error: EROFS: read-only file system {\n  errno: -30,\n  code: 'EROFS',\n}", False, "forbidden"),
        (1, "lua5.4: /program/main.lua:1: /usr/x: Permission denied\nstack traceback:", False, "forbidden"),
        (1, "lua: /usr/x: Read-only file system", False, "forbidden"),
        (1, "lua5.4: /program/main.lua:1: No space left on device", False, "forbidden"),
        (-signal.SIGSYS, "", False, "forbidden"),
        (-signal.SIGXFSZ, "", False, "forbidden"),
        (-signal.SIGXCPU, "", False, "timeout"),
        (-signal.SIGKILL, "", True, "timeout"),
        (-signal.SIGKILL, "", False, "killed"),
        (-signal.SIGSEGV, "", False, "killed"),
    ],
)
def test_end_is_named_by_code_signal_and_message(code, stderr, timed_out, expected):
    assert ending(code, stderr, timed_out=timed_out) == expected


@pytest.mark.parametrize(
    "said",
    [
        "ValueError: 3",
        "ValueError: Permission denied",
        "ValueError: PermissionError: [Errno 13]",
        "PermissionError: you may not",
        "OSError: [Errno 2] No such file or directory: '/Permission denied'",
        "Error: EACCES: permission denied, open '/x'\n    at f (main.js:1:1)",
        "Error: no {\n  errno: -2,\n}",
        "lua5.4: /program/main.lua:1: Permission denied\nstack traceback:",
        "lua5.4: /program/main.lua:1: there is not enough memory",
        "ValueError: MemoryError",
        "RangeError: out of memory",
        "lua" * 40_000,
        "\n/" * 60_000,
    ],
)
def test_message_of_a_program_is_no_refusal(said):
    started = time.process_time()
    assert last_words(said) is None
    assert time.process_time() - started < 0.5


@pytest.mark.parametrize("language", LANGUAGES)
def test_limits_bound_memory_files_and_time(language):
    if find_interpreter(language) is None:
        pytest.skip(f"no interpreter of {language}")
    found = resource_limits(find_interpreter(language), Limits(cpu_s=3))
    assert found["cpu"] == (3, 4)
    assert found["data"][1] == Limits().memory_bytes
    assert (found["as"][1] == Limits().memory_bytes) is (language != "javascript")
    assert found["core"] == (0, 0)


# what the harness said


def report(*lines, n_calls=3):
    result = Result(ended="ok", exit_code=0, stdout="\n".join(lines), stderr="", seconds=0.1)
    return _report(result, "TOKEN", n_calls)


def test_first_line_about_a_call_counts():
    found = report('TOKEN{"call": 0, "value": 1}', 'TOKEN{"call": 0, "value": 2}', 'TOKEN{"call": 2, "error": "E"}')
    assert [found.returned[0].value, found.returned[1], found.returned[2].error] == [1, None, "E"]


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ('TOKEN{"call": 0, "error": "E"}', None),
        ('TOKEN{"call": 0, "error": "E", "cause": "forbidden"}', "forbidden"),
        ('TOKEN{"call": 0, "error": "E", "cause": "memory"}', "memory"),
        ('TOKEN{"call": 0, "error": "E", "cause": ["memory"]}', None),
        ('TOKEN{"call": 0, "error": "E", "cause": "other"}', None),
    ],
)
def test_cause_of_an_error_is_one_of_those_known(line, cause):
    assert report(line).returned[0].cause == cause
    assert report(line.replace('"call": 0', '"problem": "load"')).cause == cause


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
