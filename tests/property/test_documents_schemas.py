"""Laws of judging by schema: the quick yes is never wrong, whatever the document."""

from __future__ import annotations

import copy
import random
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from gitexp.documents.conformance import conforms
from gitexp.documents.kinds import KINDS, DocumentKind
from gitexp.documents.schemas import parse, schema_of
from gitexp.documents.validation import faults_of
from tests.documents.test_schemas import VALID
from tests.property.strategies import values

JUNK: list[Any] = [
    None,
    True,
    False,
    0,
    1,
    1.0,
    -1,
    0.5,
    "",
    "a",
    "A b",
    "text",
    "enum",
    "numeric",
    [],
    {},
]


def broken(value: Any, chance: random.Random) -> Any:
    """Return a document with one of its parts replaced, removed, added or doubled."""
    copied = copy.deepcopy(value)
    parts = list(_collections(copied))
    part = chance.choice(parts)
    steps = list(part) if isinstance(part, dict) else list(range(len(part)))
    step = chance.choice(steps) if steps else None
    junk = copy.deepcopy(chance.choice(JUNK))
    if step is None or chance.random() < 0.2:
        if isinstance(part, dict):
            part[chance.choice(["x", "type", "pattern", "minimum", "1"])] = junk
        else:
            part.append(copy.deepcopy(part[0]) if part and chance.random() < 0.5 else junk)
    elif chance.random() < 0.3:
        del part[step]
    else:
        part[step] = junk
    return copied


def _collections(value: Any) -> list[Any]:
    if not isinstance(value, (dict, list)):
        return []
    children = value.values() if isinstance(value, dict) else value
    return [value, *(part for child in children for part in _collections(child))]


@given(st.sampled_from(KINDS), st.integers(0, 3), st.randoms(use_true_random=False))
def test_the_quick_yes_agrees_with_the_library(
    kind: DocumentKind, breaks: int, chance: random.Random
) -> None:
    file, data = VALID[kind]
    value = parse(data, file=file).value
    value = value[0] if isinstance(value, list) else value
    for _ in range(breaks):
        value = broken(value, chance) if isinstance(value, (dict, list)) else value
    if conforms(schema_of(kind), value):
        assert Draft202012Validator(schema_of(kind)).is_valid(value)
    else:
        assert faults_of(schema_of(kind), value)


def schemas() -> st.SearchStrategy[Any]:
    number = st.integers(-2, 3)
    size = st.integers(0, 3)
    types = st.sampled_from(["string", "number", "integer", "boolean", "null", "object", "array"])
    leaf = st.fixed_dictionaries(
        {},
        optional={
            "type": st.one_of(types, st.lists(types, min_size=1, max_size=3, unique=True)),
            "minimum": number,
            "exclusiveMaximum": number,
            "minLength": size,
            "maxItems": size,
            "minProperties": size,
            "enum": st.lists(st.sampled_from(JUNK), min_size=1, max_size=3),
            "const": st.sampled_from(JUNK),
            "uniqueItems": st.booleans(),
            "pattern": st.sampled_from(["^a$", "a", "^[a-z]*$", r"\$"]),
        },
    )
    return st.recursive(
        st.one_of(leaf, st.booleans()),
        lambda inner: st.fixed_dictionaries(
            {},
            optional={
                "properties": st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
                "additionalProperties": inner,
                "propertyNames": inner,
                "required": st.lists(st.sampled_from("ab"), unique=True),
                "items": inner,
                "allOf": st.lists(inner, min_size=1, max_size=2),
                "anyOf": st.lists(inner, min_size=1, max_size=2),
                "oneOf": st.lists(inner, min_size=1, max_size=2),
                "not": inner,
                "if": inner,
                "then": inner,
                "else": inner,
            },
        ),
        max_leaves=6,
    )


def plain() -> st.SearchStrategy[Any]:
    return st.recursive(
        st.sampled_from(JUNK),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
        ),
        max_leaves=6,
    )


@given(schemas(), st.one_of(plain(), values()))
def test_the_quick_yes_is_right_for_any_schema(schema: Any, value: Any) -> None:
    assume(conforms(schema, value))
    assert Draft202012Validator(schema).is_valid(value)


@given(schemas(), plain())
def test_every_no_comes_with_words(schema: Any, value: Any) -> None:
    faults = faults_of(schema, value)
    assert all(fault.message for fault in faults)
    if not Draft202012Validator(schema).is_valid(value):
        assert faults
