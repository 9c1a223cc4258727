"""Python expressions that a model wrote, compared without running them.

An expression over integers and names with + - * is a polynomial. Two of them are compared by their values modulo
a large prime at fixed pseudo-random points (Schwartz 1980, doi:10.1145/322217.322225): equal polynomials always
agree, different ones of the small degrees allowed here agree at one point with probability below 1e-15.
"""

from __future__ import annotations

import ast
import hashlib
import warnings
from collections.abc import Iterator
from typing import Literal, TypeAlias

from tailgate_slices.grading import bounded

Reading: TypeAlias = Literal["syntax_error", "unsupported"]

PRIME = 2**61 - 1
POINTS = 2
LONGEST = 400  # characters; ast.parse of nested brackets takes memory and stack in proportion
MOST_NODES = 200


def parse_expression(text: str) -> ast.expr | Reading:
    """The expression that an answer consists of, or why there is none.

    Code fences are taken off; ``x = ...``, ``return ...``, ``print(...)``, ``lambda ...: ...`` and a function with
    one ``return`` stand for the expression in them.
    """
    code = _unfenced(bounded(text)).strip().strip("`")
    if not code or len(code) > LONGEST:
        return "syntax_error"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)  # "1 is 2", "\d": the model's affair
            tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # ValueError: null bytes
        return "syntax_error"
    return _inner(tree.body[0]) if len(tree.body) == 1 else "unsupported"


def same_polynomial(left: ast.expr, right: ast.expr) -> bool | None:
    """Whether two expressions have equal values everywhere; None where one holds more than + - * over names."""
    for point in range(POINTS):
        values = [_value(side, point) for side in (left, right)]
        if None in values:
            return None
        if values[0] != values[1]:
            return False
    return True


def _unfenced(text: str) -> str:
    before, fence, inside = text.partition("```")
    if not fence:
        return text
    inside = inside.partition("```")[0]
    language, newline, rest = inside.partition("\n")
    return rest if newline and language.strip().isalnum() else inside.removeprefix("python") or before


def _inner(statement: ast.stmt) -> ast.expr | Reading:
    if isinstance(statement, ast.FunctionDef) and len(statement.body) == 1:
        statement = statement.body[0]
    if not isinstance(statement, (ast.Expr, ast.Assign, ast.Return)) or statement.value is None:
        return "unsupported"
    value = statement.value
    if isinstance(value, ast.Lambda):
        return value.body
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "print":
        return value.args[0] if len(value.args) == 1 else "unsupported"
    return value


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
