"""A night as the people live it who wake up to it: what is run, resumed, refused, kept, deleted and told."""

import fcntl
import json
import os
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tailgate.errors import ConfigError, SetupError
from tailgate.ops.nightly import run_nightly
from tests.support.tiny import save_tiny
from tests.support.toy import fake_engine

pytestmark = pytest.mark.usefixtures("toy_slice")

CONFIG = """
folder = "nights"
{top}
[run]
baseline = "{model}"
candidates = ["{model}@rtn"]
suite = "{suite}"
store = "{store}"
controls = "none"
{run}
"""
SUITE = """
name = "toys"
version = "1"
seed = 7
gate = "quick"

[[slices]]
name = "toy"
gate_by = "level"
strata = ["level=1"]
"""


def echo(word):
    return word


def broken(word):
    return "nonsense"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_tiny(tmp_path_factory.mktemp("model"))


@pytest.fixture
def nightly(tmp_path, model, monkeypatch):
    """Writes a nightly file and runs a night whose candidate answers as told."""
    (tmp_path / "suite.toml").write_text(SUITE)

    def run(candidate=echo, *, interrupt_after=None, top="", run=""):
        paths = {"model": model, "suite": tmp_path / "suite.toml", "store": tmp_path / "store"}
        text = CONFIG.format(**paths, top=top, run=run)
        (tmp_path / "nightly.toml").write_text(text)
        choice = fake_engine(echo, candidate, interrupt_after)
        monkeypatch.setattr("tailgate.pipeline.compare.choose_engine", lambda *_, **__: choice)
        return run_nightly(tmp_path / "nightly.toml")

    return run


@pytest.fixture
def channel():
    """A local webhook: the messages it was sent, and its address."""
    messages = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            messages.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200 if self.path == "/ok" else 500)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield messages, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def runs(tmp_path):
    return sorted((tmp_path / "nights" / "runs").iterdir())


def test_night_ends_with_the_verdicts_exit_code_and_one_line(nightly, tmp_path):
    night = nightly(broken)
    assert night.exit_code == 1
    assert night.line.startswith("nightly nights: regression: ")
    assert "worst toy/level=1 -100.0 points" in night.line
    assert night.path == runs(tmp_path)[0]
    assert (night.path / "report.html").is_file()


def test_faithful_candidate_ends_with_zero(nightly):
    assert nightly().exit_code == 0


def test_killed_night_is_gone_on_with_in_its_own_folder(nightly, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        nightly(interrupt_after=9)
    night = nightly()
    assert night.exit_code == 0
    assert runs(tmp_path) == [night.path]
    assert "going on with" in (tmp_path / "nights" / "nightly.log").read_text()


def test_killed_night_that_cannot_be_finished_any_more_is_left_and_a_new_one_begins(nightly, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        nightly(interrupt_after=9)
    suite = tmp_path / "suite.toml"
    suite.write_text(suite.read_text().replace("seed = 7", "seed = 8"))
    night = nightly()
    assert night.exit_code == 0
    left, new = runs(tmp_path)
    assert new == night.path
    assert f"{left} is left as it is" in (tmp_path / "nights" / "nightly.log").read_text()


def test_second_night_does_not_begin_while_the_first_one_runs(nightly, tmp_path):
    nightly()
    with (tmp_path / "nights" / "nightly.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(SetupError, match="another nightly run holds"):
            nightly()


def test_failed_night_is_a_line_and_an_exit_code_not_a_silence(nightly):
    night = nightly(run='device = "tpu"')
    assert night.exit_code == 2
    assert "no verdict: --device tpu" in night.line


def test_unexpected_error_is_told_too(nightly, monkeypatch):
    def fail(*_):
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr("tailgate.ops.nightly.compare_variants", fail)
    night = nightly()
    assert night.exit_code == 4
    assert "unexpected ZeroDivisionError: by zero" in night.line


def test_channel_is_told_the_line(nightly, channel, monkeypatch):
    messages, address = channel
    monkeypatch.setenv("NIGHTLY_HOOK", f"{address}/ok")
    night = nightly(broken, top='webhook_env = "NIGHTLY_HOOK"')
    assert messages == [{"text": night.line}]


def test_broken_channel_changes_no_verdict_but_is_said(nightly, channel, monkeypatch):
    _, address = channel
    monkeypatch.setenv("NIGHTLY_HOOK", f"{address}/down")
    night = nightly(top='webhook_env = "NIGHTLY_HOOK"')
    assert night.exit_code == 0
    assert "the webhook answered 500" in night.line


def test_unreachable_channel_does_not_spill_its_address(nightly, monkeypatch):
    monkeypatch.setenv("NIGHTLY_HOOK", "http://127.0.0.1:9/secret")
    night = nightly(top='webhook_env = "NIGHTLY_HOOK"')
    assert "cannot be reached" in night.line
    assert "secret" not in night.line


@pytest.mark.parametrize(
    ("top", "run", "complaint"),
    [
        ('webhook_env = "NOT_SET_ANYWHERE"', "", "that variable is not set"),
        ("keep_days = 0", "", "keep_days = 0"),
        ("nights = 1", "", "unknown key 'nights'"),
    ],
)
def test_wrong_file_is_one_error(nightly, top, run, complaint):
    with pytest.raises(ConfigError, match=complaint):
        nightly(top=top, run=run)


def test_run_folder_is_the_nights_own_choice(nightly):
    assert "run.out is set" in nightly(run='out = "elsewhere"').line


def test_old_runs_are_deleted_and_the_newest_stays(nightly, tmp_path):
    old = tmp_path / "nights" / "runs" / "20200101T000000Z"
    old.mkdir(parents=True)
    (old / "manifest.json").write_text('{"schema_version": 1, "status": "finished"}')
    os.utime(old, (0, 0))
    night = nightly()
    assert runs(tmp_path) == [night.path]


def test_old_run_that_cannot_be_deleted_costs_no_verdict(nightly, tmp_path, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    old = tmp_path / "nights" / "runs" / "20200101T000000Z"
    old.mkdir(parents=True)
    (old / "manifest.json").write_text('{"schema_version": 1, "status": "finished"}')
    os.utime(old, (0, 0))
    monkeypatch.setattr("tailgate.ops.nightly.shutil.rmtree", refuse)
    assert nightly().exit_code == 0
    assert f"cannot delete {old}" in (tmp_path / "nights" / "nightly.log").read_text()
