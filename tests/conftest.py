"""What every test may ask for."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

PROGRAMS = {"bwrap"}

# Triton reads it when it is imported, and other packages import triton: kernels run interpreted in this process, as
# Python on CPU tensors. Tests on a device are run by themselves: TRITON_INTERPRET=0 pytest tests/gpu.
os.environ.setdefault("TRITON_INTERPRET", "1")
os.environ.setdefault("TAILGATE_HAYSTACKS", "")  # tests read no texts that an earlier one kept


def _missing(name: str) -> str | None:
    if name == "chromium":
        return _missing_chromium()
    if name in PROGRAMS:
        return None if shutil.which(name) else f"no {name} on the PATH"
    return _missing_package(name)


def _missing_chromium() -> str | None:
    for program in ("chromium", "chromedriver"):
        if shutil.which(program) is None:
            return f"no {program} on the PATH"
    return _missing_package("selenium")


def _missing_package(name: str) -> str | None:
    return None if importlib.util.find_spec(name) else f"python package {name} is not installed"


def require_tool(name: str) -> None:
    """Skip the test, with the reason, where a tool is missing; fail it where ``TAILGATE_REQUIRE`` names the tool.

    `name` is ``chromium`` (browser, driver and selenium), a program like ``bwrap``, or an importable package.
    ``TAILGATE_REQUIRE`` is a list separated by commas, so that a machine which should have a tool cannot lose it
    unnoticed.
    """
    missing = _missing(name)
    if missing is None:
        return
    required = [each.strip() for each in os.environ.get("TAILGATE_REQUIRE", "").split(",")]
    if name in required:
        pytest.fail(f"TAILGATE_REQUIRE names {name}, but {missing}", pytrace=False)
    pytest.skip(f"needs {name}: {missing}")


@pytest.fixture
def require() -> Callable[[str], None]:
    """`require_tool`, for tests that need an optional tool."""
    return require_tool


@pytest.fixture(scope="session")
def repo_root() -> Path:
    """The checkout under test."""
    return Path(__file__).resolve().parent.parent


@pytest.fixture
def tailgate(monkeypatch, capsys):
    """Run a command line outside any CI job; returns exit code, stdout and stderr."""
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    from tailgate import cli

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["tailgate", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        captured = capsys.readouterr()
        return ended.value.code, captured.out, captured.err

    return run


@pytest.fixture
def toy_slice(monkeypatch):
    """The toy slice is the only one there is."""
    from tailgate_slices import registry

    monkeypatch.setattr(registry, "BUILT_IN", {"toy": "tests.support.toy:Toy"})
    registry.get_slice.cache_clear()
    yield
    registry.get_slice.cache_clear()
