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
