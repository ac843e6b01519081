"""A quick yes: whether a value certainly satisfies a JSON Schema.

Nearly every document is right, and to find that out needs no validator library, whose import
takes longer than everything else a command does. A no means "not certain": the library then
judges, and finds the words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from gitexp.documents.canonical import canonical_json
from gitexp.documents.values import same
from gitexp.errors import InvalidInput

Schema = Mapping[str, Any] | bool

Test = Callable[[Any], bool]
"""Says of a value whether it certainly satisfies a schema."""

_SILENT = frozenset(
    ["$schema", "$defs", "$comment", "title", "description", "default", "examples", "then", "else"]
)
_CLASSES: dict[str, type] = {"string": str, "boolean": bool, "object": dict, "array": list}


def conforms(schema: Schema, value: Any) -> bool:
    """Return True only when a value satisfies a schema; False when it does not, or might not."""
    return quick_test(schema)(value)


def quick_test(schema: Schema, *, trusted: bool = False) -> Test:
    """Return the test of a schema, compiled once for many values.

    Args:
        trusted: whether its patterns are known to end soon on every text, so that Python's own
            matching, which is faster on short texts, can be used.
    """
    root = {} if isinstance(schema, bool) else schema
    return _Compiler(root, _trusted_match if trusted else _match).test(schema)


def type_matches(name: str, value: Any) -> bool:
    """Return whether a value is of a JSON type; `1.0` is no integer and `True` is no number."""
    if name in ("integer", "number"):
        kinds = int if name == "integer" else (int, float)
        return isinstance(value, kinds) and not isinstance(value, bool)
    if name == "null":
        return value is None
    return isinstance(value, _CLASSES[name]) if name in _CLASSES else False


Match = Callable[[str, str], bool]
"""Says whether a text certainly matches a pattern."""


def _match(pattern: str, text: str) -> bool:
    from gitexp.documents.patterns import matches

    try:
        return matches(pattern, text)
    except InvalidInput:
        return False


def _trusted_match(pattern: str, text: str) -> bool:
    return _compiled(pattern).search(text) is not None


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    """Return a pattern of gitexp's own, whose `$` at the end stands for the end alone.

    Python's `$` also matches before a line feed at the end, which would let `name\\n` pass.
    """
    body = pattern.removesuffix("$")
    return re.compile(pattern if body == pattern else body + r"\Z")


class _Compiler:
    """Makes tests of a schema and of the schemas inside it."""

    def __init__(self, root: Mapping[str, Any], match: Match) -> None:
        self.root = root
        self.match = match
        self.definitions: dict[str, Test] = {}

    def test(self, schema: Schema) -> Test:
        if isinstance(schema, bool):
            return _always if schema else _never
        keywords = [key for key in schema if key not in _SILENT]
        if schema is self.root and "$id" in keywords:
            keywords.remove("$id")
        return _all([_rule(key)(schema[key], schema, self) for key in keywords])

    def tests(self, schemas: list[Schema]) -> list[Test]:
        return [self.test(schema) for schema in schemas]

    def definition(self, name: str) -> Test:
        # Compiled when a value asks for it, since definitions may name each other in circles.
        if name not in self.definitions:
            known = self.root.get("$defs", {})
            self.definitions[name] = self.test(known[name]) if name in known else _never
        return self.definitions[name]


Rule = Callable[[Any, Mapping[str, Any], _Compiler], Test]
"""Makes a keyword's test from the keyword's value, the schema around it, and the compiler."""


def _always(value: Any) -> bool:
    return True


def _never(value: Any) -> bool:
    return False


def _all(tests: list[Test]) -> Test:
    if len(tests) == 1:
        return tests[0]

    def test_all(value: Any) -> bool:
        for test in tests:  # noqa: SIM110  a generator for every value takes twice as long
            if not test(value):
                return False
        return True

    return test_all if tests else _always


def _any(tests: list[Test]) -> Test:
    return lambda value: any(test(value) for test in tests)


def _rule(keyword: str) -> Rule:
    return _RULES.get(keyword, lambda expected, schema, compiler: _never)


def _type(expected: Any, schema: Any, compiler: Any) -> Test:
    if not isinstance(expected, str):
        return _any([_type(name, schema, compiler) for name in expected])
    if expected in _CLASSES:
        kind = _CLASSES[expected]
        return lambda value: isinstance(value, kind)
    return lambda value: type_matches(expected, value)


def _properties(expected: Any, schema: Any, compiler: _Compiler) -> Test:
    tests = {key: compiler.test(inner) for key, inner in expected.items()}

    def test(value: Any) -> bool:
        if isinstance(value, dict):
            for key, child in value.items():
                if key in tests and not tests[key](child):
                    return False
        return True

    return test


def _additional(expected: Any, schema: Any, compiler: _Compiler) -> Test:
    known = schema.get("properties", {}).keys()
    # Keys that a pattern may cover are left to the library.
    test = _never if "patternProperties" in schema else compiler.test(expected)
    if test is _never:
        return lambda value: not isinstance(value, dict) or value.keys() <= known
    return lambda value: (
        not isinstance(value, dict)
        or all(test(child) for key, child in value.items() if key not in known)
    )


def _property_names(expected: Any, schema: Any, compiler: _Compiler) -> Test:
    test = compiler.test(expected)
    return lambda value: not isinstance(value, dict) or all(map(test, value))


def _required(expected: Any, schema: Any, compiler: Any) -> Test:
    keys = set(expected)
    return lambda value: not isinstance(value, dict) or keys <= value.keys()


def _items(expected: Any, schema: Any, compiler: _Compiler) -> Test:
    test = compiler.test(expected)
    return lambda value: not isinstance(value, list) or all(map(test, value))


def _enum(expected: Any, schema: Any, compiler: Any) -> Test:
    return lambda value: any(same(choice, value) for choice in expected)


def _const(expected: Any, schema: Any, compiler: Any) -> Test:
    return lambda value: same(expected, value)


def _pattern(expected: Any, schema: Any, compiler: _Compiler) -> Test:
    match = compiler.match
    return lambda value: not isinstance(value, str) or match(expected, value)


def _unique(expected: Any, schema: Any, compiler: Any) -> Test:
    if not expected:
        return _always
    return lambda value: (
        not isinstance(value, list) or len({canonical_json(item) for item in value}) == len(value)
    )


def _all_of(expected: Any, schema: Any, compiler: _Compiler) -> Test:
    return _all(compiler.tests(expected))


def _any_of(expected: Any, schema: Any, compiler: _Compiler) -> Test:
    return _any(compiler.tests(expected))


def _one_of(expected: Any, schema: Any, compiler: _Compiler) -> Test:
    choices = list(zip(expected, compiler.tests(expected), strict=True))

    def test(value: Any) -> bool:
        others = [choice for choice, surely in choices if not surely(value)]
        return len(others) == len(choices) - 1 and all(_surely_fails(c, value) for c in others)

    return test


def _if(expected: Any, schema: Any, compiler: _Compiler) -> Test:
    """Make the test of a condition, which never trusts that the quick no is a no."""
    surely = compiler.test(expected)
    then, otherwise = compiler.tests([schema.get("then", True), schema.get("else", True)])

    def test(value: Any) -> bool:
        if surely(value):
            return then(value)
        return otherwise(value) and (_surely_fails(expected, value) or then(value))

    return test


def _surely_fails(schema: Any, value: Any) -> bool:
    """Return True only when a condition on a type or on a key's choices is certainly not met."""
    if isinstance(schema, bool) or not schema.keys() <= {"type", "properties", "required"}:
        return False
    if "type" in schema and not _type(schema["type"], schema, None)(value):
        return True
    if not isinstance(value, dict):
        return False
    if any(key not in value for key in schema.get("required", ())):
        return True
    return any(
        key in value and _is_none_of(value[key], rules)
        for key, rules in schema.get("properties", {}).items()
    )


