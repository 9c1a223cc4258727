"""Programs run as plain processes, and in containers of a fake engine that runs the program itself."""

from __future__ import annotations

import itertools
import json
import logging
import stat
import sys

import pytest

from tailgate_slices import sandbox
from tailgate_slices.sandbox import Limits, Program, SandboxUnavailable, run_many
from tailgate_slices.sandbox.container import IMAGE_VARIABLE, Container
from tailgate_slices.sandbox.unsafe import UnsafeProcess

TIGHT = Limits(wall_s=3.0, cpu_s=1)

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
