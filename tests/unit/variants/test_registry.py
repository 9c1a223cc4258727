"""Methods of other packages: found by entry point, refused when they clash or break."""

from importlib import metadata

import pytest

from tailgate.errors import VariantError
from tailgate.variants import registry
from tailgate.variants.method import Method

EXTRA = Method(name="extra", summary="of another package", load=lambda: None, versions=dict)


@pytest.fixture
def methods(monkeypatch):
    """The registry as it is with these plug-ins installed."""

    def with_plugins(*points):
        monkeypatch.setattr(metadata, "entry_points", lambda group: points)
        registry.methods.cache_clear()
        return registry.methods()

    yield with_plugins
    registry.methods.cache_clear()


def point(name, value="tests.unit.variants.test_registry:EXTRA"):
    return metadata.EntryPoint(name=name, value=value, group="tailgate.variants")


def test_built_in_methods_are_those_of_the_readme(methods, repo_root):
    readme = (repo_root / "README.md").read_text()
    floats, bnb = {"fp16", "bf16", "fp32"}, {"bnb-int8", "bnb-nf4", "bnb-fp4"}
    libraries = {"hqq", "quanto-int8", "quanto-int4", "torchao-int8", "torchao-int4"}
    assert set(methods()) == floats | bnb | libraries | {"rtn", "fp8", "stored", "endpoint"}
    assert all(f"`{name}" in readme for name in methods())


def test_method_of_another_package_is_found(methods):
    assert methods(point("extra"))["extra"].summary == "of another package"


def test_method_that_takes_a_taken_name_is_refused(methods):
    with pytest.raises(VariantError, match="offers method 'rtn', which exists"):
        methods(point("rtn"))


def test_method_that_does_not_load_is_named(methods):
    with pytest.raises(VariantError, match="no_such_module:x does not load"):
        methods(point("broken", "no_such_module:x"))
