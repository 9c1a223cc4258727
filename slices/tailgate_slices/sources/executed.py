"""HumanEval, MBPP and CRUXEval: rows as questions, and answers that are judged by running them in a sandbox."""

from __future__ import annotations

import hashlib
import importlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from tailgate_slices.grading import RIGHT, failure
from tailgate_slices.item import Answer, Grade
from tailgate_slices.sources import fields as strict
from tailgate_slices.sources.code_blocks import program
from tailgate_slices.sources.finite import Question
from tailgate_slices.sources.judges import modes_of, read
from tailgate_slices.sources.literals import Literal
from tailgate_slices.sources.rows import Row

LONGEST_PROGRAM = 20_000
_ENDED = {"timeout": "timeout", "forbidden": "forbidden", "memory": "resources", "output": "resources"}

# Tests of HumanEval+ compare floats with numpy, which the sandbox does not see; this is as much of it as they use.
_NUMPY = """
import sys as _sys, types as _types
def _close(a, b, rtol=1e-07, atol=0, **_):
    if isinstance(a, (list, tuple)) or isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(_close(x, y, rtol, atol) for x, y in zip(a, b))
    return a == b or abs(a - b) <= atol + rtol * abs(b)
def _assert_close(a, b, rtol=1e-07, atol=0, **_):
    assert _close(a, b, rtol, atol)
_numpy, _testing = _types.ModuleType("numpy"), _types.ModuleType("numpy.testing")
_numpy.ndarray, _numpy.float64, _numpy.float32 = type("ndarray", (), {}), "float64", "float32"
_numpy.allclose, _numpy.testing, _testing.assert_allclose = _close, _testing, _assert_close
_sys.modules.update({"numpy": _numpy, "numpy.testing": _testing})
"""


@dataclass(frozen=True)
class Passes:
    """The answer's code passes the row's tests.

    `before` stands before the code and `after` behind it; `stub` is the beginning of a function that an answer may
    just go on with.
    """

    before: str
    after: str
    function: str
    stub: str = ""
    executes: ClassVar[tuple[str, ...]] = ("python",)
    modes = modes_of(
        no_code="no code in the answer",
        syntax_error="the program does not compile",
        runtime_error="an exception other than a failed test",
        wrong_answer="a test failed",
        timeout="no end within the time limit",
        forbidden="the sandbox stopped a forbidden action",
        resources="too much memory or output",
    )

    def needs(self) -> str | None:
        """A sandbox that runs Python."""
        sandbox = _sandbox()
        reason: str | None = sandbox.why_not("python", unsafe=sandbox.unsafe_from_environment())
        return reason

    def __call__(self, answer: Answer) -> Grade:
        """Run the program; it has passed when it prints a word behind its last test."""
        code = program(read(answer, LONGEST_PROGRAM), self.function, self.stub)
        if code is None:
            return failure(answer, "no_code")
        word = hashlib.sha256((self.after + self.function).encode()).hexdigest()[:16]
        source = f"{self.before}\n{code}\n{self.after}\nprint('\\n{word}')\n"
        result = run_python(source)
        if result.ended == "ok" and result.stdout.rstrip().endswith(word):
            return RIGHT
        return failure(answer, _mode(result))


def _mode(result: Any) -> str:
    if result.ended in _ENDED:
        return _ENDED[result.ended]
    last = result.stderr.strip().rsplit("\n", 1)[-1]
    if last.startswith(("SyntaxError", "IndentationError", "TabError")):
        return "syntax_error"
    return "wrong_answer" if last.startswith("AssertionError") or result.ended == "ok" else "runtime_error"


def _sandbox() -> Any:
    return importlib.import_module("tailgate_slices.sandbox")


def run_python(source: str) -> Any:
    """Run a program of a model in the sandbox, with limits for tests of many cases."""
    sandbox = _sandbox()
    limits = sandbox.Limits(wall_s=20.0, cpu_s=10, memory_bytes=512 * 2**20)
    runner = sandbox.choose_runner("python", unsafe=sandbox.unsafe_from_environment())
    return runner.run(sandbox.Program(language="python", source=source), limits)


def humaneval(row: Row) -> Question:
    """A function's head and description, to be completed; pass@1 of one greedy answer."""
    stub, function, tests = (strict.text(row, name) for name in ("prompt", "entry_point", "test"))
    before = (_NUMPY if "numpy" in tests else "") + stub + "\n    pass\n"
    return Question(
        id=strict.written(row, "task_id").replace("/", "-"),
        values={"split": "test"},
        prompt=f"Complete this Python function. Write the whole function in one code block.\n\n```python\n{stub}```",
        references=(f"```python\n{stub}{strict.text(row, 'canonical_solution')}\n```",),
        judge=Passes(before=before, after=f"{tests}\ncheck({function})", function=function, stub=stub),
        max_new_tokens=640,
    )


def mbpp(row: Row) -> Question:
    """A task in words with three of its tests, in the form of the paper; all tests are run."""
    fields = row.fields
    described = strict.text(row, "prompt" if fields.get("prompt") else "text").strip()
    shown = strict.texts(row, "test_list")
    setup = "\n".join([str(fields.get("test_setup_code") or ""), *map(str, _listed(fields.get("test_imports")))])
    hidden = [str(test) for test in _listed(fields.get("challenge_test_list"))]
    tests = str(fields.get("test") or "\n".join([setup, *shown, *hidden]))
    return Question(
        id=strict.written(row, "task_id"),
        values={"split": "test"},
        prompt=(
            f"You are an expert Python programmer, and here is your task: {described} "
            "Your code should pass these tests:\n\n" + "\n".join(shown[:3]) + "\n\nWrite one Python code block."
        ),
        references=(f"```python\n{strict.text(row, 'code')}\n```",),
        judge=Passes(before=_NUMPY if "numpy" in tests else "", after=tests, function=_called(shown)),
        max_new_tokens=512,
    )


def _listed(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else []


def _called(tests: Sequence[str]) -> str:
    """The function that the tests call: the first name before a bracket that is no built-in wrapper."""
    names = re.findall(r"([A-Za-z_]\w*)\s?\(", tests[0] if tests else "")
    return next((name for name in names if name not in ("set", "sorted", "list", "tuple", "math", "isclose")), "")


_SHOWN = """def f(n):
    return n
assert f(17) == ??"""
_SHOWN_TOO = """def f(s):
    return s + "a"
assert f("x9j") == ??"""


def cruxeval(row: Row) -> Question:
    """Output prediction: a function, a call of it, and the value to be written."""
    code, given, output = strict.text(row, "code"), row.fields["input"], strict.text(row, "output")
    asked = f"{code}\nassert f({given}) == ??"
    return Question(
        id=strict.written(row, "id"),
        values={"split": "test"},
        prompt=(
            "You are given a Python function and an assertion with an input. Complete the assertion with a literal "
            "that is the output of the function on that input. Write it between [ANSWER] and [/ANSWER].\n\n"
            f"[PYTHON]\n{_SHOWN}\n[/PYTHON]\n[ANSWER]\n17\n[/ANSWER]\n\n"
            f'[PYTHON]\n{_SHOWN_TOO}\n[/PYTHON]\n[ANSWER]\n"x9ja"\n[/ANSWER]\n\n'
            f"[PYTHON]\n{asked}\n[/PYTHON]\n[ANSWER]\n"
        ),
        references=(output,),
        judge=Literal(reference=output),
        max_new_tokens=128,
        stop=("[/ANSWER]",),
        attributes={"lines": code.count("\n") + 1},
    )
