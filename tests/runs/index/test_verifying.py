"""Looking after the index: its status, building it again, and comparing it with a new one."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitexp.documents.layout import run_path
from gitexp.errors import StoreError
from gitexp.project.workspace import Workspace
from gitexp.runs.index.schema import FORMAT
from gitexp.runs.index.verifying import rebuild, status, verify
from tests.runs.index.building import TONE, ids, put, record, runs_of, tamper
from tests.runs.making import (
    run_id,
)


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
