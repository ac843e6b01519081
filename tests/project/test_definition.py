from __future__ import annotations

from typing import Any

import pytest

from gitexp.errors import InvalidDocuments, NotFound
from gitexp.project.definition import Project


def project(**slots: dict[str, Any]) -> Project:
    data = {"format": 1, "id": "bot", "parameters": slots, "environments": {"production": {}}}
    return Project.from_dict(data, file="gitexp.yaml")


def test_defaults_are_filled_in_the_order_of_the_slots() -> None:
    found = project(a={"type": "integer", "default": 1}, b={"type": "string"})
    assert list(found.resolve({"b": "x"}, file="f").items()) == [("a", 1), ("b", "x")]


def test_an_optional_slot_without_default_stays_absent() -> None:
    assert project(a={"type": "integer"}).resolve({}, file="f") == {}


def test_a_required_slot_with_a_default_needs_no_value() -> None:
    found = project(a={"type": "integer", "required": True, "default": 1})
    assert found.resolve({}, file="f") == {"a": 1}


def test_a_default_that_does_not_fit_its_slot_is_refused() -> None:
    with pytest.raises(InvalidDocuments) as caught:
        project(a={"type": "integer", "default": "5"}, b={"type": "enum"})
    assert str(caught.value) == (
        'gitexp.yaml: parameters.a.default: "5" is not an integer\n'
        "gitexp.yaml: parameters.b.options: an enum needs options"
    )


def test_a_pattern_that_cannot_be_matched_in_bounded_time_is_refused() -> None:
    with pytest.raises(InvalidDocuments) as caught:
        project(
            a={"type": "string", "pattern": r"^(a+)\1$"},
            b={"type": "list", "items": {"properties": {"c": {"pattern": "(?P<x>a)(?P=x)"}}}},
            c={"type": "object", "schema": {"patternProperties": {"(": True}}},
        )
    assert str(caught.value).splitlines() == [
        (
            r'gitexp.yaml: parameters.a.pattern: "^(a+)\\1$" cannot be matched in bounded time: '
            "it refers back to a group"
        ),
        (
            "gitexp.yaml: parameters.b.items: not a JSON Schema: items/properties/c: the pattern "
            '"(?P<x>a)(?P=x)" cannot be matched in bounded time: it refers back to a group'
        ),
        (
            "gitexp.yaml: parameters.c.schema: not a JSON Schema: patternProperties/(: the key "
            '"(" is not a valid regex'
        ),
    ]


BOMB = "^(a+)+$"


@pytest.mark.parametrize(
    ("slot", "refused"),
    [
        ({"type": "string", "pattern": BOMB}, ["a"]),
        ({"type": "string", "pattern": "^(a|a|ab?)*$"}, ["a"]),
        ({"type": "object", "properties": {"k": {"pattern": BOMB}}}, ["a.k"]),
        ({"type": "object", "schema": {"patternProperties": {BOMB: False}}}, []),
        (
            {
                "type": "object",
                "schema": {"patternProperties": {BOMB: True}, "additionalProperties": False},
            },
            ["a.k", 'a["'],
        ),
    ],
)
def test_a_pattern_with_exponentially_many_ways_is_answered_all_the_same(
    slot: dict[str, Any], refused: list[str]
) -> None:
    hostile = "a" * 5_000 + "!"
    value = hostile if slot["type"] == "string" else {"k": hostile, hostile: 1}
    found = project(a=slot).problems_of({"a": value}, file="f")
    assert [problem.place[:3] for problem in found] == refused


def test_a_text_that_is_too_long_for_a_pattern_is_a_problem() -> None:
    slots = {
        "a": {"type": "text", "pattern": "^a+$"},
        "b": {"type": "list", "items": {"pattern": "^a+$"}},
    }
    text = "a" * 200_001
    found = project(**slots).problems_of({"a": text, "b": [text]}, file="f")
    message = 'text of 200001 characters is too long to be matched with "^a+$"'
    assert [str(problem) for problem in found] == [f"f: a: {message}", f"f: b[0]: {message}"]


def test_every_problem_of_a_set_of_values_is_found() -> None:
    found = project(a={"type": "integer", "required": True}, b={"type": "list"})
    problems = found.problems_of({"c": 1, "b": {}}, file="f")
    assert [str(problem) for problem in problems] == [
        (
            "f: c: unknown parameter. Declare it under `parameters` in gitexp.yaml on main, "
            "and commit that."
        ),
        "f: b: {} is not a list",
        "f: a: required parameter of type integer has no value",
    ]


def test_an_undeclared_environment_is_met_with_a_suggestion() -> None:
    with pytest.raises(NotFound) as caught:
        project().environment("prodution")
    assert str(caught.value) == "environment 'prodution' is not declared in project 'bot'"
    assert caught.value.hint == "Did you mean 'production'?"
