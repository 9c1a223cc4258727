"""Attacks on the sandbox, really run under bubblewrap: each is contained, and how it ended is reported."""

from __future__ import annotations

from pathlib import Path

import pytest

from tailgate_slices.code.execution import judge
from tailgate_slices.sandbox import Limits, Program, choose_runner, run_many
from tailgate_slices.sandbox.bubblewrap import Bubblewrap
from tailgate_slices.sandbox.calls import Calls, call_function
from tailgate_slices.sandbox.interpreters import missing_interpreter

TIGHT = Limits(wall_s=4.0, cpu_s=1)
SECRET = "a secret of the host"
LIBC = "import ctypes, os\nlibc = ctypes.CDLL(None, use_errno=True)\n"
GONE = {"runtime_error"}  # what is not in the sandbox cannot be found
BARRED = {"forbidden"}

ATTACKS = {
    # processes
    "fork bomb": ("python", "import os\nwhile True: os.fork()", BARRED),
    "shell fork bomb": ("python", "import os\nos.system(':(){ :|:& };:')\nprint('ESCAPED')", BARRED),
    "become a shell that forks": (
        "python", "import os\nos.execv('/bin/sh', ['sh', '-c', 'while :; do sleep 9 & done'])", BARRED),
    "subprocess": ("python", "import subprocess\nsubprocess.run(['/bin/true'])\nprint('ESCAPED')", BARRED),
    "multiprocessing": (
        "python", "import multiprocessing as m\nm.Process(target=print).start()\nprint('ESCAPED')", BARRED),
    "daemon that outlives its parent": (
        "python", "import os, time\nif os.fork() == 0:\n os.setsid()\n time.sleep(60)\nprint('ESCAPED')", BARRED),
    "fork by number": ("python", f"{LIBC}libc.syscall(57 if os.uname().machine == 'x86_64' else 220, 0, 0, 0, 0, 0)\n"
                       "print('ESCAPED')", BARRED),
    "threads without end": (
        "python", "import threading, time\nwhile True: threading.Thread(target=time.sleep, args=(9,)).start()",
        {"runtime_error", "memory", "killed", "timeout"}),
    "kill the parent": ("python", "import os\nos.kill(os.getppid(), 9)\nprint('still here')", {"ok"}),
    "signal pid 1": (
        "python", "import os\nfor n in (1, 2, 3, 9, 15, 19): os.kill(1, n)\nprint('still here')", {"ok"}),
    "kill everything": (
        "python", "import os\nos.kill(-1, 9)\nimport time\ntime.sleep(1)", {"killed", "ok", "runtime_error"}),
    "signal every number": (
        "python", "import os\nfor pid in range(2, 60000):\n try: os.kill(pid, 0)\n except OSError: continue\n"
        " if pid > 10: print('ESCAPED', pid)", {"ok"}),
    # resources
    "memory at once": ("python", "x = bytearray(10**11)", {"memory"}),
    "memory bit by bit": ("python", "x = []\nwhile True: x.append(bytearray(10**6))", {"memory"}),
    "shared memory": (
        "python", "import mmap\nx = [mmap.mmap(-1, 2**26) for _ in range(100)]\nprint('ESCAPED')",
        {"memory", "runtime_error"}),
    "memory file": ("python", "import os\nfd = os.memfd_create('x')\nprint('ESCAPED')", GONE),
    "fill the disk": (
        "python", "import os\nn = 0\nwhile True:\n n += 1\n open(f'/tmp/{n}', 'wb').write(bytes(500_000))", BARRED),
    "one huge file": ("python", "open('/tmp/x', 'wb').write(bytes(2**25))", BARRED),
    "fill shared memory files": ("python", "open('/dev/shm/x', 'wb').write(bytes(9))\nprint('ESCAPED')",
                                 BARRED | GONE),
    "huge output": ("python", "while True: print('x' * 1000)", {"output"}),
    "huge error output": ("python", "import sys\nwhile True: sys.stderr.write('x' * 1000)", {"output"}),
    "endless loop": ("python", "while True: pass", {"timeout"}),
    "endless loop deaf to signals": (
        "python", "import signal\nfor n in (1, 2, 15, 24): signal.signal(n, signal.SIG_IGN)\nwhile True: pass",
        {"timeout"}),
    "sleep": ("python", "import time\ntime.sleep(600)", {"timeout"}),
    "raise the limits": (
        "python", "import resource as r\nr.setrlimit(r.RLIMIT_CPU, (-1, -1))\nprint('ESCAPED')", BARRED | GONE),
    "deep recursion": ("python", "def f(n): return f(n + 1)\nf(0)", GONE),
    "recursion without its limit": (
        "python", "import sys\nsys.setrecursionlimit(10**9)\ndef f(n): return [f(n + 1)][0]\nf(0)",
        {"killed", "memory", "runtime_error", "timeout"}),
    "huge number": ("python", "x = 9 ** 9 ** 9", {"timeout", "memory"}),
    # network
    "connect": ("python", "import socket\nsocket.create_connection(('1.1.1.1', 53), 2)\nprint('ESCAPED')", BARRED),
    "local services": ("python", "import socket\nsocket.create_connection(('127.0.0.1', 22), 2)", BARRED),
    "look a name up": (
        "python", "import socket\nprint('ESCAPED', socket.gethostbyname('example.org'))", BARRED | GONE),
    "socket of the container engine": (
        "python", "import socket\nsocket.socket(socket.AF_UNIX).connect('/var/run/docker.sock')", BARRED),
    # files
    "read the home folder": (
        "python", "import os\nfor name in ('/root/.ssh', '/home', os.path.expanduser('~/.bashrc')):\n"
        " if os.path.exists(name): print('ESCAPED', name)", {"ok"}),
    "read passwords": ("python", "print('ESCAPED', open('/etc/shadow').read())", GONE),
    "list the host's processes": ("python", "import os\nprint('ESCAPED', os.listdir('/proc'))", GONE),
    "read through /proc/1/root": ("python", "print('ESCAPED', open('/proc/1/root/etc/passwd').read())", GONE),
    "read kernel settings": ("python", "import os\nprint('ESCAPED', os.listdir('/sys'))", GONE),
    "symbolic link out": (
        "python", "import os\nos.symlink('/etc/shadow', '/tmp/l')\nprint('ESCAPED', open('/tmp/l').read())", GONE),
    "path out": ("python", "print('ESCAPED', open('/tmp/../../../../etc/passwd').read())", GONE),
    "write to the system": ("python", "open('/usr/bin/evil', 'w')\nprint('ESCAPED')", BARRED),
    "write to the root": ("python", "open('/evil', 'w')\nprint('ESCAPED')", BARRED),
    "change the program itself": ("python", "open('/program/main.py', 'w')\nprint('ESCAPED')", BARRED),
    "open the memory device": ("python", "open('/dev/mem', 'rb')\nprint('ESCAPED')", BARRED | GONE),
    "make a device": (
        "python", "import os, stat\nos.mknod('/tmp/d', 0o666 | stat.S_IFBLK, os.makedev(254, 0))\nprint('ESCAPED')",
        BARRED),
    "write to the standard input": ("python", "import os\nos.write(0, b'x')\nprint('ESCAPED')", GONE),
    "use descriptors left open": (
        "python", "import os\nfor fd in range(3, 64):\n try: os.fstat(fd)\n except OSError: continue\n"
        " print('ESCAPED', fd)", {"ok"}),
    # privileges
    "ptrace": ("python", f"{LIBC}libc.ptrace(16, 1, 0, 0)\nprint('ESCAPED')", BARRED),
    "read another process": ("python", f"{LIBC}libc.process_vm_readv(1, 0, 0, 0, 0, 0)\nprint('ESCAPED')", BARRED),
    "mount": ("python", f"{LIBC}libc.mount(b'x', b'/tmp', b'tmpfs', 0, 0)\nprint('ESCAPED')", BARRED),
    "unmount": ("python", f"{LIBC}libc.umount2(b'/usr', 2)\nprint('ESCAPED')", BARRED),
    "unshare again": ("python", f"{LIBC}libc.unshare(0x10000000)\nprint('ESCAPED')", BARRED),
    "enter a namespace": ("python", f"{LIBC}libc.setns(0, 0)\nprint('ESCAPED')", BARRED),
    "chroot": ("python", "import os\nos.chroot('/tmp')\nprint('ESCAPED')", BARRED),
    "become root": ("python", "import os\nos.setuid(0)\nprint('ESCAPED')", BARRED | GONE),
    "gain privileges by exec": (
        "python", f"{LIBC}print('no new privileges' if libc.prctl(39, 0, 0, 0, 0) == 1 else 'ESCAPED')", {"ok"}),
    "set the clock": ("python", "import time\ntime.clock_settime(0, 0)\nprint('ESCAPED')", BARRED),
    "program of the kernel": (
        "python", f"{LIBC}libc.syscall(321 if os.uname().machine == 'x86_64' else 280, 0, 0, 0)\nprint('ESCAPED')",
        BARRED),
    "environment": ("python", "import os\nprint(dict(os.environ))", {"ok"}),
    # oddities
    "null bytes": ("python", "print('ESCAPED')\0", GONE),
    "exit code of a signal": ("python", "import sys\nsys.exit(159)", BARRED),
    "message of the sandbox": ("python", "import sys\nsys.stderr.write('bwrap: no')\nsys.exit(1)", GONE),
    # other languages
    "node: child process": (
        "javascript", "require('child_process').execSync('id'); console.log('ESCAPED')", BARRED),
    "node: connect": ("javascript", "require('net').connect(53, '1.1.1.1')", BARRED),
    "node: fetch": ("javascript", "fetch('http://1.1.1.1').then(() => console.log('ESCAPED'))", BARRED | GONE),
    "node: read passwords": (
        "javascript", "console.log('ESCAPED', require('fs').readFileSync('/etc/shadow'))", GONE),
    "node: write to the system": (
        "javascript", "require('fs').writeFileSync('/usr/evil', ''); console.log('ESCAPED')", BARRED),
    "node: memory": ("javascript", "let x = []; while (true) x.push(new Array(1000).fill(Math.random()))",
                     {"memory", "killed"}),
    "node: memory outside the heap": (
        "javascript", "let x = []; while (true) x.push(Buffer.alloc(2 ** 24, 1))",
        {"memory", "killed", "runtime_error"}),
    "node: endless loop": ("javascript", "while (true);", {"timeout"}),
    "node: huge output": ("javascript", "while (true) console.log('x'.repeat(1000))", {"output", "memory", "timeout"}),
    "node: kill the parent": (
        "javascript", "process.kill(process.ppid, 'SIGKILL'); console.log('still here')", {"ok"}),
    "lua: shell": ("lua", "os.execute('id') print('ESCAPED')", BARRED),
    "lua: pipe": ("lua", "print('ESCAPED', io.popen('id'):read('a'))", BARRED),
    "lua: read passwords": ("lua", "print('ESCAPED', assert(io.open('/etc/shadow')):read('a'))", GONE),
    "lua: remove the system": ("lua", "assert(os.remove('/usr/bin/env')) print('ESCAPED')", BARRED),
    "lua: memory": ("lua", "local x = {} while true do x[#x + 1] = ('x'):rep(10^6 + #x) end", {"memory", "timeout"}),
    "lua: pattern that backtracks": (
        "lua", "print(('a'):rep(60):find(('a-'):rep(60) .. 'b'))", {"timeout"}),
    "lua: endless loop": ("lua", "while true do end", {"timeout"}),
}  # fmt: skip


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


