"""Rules about figures, addresses and tags: each must stand as it was asked, not inside a longer one."""

from __future__ import annotations

import re
from collections.abc import Callable

from tailgate_slices.instruction_stack.reading import Reading
from tailgate_slices.instruction_stack.rule import Fitting, Params, RuleKind, maybe, some

_ALONE_BEFORE = r"(?<![0-9])(?<![0-9][.,/])"
_ALONE_AFTER = r"(?![0-9])(?![.,/:][0-9])"
_NUMBER = re.compile(rf"{_ALONE_BEFORE}(?<![:$\u20ac\u00a3])[0-9]{{1,3}}{_ALONE_AFTER}(?![:%])")
_PRICE = re.compile(rf"\$[0-9]{{1,6}}{_ALONE_AFTER}")
_TIME = re.compile(rf"{_ALONE_BEFORE}(?<![0-9]:)[0-9]{{1,2}}:[0-9]{{2}}{_ALONE_AFTER}")
_PERCENT = re.compile(rf"{_ALONE_BEFORE}[0-9]{{1,3}}%")
_YEAR = re.compile(rf"{_ALONE_BEFORE}(?<!\$)[0-9]{{4}}{_ALONE_AFTER}(?!%|s\b)")
_EMAIL = re.compile(r"(?<![\w.+-])[a-z]{1,20}@example\.org(?![\w-]|\.[a-z])")
_HASHTAG = re.compile(r"(?<![\w&])#[a-z]{1,20}(?![\w-])")


def _figure(pattern: re.Pattern[str], name: str) -> Callable[[Fitting], Params | None]:
    return lambda sought: maybe(name, some(sought.rng, pattern.findall(sought.seen.folded)))


def _number(sought: Fitting) -> Params | None:
    """A number of the text that does not count its lines or parts."""
    return None if sought.of("numbered", "sections") else _figure(_NUMBER, "number")(sought)


def _stands_alone(answer: Reading, figure: str, pattern: re.Pattern[str]) -> bool:
    return figure in pattern.findall(answer.folded)


FIGURES: tuple[RuleKind, ...] = (
    RuleKind(
        name="number",
        family="content",
        wording="Mention the number {number}, in digits.",
        fit=_number,
        holds=lambda answer, rule: _stands_alone(answer, rule["number"], _NUMBER),
    ),
    RuleKind(
        name="price",
        family="content",
        wording="Mention a price of {price}, written like this.",
        fit=_figure(_PRICE, "price"),
        holds=lambda answer, rule: _stands_alone(answer, rule["price"], _PRICE),
    ),
    RuleKind(
        name="time",
        family="content",
        wording="Mention the time {time}, written like this.",
        fit=_figure(_TIME, "time"),
        holds=lambda answer, rule: _stands_alone(answer, rule["time"], _TIME),
    ),
    RuleKind(
        name="percentage",
        family="content",
        wording="Mention a share of {percentage}, written like this.",
        fit=_figure(_PERCENT, "percentage"),
        holds=lambda answer, rule: _stands_alone(answer, rule["percentage"], _PERCENT),
    ),
    RuleKind(
        name="year",
        family="content",
        wording="Mention the year {year}.",
        fit=_figure(_YEAR, "year"),
        holds=lambda answer, rule: _stands_alone(answer, rule["year"], _YEAR),
    ),
    RuleKind(
        name="email",
        family="content",
        wording="Mention the e-mail address {address}.",
        fit=_figure(_EMAIL, "address"),
        holds=lambda answer, rule: _stands_alone(answer, rule["address"], _EMAIL),
    ),
    RuleKind(
        name="hashtag",
        family="content",
        wording="Use the hashtag {hashtag}.",
        fit=_figure(_HASHTAG, "hashtag"),
        holds=lambda answer, rule: _stands_alone(answer, rule["hashtag"], _HASHTAG),
    ),
)
