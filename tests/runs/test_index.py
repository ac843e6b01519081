"""The index: it follows the branches, reads nothing twice, and is disposable."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gitexp.documents.layout import run_path
from gitexp.errors import MissingObject, RepositoryBusy, StoreError
from gitexp.ids import ObjectId, RunId
from gitexp.project.workspace import Workspace
from gitexp.runs.index import connections
from gitexp.runs.index.connections import ask, index_path
from gitexp.runs.index.entries import entry_of, param_number
from gitexp.runs.index.following import follow
from gitexp.runs.index.schema import FORMAT, shortened
from gitexp.runs.index.verifying import rebuild, status, verify
from gitexp.runs.metrics import MetricPoint
from gitexp.runs.recording import ledger
from gitexp.runs.recording.changes import ChangedRun, changed_runs
from gitexp.runs.recording.records import record_of
from gitexp.runs.run import Run
from gitexp.runs.searching import RunQuery, count, search
from gitexp.runs.tallies import Stats
from gitexp.store.disk import DiskStore
from gitexp.store.memory import MemoryStore
from gitexp.store.model import RawObject, RefUpdate
from gitexp.store.transaction import Transaction, transact
from gitexp.store.trees import tree_of
from tests.runs.making import (
    IDENTITY,
    disk_workspace,
    make_run,
    run_id,
    workspace_on,
)

TONE = "refs/heads/runs/bot/tone"


def record(workspace: Workspace, *runs: Run, experiment: str = "tone") -> None:
    ledger.append(workspace, experiment, [record_of(run) for run in runs])


def ids(workspace: Workspace, filter: str = "") -> list[str]:
    """Return the ids of the runs that a filter finds, oldest first."""
    page = search(workspace, RunQuery(filter=filter, limit=None))
    return [run["id"] for run in reversed(page.documents)]


def runs_of(*numbers: int, **fields: Any) -> list[Run]:
    return [make_run(run_id(number), **fields) for number in numbers]


def move(workspace: Workspace, ref: str, new: ObjectId | None) -> None:
    """Move a reference as Git would when it is told to."""
    update = RefUpdate(ref=ref, old=workspace.store.ref(ref), new=new)
    with workspace.store.exclusive():
        workspace.store.apply([], [update])


def put(workspace: Workspace, ref: str, files: Mapping[str, bytes | None]) -> None:
    """Change files of a branch by hand."""

    def work(tx: Transaction) -> None:
        tip = tx.ref(ref)
        commit = tx.commit(
            tree=tx.tree(tree_of(tx, tip) if tip else None, files),
            parents=[tip] if tip else [],
            message="by hand",
            author=workspace.signature(),
        )
        tx.set_ref(ref, old=tip, new=commit, message="by hand")

    transact(workspace.store, work)


class CountingStore(MemoryStore):
    """A store that counts the objects that are read."""

    reads = 0

    def read(self, object_id: ObjectId, *, limit: int | None = None) -> RawObject:
        self.reads += 1
        return super().read(object_id, limit=limit)


@pytest.fixture
def counting() -> CountingStore:
    """A store in memory that counts."""
    return CountingStore(config=IDENTITY)


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
    for field, value, reason in (
        ("created_at", "2026-02-30T00:00:00Z", "day is out of range for month"),
        ("created_at", "0001-01-01T00:00:00+23:59", "date value out of range"),
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


# --- disposable


@pytest.fixture
def file(on_disk: Workspace) -> Path:
    """The file of an index that holds three runs."""
    record(on_disk, *runs_of(1, 2, 3, metrics={"loss": MetricPoint(0.5, 1, 1)}))
    assert len(ids(on_disk)) == 3
    path = index_path(on_disk)
    assert path is not None
    return path


def test_deleting_it_loses_nothing(on_disk: Workspace, file: Path) -> None:
    file.unlink()
    assert ids(on_disk, "metrics.loss = 0.5") == [run_id(1), run_id(2), run_id(3)]
    assert file.exists()


@pytest.mark.parametrize("content", [b"", b"nonsense", b"SQLite format 3\0" + b"\xff" * 8000])
def test_a_file_that_is_no_index_is_built_again(
    on_disk: Workspace, file: Path, content: bytes
) -> None:
    file.write_bytes(content)
    for suffix in ("-wal", "-shm"):
        file.with_name(file.name + suffix).unlink(missing_ok=True)
    assert len(ids(on_disk)) == 3
    assert status(on_disk).state == "current"


def test_a_file_with_damaged_pages_is_built_again(on_disk: Workspace, file: Path) -> None:
    rebuild(on_disk)
    data = bytearray(file.read_bytes())
    data[4096:] = b"\x5a" * (len(data) - 4096)
    file.write_bytes(bytes(data))
    assert ids(on_disk, "metrics.loss = 0.5") == [run_id(1), run_id(2), run_id(3)]
    assert verify(on_disk).differences == ()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE documents SET text = replace(text, 'tone', 'tune')",
        "DELETE FROM documents WHERE run = 1",
        "DROP TABLE params",
        f"PRAGMA user_version = {FORMAT + 1}",
        "PRAGMA user_version = 0",
    ],
)
def test_one_that_is_not_as_it_was_written_is_built_again(
    on_disk: Workspace, file: Path, statement: str
) -> None:
    tamper(file, statement)
    assert ids(on_disk, "params.x IS NULL") == [run_id(1), run_id(2), run_id(3)]
    assert [run.experiment for run in search(on_disk, RunQuery()).runs] == ["tone"] * 3
    assert verify(on_disk).differences == ()


def tamper(file: Path, *statements: str) -> None:
    connection = sqlite3.connect(file)
    with connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


def test_an_update_that_fails_half_way_leaves_nothing_half_done(
    on_disk: Workspace, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(on_disk, *runs_of(4, 5))
    whole = connections.follow

    def broken(workspace: Workspace, connection: sqlite3.Connection) -> None:
        whole(workspace, connection)
        raise MissingObject("something is gone")

    monkeypatch.setattr(connections, "follow", broken)
    with pytest.raises(MissingObject):
        ids(on_disk)
    monkeypatch.undo()
    assert status(on_disk).runs == 3
    assert len(ids(on_disk)) == 5


def test_a_process_that_is_killed_while_it_builds_leaves_nothing_half_done(
    on_disk: Workspace,
) -> None:
    record(on_disk, *runs_of(*range(40)))
    code = f"""