def left_behind():
    """Processes of this machine that a sandboxed program could be."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                line = (folder / "cmdline").read_bytes()
            except OSError:
                continue
            if b"/program/main" in line:
                found.append(line)
    return found


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


# What follows tries to be graded right without being right: the answer is a function that doubles a number.

DOUBLE = [2 * n for n in (3, 5, 8, 13)]
PASS_WORDS = "4 passed in 0.01s"
FAKES = {
    "printed results": f"print('{PASS_WORDS}')\ndef f(x): print(2 * x)",
    "printed frames": """
print('{"call": 0, "value": 6}')
def f(x):
    print('{"call": 0, "value": 6}')
""",
    "exit before the tests": "import sys\nsys.exit(0)\ndef f(x): return 1",
    "exit in the function": "def f(x):\n    raise SystemExit(0)",
    "hard exit": "import os\ndef f(x): os._exit(0)",
    "encoder replaced": "import json\njson.dumps = lambda *a, **k: 'true'\njson.loads = None\ndef f(x): return 1",
    "writer replaced": "import os\nos.write = lambda fd, text: len(text)\ndef f(x): return 1",
    "built-in functions replaced": """
import builtins
builtins.isinstance = lambda *a: True
builtins.type = lambda *a: int
builtins.len = lambda *a: 4
def f(x): return 1
""",
    "object equal to everything": """
