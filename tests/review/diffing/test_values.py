"""Differences between values, and the forms in which the sides of a comparison are named."""

from __future__ import annotations

from typing import Any

import pytest

from gitexp.environments.promotion import promote, unbind
from gitexp.errors import InvalidInput, NotBound, NotFound
from gitexp.experiments.changes import same_value, value_changes
from gitexp.project.workspace import Workspace
from gitexp.review.diffing.comparing import compare as diff
from tests.environments.conftest import promoted, saved


def test_values_are_added_removed_and_changed() -> None:
    changes = value_changes(
        {"a": 1, "b": [1], "same": "x"}, {"b": [2], "c": None, "same": "x"}, {"b": "list"}
    )
    assert [(c.name, c.kind, c.before, c.after, c.type) for c in changes] == [
        ("a", "removed", 1, None, ""),
        ("b", "changed", [1], [2], "list"),
        ("c", "added", None, None, ""),
    ]
    assert [change.to_dict() for change in changes] == [
        {"name": "a", "kind": "removed", "type": "", "before": 1},
        {"name": "b", "kind": "changed", "type": "list", "before": [1], "after": [2]},
        {"name": "c", "kind": "added", "type": "", "after": None},
    ]


@pytest.mark.parametrize(
    "one, other, same",
    [
        (1, 1.0, True),
        (0.0, -0.0, True),
        (True, 1, False),
        (False, 0, False),
        (None, False, False),
        ("1", 1, False),
        ([1, True], [1.0, True], True),
        ([1, True], [1, 1], False),
        ([1], [1, 2], False),
        ({"a": {"b": 1}}, {"a": {"b": 1.0}}, True),
        ({"a": {"b": 1}}, {"a": {"b": True}}, False),
        ({"a": 1}, {"b": 1}, False),
        ([], {}, False),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
    ],
)
def test_values_are_compared_as_json(one: Any, other: Any, same: bool) -> None:
    assert same_value(one, other) is same
    assert same_value(other, one) is same


def test_two_versions_by_revision(ada: Workspace) -> None:
    old = saved(ada, temperature=0.1)
    new = saved(ada, temperature=0.2)
    found = diff(ada, "checkout@latest~1", "checkout")
    assert (found.a.version, found.b.version) == (old.version, new.version)
    assert found.a.label == f"checkout@{old.version[:10]}"
    assert [(c.name, c.before, c.after, c.type) for c in found.changes] == [
        ("temperature", 0.1, 0.2, "number")
    ]


def test_an_environment_and_a_version(ada: Workspace) -> None:
    live = promoted(ada, temperature=0.1)
    saved(ada, temperature=0.2)
    found = diff(ada, "production", "checkout")
    assert (found.a.environment, found.a.version) == ("production", live.version)
    assert found.a.label == "env:production"
    assert found.b.environment is None
    assert [change.name for change in found.changes] == ["temperature"]


def test_two_environments(ada: Workspace) -> None:
    promoted(ada, "staging", temperature=0.1)
    promoted(ada, "production", temperature=0.2)
    changes = diff(ada, "env:staging", "env:production").changes
    assert [(c.before, c.after) for c in changes] == [(0.1, 0.2)]
    assert diff(ada, "env:staging", "staging").changes == ()


def test_commits_of_either_kind(ada: Workspace) -> None:
    version = saved(ada, temperature=0.1)
    binding = promote(ada, "checkout", "production")
    assert binding.commit
    found = diff(ada, binding.commit, version.version)
    assert found.changes == ()
    assert found.a.label == f"env:production@{binding.commit[:10]}"
    assert found.b.experiment == "checkout"


def test_what_is_live_as_a_revision_of_an_experiment(ada: Workspace) -> None:
    promoted(ada, temperature=0.1)
    saved(ada, temperature=0.2)
    assert diff(ada, "checkout@env:production", "production").changes == ()


def test_a_name_with_two_meanings_is_an_error(ada: Workspace) -> None:
    saved(ada, "staging")
    with pytest.raises(InvalidInput) as caught:
        diff(ada, "staging", "staging")
    assert caught.value.message == "'staging' is both an experiment and an environment"
    assert caught.value.hint == "Write staging@latest or env:staging."


@pytest.mark.parametrize("text", ["nothing", "Nothing At All", "deadbeef"])
def test_what_is_nothing_is_an_error(ada: Workspace, text: str) -> None:
    with pytest.raises(NotFound, match="is no experiment, environment or commit"):
        diff(ada, text, text)


def test_an_experiment_needs_a_revision_after_the_at(ada: Workspace) -> None:
    with pytest.raises(InvalidInput, match="lacks a revision after '@'"):
        diff(ada, "checkout@", "checkout")


def test_an_unbound_environment_has_no_values_to_compare(ada: Workspace) -> None:
    promoted(ada)
    with pytest.raises(NotBound):
        diff(ada, "staging", "checkout")
    unbind(ada, "production")
    with pytest.raises(NotBound):
        diff(ada, "production", "checkout")


def test_a_commit_that_saved_nothing_needs_its_experiment(ada: Workspace) -> None:
    saved(ada)
    trunk = ada.store.ref("refs/heads/main")
    assert trunk is not None
    with pytest.raises(NotFound) as caught:
        diff(ada, trunk, "checkout")
    assert caught.value.message == f"{trunk!r} names commit {trunk[:10]}, which saved no version"


def test_types_come_from_both_sides(ada: Workspace) -> None:
    saved(ada, tools=["a"])
    saved(ada, temperature=0.3, tools=["b"])
    changes = diff(ada, "checkout@latest~1", "checkout").changes
    assert {c.name: c.type for c in changes} == {"temperature": "number", "tools": "list"}
