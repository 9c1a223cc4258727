"""Attacks on the sandbox, really run under bubblewrap: each is contained, and how it ended is reported."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tailgate_slices.sandbox import Limits, Program, bubblewrap, choose_runner, run_many
from tailgate_slices.sandbox.bubblewrap import Bubblewrap
from tailgate_slices.sandbox.interpreters import missing_interpreter
from tests.support.attacks import ATTACKS

TIGHT = Limits(wall_s=4.0, cpu_s=1)
PR_SET_CHILD_SUBREAPER = 36  # prctl(2)
SECRET = "a secret of the host"


@pytest.fixture(autouse=True)
def _needs_bubblewrap(require):
    require("bwrap")


@pytest.fixture
def run():
    """Run a program under bubblewrap, within tight limits."""

    def run_one(language, source, stdin="", limits=TIGHT):
        if missing_interpreter(language):
            pytest.skip(missing_interpreter(language))
        return choose_runner(language, unsafe=False).run(Program(language=language, source=source, stdin=stdin), limits)

    return run_one


@pytest.fixture(scope="module", autouse=True)
def _orphans_come_here():
    """Have processes that lose their parent become children of this one: others on this machine are not ours."""
    adopt = ctypes.CDLL(None).prctl
    adopt(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    yield
    adopt(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


def left_behind():
    """Processes below this one that a sandboxed program could be."""
    parents, lines = {}, {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                lines[int(folder.name)] = (folder / "cmdline").read_bytes()
            except OSError:
                continue
    return [line for pid, line in lines.items() if b"/program/main" in line and os.getpid() in ancestors(pid, parents)]


def ancestors(pid, parents):
    found = []
    while (pid := parents.get(pid)) is not None:
        found.append(pid)
    return found


def test_process_left_behind_would_be_seen():
    leave = f"{sys.executable} -c 'import time; time.sleep(60)' /program/main > /dev/null & echo $!"
    orphan = int(subprocess.run(["/bin/sh", "-c", leave], stdout=subprocess.PIPE, check=True).stdout)
    try:
        assert len(left_behind()) == 1
    finally:
        os.kill(orphan, signal.SIGKILL)
        os.waitpid(orphan, 0)


def test_there_are_at_least_25_attacks():
    assert len(ATTACKS) >= 25


def test_runner_chosen_is_bubblewrap():
    assert choose_runner("python", unsafe=True).name == "bubblewrap"


@pytest.mark.parametrize("name", list(ATTACKS))
def test_attack_is_contained_and_reported(name, run, monkeypatch):
    monkeypatch.setenv("TAILGATE_TEST_SECRET", SECRET)
    language, source, expected = ATTACKS[name]
    result = run(language, source)
    assert result.ended in expected, result
    assert "ESCAPED" not in result.stdout
    assert SECRET not in result.stdout
    assert result.seconds < TIGHT.wall_s + 2
    assert left_behind() == []


def test_file_of_the_host_is_neither_read_nor_changed(run, tmp_path):
    (tmp_path / "keep").write_text(SECRET)
    path = str(tmp_path / "keep")
    assert SECRET not in run("python", f"print(open({path!r}).read())").stdout
    run("python", f"import os\nos.makedirs({str(tmp_path)!r})\nopen({path!r}, 'w').write('changed')")
    assert (tmp_path / "keep").read_text() == SECRET


def test_temporary_folder_is_empty_in_every_run(run):
    source = "import os\nprint(os.listdir('/tmp'))\nopen('/tmp/seen', 'w').write('x')"
    assert [run("python", source).stdout for _ in range(2)] == ["[]\n", "[]\n"]


def test_files_of_one_run_stay_below_the_limit(run):
    source = """
import os
n = 0
try:
    while True:
        open(f'/tmp/{n}', 'wb').write(bytes(100_000))
        n += 1
except OSError:
    print(n * 100_000)
"""
    assert int(run("python", source).stdout) <= TIGHT.tmp_bytes


def test_entries_of_one_run_stay_below_the_limit(run):
    source = """
import os
n = 0
try:
    while True:
        os.mkdir(f'/tmp/{n}')
        n += 1
except OSError:
    print(n)
"""
    made = int(run("python", source, limits=replace(TIGHT, tmp_entries=100)).stdout)
    assert made < 100
    assert made > 50 or not Bubblewrap()._mounts


def test_folder_that_cannot_be_bounded_is_read_only(monkeypatch):
    monkeypatch.setattr(bubblewrap, "_bounded", lambda folder, limits: ("/nowhere/unshare",))
    runner = Bubblewrap()
    made = runner.run(Program(language="python", source="import os\nos.mkdir('/tmp/x')"), TIGHT)
    assert (made.ended, "Read-only" in made.stderr) == ("forbidden", True)
    assert runner.run(Program(language="python", source="print(2)"), TIGHT).stdout == "2\n"


def test_standard_input_flood_does_not_block_a_program_that_reads_nothing(run):
    result = run("python", "print('done')", stdin="x" * 20_000_000)
    assert (result.ended, result.stdout) == ("ok", "done\n")


def test_standard_input_is_read_by_a_program_that_wants_it(run):
    assert run("python", "import sys\nprint(len(sys.stdin.read()))", stdin="x" * 300_000).stdout == "300000\n"


def test_output_is_cut_at_the_limit(run):
    assert len(run("python", "while True: print('x' * 1000)").stdout) <= TIGHT.output_bytes


def test_exit_code_and_messages_are_kept(run):
    result = run("python", "import sys\nprint('out')\nprint('err', file=sys.stderr)\nsys.exit(3)")
    assert (result.ended, result.exit_code, result.stdout, result.stderr) == ("runtime_error", 3, "out\n", "err\n")


def test_sandbox_has_its_own_process_numbers_user_and_host_name(run):
    source = "import os\nprint(os.getpid() < 10, os.getuid(), os.uname().nodename)"
    assert run("python", source).stdout == "True 65534 sandbox\n"


def test_program_is_deterministic_across_runs(run):
    source = "print(hash('a'), list({'a', 'b', 'c', 'd', 'e'}))"
    assert run("python", source).stdout == run("python", source).stdout


@pytest.mark.parametrize("language", ["javascript", "lua"])
def test_other_languages_run(run, language):
    source = {"javascript": "console.log([1, 2].map(x => x * 2).join())", "lua": "print(table.concat({2, 4}, ','))"}
    assert run(language, source[language]).stdout == "2,4\n"


def test_many_programs_keep_their_order():
    programs = [Program(language="python", source=f"print({n})") for n in range(12)]
    results = run_many(programs, choose_runner("python", unsafe=False), TIGHT)
    assert [result.stdout for result in results] == [f"{n}\n" for n in range(12)]


def test_sandbox_that_cannot_be_set_up_is_a_reason(tmp_path):
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    broken.chmod(0o755)
    assert "No permissions to create new namespace" in Bubblewrap(str(broken)).why_not("python")


def test_two_workers_give_the_results_in_order():
    runner = choose_runner("python", unsafe=False)
    programs = [Program(language="python", source=f"print({n})") for n in range(6)]
    assert [result.stdout for result in run_many(programs, runner, TIGHT, workers=2)] == [f"{n}\n" for n in range(6)]
