"""When a policy applies: what changes, by how much, from what and to what."""

from __future__ import annotations

from typing import Any

import pytest

from gitexp.environments.binding import Action
from gitexp.project.policies import Condition
from gitexp.review.policies.conditions import holds

OLD = {
    "temperature": 0.5,
    "model": {"name": "gpt-4", "size": 8},
    "tools": [{"name": "search"}, {"name": "mail"}],
    "zero": 0,
    "on": True,
    "a.b": 1,
}


def found(condition: dict[str, Any], action: Action = "promote", **changes: Any) -> bool:
    after = {k: v for k, v in {**OLD, **changes}.items() if v is not ...}
    return holds(Condition.from_dict(condition), action=action, before=OLD, after=after)


@pytest.mark.parametrize(
    ("condition", "changes"),
    [
        ({"parameter": "temperature"}, {"temperature": 0.6}),
        ({"parameter": "temperature"}, {"temperature": ...}),
        ({"parameter": "new"}, {"new": 1}),
        ({"parameter": "*"}, {"zero": 1}),
        ({"parameter": "on"}, {"on": 1}),
        ({"parameter": "model"}, {"model": {"name": "gpt-4", "size": 9}}),
        ({"parameter": "model.size"}, {"model": {"name": "gpt-4", "size": 9}}),
        ({"parameter": "tools[1].name"}, {"tools": [{"name": "search"}, {"name": "post"}]}),
        ({"parameter": "tools[1]"}, {"tools": [{"name": "search"}]}),
        ({"parameter": "a.b"}, {"a.b": 2}),
        ({"parameter": "temperature", "changes_by": "> 0.2"}, {"temperature": 0.71}),
        ({"parameter": "temperature", "changes_by": "> 0.2"}, {"temperature": 0.29}),
        ({"parameter": "temperature", "changes_by": ">= 0.2"}, {"temperature": 0.7}),
        ({"parameter": "temperature", "changes_by": "> 10%"}, {"temperature": 0.56}),
        ({"parameter": "temperature", "changes_by": ">= 10%"}, {"temperature": 0.55}),
        ({"parameter": "zero", "changes_by": "> 10%"}, {"zero": 0.001}),
        ({"parameter": "temperature", "changes_by": "> 99"}, {"temperature": ...}),
        ({"parameter": "temperature", "changes_by": "> 99"}, {"temperature": "hot"}),
        ({"parameter": "temperature", "changes_by": "> 1e9"}, {"temperature": 10**400}),
        ({"parameter": "new", "changes_by": "> 99"}, {"new": 0.1}),
        ({"parameter": "*", "changes_by": "> 3"}, {"temperature": 0.6, "zero": 4}),
        ({"parameter": "model.name", "before": "gpt-4"}, {"model": {"name": "gpt-5"}}),
        ({"parameter": "model.name", "after": "gpt-5"}, {"model": {"name": "gpt-5"}}),
        ({"parameter": "model.name", "before": "gpt-4"}, {"model": ...}),
        ({"parameter": "temperature", "after": "> 0.8"}, {"temperature": 0.9}),
        ({"parameter": "temperature", "before": "<= 0.5", "after": "!= 1"}, {"temperature": 0.9}),
        ({"parameter": "temperature", "after": 1}, {"temperature": 1.0}),
        ({"parameter": "tools", "after": []}, {"tools": []}),
        ({"action": "promote"}, {}),
        ({"action": "promote", "parameter": "zero"}, {"zero": 1}),
    ],
)
def test_a_condition_holds(condition: dict[str, Any], changes: dict[str, Any]) -> None:
    assert found(condition, **changes)


@pytest.mark.parametrize(
    ("condition", "changes"),
    [
        ({"parameter": "temperature"}, {}),
        ({"parameter": "temperature"}, {"zero": 1}),
        ({"parameter": "nothing"}, {"temperature": 1}),
        ({"parameter": "*"}, {}),
        ({"parameter": "zero"}, {"zero": 0.0}),
        ({"parameter": "model.size"}, {"model": {"name": "gpt-5", "size": 8}}),
        ({"parameter": "tools[0]"}, {"tools": [{"name": "search"}]}),
        ({"parameter": "tools[7].name"}, {"tools": []}),
        ({"parameter": "model.name.deeper"}, {"model": {"name": "gpt-5"}}),
        ({"parameter": "temperature", "changes_by": "> 0.2"}, {"temperature": 0.7}),
        ({"parameter": "temperature", "changes_by": "> 10%"}, {"temperature": 0.55}),
        ({"parameter": "temperature", "changes_by": "< 0.2"}, {"temperature": 0.8}),
        ({"parameter": "temperature", "changes_by": "< 0.2"}, {}),
        ({"parameter": "model.name", "before": "gpt-3"}, {"model": {"name": "gpt-5"}}),
        ({"parameter": "model.name", "after": "gpt-5"}, {"model": ...}),
        ({"parameter": "temperature", "after": "> 0.8"}, {"temperature": 0.8}),
        ({"parameter": "temperature", "after": "> 0.2"}, {}),
        ({"parameter": "on", "before": 1}, {"on": False}),
        ({"parameter": "on", "after": "> 0"}, {"on": False}),
        ({"action": "unbind"}, {"zero": 1}),
        ({"action": "rollback", "parameter": "zero"}, {"zero": 1}),
        ({"action": "promote", "parameter": "zero"}, {}),
    ],
)
def test_a_condition_does_not_hold(condition: dict[str, Any], changes: dict[str, Any]) -> None:
    assert not found(condition, **changes)


def test_an_unbinding_removes_every_parameter() -> None:
    condition = Condition.from_dict({"parameter": "temperature", "before": "> 0.1"})
    assert holds(condition, action="unbind", before=OLD, after={})


def test_a_first_promotion_adds_every_parameter() -> None:
    condition = Condition.from_dict({"parameter": "*"})
    assert holds(condition, action="promote", before={}, after=OLD)
