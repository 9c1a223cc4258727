"""JavaScript written as a module, put as a script: what is run in the sandbox has `require`, no `import`."""

from __future__ import annotations

import re

from tailgate_slices.sandbox.program import Language

_NAME = r"[A-Za-z_$][\w$]{0,60}"
_EXPORT_LIST = re.compile(r"^export {0,2}(?:\*|\{[^{}]{0,300}\})[^\n;]{0,100};?[ \t]{0,8}$", re.MULTILINE)
_EXPORT = re.compile(r"^export (?:default )?", re.MULTILINE)
_IMPORT = re.compile(
    rf"^import {{0,2}}(?:(?P<default>{_NAME}) ?,? ?)?(?:\* as (?P<all>{_NAME}) ?)?"
    r"(?:\{(?P<names>[^{}]{0,300})\} ?)?(?:from ?)?"
    r"(?P<module>\"[^\"\n]{1,100}\"|'[^'\n]{1,100}')[ \t]{0,8};?",
    re.MULTILINE,
)


def as_script(source: str, language: Language) -> str:
    """The same code without imports and exports; other languages stay as they are."""
    if language != "javascript":
        return source
    plain = _EXPORT.sub("", _EXPORT_LIST.sub("", source))
    return _IMPORT.sub(_required, plain)


def _required(found: re.Match[str]) -> str:
    """One import; the default of a module of the system is the module itself."""
    names = [name for name in (found["default"], found["all"]) if name]
    if found["names"]:
        names.append("{" + found["names"].replace(" as ", ": ") + "}")
    if not names:
        return f"require({found['module']});"
    return " ".join(f"const {name} = require({found['module']});" for name in names)
