"""Code that the budget cut within its last statement."""

from __future__ import annotations

import re

from tailgate_slices.sandbox.program import Language

_STATEMENT: dict[Language, re.Pattern[str]] = {  # a line at the margin that begins one; no line of a longer one does
    "python": re.compile(r"(?!(?:and|or|in|is|if|else|elif|except|finally|case)\b)(?:\w|[@#])"),
    "javascript": re.compile(r"(?!(?:in|instanceof|else|catch|finally|case|default)\b)(?:[\w$]|//|/\*)"),
    "lua": re.compile(r"(?!(?:and|or|then|do|else|elseif|until|end)\b)(?:\w|--)"),
}


def without_last_statement(source: str, language: Language) -> str | None:
    """The code before its last statement at the margin; None where that is the only one."""
    lines = source.rstrip().split("\n")
    begins = _STATEMENT[language]
    last = next((at for at in range(len(lines) - 1, 0, -1) if begins.match(lines[at])), 0)
    while last > 0 and lines[last - 1].startswith("@"):  # a decorator belongs to what follows
        last -= 1
    return "\n".join(lines[:last]).rstrip() or None
