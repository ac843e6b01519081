"""Judging a value by any JSON Schema, also one that a project brings along."""

from __future__ import annotations

from typing import Any

import pytest

from gitexp.documents.validation import faults_of, schema_fault
from gitexp.errors import InvalidInput


def found(schema: Any, value: Any) -> list[str]:
    faults = faults_of(schema, value)
    return [": ".join(filter(None, [".".join(map(str, f.path)), f.message])) for f in faults]


@pytest.mark.parametrize(
    ("schema", "value", "message"),
    [
        ({"type": "integer"}, True, "expected an integer, found true"),
        ({"type": "integer"}, 1.0, "expected an integer, found 1.0"),
        ({"type": "number"}, "5", 'expected a number, found the text "5"'),
        ({"type": "boolean"}, 1, "expected true or false, found 1"),
        ({"type": ["string", "null"]}, [1], "expected text or null, found a list"),
        (
            {"type": ["integer", "array", "null"]},
            {},
            "expected an integer, a list or null, found {}",
        ),
        ({"minimum": 1}, 0.5, "0.5 is less than 1"),
        ({"maximum": 1}, 1.4, "1.4 is greater than 1"),
        ({"exclusiveMinimum": 1}, 1, "1 is not greater than 1"),
        ({"exclusiveMaximum": 1}, 1, "1 is not less than 1"),
        ({"multipleOf": 2}, 3, "3 is not a multiple of 2"),
        ({"minLength": 3}, "ab", '"ab" is shorter than 3 characters'),
        ({"minLength": 3}, "", "the text is empty"),
        ({"maxLength": 1}, "ab", '"ab" is longer than 1 character'),
        ({"minItems": 2}, [1], "1 item is fewer than 2"),
        ({"maxItems": 1}, [1, 2], "2 items are more than 1"),
        ({"minProperties": 1}, {}, "0 keys are fewer than 1"),
        ({"uniqueItems": True}, [1, 2, 1], "the item 1 is repeated"),
        ({"pattern": "^a$"}, "a\n", '"a\\n" does not match ^a$'),
        (
            {"enum": ["warm", "cold", 1]},
            "wam",
            '"wam" is not one of "warm", "cold", 1; did you mean "warm"?',
        ),
        ({"enum": [1, 2]}, 3, "3 is not one of 1, 2"),
        ({"const": 1}, 2, "expected 1, found 2"),
        ({"not": {"type": "string"}}, "x", '"x" is not allowed here'),
        ({"contains": {"const": 1}}, [2], "[2] breaks the rule contains"),
        (False, 1, "not allowed here"),
        (
            {"oneOf": [{"type": "string"}, {"minLength": 1}]},
            "a",
            'the text "a" fits more than one alternative',
        ),
        (
            {"anyOf": [{"type": "string"}, {"type": "integer"}]},
            1.5,
            "expected text or an integer, found 1.5",
        ),
        ({"propertyNames": {"pattern": "^a"}}, {"b": 1}, 'b: the key "b" does not match ^a'),
        ({"additionalProperties": False}, {"b": 1}, 'b: unknown key "b"; no keys are allowed here'),
    ],
)
def test_a_broken_rule_is_put_into_words(schema: Any, value: Any, message: str) -> None:
    assert found(schema, value) == [message]


def test_the_alternative_that_comes_nearest_is_the_one_that_is_explained() -> None:
    mapping = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["b"]}
    schema = {"anyOf": [{"type": "string"}, mapping, {"type": "array"}]}
    assert found(schema, {"a": "x"}) == [
        'the key "b" is missing',
        'a: expected an integer, found the text "x"',
    ]


def test_keys_that_a_pattern_allows_are_not_unknown() -> None:
    schema = {"patternProperties": {"^x-": True}, "additionalProperties": False}
    assert found(schema, {"x-a": 1, "y": 2}) == ['y: unknown key "y"; no keys are allowed here']


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        ({"$ref": "http://localhost:9/x.json"}, "$ref http://localhost:9/x.json is not in it"),
        ({"$ref": "file:///etc/passwd"}, "$ref file:///etc/passwd is not in it"),
        ({"$ref": "#/$defs/a"}, "$ref /$defs/a is not in it"),
        ({"$ref": "#"}, "it refers to itself without end"),
        ({"pattern": "("}, '"(" is not a regular expression: missing ), unterminated subpattern'),
    ],
)
def test_a_schema_that_cannot_be_used_is_an_error_and_fetches_nothing(
    schema: Any, reason: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        faults_of(schema, "x")
    assert str(caught.value).startswith(f"the JSON Schema cannot be used: {reason}")


def test_references_inside_a_schema_are_followed() -> None:
    schema = {"$defs": {"n": {"type": "integer"}}, "items": {"$ref": "#/$defs/n"}}
    assert found(schema, [1, "x"]) == ['1: expected an integer, found the text "x"']
    assert found(schema, [1, 2]) == []


@pytest.mark.parametrize(
    ("schema", "fault"),
    [
        ({}, None),
        (True, None),
        ({"type": "string", "x-mine": 1}, None),
        (3, "expected a JSON Schema, which is a mapping or a boolean, found 3"),
        (
            {"items": {"minimum": "x"}},
            'not a JSON Schema: items/minimum: expected a number, found the text "x"',
        ),
        ({"pattern": "("}, 'not a JSON Schema: pattern: "(" is not a valid regex'),
    ],
)
def test_a_schema_itself_is_judged(schema: Any, fault: str | None) -> None:
    assert schema_fault(schema) == fault
