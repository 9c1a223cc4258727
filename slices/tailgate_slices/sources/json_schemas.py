"""Answers that must be JSON of a given shape, checked by the package jsonschema without what could run away."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tailgate_slices.grading import RIGHT, failure
from tailgate_slices.item import Answer, Grade, SliceError
from tailgate_slices.sources.executed import fenced_blocks
from tailgate_slices.sources.judges import modes_of, read
from tailgate_slices.sources.linear_regex import LinearRegex
from tailgate_slices.sources.rows import require_package

_REFUSED = ("patternProperties", "$dynamicRef", "$recursiveRef", "$dynamicAnchor", "unevaluatedProperties")
_LOCAL = ("#/$defs/", "#/definitions/")


@dataclass(frozen=True)
class FitsSchema:
    """The answer, or its first fenced block, is JSON that a schema accepts."""

    validator: Any
    modes = modes_of(not_json="no valid JSON", wrong_shape="JSON of another shape")

    def needs(self) -> str | None:
        """Nothing: without jsonschema the slice could not have been made."""
        return None

    def __call__(self, answer: Answer) -> Grade:
        """Parse and validate the first 40,000 characters."""
        text = read(answer) if answer.finish_reason == "stop" else answer.text[:40_000]
        blocks = fenced_blocks(text)
        try:
            value = json.loads(blocks[0] if blocks else text)
            fits = self.validator.is_valid(value)
        except (ValueError, RecursionError):
            return failure(answer, "not_json")
        return RIGHT if fits else failure(answer, "wrong_shape")


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
    _check_references(schema if isinstance(schema, Mapping) else {})
    kind = package.validators.validator_for(schema, default=package.Draft202012Validator)
    try:
        kind.check_schema(schema)
    except package.SchemaError as error:
        raise SliceError(f"the JSON schema is invalid: {error.message}; correct it") from None
    kept = {"pattern": _pattern_rule(package), "uniqueItems": _unique_rule(package)}
    return FitsSchema(validator=package.validators.extend(kind, kept)(schema))


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
    pointer = node.get("$ref")
    if isinstance(pointer, str) and not pointer.startswith(_LOCAL):
        raise SliceError(f"the JSON schema refers to '{pointer}'; refer to #/$defs/ or #/definitions/ of itself")
    if isinstance(node.get("pattern"), str):
        LinearRegex(node["pattern"])


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
                raise SliceError(f"the JSON schema refers to '{name}' from within itself; write out a fixed depth")
            if here not in seen:
                seen.add(here)
                todo.extend(leads.get(here, ()))
    for node in _nodes(schema):
        if isinstance(node.get("$ref"), str) and node["$ref"] not in named:
            raise SliceError(f"the JSON schema refers to '{node['$ref']}', which it does not define; define it")


def _pattern_rule(package: Any) -> Any:
    def rule(validator: Any, pattern: str, instance: Any, schema: Any) -> Iterator[Any]:
        if isinstance(instance, str) and not LinearRegex(pattern).search(instance):
            yield package.ValidationError("a text does not match its pattern")

    return rule


def _unique_rule(package: Any) -> Any:
    def rule(validator: Any, wanted: Any, instance: Any, schema: Any) -> Iterator[Any]:
        if wanted is True and isinstance(instance, list):
            written = {json.dumps(value, sort_keys=True) for value in instance}
            if len(written) < len(instance):
                yield package.ValidationError("a list holds a value twice")

    return rule
