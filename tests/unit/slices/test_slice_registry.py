"""Slices by name, built in or brought by other packages."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from tailgate_slices import registry
from tailgate_slices.general import General
from tailgate_slices.item import SliceError
from tailgate_slices.registry import BUILT_IN, get_slice, slice_names


@pytest.fixture
def plugins(monkeypatch):
    """Pretend that packages with these entry points are installed."""

    def install(**values):
        entries = [EntryPoint(name=name, value=value, group="tailgate.slices") for name, value in values.items()]
        monkeypatch.setattr(registry, "entry_points", lambda group: entries)
        get_slice.cache_clear()

    yield install
    get_slice.cache_clear()


class Renamed(General):
    name = "renamed"


class Headless:
    name = "headless"


def test_names_without_plugins_are_the_built_in_ones(plugins):
    plugins()
    assert slice_names() == tuple(BUILT_IN)


@pytest.mark.parametrize("name", list(BUILT_IN))
def test_built_in_slice_carries_its_name(name):
    assert get_slice(name).name == name


def test_unknown_name_gives_the_known_names_and_the_closest():
    with pytest.raises(SliceError, match=r"no slice 'genral', did you mean 'general'\?; known slices: general, "):
        get_slice("genral")


def test_plugin_is_listed_and_loaded(plugins):
    plugins(renamed=f"{__name__}:Renamed")
    assert slice_names()[-1] == "renamed"
    assert get_slice("renamed").name == "renamed"


def test_plugin_with_the_name_of_a_built_in_slice_is_an_error_naming_it(plugins):
    plugins(general="other.package:Slice")
    with pytest.raises(SliceError, match=r"'other.package:Slice' takes the name 'general' of a built-in slice"):
        slice_names()


def test_two_plugins_of_one_name_are_an_error_naming_both(monkeypatch):
    entries = [EntryPoint(name="mine", value=value, group="tailgate.slices") for value in ("a:A", "b:B")]
    monkeypatch.setattr(registry, "entry_points", lambda group: entries)
    with pytest.raises(SliceError, match=r"'b:B' takes the name 'mine' of 'a:A'"):
        slice_names()


def test_plugin_that_cannot_be_imported_is_a_one_line_error_naming_it(plugins):
    plugins(absent="no_such_package_anywhere:Slice")
    with pytest.raises(SliceError, match=r"slice plug-in 'absent' \(no_such_package_anywhere:Slice\) failed to load"):
        get_slice("absent")


def test_plugin_that_lacks_members_is_an_error_listing_them(plugins):
    plugins(headless=f"{__name__}:Headless")
    with pytest.raises(SliceError, match=r"is no slice: it lacks version, axes, card"):
        get_slice("headless")


def test_plugin_under_another_name_than_its_own_is_an_error(plugins):
    plugins(alias=f"{__name__}:Renamed")
    with pytest.raises(SliceError, match=r"calls itself 'renamed'"):
        get_slice("alias")


def test_failing_plugin_does_not_touch_other_slices(plugins):
    plugins(absent="no_such_package_anywhere:Slice")
    assert get_slice("code").name == "code"