class Any(int):
    def __eq__(self, other): return True
    def __hash__(self): return 0
def f(x): return Any(1)
""",
    "object that is not data": "class Any:\n    def __eq__(self, other): return True\ndef f(x): return Any()",
    "true for one": "def f(x): return True",
    "token found in the frames": """
import sys
def f(x):
    outer = sys._getframe(1)
    token = outer.f_locals['token']
    import os
    for call in range(4):
        os.write(1, f'\\n{token}{{"call": {call}, "value": true}}\\n'.encode())
    return None
""",
    "expected values looked for": """
import gc, sys
def f(x):
    outer = sys._getframe(1)
    seen = [outer.f_locals, outer.f_globals] + gc.get_objects()
    found = [each for each in seen if isinstance(each, dict) and ('expected' in each or 'wanted' in each)]
    return found[0].popitem() if found else list(outer.f_locals['task'])
""",
    "example only": "def f(x): return {3: 6}.get(x)",
    "state between calls": "n = 0\ndef f(x):\n    global n\n    n += 1\n    return 2 * x if n < 3 else 0",
    "not a number": "def f(x): return float('nan')",
    "number too long to read": "def f(x): return 10 ** 4000",
    "nesting too deep to read": "import os\ndef f(x):\n    y = []\n    for _ in range(900): y = [y]\n    return y",
}


def judged(source, language="python"):
    calls = Calls(language=language, source=source, function="f", arguments=(3, 5, 8, 13))
    return judge(call_function(calls, choose_runner(language, unsafe=False), TIGHT), DOUBLE)


@pytest.mark.parametrize("name", list(FAKES))
def test_fake_pass_is_not_believed(name):
    assert judged(FAKES[name]).mode is not None


def test_right_function_passes_whatever_it_prints():
    assert judged(f"def f(x):\n    print('{PASS_WORDS}', end='')\n    return 2 * x").mode is None


def test_function_that_stops_half_way_has_passed_half():
    found = judged("import os\ndef f(x):\n    return 2 * x if x < 6 else os._exit(0)")
    assert (found.mode, found.passed) == ("runtime_error", 0.5)


def test_two_workers_give_the_results_in_order():
    runner = choose_runner("python", unsafe=False)
    programs = [Program(language="python", source=f"print({n})") for n in range(6)]
    assert [result.stdout for result in run_many(programs, runner, TIGHT, workers=2)] == [f"{n}\n" for n in range(6)]


# What a function is given and returns crosses the sandbox as text: nothing may be lost on the way.

DATA = (
    *(0, -7, 10**30, 2.5, -0.0, 1e300, True, False, None, "", "plain", "\"quoted\" \\ back", "line\nend\ttab\x00\x7f"),
    *("naïve 日本 \U0001f600", [], [1, [2, "x"], None], {}, {"a": [1], "ü \"": {"b": None}}),
)  # fmt: skip
RETURNED = {
    "(1, 'a')": [1, "a"],
    "{1: 'a', 2.5: 'b', True: 'c', None: 'd'}": {"1": "c", "2.5": "b", "null": "d"},
    "type('N', (int,), {})(4)": 4,
    "type('S', (str,), {})('s')": "s",
    "float('inf')": float("inf"),
    "'\\ud800'": "\ud800",
}


def called(source, arguments, language="python"):
    calls = Calls(language=language, source=source, function="f", arguments=tuple(arguments))
    return call_function(calls, choose_runner(language, unsafe=False), TIGHT).returned


def test_python_function_gets_and_returns_data_unchanged():
    returned = [each.value for each in called("def f(x): return x", DATA)]
    assert repr(returned) == repr(list(DATA))


@pytest.mark.parametrize("made", list(RETURNED))
def test_python_result_is_written_as_json_would_be(made):
    assert called(f"def f(x): return {made}", [0])[0].value == RETURNED[made]


@pytest.mark.parametrize("made", ["{1}", "object()", "b'x'", "1j", "{(1, 2): 3}", "f"])
def test_python_result_that_is_no_data_is_an_error(made):
    assert "TypeError" in called(f"def f(x): return {made}", [0])[0].error


def test_python_result_that_holds_itself_is_an_error():
    assert called("def f(x):\n    x.append(x)\n    return x", [[1]])[0].error is not None


def test_python_arguments_are_fresh_in_every_call():
    returned = called("def f(x):\n    x.append(9)\n    return x", [[1], [1]])
    assert [each.value for each in returned] == [[1, 9], [1, 9]]
