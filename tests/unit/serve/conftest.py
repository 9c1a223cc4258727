"""Servers of tiny models that tests of one module share."""

import pytest

from tests.support.serving import running, tiny_service
from tests.support.tiny import save_tiny


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_tiny(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def served(folder):
    return {"base": str(folder), "small": f"{folder}@rtn:bits=4,group=64"}


@pytest.fixture(scope="module")
def here(served):
    with running(tiny_service(served)) as found:
        yield found
