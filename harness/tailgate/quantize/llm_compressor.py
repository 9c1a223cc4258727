"""llm-compressor, called in an environment of its own: its pins of transformers and ours rarely agree.

The worker is one file without any import of ours. It is given JSON on stdin and answers JSON on stdout; what the
library says goes to stderr. Which Python runs it: ``--python``, else ``TAILGATE_LLMCOMPRESSOR_PYTHON``, else this one
where llm-compressor is installed here.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeAlias, cast

from tailgate.errors import MissingPackageError, OutputError, SetupError
from tailgate.variants.method import OptionValue

VARIABLE = "TAILGATE_LLMCOMPRESSOR_PYTHON"
WORKER = Path(__file__).with_name("llm_compressor_worker.py")
# Versions that were tried together; llm-compressor 0.14.0.1 wants transformers of 5.15 to 5.17.0.
PINS = "llmcompressor==0.14.0.1 torch==2.13.0 transformers==5.17.0"
RECIPE = f"python -m venv llmc && llmc/bin/pip install {PINS}, then set {VARIABLE}=llmc/bin/python"
DISK_FULL = "No space left on device"
Tell: TypeAlias = Callable[[str], None]


def _silent(line: str) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What the worker is to do: quantize the checkpoint in `plain` with token rows, and write it to `out`."""

    method: str
    plain: Path
    out: Path
    options: Mapping[str, OptionValue]
    ignore: Sequence[str]  # layers to leave alone
    rows: Sequence[Sequence[int]]


def find_python(method: str, given: Path | None) -> Path:
    """The Python that has llm-compressor.

    Raises
    ------
    MissingPackageError
        None is named and it is not installed here, or the one that is named lacks it.
    """
    named = given or (Path(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None)
    if named is None:
        if find_spec("llmcompressor") is None:
            raise MissingPackageError(f"--method {method} needs llm-compressor in an environment of its own: {RECIPE}")
        return Path(sys.executable)
    python = named.expanduser().absolute()
    if not os.access(python, os.X_OK):
        raise MissingPackageError(f"--method {method}: '{named}' is no Python that can be run; {RECIPE}")
    _ask(python, {"do": "versions"}, f"'{named}' lacks llm-compressor; {RECIPE}")
    return python


def run(python: Path, task: Task, tell: Tell = _silent) -> dict[str, str]:
    """Let the worker write the checkpoint, telling each line that it says; returns versions of what did it.

    Raises
    ------
    SetupError
        The library failed; its last line is named.
    OutputError
        The disk is full.
    """
    request = {
        "do": "quantize",
        "method": task.method,
        "plain": str(task.plain),
        "out": str(task.out),
        "options": dict(task.options),
        "ignore": list(task.ignore),
        "rows": [list(row) for row in task.rows],
    }
    answer = _ask(python, request, None, tell)
    return cast(dict[str, str], answer["libraries"])


def _ask(python: Path, request: Mapping[str, Any], missing: str | None, tell: Tell = _silent) -> dict[str, Any]:
    ended = _call(python, json.dumps(request), tell)
    answer = _answer(ended.answer)
    if ended.code == 0 and "libraries" in answer:
        return answer
    if missing is not None:
        raise MissingPackageError(missing)
    reason = str(answer.get("error") or ended.last_line)
    if DISK_FULL in reason:
        raise OutputError(f"cannot write the checkpoint: {reason}; free space or choose another --out")
    raise SetupError(f"llm-compressor failed (exit {ended.code}): {reason}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ended:
    code: int
    answer: str
    last_line: str


def _call(python: Path, request: str, tell: Tell) -> _Ended:
    """Run the worker to its end, telling what it says; it ends with this process's interest in it."""
    offline = {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "TQDM_DISABLE": "1"}
    last = "it said nothing"
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8") as told,
        tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as answer,
    ):
        told.write(request)
        told.seek(0)
        worker = subprocess.Popen(  # noqa: S603  # the user names the program; nothing is read by a shell
            [python, "-I", WORKER],
            stdin=told,
            stdout=answer,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            env={**os.environ, **offline},
        )
        with worker:
            try:
                for line in filter(str.strip, worker.stderr or ()):
                    last = line.strip()
                    tell(last)
            except BaseException:
                worker.kill()
                raise
        answer.seek(0)
        return _Ended(code=worker.returncode, answer=answer.read(), last_line=last)


def _answer(text: str) -> dict[str, Any]:
    try:
        answer = json.loads(text)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}
