"""Lists of A/B tests, and how many were launched and completed lately."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from gitexp.abtests import lifecycle
from gitexp.abtests.listing import AbTestSelection, Origin, count_tests, list_tests, origin
from gitexp.abtests.making import NewTest, create
from gitexp.errors import InvalidInput
from gitexp.experiments.homes import get_home
from gitexp.experiments.lifecycle import NewExperiment, archive, delete
from gitexp.experiments.lifecycle import create as start
from gitexp.ids import ObjectId
from gitexp.project.workspace import Workspace
from gitexp.store.trees import read_commit
from tests.abtests.conftest import METRICS, Draft, at, cut_off, edit_by_hand
from tests.builders import commit_files
from tests.experiments.conftest import CONFIG, DEFINITION, workspace_on
from tests.store.test_history import CountingStore

NOW = datetime(2026, 6, 30, 12, tzinfo=timezone.utc)


def names(workspace: Workspace, **selection: Any) -> list[str]:
    page = list_tests(workspace, AbTestSelection(**{"order": "name", **selection}))
    return [item.name for item in page.items]


@pytest.fixture
def several(draft: Draft) -> Workspace:
    """Tests in every state."""
    events = {"primary": [{"key": "a", "type": "mean", "event": "purchase"}]}
    workspace = draft("a-draft", flag="one", title="Warm words")
    draft("b-running", flag="two", metrics=events)
    draft("c-paused", flag="two", exposure={"event": "seen"})
    draft("d-stopped", flag="three")
    draft("e-archived", flag="four")
    for name in ("b-running", "c-paused", "d-stopped", "e-archived"):
        lifecycle.launch(workspace, name)
    lifecycle.pause(workspace, "c-paused")
    for name in ("d-stopped", "e-archived"):
        lifecycle.end(workspace, name, conclusion="won")
    lifecycle.archive(workspace, "e-archived")
    return workspace


@pytest.mark.parametrize(
    ("selection", "found"),
    [
        ({}, "a-draft b-running c-paused d-stopped"),
        ({"status": "all", "archived": None}, "a-draft b-running c-paused d-stopped e-archived"),
        ({"status": "draft"}, "a-draft"),
        ({"status": "running"}, "b-running"),
        ({"status": "paused"}, "c-paused"),
        ({"status": "stopped"}, "d-stopped"),
        ({"status": "complete", "archived": None}, "d-stopped e-archived"),
        ({"archived": True}, "e-archived"),
        ({"flag": "two"}, "b-running c-paused"),
        ({"search": "WARM"}, "a-draft"),
        ({"search": "-paused"}, "c-paused"),
        ({"event": "purchase"}, "b-running"),
        ({"event": "seen"}, "c-paused"),
        ({"created_by": ("ada@example.org",), "status": "draft"}, "a-draft"),
        ({"created_by": ("bob@example.org",)}, ""),
        ({"prompt": "reply"}, ""),
        ({"limit": 2, "offset": 1}, "b-running c-paused"),
        ({"order": "-name"}, "d-stopped c-paused b-running a-draft"),
        ({"order": "status"}, "a-draft b-running c-paused d-stopped"),
        ({"order": "-start_date"}, "d-stopped c-paused b-running a-draft"),
        ({"order": "duration", "status": "stopped"}, "d-stopped"),
        ({"order": "-created_at"}, "d-stopped c-paused b-running a-draft"),
    ],
)
def test_a_list_is_narrowed_and_ordered(
    several: Workspace, selection: dict[str, Any], found: str
) -> None:
    assert names(several, **selection) == found.split()


def test_a_line_says_what_people_look_for(several: Workspace) -> None:
    page = list_tests(several, AbTestSelection(status="stopped"))
    (line,) = page.items
    assert page.total == 1
    data = line.to_dict()
    assert data["variants"] == ["control", "test"]
    assert data["primary"] == ["sales"]
    assert (data["created_by"], data["conclusion"]) == ("ada@example.org", "won")
    assert data["created_at"] < data["started_at"] < data["ended_at"]
    assert line.duration == (line.ended_at - line.started_at).total_seconds()  # type: ignore[operator]


def test_who_made_a_test_is_not_guessed_in_a_shallow_clone(draft: Draft) -> None:
    workspace = draft()
    first = get_home(workspace, "warm").tip
    lifecycle.launch(workspace, "warm")
    lifecycle.pause(workspace, "warm")
    tip = get_home(workspace, "warm").tip
    whole = origin(workspace, "warm", tip)
    assert (whole.created_by, whole.created_at) == ("ada@example.org", made_at(workspace, first))
    cut = origin(cut_off(workspace, first), "warm", tip)
    assert cut == Origin(updated_at=made_at(workspace, tip))


def made_at(workspace: Workspace, commit: ObjectId) -> datetime:
    return read_commit(workspace.store, commit).author.when


def test_a_test_that_cannot_be_read_is_listed_with_its_problem(several: Workspace) -> None:
    edit_by_hand(several, "a-draft", {"colour": "red"})
    (line,) = [i for i in list_tests(several, AbTestSelection(status="draft")).items if i.problem]
    assert (line.name, line.status) == ("a-draft", "unreadable")
    assert 'unknown key "colour"' in (line.problem or "")


def test_what_a_list_was_made_of_is_not_read_again() -> None:
    store = CountingStore(config=CONFIG)
    commit_files(store, {"gitexp.yaml": DEFINITION})
    workspace = workspace_on(store, None, seed=1)
    for name in ("warm", "cold"):
        settings = {"metrics": METRICS}
        create(workspace, NewTest(experiment=name, settings=settings))
    start(workspace, NewExperiment(name="plain"))
    before = list_tests(workspace, AbTestSelection())
    store.reads = 0
    assert list_tests(workspace, AbTestSelection()) == before
    assert count_tests(workspace).active_experiments == 0
    assert store.reads <= 4  # where the definition of the project stands, twice


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        ({"status": "begun"}, "'begun' is not a status"),
        ({"order": "size"}, "'size' is not an order"),
        ({"limit": -1}, "limit and offset are 0 or more"),
    ],
)
def test_a_selection_that_makes_no_sense_is_refused(
    selection: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        AbTestSelection(**selection)
    assert caught.value.message == message


# --- how many lately --------------------------------------------------------------------------


def launched(workspace: Workspace, name: str, days: int, *, ended: int | None = None) -> None:
    """Have a test launched, and ended, so many days ago."""
    moments = {"started_at": NOW - timedelta(days=days)}
    if ended is not None:
        moments["ended_at"] = NOW - timedelta(days=ended)
    stated = {key: moment.isoformat() for key, moment in moments.items()}
    status = "running" if ended is None else "stopped"
    edit_by_hand(workspace, name, {"status": status, **stated})


def test_a_project_without_tests_has_none_lately(workspace: Workspace) -> None:
    assert count_tests(at(workspace, NOW)).to_dict() == {
        "launched_last_30d": 0,
        "launched_previous_30d": 0,
        "percent_change": 0.0,
        "active_experiments": 0,
        "completed_last_30d": 0,
    }


def test_launches_and_ends_are_counted_by_days(draft: Draft) -> None:
    days = {"a": (0, None), "b": (30, 29), "c": (31, 30), "d": (60, 31), "e": (61, None)}
    for name, (begun, ended) in days.items():
        workspace = draft(name, flag=f"flag-{name}")
        launched(workspace, name, begun, ended=ended)
    draft("f", flag="flag-f")
    found = count_tests(at(workspace, NOW))
    assert (found.launched_last_30d, found.launched_previous_30d) == (2, 2)
    assert (found.percent_change, found.active_experiments) == (0.0, 2)
    assert found.completed_last_30d == 2


@pytest.mark.parametrize(
    ("last", "previous", "change"),
    [(1, 0, 100.0), (0, 1, -100.0), (1, 3, -66.7), (4, 3, 33.3), (3, 1, 200.0)],
)
def test_the_change_is_a_percentage_of_the_days_before(
    draft: Draft, last: int, previous: int, change: float
) -> None:
    for number in range(last + previous):
        name = f"t{number}"
        workspace = draft(name, flag=name)
        launched(workspace, name, 5 if number < last else 45)
    assert count_tests(at(workspace, NOW)).percent_change == change


def test_archived_and_deleted_tests_do_not_count(draft: Draft) -> None:
    for name in ("a", "b", "c", "d"):
        workspace = draft(name, flag=name)
        launched(workspace, name, 5, ended=2)
    lifecycle.archive(workspace, "a")
    archive(workspace, "b")
    delete(workspace, "c", unbind=lambda tx, experiment: [])
    found = count_tests(at(workspace, NOW))
    assert (found.launched_last_30d, found.completed_last_30d) == (1, 1)
