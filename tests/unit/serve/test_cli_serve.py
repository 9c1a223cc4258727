"""`tailgate serve` and `tailgate report SHADOW_DIR` as commands: mistakes in one line, and a process that ends well."""

import importlib.util
import json
import re
import signal
import socket
import subprocess
import sys
from contextlib import closing

import httpx2
import pytest

from tailgate.store.shadow import ShadowStore
from tests.support.tiny import Tiny, save_tiny
from tests.unit.report.test_shadow import PAIR, row

OPTIONS = {
    "--name", "--host", "--port", "--device", "--api-key-file", "--max-requests", "--max-tokens", "--max-body",
    "--drain", "--shadow", "--shadow-dir", "--shadow-rate", "--shadow-keep", "--help",
}  # fmt: skip


def test_options_of_serve_are_frozen(tailgate):
    _, out, _ = tailgate("serve", "--help")
    assert set(re.findall(r"(?<![\w-])--[a-z-]+", out)) == OPTIONS


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (["serve"], 2, "Missing argument"),
        (["serve", "./nowhere"], 2, "no model './nowhere'"),
        (["serve", "smollm2", "--host", "0.0.0.0"], 2, "there is no API key"),
        (["serve", "smollm2", "smollm2"], 2, "two variants are called 'smollm2'"),
        (["serve", "smollm2", "--shadow", "smollm2", "--shadow-rate", "0"], 2, "--shadow-rate"),
        (["serve", "smollm2", "--drain", "soon"], 2, "no duration"),
        (["serve", "smollm2", "--device", "tpu"], 2, "--device tpu"),
        (["serve", "smollm2", "--max-requests", "0"], 2, "limit requests is 0"),
    ],
)
def test_a_mistake_is_one_line(tailgate, monkeypatch, arguments, code, complaint):
    monkeypatch.delenv("TAILGATE_API_KEY", raising=False)
    seen, out, err = tailgate(*arguments)
    lines = [line for line in err.splitlines() if line.startswith("tailgate:")]
    assert (seen, out, len(lines)) == (code, "", 1)
    assert complaint in lines[0]


def test_a_port_that_is_taken_is_named(tailgate):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        code, _, err = tailgate("serve", "smollm2", "--port", taken.getsockname()[1])
    assert code == 4
    assert "choose another --port" in err


def test_a_missing_package_names_the_extra(tailgate, monkeypatch):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "uvicorn" else find_spec(name))
    code, _, err = tailgate("serve", "smollm2")
    assert code == 4
    assert "pip install 'tailgate[serve]'" in err


def test_a_shadow_of_another_family_is_refused_before_anything_is_loaded(tailgate, tmp_path):
    first, second = save_tiny(tmp_path / "a"), save_tiny(tmp_path / "b", Tiny(extra_tokens=4))
    code, _, err = tailgate("serve", first, "--shadow", second, "--port", "0", "--shadow-dir", tmp_path / "s")
    assert code == 4
    assert "the tokenizers of" in err


def test_the_command_line_imports_no_server():
    script = "import sys, tailgate.cli; print(sorted({'fastapi', 'uvicorn', 'torch'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_process_outlives_clients_that_leave_and_ends_well_on_a_signal(tmp_path):
    """The command line lets a broken pipe end it; a server must survive one."""
    model = save_tiny(tmp_path / "m")
    command = [sys.executable, "-m", "tailgate", "serve", str(model), "--name", "tiny", "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            url = re.search(r"serving tiny on (http://\S+)", process.stderr.readline())[1]
            body = {"model": "tiny", "prompt": [5, 6], "max_tokens": 500, "stream": True}
            for _ in range(3):
                with httpx2.stream("POST", f"{url}/completions", json=body, timeout=60) as response:
                    next(response.iter_bytes())
            process.send_signal(signal.SIGPIPE)  # as writing to a pipe does whose reader is gone
            answer = httpx2.post(f"{url}/completions", json={**body, "stream": False, "max_tokens": 3}, timeout=60)
            assert answer.status_code == 200
        finally:
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "")
    assert err.endswith("the server has ended\n")


def test_report_summarizes_a_shadow_folder(tailgate, tmp_path):
    with closing(ShadowStore(tmp_path)) as store:
        store.add(PAIR, [row(1), row(2, divergence_token=4)], {"answered": 2}, "2026-05-06")
    code, out, _ = tailgate("report", tmp_path)
    assert code == 0
    assert out.splitlines() == [str(tmp_path / "shadow.md"), str(tmp_path / "shadow.json")]
    assert json.loads((tmp_path / "shadow.json").read_text())["pairs"][0]["total"]["diverged"] == 1
    code, out, _ = tailgate("report", tmp_path, "--json")
    assert json.loads(out)["schema_version"] == 1
    code, _, err = tailgate("report", tmp_path, "--format", "junit")
    assert code == 2
    assert "a shadow folder has md and json only" in err
