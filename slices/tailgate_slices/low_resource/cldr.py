"""Babel's locale data, read so that no language leaves a trace in another."""

from __future__ import annotations

import pickle
from functools import cache
from pathlib import Path
from typing import Any

from babel import Locale, UnknownLocaleError, localedata

from tailgate_slices.item import SliceError


class _OwnLocale(Locale):
    """A locale whose data are its own.

    Babel's locales share what they inherit from the root, and write into it the texts that an alias there leads to:
    the first language asked for its stand-alone months would lend them to every later one that has none.
    """

    @property
    def _data(self) -> localedata.LocaleDataDict:
        return _own_data(self.language)


@cache
def own_locale(code: str) -> Locale:
    """The locale of a language, its data inherited from CLDR's root and from nothing else.

    Raises
    ------
    SliceError
        Babel has no data of the language.
    """
    try:
        return _OwnLocale.parse(code)
    except UnknownLocaleError as error:
        raise SliceError(f"low_resource needs the CLDR data of '{code}'; run: pip install babel==2.18.0") from error


@cache
def _own_data(code: str) -> localedata.LocaleDataDict:
    data = _read("root")
    localedata.merge(data, _read(code))
    return localedata.LocaleDataDict(data)


def _read(name: str) -> dict[str | int | None, Any]:
    """The data of one file as they are on disk: `localedata.load` hands out what others may have written into."""
    content = Path(localedata.resolve_locale_filename(name)).read_bytes()
    data: dict[str | int | None, Any] = pickle.loads(content)  # noqa: S301 - a file of the package itself
    return data
