"""The history of an environment, value by value."""

from __future__ import annotations

import pytest

from gitexp.environments.history import history
from gitexp.environments.promotion import promote, rollback, unbind
from gitexp.errors import InvalidInput, NotFound
from gitexp.project.workspace import Workspace
from tests.builders import commit_files
from tests.environments.conftest import World, break_production, lose_values, promoted, saved


def test_history_is_newest_first_with_what_changed(ada: Workspace) -> None:
    promoted(ada, temperature=0.1)
    promoted(ada, temperature=0.2, tools=["search"])
    rollback(ada, "production", reason="oops")
    newest, middle, oldest = history(ada, "production")
    assert [e.binding.action for e in (newest, middle, oldest)] == [
        "rollback",
        "promote",
        "promote",
    ]
    assert newest.binding.reason == "oops"
    assert [(c.name, c.kind, c.before, c.after) for c in middle.changes] == [
        ("temperature", "changed", 0.1, 0.2),
        ("tools", "added", None, ["search"]),
    ]
    assert [(c.name, c.kind) for c in newest.changes] == [
        ("temperature", "changed"),
        ("tools", "removed"),
    ]
    assert {c.name: c.type for c in oldest.changes} == {
        "temperature": "number",
        "model": "string",
        "retries": "integer",
    }
    assert {c.kind for c in oldest.changes} == {"added"}


def test_an_unbinding_removes_every_value(ada: Workspace) -> None:
    promoted(ada)
    unbind(ada, "production")
    entry = history(ada, "production", limit=1)[0]
    assert entry.binding.action == "unbind"
    assert {change.kind for change in entry.changes} == {"removed"}


def test_a_limit_keeps_the_changes_of_the_last_entry(ada: Workspace) -> None:
    for temperature in (0.1, 0.2, 0.3):
        promoted(ada, temperature=temperature)
    full = history(ada, "production")
    assert history(ada, "production", limit=2) == full[:2]
    assert history(ada, "production", limit=10) == full


def test_an_unbound_environment_has_no_history(ada: Workspace) -> None:
    assert history(ada, "production") == []


def test_an_unknown_environment_is_an_error(ada: Workspace) -> None:
    with pytest.raises(NotFound, match="'prod' is not declared"):
        history(ada, "prod")


def test_a_limit_of_nothing_is_an_error(ada: Workspace) -> None:
    promoted(ada)
    with pytest.raises(InvalidInput, match="0 is not a number of entries"):
        history(ada, "production", limit=0)


def test_commits_that_say_the_same_are_left_out(world: World, ada: Workspace) -> None:
    promoted(ada)
    commit_files(world.remote, {"README": b"hello\n"}, branch="env/bot/production")
    grace = world.clone("Grace")
    assert len(history(grace, "production")) == 1


def test_an_unreadable_commit_is_an_entry_that_says_so(world: World, ada: Workspace) -> None:
    promoted(ada, temperature=0.1)
    broken = break_production(world)
    newest, oldest = history(world.clone("Grace"), "production")
    assert newest.commit == newest.binding.commit == broken
    assert newest.problem == (
        f'{broken[:10]}:environment.yaml:1: the key "action" is missing (and 8 more)'
    )
    assert (newest.binding.action, newest.binding.version) == ("unreadable", None)
    assert newest.changes == ()
    assert (oldest.problem, oldest.binding.action) == (None, "promote")


def test_history_stays_readable_after_a_repair(world: World, ada: Workspace) -> None:
    promoted(ada, temperature=0.1)
    break_production(world)
    promoted(ada, temperature=0.2)
    entries = history(ada, "production")
    assert [e.binding.action for e in entries] == ["promote", "unreadable", "promote"]
    assert [(c.name, c.before, c.after) for c in entries[0].changes] == [("temperature", 0.1, 0.2)]
    assert history(ada, "production", limit=1) == entries[:1]
    assert history(ada, "production", limit=2) == entries[:2]


def test_values_that_are_damaged_here_are_an_entry_too(ada: Workspace) -> None:
    promoted(ada, temperature=0.1)
    promoted(ada, temperature=0.2)
    lose_values(ada, "production")
    entries = history(ada, "production")
    assert [e.binding.action for e in entries] == ["unreadable", "promote"]
    assert str(entries[0].problem).endswith("is not in this repository")


def test_a_promotion_of_another_experiment_is_told_by_name(ada: Workspace) -> None:
    promoted(ada)
    saved(ada, "other", temperature=0.5)
    promote(ada, "other", "production")
    assert [e.binding.experiment for e in history(ada, "production")] == ["other", "checkout"]
