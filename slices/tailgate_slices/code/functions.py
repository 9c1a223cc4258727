"""Python functions that a model wrote, read and compared without running them.

An expression over integers and names with + - * is a polynomial. Two of them are compared by their values modulo
a large prime at fixed pseudo-random points (Schwartz 1980, doi:10.1145/322217.322225): equal polynomials always
agree, different ones of the small degrees allowed here agree at one point with probability below 1e-15.
"""

from __future__ import annotations

import ast
import hashlib
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from tailgate_slices.grading import bounded

Problem: TypeAlias = Literal["no_code", "syntax_error", "wrong_signature", "unsupported"]

PRIME = 2**61 - 1
POINTS = 2
LONGEST = 600  # characters; ast.parse of nested brackets takes memory and stack in proportion
MOST_NODES = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """Name and parameters that a function was asked to have."""

    name: str
    parameters: tuple[str, ...]


def returned_expression(text: str, signature: Signature) -> ast.expr | Problem:
    """The expression that the asked-for function returns, in the asked-for names, or why there is none.

    The function is looked for in the first code fence, else from the first ``def`` on. A docstring is allowed;
    apart from that the body is one ``return``. Parameters may be called differently: they are renamed by position.
    """
    code = _code(bounded(text))
    if code is None or len(code) > LONGEST:
        return "no_code"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)  # "1 is 2", "\d": the model's affair
            tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # ValueError: null bytes
        return "syntax_error"
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    if not functions:
        return "no_code"
    return _returned(functions[0], signature)


def _code(text: str) -> str | None:
    before, fence, inside = text.partition("```")
    if fence:
        language, newline, rest = inside.partition("```")[0].partition("\n")
        return (rest if newline and language.strip().lower() in {"python", "py", ""} else inside).rstrip()
    start = before.find("def ")
    return before[start:] if start >= 0 else None


def _returned(function: ast.FunctionDef, signature: Signature) -> ast.expr | Problem:
    given = [argument.arg for argument in function.args.args]
    plain = not (function.args.vararg or function.args.kwarg or function.args.kwonlyargs or function.args.posonlyargs)
    if function.name != signature.name or len(given) != len(signature.parameters) or not plain:
        return "wrong_signature"
    body = [statement for statement in function.body if not _is_docstring(statement)]
    if len(body) != 1 or not isinstance(body[0], ast.Return) or body[0].value is None:
        return "unsupported"
    asked = dict(zip(given, signature.parameters, strict=True))
    for node in ast.walk(body[0].value):
        if isinstance(node, ast.Name):
            node.id = asked.get(node.id, f"unknown {node.id}")
    return body[0].value


def _is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def same_polynomial(left: ast.expr, right: ast.expr) -> bool | None:
    """Whether two expressions have equal values everywhere; None where one holds more than + - * over names."""
    for point in range(POINTS):
        values = [_value(side, point) for side in (left, right)]
        if None in values:
            return None
        if values[0] != values[1]:
            return False
    return True


def _value(expression: ast.expr, point: int) -> int | None:
    if sum(1 for _ in _nodes(expression)) > MOST_NODES:
        return None
    return _evaluate(expression, point)


def _nodes(expression: ast.expr) -> Iterator[ast.AST]:
    for number, node in enumerate(ast.walk(expression)):
        if number > MOST_NODES:
            return
        yield node


def _evaluate(node: ast.expr, point: int) -> int | None:
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return node.value % PRIME
    if isinstance(node, ast.Name):
        digest = hashlib.sha256(f"{node.id}\x1f{point}".encode()).digest()
        return int.from_bytes(digest[:8], "big") % PRIME
    if isinstance(node, ast.UnaryOp):
        inner = _evaluate(node.operand, point)
        return None if inner is None else _signed(node.op, inner)
    if isinstance(node, ast.BinOp):
        left, right = _evaluate(node.left, point), _evaluate(node.right, point)
        return None if left is None or right is None else _combined(node.op, left, right)
    return None


def _signed(operator: ast.unaryop, value: int) -> int | None:
    if isinstance(operator, ast.USub):
        return -value % PRIME
    return value if isinstance(operator, ast.UAdd) else None


def _combined(operator: ast.operator, left: int, right: int) -> int | None:
    if isinstance(operator, ast.Add):
        return (left + right) % PRIME
    if isinstance(operator, ast.Sub):
        return (left - right) % PRIME
    return left * right % PRIME if isinstance(operator, ast.Mult) else None
