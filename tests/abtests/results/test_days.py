"""The store of days: shared by union, and of two files of a day the one that was shared first."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gitexp.abtests.data.sums import Cell, Exposures, MetricSums
from gitexp.abtests.results import days as store
from gitexp.abtests.results.days import DayRecord
from gitexp.abtests.results.fingerprints import Fingerprint
from gitexp.errors import StoreError
from gitexp.experiments import lifecycle
from gitexp.ids import ObjectId
from gitexp.project.workspace import Workspace
from gitexp.store.memory import MemoryStore
from gitexp.store.trees import changed_paths, tree_of
from tests.abtests.data.making import ab_test
from tests.builders import commit_files
from tests.experiments.conftest import DEFINITION
from tests.runs.making import IDENTITY, clone_of, workspace_on

TEST = ab_test({"key": "sales", "type": "mean"})
PRINT = Fingerprint.of(TEST, TEST.metrics[0])
BRANCH = "refs/heads/analyses/bot/warm"


def record(day: str, *, at: str = "2026-02-01T00:00:00Z", **changes: Any) -> DayRecord:
    cell = Cell(count=2, means=(1.5,), products=((0.5,),))
    made = DayRecord(
        metric="sales",
        fingerprint=PRINT.value,
        data=PRINT.data,
        day=day,
        until=f"{day}T23:59:59Z",
        sums=MetricSums.of({("control", ""): cell, ("test", ""): cell}),
        exposures=Exposures(units={"control": 2, "test": 2}, rows=4),
        computed_at=at,
        by="Ada <ada@example.org>",
    )
    return replace(made, **changes)


def write(workspace: Workspace, *records: DayRecord) -> None:
    store.write(workspace, "warm", records, {"sales": PRINT})


def read(workspace: Workspace) -> dict[str, DayRecord]:
    return store.days_of_metric(workspace, "warm", "sales", PRINT.value)


@pytest.fixture
def shared() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def ada(shared: MemoryStore) -> Workspace:
    return clone_of(shared, seed=1)


@pytest.fixture
def bob(shared: MemoryStore) -> Workspace:
    return clone_of(shared, seed=2)


def test_what_is_written_is_read(ada: Workspace) -> None:
    made = [record("2026-01-01"), record("2026-01-02")]
    write(ada, *made)
    assert read(ada) == {each.day: each for each in made}
    assert store.fingerprints_of(ada, "warm", "sales") == [PRINT.value[:16]]
    settings = store.settings_of(ada, "warm", "sales", PRINT.value)
    assert settings is not None
    assert settings["settings"] == PRINT.settings


def test_a_file_is_written_once(ada: Workspace) -> None:
    write(ada, record("2026-01-01"))
    tip = ada.store.ref(BRANCH)
    write(ada, record("2026-01-01", at="2026-03-01T00:00:00Z"))
    assert ada.store.ref(BRANCH) == tip


def test_the_last_attempt_counts(ada: Workspace) -> None:
    write(ada, record("2026-01-01"))
    again = record("2026-01-01", attempt=2, at="2026-03-01T00:00:00Z")
    write(ada, again)
    assert read(ada) == {"2026-01-01": again}


def test_days_of_two_machines_join_by_union(
    ada: Workspace, bob: Workspace, shared: MemoryStore
) -> None:
    write(ada, record("2026-01-01"))
    write(bob, record("2026-01-02"))
    (moved,) = store.push(ada, pause=lambda _: None)
    assert moved.ref == BRANCH
    store.push(bob, pause=lambda _: None)
    store.fetch(ada)
    assert list(read(ada)) == list(read(bob)) == ["2026-01-01", "2026-01-02"]
    assert store.push(bob) == ()


def changed_on(shared: MemoryStore, before: ObjectId | None) -> list[str]:
    """Return the files of the shared branch that are not what they were."""
    assert before is not None
    now = shared.ref(BRANCH)
    assert now is not None
    changes = changed_paths(shared, tree_of(shared, before), tree_of(shared, now))
    return [path for path, old, _ in changes if old is not None]


@pytest.mark.parametrize("first", ["ada", "bob"])
def test_of_a_day_that_both_computed_the_file_that_was_shared_stays(
    first: str, ada: Workspace, bob: Workspace, shared: MemoryStore
) -> None:
    early, late = "2026-02-01T00:00:00Z", "2026-02-02T00:00:00Z"
    write(ada, record("2026-01-01", at=early if first == "ada" else late))
    write(bob, record("2026-01-01", at=early if first == "bob" else late))
    store.push(ada, pause=lambda _: None)
    was = shared.ref(BRANCH)
    store.push(bob, pause=lambda _: None)
    assert read(bob) == read(ada)
    assert changed_on(shared, was) == []


def test_what_succeeded_is_the_attempt_after_what_failed(
    ada: Workspace, bob: Workspace, shared: MemoryStore
) -> None:
    failed = record("2026-01-01", sums=None, exposures=None, error="no rows")
    computed = record("2026-01-01", at="2026-05-01T00:00:00Z")
    write(ada, failed)
    write(bob, computed)
    store.push(ada, pause=lambda _: None)
    was = shared.ref(BRANCH)
    store.push(bob, pause=lambda _: None)
    assert read(bob) == {"2026-01-01": replace(computed, attempt=2)}
    assert changed_on(shared, was) == []


def test_shared_days_are_seen_without_a_branch_of_ones_own(ada: Workspace, bob: Workspace) -> None:
    write(ada, record("2026-01-01"))
    store.push(ada)
    store.fetch(bob)
    assert bob.store.ref(BRANCH) is None
    assert list(read(bob)) == ["2026-01-01"]
    write(bob, record("2026-01-02"))
    assert list(read(bob)) == ["2026-01-01", "2026-01-02"]


def test_a_damaged_file_is_an_error_that_names_it(ada: Workspace) -> None:
    path = record("2026-01-01").path
    assert isinstance(ada.store, MemoryStore)
    commit_files(ada.store, {path: b'{"format": 1}\n'}, branch="analyses/bot/warm")
    with pytest.raises(StoreError) as caught:
        read(ada)
    assert str(caught.value).startswith(f"the record of a day cannot be read: {path}")


def test_days_follow_their_experiment_through_a_rename_and_go_with_it() -> None:
    alone = workspace_on(MemoryStore(config=IDENTITY))
    assert isinstance(alone.store, MemoryStore)
    commit_files(alone.store, {"gitexp.yaml": DEFINITION})
    lifecycle.create(alone, lifecycle.NewExperiment(name="warm"))
    write(alone, record("2026-01-01"))
    lifecycle.rename(alone, "warm", "cold")
    assert alone.store.ref(BRANCH) is None
    found = store.days_of_metric(alone, "cold", "sales", PRINT.value)
    assert list(found) == ["2026-01-01"]
    lifecycle.delete(alone, "cold", unbind=lambda tx, experiment: [])
    lifecycle.purge(alone, "cold")
    assert alone.store.refs("refs/heads/analyses/") == {}
