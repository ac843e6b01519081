"""The index follows the branches, and reads nothing twice."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest

from gitexp.documents.layout import run_path
from gitexp.errors import MissingObject, StoreError
from gitexp.ids import RunId
from gitexp.project.workspace import Workspace
from gitexp.runs.index import connections
from gitexp.runs.index.connections import index_path
from gitexp.runs.index.following import follow
from gitexp.runs.index.verifying import verify
from gitexp.runs.metrics import MetricPoint
from gitexp.runs.recording import ledger
from gitexp.runs.recording.changes import ChangedRun, changed_runs
from gitexp.runs.recording.records import record_of
from gitexp.runs.run import Run
from gitexp.runs.searching import RunQuery, search
from gitexp.runs.tallies import Stats
from gitexp.store.trees import tree_of
from tests.runs.index.building import TONE, CountingStore, ids, move, put, record, runs_of
from tests.runs.making import (
    IDENTITY,
    make_run,
    run_id,
    workspace_on,
)

# --- it follows the branches


def test_a_question_reads_no_object_that_was_read_before(counting: CountingStore) -> None:
    workspace = workspace_on(counting)
    record(workspace, *runs_of(*range(200)))
    assert len(ids(workspace)) == 200
    counting.reads = 0
    ids(workspace, "metrics.loss > 1")
    assert counting.reads == 0
    record(workspace, *runs_of(4000))
    counting.reads = 0
    assert ids(workspace)[-1] == run_id(4000)
    assert counting.reads < 20


def test_shared_runs_are_seen_beside_those_recorded_here(workspace: Workspace) -> None:
    record(workspace, *runs_of(1, 2))
    theirs = record_of(make_run(run_id(3))).contents()
    put(workspace, workspace.tracking(TONE), theirs)
    assert ids(workspace) == [run_id(1), run_id(2), run_id(3)]


def test_sharing_runs_reads_none_of_them_again(counting: CountingStore) -> None:
    workspace = workspace_on(counting)
    record(workspace, *runs_of(*range(100)))
    ids(workspace)
    move(workspace, workspace.tracking(TONE), workspace.store.ref(TONE))
    counting.reads = 0
    assert len(ids(workspace)) == 100
    assert counting.reads < 20
    move(workspace, TONE, None)
    assert len(ids(workspace)) == 100


def test_a_run_vanishes_with_the_last_branch_that_has_it(workspace: Workspace) -> None:
    record(workspace, *runs_of(1, 2))
    move(workspace, workspace.tracking(TONE), workspace.store.ref(TONE))
    record(workspace, *runs_of(3))
    assert len(ids(workspace)) == 3
    move(workspace, TONE, None)
    assert ids(workspace) == [run_id(1), run_id(2)]
    move(workspace, workspace.tracking(TONE), None)
    assert ids(workspace) == []
    assert verify(workspace).differences == ()


def test_a_renamed_branch_keeps_its_runs_under_the_new_name(counting: CountingStore) -> None:
    workspace = workspace_on(counting)
    record(workspace, *runs_of(*range(50)))
    ids(workspace)
    tip = workspace.store.ref(TONE)
    move(workspace, "refs/heads/runs/bot/mood", tip)
    move(workspace, TONE, None)
    counting.reads = 0
    assert len(search(workspace, RunQuery(experiments=["mood"])).documents) == 50
    assert search(workspace, RunQuery(experiments=["tone"])).documents == ()
    assert counting.reads < 20
    assert verify(workspace).differences == ()


def test_a_branch_that_was_forced_elsewhere_is_followed(workspace: Workspace) -> None:
    record(workspace, *runs_of(1))
    old = workspace.store.ref(TONE)
    record(workspace, *runs_of(2, 3))
    assert len(ids(workspace)) == 3
    move(workspace, TONE, old)
    assert ids(workspace) == [run_id(1)]


def test_a_branch_whose_former_objects_are_gone_is_read_anew(counting: CountingStore) -> None:
    workspace = workspace_on(counting)
    record(workspace, *runs_of(1, 2))
    ids(workspace)
    fresh = workspace_on(CountingStore(config=IDENTITY))
    record(fresh, *runs_of(2, 3))
    new = fresh.store.ref(TONE)
    counting.objects.clear()
    counting.objects.update(fresh.store.objects)  # type: ignore[attr-defined]
    move(workspace, TONE, new)
    assert ids(workspace) == [run_id(2), run_id(3)]
    assert verify(workspace).differences == ()


def test_a_missing_object_is_an_error_and_no_empty_answer(counting: CountingStore) -> None:
    workspace = workspace_on(counting)
    record(workspace, *runs_of(1))
    records = [o for o in counting.objects.values() if o.kind == "blob"]
    removed = [counting.objects.pop(raw.id) for raw in records]
    with pytest.raises(MissingObject):
        ids(workspace)
    for raw in removed:
        counting.objects[raw.id] = raw
    assert ids(workspace) == [run_id(1)]


def test_branches_of_other_projects_and_remotes_are_left_alone(workspace: Workspace) -> None:
    record(workspace, *runs_of(1))
    tip = workspace.store.ref(TONE)
    for ref in ("refs/heads/runs/bots/tone", "refs/remotes/upstream/runs/bot/tone"):
        move(workspace, ref, tip)
    move(workspace, TONE, None)
    assert ids(workspace) == []


# --- segments


def segment(*events: str) -> bytes:
    return "".join(f"{event}\n" for event in events).encode()


def segment_path(identifier: RunId, name: str) -> str:
    from gitexp.documents import layout

    return layout.segment_path(identifier, name)


def test_what_was_added_to_a_run_later_is_found(workspace: Workspace) -> None:
    record(workspace, make_run(run_id(1), tags={"a": "1"}), make_run(run_id(2)))
    assert ids(workspace, "tags.a = '1'") == [run_id(1)]
    event = '{"at":"2026-01-03T00:00:00Z","tags":{"a":"2","b":"x"}}'
    path = segment_path(run_id(1), "20260103T000000000000-aaaaaaaa")
    put(workspace, TONE, {path: segment(event)})
    assert ids(workspace, "tags.a = '1'") == []
    assert ids(workspace, "tags.a = '2' AND tags.b = 'x'") == [run_id(1)]
    assert verify(workspace).differences == ()


def test_segments_of_two_branches_count_together(workspace: Workspace) -> None:
    record(workspace, make_run(run_id(1)))
    theirs = workspace.tracking(TONE)
    move(workspace, theirs, workspace.store.ref(TONE))
    for ref, tag, letter in ((TONE, "ours", "a"), (theirs, "theirs", "b")):
        event = f'{{"at":"2026-01-03T00:00:00Z","tags":{{"{tag}":"x"}}}}'
        path = segment_path(run_id(1), f"20260103T000000000000-{letter * 8}")
        put(workspace, ref, {path: segment(event)})
    assert ids(workspace, "tags.ours = 'x' AND tags.theirs = 'x'") == [run_id(1)]
    assert search(workspace, RunQuery()).runs[0] == ledger.get(workspace, run_id(1))


# --- differences of trees


def test_changed_runs_are_told_without_reading_them(counting: CountingStore) -> None:
    workspace = workspace_on(counting)
    record(workspace, *runs_of(1, 2))
    old = tree_of(counting, workspace.store.ref(TONE))  # type: ignore[arg-type]
    files = {run_path(run_id(1)): None, f"{run_path(run_id(2))[:-5]}/x/y.txt": b"z"}
    put(workspace, TONE, files)
    new = tree_of(counting, workspace.store.ref(TONE))  # type: ignore[arg-type]
    gone, changed = changed_runs(counting, old, new)
    assert gone == ChangedRun(run_id(1), None, None)
    assert gone.is_gone
    assert changed.id == run_id(2)
    assert changed.record is not None
    assert changed.beside is not None
    assert [c.id for c in changed_runs(counting, None, old)] == [run_id(1), run_id(2)]
    assert [c.is_gone for c in changed_runs(counting, new, None)] == [True]
    assert list(changed_runs(counting, new, new)) == []


# --- records that no gitexp writes


def test_a_record_that_cannot_be_a_run_is_told_and_others_are_read(workspace: Workspace) -> None:
    record(workspace, *runs_of(1), experiment="mood")
    path = run_path(run_id(2))
    place = f"runs/bot/tone:{path}"
    early = "0001-01-01T00:00:00+23:59"
    for field, value, reason in (
        ("created_at", "2026-02-30T00:00:00Z", "day is out of range for month"),
        ("created_at", early, f"{early!r} is outside of the years 1 to 9999"),
        ("exit", {"code": 10**30}, "a count is larger than 2**53"),
        ("attempt", 2**53 + 1, "a count is larger than 2**53"),
        ("stats", {**Stats(failed=1).to_dict(), "passed": 2**53}, "a count is larger than 2**53"),
        ("metrics", {"a": {"value": 10**400, "step": 0, "timestamp": 0}}, "int too large"),
    ):
        document = make_run(run_id(2)).to_dict() | {field: value}
        put(workspace, TONE, {path: json.dumps(document).encode()})
        with pytest.raises(StoreError) as raised:
            search(workspace, RunQuery(experiments=["tone"]))
        assert raised.value.message.startswith(f"{place} cannot be a run: {reason}"), field
        assert len(search(workspace, RunQuery(experiments=["mood"])).runs) == 1
        assert verify(workspace).differences == ()
    put(workspace, TONE, record_of(make_run(run_id(2))).contents())
    assert len(ids(workspace)) == 2


def test_a_duration_that_is_a_large_integer_is_a_number(workspace: Workspace) -> None:
    document = make_run(run_id(1)).to_dict() | {"duration_seconds": 10**30}
    put(workspace, TONE, {run_path(run_id(1)): json.dumps(document).encode()})
    assert ids(workspace, "duration > 1e29") == [run_id(1)]


# --- what an update costs


def test_an_update_costs_the_same_however_many_values_there_are(on_disk: Workspace) -> None:
    def steps_of_an_update(file: Path, number: int) -> int:
        record(on_disk, *runs_of(number, digest=f"sha256:{number:064x}"))
        with contextlib.closing(connections.connected(file)) as connection:
            steps: list[None] = []
            connection.set_progress_handler(lambda: steps.append(None), 1)
            with connections.writing(connection):
                follow(on_disk, connection)
        return len(steps)

    def with_values_of_its_own(number: int) -> Run:
        name = f"m{number}"
        points = {name: MetricPoint(1.0, 0, 0)}
        return make_run(run_id(number), digest=f"sha256:{number:064x}", metrics=points)

    record(on_disk, *map(with_values_of_its_own, range(10)))
    file = index_path(on_disk)
    assert file is not None
    ids(on_disk)
    few = steps_of_an_update(file, 4000)
    record(on_disk, *map(with_values_of_its_own, range(10, 500)))
    ids(on_disk)
    assert steps_of_an_update(file, 4001) < few + 20


def test_names_that_only_vanished_runs_had_are_forgotten(workspace: Workspace) -> None:
    record(workspace, make_run(run_id(1), tags={"a": "b"}))
    asked = RunQuery(filter="tags.a = 'b'")
    assert search(workspace, asked).unknown == ()
    move(workspace, TONE, None)
    ids(workspace)
    record(workspace, make_run(run_id(2)))
    assert search(workspace, asked).unknown == ("tags.a",)