def _is_none_of(value: Any, rules: Any) -> bool:
    if isinstance(rules, bool) or not isinstance(value, str):
        return False
    return ("enum" in rules and value not in rules["enum"]) or (
        "const" in rules and value != rules["const"]
    )


def _reference(expected: Any, schema: Any, compiler: _Compiler) -> Test:
    name = expected.removeprefix("#/$defs/")
    return lambda value: compiler.definition(name)(value)


def _compared(holds: Callable[[Any, Any], bool]) -> Rule:
    return lambda bound, schema, compiler: (
        lambda value: not type_matches("number", value) or holds(value, bound)
    )


_Container = type[str] | type[list[Any]] | type[dict[str, Any]]


def _sized(kind: _Container, holds: Callable[[Any, Any], bool]) -> Rule:
    return lambda bound, schema, compiler: (
        lambda value: not isinstance(value, kind) or holds(len(value), bound)
    )


def _at_least(measured: Any, bound: Any) -> bool:
    return bool(measured >= bound)


def _at_most(measured: Any, bound: Any) -> bool:
    return bool(measured <= bound)


_RULES: dict[str, Rule] = {
    "type": _type,
    "properties": _properties,
    "additionalProperties": _additional,
    "propertyNames": _property_names,
    "required": _required,
    "items": _items,
    "enum": _enum,
    "const": _const,
    "pattern": _pattern,
    "uniqueItems": _unique,
    "allOf": _all_of,
    "anyOf": _any_of,
    "oneOf": _one_of,
    "if": _if,
    "$ref": _reference,
    "minimum": _compared(_at_least),
    "maximum": _compared(_at_most),
    "exclusiveMinimum": _compared(lambda measured, bound: bool(measured > bound)),
    "exclusiveMaximum": _compared(lambda measured, bound: bool(measured < bound)),
    "minLength": _sized(str, _at_least),
    "maxLength": _sized(str, _at_most),
    "minItems": _sized(list, _at_least),
    "maxItems": _sized(list, _at_most),
    "minProperties": _sized(dict, _at_least),
    "maxProperties": _sized(dict, _at_most),
}
