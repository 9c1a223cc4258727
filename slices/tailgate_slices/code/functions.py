"""Python functions that a model wrote, read and compared without running them.

An expression over integers and names with + - * is a polynomial. Two of them are compared by their values modulo
a large prime at fixed pseudo-random points (Schwartz 1980, doi:10.1145/322217.322225): equal polynomials always
agree, different ones of the small degrees allowed here agree at one point with probability below 1e-15.
"""

from __future__ import annotations

import ast
import hashlib
import itertools
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from tailgate_slices.code.extraction import function_before_cut, some_function, whole_function

Problem: TypeAlias = Literal["no_code", "syntax_error", "wrong_signature", "unsupported", "wrong_expression"]

PRIME = 2**61 - 1
POINTS = 2
LONGEST = 600  # characters; ast.parse of nested brackets takes memory and stack in proportion
MOST_NODES = 200  # of an expression with those of the names that it uses; so its degree is small, too
_ALLOWED = (ast.Name, ast.Constant, ast.UnaryOp, ast.BinOp, ast.USub, ast.UAdd, ast.Add, ast.Sub, ast.Mult, ast.Load)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """Name and parameters that a function was asked to have."""

    name: str
    parameters: tuple[str, ...]


def returned_expression(text: str, signature: Signature, *, cut: bool = False) -> ast.expr | Problem:
    """The expression that the asked-for function returns, in the asked-for names, or why there is none.

    A docstring and assignments to local names may stand before the one ``return``; the names are replaced by what was
    assigned to them. Parameters may be called differently: they are renamed by position. `cut` says that the text
    ends where the budget did.
    """
    code = whole_function(text, signature.name, "python", cut=cut) or some_function(text, "python")
    if code is None or len(code) > LONGEST:
        return "no_code"
    tree = _parsed(code)
    if tree is None and cut:
        tree = _parsed(function_before_cut(text, signature.name, "python") or code)
    if tree is None:
        return "syntax_error"
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    if not functions:
        return "no_code"
    named = [function for function in functions if function.name == signature.name]
    return _returned(named[-1] if named else functions[0], signature)


def _parsed(code: str) -> ast.Module | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)  # "1 is 2", "\d": the model's affair
            return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # ValueError: null bytes
        return None


def _returned(function: ast.FunctionDef, signature: Signature) -> ast.expr | Problem:
    given = [argument.arg for argument in function.args.args]
    plain = not (function.args.vararg or function.args.kwarg or function.args.kwonlyargs or function.args.posonlyargs)
    if function.name != signature.name or len(set(given)) != len(signature.parameters) or not plain:
        return "wrong_signature"
    known: dict[str, ast.expr] = {
        name: ast.Name(id=asked) for name, asked in zip(given, signature.parameters, strict=True)
    }
    *before, last = [statement for statement in function.body if not _is_docstring(statement)] or [ast.Pass()]
    for statement in before:
        assigned = _assigned(statement)
        if assigned is None:
            return "unsupported"
        name, expression = assigned
        value = _inlined(expression, known)
        if not isinstance(value, ast.expr):
            return value
        known[name] = value
    if not isinstance(last, ast.Return) or last.value is None:
        return "unsupported"
    return _inlined(last.value, known)


def _assigned(statement: ast.stmt) -> tuple[str, ast.expr] | None:
    """The one name that a statement assigns to, and the expression."""
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1 and isinstance(statement.targets[0], ast.Name):
        return statement.targets[0].id, statement.value
    if isinstance(statement, (ast.AnnAssign, ast.AugAssign)) and isinstance(statement.target, ast.Name):
        name, value = statement.target.id, statement.value
        if isinstance(statement, ast.AugAssign):
            value = ast.BinOp(left=ast.Name(id=name, ctx=ast.Load()), op=statement.op, right=statement.value)
        return (name, value) if value is not None else None
    return None


def _inlined(expression: ast.expr, known: Mapping[str, ast.expr]) -> ast.expr | Problem:
    """An expression with its names replaced by what is known of them."""
    nodes = list(_nodes(expression))
    if len(nodes) > MOST_NODES or not all(isinstance(node, _ALLOWED) for node in nodes):
        return "unsupported"
    if any(isinstance(node, ast.Name) and node.id not in known for node in nodes):
        return "wrong_expression"
    inlined: ast.expr = _Inliner(known).visit(expression)
    return inlined if sum(1 for _ in _nodes(inlined)) <= MOST_NODES else "unsupported"


class _Inliner(ast.NodeTransformer):
    """Puts expressions in the place of names; those are shared, not copied, and not looked into again."""

    def __init__(self, known: Mapping[str, ast.expr]) -> None:
        self._known = known

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """What is known of a name."""
        return self._known[node.id]


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
    return _evaluate(expression, point) if sum(1 for _ in _nodes(expression)) <= MOST_NODES else None


def _nodes(expression: ast.expr) -> Iterator[ast.AST]:
    """The nodes of an expression, and of a longer one as many as show that it is."""
    return itertools.islice(ast.walk(expression), MOST_NODES + 1)


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
