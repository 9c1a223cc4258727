import shutil

import pytest

from tests.conftest import require_tool

SKIPPED, FAILED = pytest.skip.Exception, pytest.fail.Exception


def test_require_present_package_runs_the_test(require):
    require("pytest")


def test_require_missing_package_skips_with_the_reason(monkeypatch):
    monkeypatch.delenv("TAILGATE_REQUIRE", raising=False)
    with pytest.raises(SKIPPED, match="no_such_package is not installed"):
        require_tool("no_such_package")


def test_require_missing_tool_that_the_environment_names_fails(monkeypatch):
    monkeypatch.setenv("TAILGATE_REQUIRE", "gpu, chromium")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(FAILED, match="TAILGATE_REQUIRE names chromium, but no chromium on the PATH"):
        require_tool("chromium")


def test_require_missing_tool_that_the_environment_does_not_name_skips(monkeypatch):
    monkeypatch.setenv("TAILGATE_REQUIRE", "gpu")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(SKIPPED, match="no chromium on the PATH"):
        require_tool("chromium")