import os, signal
from pathlib import Path
from gitexp.runs.index import writing
from gitexp.runs.searching import RunQuery, search
from tests.runs.making import workspace_on
from gitexp.store.disk import DiskStore

whole = writing.Writer.flush
def flush(self):
    whole(self)
    if self._next_run > 30:
        os.kill(os.getpid(), signal.SIGKILL)
writing.Writer.flush = flush
path = Path({str(on_disk.directory)!r})
search(workspace_on(DiskStore.open(path), directory=path), RunQuery())
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=os.getcwd(), timeout=120, check=False)
    assert done.returncode == -9
    assert len(ids(on_disk)) == 40
    assert verify(on_disk).differences == ()


def test_where_no_file_can_be_kept_memory_answers(
    on_disk: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(on_disk, *runs_of(1))
    path = index_path(on_disk)
    assert path is not None
    path.mkdir(parents=True)
    assert ids(on_disk) == [run_id(1)]


def test_a_lock_that_is_held_too_long_is_told(
    on_disk: Workspace, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "_STEP_SECONDS", 0.01)
    monkeypatch.setattr(connections, "_MOST_STEPS", 3)
    record(on_disk, *runs_of(4))
    holder = sqlite3.connect(file, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(RepositoryBusy, match="another process is still updating the index"):
        ids(on_disk)
    holder.execute("ROLLBACK")
    holder.close()
    assert len(ids(on_disk)) == 4


def test_a_bug_in_a_question_is_no_damage(on_disk: Workspace, file: Path) -> None:
    with pytest.raises(sqlite3.OperationalError, match="no such column"):
        ask(on_disk, lambda connection: connection.execute("SELECT missing FROM runs").fetchall())


def test_threads_and_processes_update_it_at_once(on_disk: Workspace, tmp_path: Path) -> None:
    record(on_disk, *runs_of(*range(60)))
    directory = on_disk.directory
    assert directory is not None
    failures: list[BaseException] = []

    def work(first: int) -> None:
        try:
            mine = workspace_on(
                DiskStore.open(directory), directory=directory, environ=on_disk.surroundings.environ
            )
            for number in range(first, first + 5):
                record(mine, *runs_of(number))
                assert run_id(number) in ids(mine)
        except BaseException as exc:
            failures.append(exc)

    threads = [threading.Thread(target=work, args=(1000 * n,)) for n in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert count(on_disk, RunQuery()) == 80
    assert verify(on_disk).differences == ()


def test_two_projects_of_a_repository_have_an_index_each(tmp_path: Path) -> None:
    bot = disk_workspace(tmp_path / "repository")
    other = replace(bot, project_id="web")
    record(bot, *runs_of(1))
    record(other, replace(make_run(run_id(2)), project="web"))
    assert (ids(bot), ids(other)) == ([run_id(1)], [run_id(2)])
    assert index_path(bot) != index_path(other)


# --- looking after it


def test_its_status_is_told_without_changing_it(on_disk: Workspace) -> None:
    record(on_disk, *runs_of(1, 2))
    before = status(on_disk)
    assert (before.state, before.runs, before.behind) == ("missing", None, (TONE,))
    assert before.path is not None
    assert not before.path.exists()
    ids(on_disk)
    current = status(on_disk)
    assert (current.state, current.runs, current.branches) == ("current", 2, 1)
    assert current.bytes > 0
    record(on_disk, *runs_of(3))
    assert (status(on_disk).state, status(on_disk).runs) == ("behind", 2)
    tamper(before.path, f"PRAGMA user_version = {FORMAT + 1}")
    assert status(on_disk).state == "outdated"
    before.path.write_bytes(b"nonsense" * 1000)
    assert status(on_disk).state == "damaged"
    assert rebuild(on_disk).runs == 3
    assert status(on_disk).state == "current"


def test_a_store_in_memory_has_an_index_in_memory(workspace: Workspace) -> None:
    record(workspace, *runs_of(1))
    assert status(workspace).state == "in memory"
    assert rebuild(workspace).path is None
    assert verify(workspace).differences == ()


def test_runs_that_cannot_be_read_are_counted(on_disk: Workspace, file: Path) -> None:
    put(on_disk, TONE, {run_path(run_id(9)): b"nonsense"})
    with pytest.raises(StoreError):
        ids(on_disk)
    assert (status(on_disk).unreadable, status(on_disk).runs) == (1, 3)
    assert verify(on_disk).differences == ()


@pytest.mark.parametrize(
    ("statement", "difference"),
    [
        ("UPDATE metrics SET value = 0.25 WHERE run = 1", f"metrics: {run_id(1)}"),
        ("UPDATE runs SET status = 'killed' WHERE key = 2", f"runs: {run_id(2)}"),
        ("DELETE FROM metrics WHERE run = 3", f"metrics: {run_id(3)}"),
        ("DELETE FROM metrics WHERE run = 3", "metrics: it holds 2 rows, not 3"),
        ("INSERT INTO tags VALUES (1, 1, 'x')", f"tags: {run_id(1)}"),
        ("DELETE FROM places WHERE run LIKE '%3-aaaaaaaa'", f"places: {run_id(3)}"),
        ("UPDATE branches SET experiment = 'mood'", f"branches: {TONE}"),
    ],
)
def test_verifying_finds_what_is_wrong(
    on_disk: Workspace, file: Path, statement: str, difference: str
) -> None:
    assert verify(on_disk).differences == ()
    tamper(file, statement)
    found = verify(on_disk)
    assert difference in found.differences
    assert (found.runs, found.branches) == (3, 1)
    rebuild(on_disk)
    assert verify(on_disk).differences == ()


# --- what an update costs


def test_an_update_costs_the_same_however_many_values_there_are(on_disk: Workspace) -> None:
    def steps_of_an_update(number: int) -> int:
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
    few = steps_of_an_update(4000)
    record(on_disk, *map(with_values_of_its_own, range(10, 500)))
    ids(on_disk)
    assert steps_of_an_update(4001) < few + 20


def test_names_that_only_vanished_runs_had_are_forgotten(workspace: Workspace) -> None:
    record(workspace, make_run(run_id(1), tags={"a": "b"}))
    asked = RunQuery(filter="tags.a = 'b'")
    assert search(workspace, asked).unknown == ()
    move(workspace, TONE, None)
    ids(workspace)
    record(workspace, make_run(run_id(2)))
    assert search(workspace, asked).unknown == ("tags.a",)


# --- entries


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (1, 1),
        (0.5, 0.5),
        ("0.5", 0.5),
        ("1e-3", 0.001),
        ("-7", -7),
        ("007", 7),
        (2**62, 2**62),
        (2**70, float(2**70)),
        ("Infinity", float("inf")),
        (10**400, float("inf")),
        (True, None),
        (None, None),
        ("NaN", None),
        ("1 ", None),
        ("x", None),
        ("1_000", None),
        ("", None),
        ([1], None),
    ],
)
def test_a_param_is_a_number_where_it_reads_as_one(value: Any, number: Any) -> None:
    assert param_number(value) == number
    assert type(param_number(value)) is type(number)


def test_long_texts_are_kept_once_and_shortened_elsewhere() -> None:
    text = "x" * 1000
    entry = entry_of(make_run(run_id(1), params={"prompt": text}, tags={"t": text}).to_dict())
    assert entry.params == [("prompt", shortened(text), None)]
    assert entry.texts == {shortened(text): text}
    assert len(shortened(text)) < 300
    assert shortened(text) != shortened(text + "x")
