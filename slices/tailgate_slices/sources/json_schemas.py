"""Answers that must be JSON of a given shape, checked by the package jsonschema without what could run away."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from tailgate_slices.grading import RIGHT, failure
from tailgate_slices.item import Answer, Grade, SliceError
from tailgate_slices.sources.code_blocks import fenced_blocks
from tailgate_slices.sources.effort import bounded_effort, current_effort
from tailgate_slices.sources.judges import LONGEST_ANSWER, modes_of, read
from tailgate_slices.sources.linear_regex import LinearRegex
from tailgate_slices.sources.reading import first_line, shown
from tailgate_slices.sources.rows import require_package

_REFUSED = ("patternProperties", "$dynamicRef", "$recursiveRef", "$dynamicAnchor", "unevaluatedProperties")
_LOCAL = ("#/$defs/", "#/definitions/")
_STEPS = 20  # that one keyword of a schema costs on one value; patterns cost the states that they visit


@dataclass(frozen=True)
class FitsSchema:
    """The answer, or its first fenced block, is JSON that a schema accepts."""

    validator: Any
    modes = modes_of(
        not_json="no valid JSON",
        wrong_shape="JSON of another shape",
        unchecked="JSON that takes too many steps to check",
    )

    def needs(self) -> str | None:
        """Nothing: without jsonschema the slice could not have been made."""
        return None

    def __call__(self, answer: Answer) -> Grade:
        """Parse and validate the first 40,000 characters."""
        text = read(answer) if answer.finish_reason == "stop" else answer.text[:LONGEST_ANSWER]
        blocks = fenced_blocks(text)
        try:
            value = json.loads(blocks[0] if blocks else text, parse_constant=_no_constant, parse_float=_finite)
        except (ValueError, RecursionError):
            return failure(answer, "not_json")
        try:
            with bounded_effort():
                fits = self.validator.is_valid(value)
        except Exception:  # too much effort, or foreign code on hostile values; the mode keeps it visible
            return failure(answer, "unchecked", decisive=True)
        return RIGHT if fits else failure(answer, "wrong_shape")


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON")


def _finite(written: str) -> float:
    """A number; one that Python would read as infinity, and any schema might stumble over, is none."""
    value = float(written)
    if not math.isfinite(value):
        raise ValueError(f"{written} is out of range")
    return value


def compiled_schema(schema: Any) -> FitsSchema:
    """A judge for a JSON schema (draft 2020-12 unless it says another).

    References stay within the schema and must not lead back to themselves, patterns are matched in linear time, and
    keywords that make neither possible are refused: an answer of a model must never take minutes or the network.

    Raises
    ------
    SliceError
        jsonschema is missing, or the schema is invalid or uses what is refused.
    """
    package = require_package("jsonschema", "the grader json_schema")
    if not isinstance(schema, Mapping | bool):
        raise SliceError(f"a JSON schema is an object, this is {type(schema).__name__}; correct it")
    nodes = list(_nodes(schema))
    for node in nodes:
        _check_node(node)
    if any(isinstance(node.get("$id"), str) for node in nodes[1:]):
        raise SliceError("the JSON schema has an '$id' within, from which its references would be read; remove it")
    _check_references(schema if isinstance(schema, Mapping) else {})
    try:
        kind = package.validators.validator_for(schema, default=package.Draft202012Validator)
        kind.check_schema(schema)
    except package.SchemaError as error:
        raise SliceError(f"the JSON schema is invalid: {shown(error.message, 200)}; correct it") from None
    except RecursionError:
        raise SliceError("the JSON schema is nested too deeply to be checked; flatten it") from None
    except Exception as error:  # foreign code: a dialect or an address that it cannot read
        raise SliceError(f"the JSON schema cannot be used: {first_line(error)}; correct '$schema' and '$id'") from None
    patterns = {each["pattern"]: LinearRegex(each["pattern"]) for each in nodes if isinstance(each.get("pattern"), str)}
    rules = {**kind.VALIDATORS, **_own_rules(package, patterns)}
    counted = {keyword: _counted(rule) for keyword, rule in rules.items()}
    return FitsSchema(validator=package.validators.extend(kind, counted)(schema))


def _nodes(value: Any) -> Iterator[Mapping[str, Any]]:
    todo = [value]
    while todo:
        here = todo.pop()
        if isinstance(here, Mapping):
            yield here
            todo.extend(here.values())
        elif isinstance(here, list):
            todo.extend(here)


def _check_node(node: Mapping[str, Any]) -> None:
    for keyword in _REFUSED:
        if keyword in node:
            raise SliceError(f"the JSON schema uses '{keyword}', which is not supported; write it without")
    for keyword, value in node.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise SliceError(f"the JSON schema holds {value} as {shown(keyword)}; write a number")
    pointer = node.get("$ref")
    if not isinstance(pointer, str):
        return
    group = next((each for each in _LOCAL if pointer.startswith(each)), None)
    if group is None or any(sign in pointer.removeprefix(group) for sign in "/~%"):
        raise SliceError(
            f"the JSON schema refers to {shown(pointer)}; refer to a plain name in #/$defs/ or #/definitions/ of itself"
        )


def _check_references(schema: Mapping[str, Any]) -> None:
    """Refuse references in a circle: alternatives inside them take time exponential in the depth of an answer."""
    groups = {group: schema[group] for group in ("$defs", "definitions") if isinstance(schema.get(group), Mapping)}
    named = {f"#/{group}/{name}": body for group, bodies in groups.items() for name, body in bodies.items()}
    leads = {name: {str(node["$ref"]) for node in _nodes(body) if "$ref" in node} for name, body in named.items()}
    for name, first in leads.items():
        seen, todo = set[str](), list(first)
        while todo:
            here = todo.pop()
            if here == name:
                raise SliceError(f"the JSON schema refers to {shown(name)} from within itself; write out a fixed depth")
            if here not in seen:
                seen.add(here)
                todo.extend(leads.get(here, ()))
    for node in _nodes(schema):
        if isinstance(node.get("$ref"), str) and node["$ref"] not in named:
            raise SliceError(f"the JSON schema refers to {shown(node['$ref'])}, which it does not define; define it")


def _own_rules(package: Any, patterns: Mapping[str, LinearRegex]) -> dict[str, Any]:
    """Rules in place of those of the package that backtrack, compare pair by pair, or compute with floats."""

    def pattern(validator: Any, wanted: str, instance: Any, schema: Any) -> Iterator[Any]:
        if isinstance(instance, str) and not patterns[wanted].search(instance, current_effort()):
            yield package.ValidationError("a text does not match its pattern")

    def unique(validator: Any, wanted: Any, instance: Any, schema: Any) -> Iterator[Any]:
        if wanted is True and isinstance(instance, list):
            written = {json.dumps(value, sort_keys=True) for value in instance}
            if len(written) < len(instance):
                yield package.ValidationError("a list holds a value twice")

    def multiple(validator: Any, unit: Any, instance: Any, schema: Any) -> Iterator[Any]:
        if validator.is_type(instance, "number") and Fraction(str(instance)) % Fraction(str(unit)):
            yield package.ValidationError("a number is no multiple")

    return {"pattern": pattern, "uniqueItems": unique, "multipleOf": multiple, "divisibleBy": multiple}


def _counted(rule: Any) -> Any:
    """A rule that counts as effort: what references and alternatives multiply ends as well."""

    def counted(validator: Any, wanted: Any, instance: Any, schema: Any) -> Iterator[Any]:
        if (effort := current_effort()) is not None:
            effort.spend(_STEPS)
        yield from rule(validator, wanted, instance, schema) or ()

    return counted
