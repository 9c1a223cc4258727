"""Languages of the low-resource slice keep to themselves: none reads what another has looked up before it."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from babel import Locale, localedata

from tailgate_slices.item import SliceError
from tailgate_slices.low_resource.cldr import _own_data, own_locale
from tailgate_slices.low_resource.languages import LANGUAGES
from tailgate_slices.low_resource.terms import _wide

DRAW = """
import json, sys
from dataclasses import asdict
from tailgate_slices.item import Answer
from tailgate_slices.low_resource import LowResource

maker, found = LowResource(), {}
for code in sys.argv[1:]:
    for task in ("date", "answer", "territory"):
        items = [maker.item(stratum=f"lang={code},task={task}", seed=1, index=i, tokens=None) for i in range(6)]
        texts = [*(reference for item in items for reference in item.references), "noyabr", "Jerman", "wrong"]
        grades = [maker.grade(item, Answer(text=text, finish_reason="stop")) for item in items for text in texts]
        found[f"{code} {task}"] = [[asdict(item) for item in items], [asdict(grade) for grade in grades]]
print(json.dumps(found, sort_keys=True))
"""


def drawn(*codes):
    """Items and grades of languages that a fresh process draws one after the other."""
    run = subprocess.run([sys.executable, "-c", DRAW, *codes], capture_output=True, text=True, check=True)
    return json.loads(run.stdout)


def file_of(name):
    return pickle.loads(Path(localedata.resolve_locale_filename(name)).read_bytes())


def test_languages_in_any_order_give_the_same_items_and_grades():
    # Azerbaijani has stand-alone months, Indonesian none: it used to answer November with "noyabr".
    codes = ("az", "id", "uk", "yo", "kk")
    first = drawn(*codes)
    assert first == drawn(*reversed(codes))
    assert first.items() >= drawn("id").items()


@pytest.mark.parametrize("code", list(LANGUAGES))
@pytest.mark.parametrize("kind", ["month", "weekday"])
def test_name_that_stands_alone_is_the_language_s_own_or_that_in_a_date(code, kind):
    table = file_of(code).get("months" if kind == "month" else "days", {})
    alone = table.get("stand-alone", {}).get("wide", {})
    alone = alone[1] if isinstance(alone, tuple) else alone  # an alias, and what the language says otherwise
    assert dict(_wide(code, kind, "stand-alone")) == {**_wide(code, kind, "format"), **alone}


@pytest.mark.parametrize("code", list(LANGUAGES))
def test_locale_inherits_from_the_root_alone(code):
    own, inherited = file_of(code), file_of("root")
    assert {**inherited, **own}.keys() == _own_data(code)._data.keys()


def test_what_others_looked_up_in_babel_is_not_read():
    _own_data.cache_clear()
    assert Locale.parse("az").months["stand-alone"]["wide"][11] == "noyabr"
    assert own_locale("id").months["stand-alone"]["wide"][11] == "November"
    assert own_locale("az").months["stand-alone"]["wide"][11] == "noyabr"


def test_looking_up_leaves_no_trace_in_babel():
    _own_data.cache_clear()
    before = pickle.dumps(localedata.load("sw"))
    assert own_locale("sw").months["stand-alone"]["wide"][11] == "Novemba"
    assert pickle.dumps(localedata.load("sw")) == before


def test_language_without_data_is_an_error_that_says_what_to_install():
    with pytest.raises(SliceError, match="needs the CLDR data of 'tlh'; run: pip install babel"):
        own_locale("tlh")
