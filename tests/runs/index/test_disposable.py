"""The index is disposable: what is damaged, missing or half done costs no answer."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from gitexp.errors import MissingObject, RepositoryBusy
from gitexp.project.workspace import Workspace
from gitexp.runs.index import connections
from gitexp.runs.index.connections import ask, index_path
from gitexp.runs.index.schema import FORMAT
from gitexp.runs.index.verifying import rebuild, status, verify
from gitexp.runs.searching import RunQuery, count, search
from gitexp.store.disk import DiskStore
from tests.runs.index.building import ids, record, runs_of, tamper
from tests.runs.making import (
    disk_workspace,
    make_run,
    run_id,
    workspace_on,
)


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


@pytest.mark.parametrize("act", [ids, rebuild])
def test_damage_that_is_no_text_is_damage(
    on_disk: Workspace, file: Path, act: Callable[[Workspace], object]
) -> None:
    broken = "SET name = CAST(x'84ff' AS TEXT), sql = 'CREATE nonsense' WHERE name = 'params'"
    tamper(file, "PRAGMA writable_schema = ON", f"UPDATE sqlite_master {broken}")
    assert status(on_disk).state == "damaged"
    act(on_disk)
    assert len(ids(on_disk, "params.x IS NULL")) == 3
    assert verify(on_disk).differences == ()


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
