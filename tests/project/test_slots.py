from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitexp.errors import InvalidInput
from gitexp.project.slots import SLOT_TYPES, Slot

VALUES: list[Any] = [
    "text", "", 0, 1, -5, 2**70, 0.5, 1.0, True, False, None, [], [1], {}, {"a": 1}, "A_KEY",
    float("nan"), float("inf"), "\ud800", [float("nan")], {1: 2},
]  # fmt: skip

ACCEPTED: dict[str, list[Any]] = {
    "text": ["text", "", "A_KEY"],
    "string": ["text", "", "A_KEY"],
    "model": ["text", "", "A_KEY"],
    "secret": ["text", "A_KEY"],
    "integer": [0, 1, -5, 2**70],
    "number": [0, 1, -5, 2**70, 0.5, 1.0],
    "boolean": [True, False],
    "list": [[], [1]],
    "object": [{}, {"a": 1}],
}


def slot(kind: str, **more: Any) -> Slot:
    return Slot.from_dict("x", {"type": kind, **more})


@pytest.mark.parametrize("kind", sorted(ACCEPTED))
def test_a_type_takes_its_own_values_and_nothing_else(kind: str) -> None:
    taken = [value for value in VALUES if not slot(kind).faults(value)]
    assert [(type(v), v) for v in taken] == [(type(v), v) for v in ACCEPTED[kind]]


def test_every_type_is_checked() -> None:
    assert set(ACCEPTED) | {"enum"} == set(SLOT_TYPES)


def test_an_enum_takes_its_options_by_type() -> None:
    choice = slot("enum", options=["a", 1, None])
    assert [choice.faults(value) for value in ("a", 1, 1.0, None)] == [[], [], [], []]
    assert choice.faults(True) == [("", 'true is not one of "a", 1, null')]


@pytest.mark.parametrize(
    "kind, constraint, good, bad, message",
    [
        ("number", {"minimum": 0}, 0, -0.1, "-0.1 is less than 0"),
        ("number", {"maximum": 1}, 1, 1.4, "1.4 is greater than 1"),
        ("number", {"exclusiveMinimum": 0}, 0.1, 0, "0 is not greater than 0"),
        ("number", {"exclusiveMaximum": 1}, 0.9, 1, "1 is not less than 1"),
        ("number", {"multipleOf": 0.1}, 0.3, 0.35, "0.35 is not a multiple of 0.1"),
        ("string", {"minLength": 2}, "ab", "a", '"a" is shorter than 2 characters'),
        ("string", {"maxLength": 2}, "ab", "abc", '"abc" is longer than 2 characters'),
        ("string", {"pattern": "^a+$"}, "aa", "b", '"b" does not match ^a+$'),
        ("string", {"options": ["a", "b"]}, "a", "c", '"c" is not one of "a", "b"'),
    ],
)
def test_a_constraint_is_held(
    kind: str, constraint: dict[str, Any], good: Any, bad: Any, message: str
) -> None:
    assert slot(kind, **constraint).faults(good) == []
    assert slot(kind, **constraint).faults(bad) == [("", message)]


def test_items_are_checked_with_their_place() -> None:
    words = slot("list", items={"type": "string"}, maxItems=3)
    assert words.faults(["a", "b"]) == []
    assert words.faults(["a", 2]) == [("[1]", "expected text, found 2")]
    assert len(words.faults(["a", "b", "c", "d"])) == 1


def test_properties_are_checked_with_their_place() -> None:
    limits = slot("object", properties={"top": {"type": "integer"}}, additionalProperties=False)
    assert limits.faults({"top": 3}) == []
    assert [place for place, _ in limits.faults({"top": "3", "low": 1})] == ["top", "low"]


def test_a_whole_schema_can_be_given() -> None:
    weights = slot("list", schema={"minItems": 1})
    assert weights.faults([1]) == []
    assert len(weights.faults([])) == 1


@pytest.mark.parametrize(
    "kind, text, value",
    [
        ("text", "5", "5"),
        ("string", " a ", " a "),
        ("integer", "-12", -12),
        ("number", "1e-3", 0.001),
        ("number", "2", 2.0),
        ("boolean", "true", True),
        ("list", '["a", 1]', ["a", 1]),
        ("object", '{"a": null}', {"a": None}),
    ],
)
def test_a_text_is_read_by_the_type_of_the_slot(kind: str, text: str, value: Any) -> None:
    parsed = slot(kind).parse(text)
    assert (type(parsed), parsed) == (type(value), value)


@pytest.mark.parametrize(
    "kind, text, message",
    [
        ("integer", "1.0", 'x: "1.0" is not an integer'),
        ("integer", "1_000", 'x: "1_000" is not an integer'),
        ("integer", "٣", 'x: "٣" is not an integer'),
        ("number", "nan", 'x: "nan" is not a finite number'),
        ("number", "1e999", 'x: "1e999" is not a finite number'),
        ("boolean", "yes", 'x: "yes" is not true or false'),
        ("list", "a,b", 'x: "a,b" is not a JSON list'),
        ("list", "[NaN]", 'x: "[NaN]" is not a JSON list'),
        ("object", "[]", 'x: "[]" is not a JSON object'),
        ("object", "[" * 100_000, None),
    ],
)
def test_a_text_of_another_type_is_refused(kind: str, text: str, message: str | None) -> None:
    with pytest.raises(InvalidInput) as caught:
        slot(kind).parse(text)
    assert message is None or str(caught.value) == message


def test_an_option_of_an_enum_is_found_by_its_text_or_its_json() -> None:
    choice = slot("enum", options=["1", 2, True])
    assert [choice.parse(text) for text in ("1", "2", "true", "other")] == ["1", 2, True, "other"]


@given(st.integers() | st.floats(allow_nan=False, allow_infinity=False))
def test_the_normal_form_of_a_number_is_equal_to_it(value: float) -> None:
    normal = slot("number").normal(value)
    assert normal == value
    assert slot("number").normal(normal) == normal


@given(st.from_type(dict).map(repr) | st.text())
def test_a_text_slot_takes_any_text_as_it_is(text: str) -> None:
    assert slot("text").parse(text) == text
