"""What a server is asked to do: refused before a model is loaded."""

import pytest

from tailgate.errors import ConfigError, UsageError
from tailgate.serve.options import Limits, ServeOptions, ShadowOptions, is_loopback, read_key

KEY = "sixteen-letters!"


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        *((host, True) for host in ("127.0.0.1", "127.8.9.1", "::1", "localhost")),
        *((host, False) for host in ("0.0.0.0", "::", "192.168.1.5", "localhost.evil.example", "")),
    ],
)
def test_only_this_machine_reaches_a_loopback_address(host, loopback):
    assert is_loopback(host) is loopback
    if loopback:
        assert ServeOptions(specs=("a",), host=host).api_key is None
    else:
        with pytest.raises(UsageError, match="there is no API key"):
            ServeOptions(specs=("a",), host=host)
    assert ServeOptions(specs=("a",), host=host, api_key=KEY)


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"api_key": "short"}, "has 5 characters"),
        ({"specs": ()}, "needs a variant"),
        ({"specs": ("a", "a")}, "two variants are called 'a'"),
        ({"specs": ("a", "b"), "names": ("x",)}, "1 --name for 2 variants"),
        ({"port": 70_000}, "--port 70000"),
    ],
)
def test_a_mistake_is_named(wrong, complaint):
    with pytest.raises(UsageError, match=complaint):
        ServeOptions(**{"specs": ("a",), **wrong})


def test_names_are_given_in_order():
    assert ServeOptions(specs=("m", "m@rtn"), names=("base", "small")).served == {"base": "m", "small": "m@rtn"}


def test_the_key_is_not_shown():
    assert KEY not in repr(ServeOptions(specs=("a",), api_key=KEY))


def test_limits_are_positive():
    with pytest.raises(ConfigError, match="limit requests is 0"):
        Limits(requests=0)


@pytest.mark.parametrize("wrong", [{"rate": 0.0}, {"rate": 1.5}, {"rate": float("nan")}, {"keep_days": 0}])
def test_shadow_options_are_checked(tmp_path, wrong):
    with pytest.raises(UsageError):
        ShadowOptions(candidate="c", folder=tmp_path, **wrong)


def test_a_key_comes_from_its_file_or_the_environment(tmp_path):
    (tmp_path / "key").write_text(f"{KEY}\n")
    (tmp_path / "empty").write_text("\n")
    assert read_key(tmp_path / "key", "other") == KEY
    assert read_key(None, KEY) == KEY
    assert read_key(None, "") is None
    for wrong in ("empty", "missing"):
        with pytest.raises(UsageError):
            read_key(tmp_path / wrong, KEY)
