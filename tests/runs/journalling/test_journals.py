"""Journals: nothing that was added is lost with the process, and nothing is guessed."""

from __future__ import annotations

import os
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from gitexp.errors import StoreError
from gitexp.ids import Name
from gitexp.project.workspace import Workspace
from gitexp.runs.journalling import journals
from gitexp.runs.journalling.contents import encoded, line_of
from gitexp.runs.recording import ledger
from gitexp.runs.recording.closing import ending_fields, reap
from gitexp.runs.recording.ledger import record_of
from gitexp.runs.recording.results import rows_of
from gitexp.runs.rows import Failure
from gitexp.runs.run import Run
from gitexp.runs.tallies import Stats
from gitexp.store.trees import read_commit
from tests.runs.making import (
    add_row,
    begin_journal,
    disk_workspace,
    ids_of,
    make_row,
    make_run,
    run_id,
)

WRITER = """
import os, sys
from pathlib import Path
from gitexp.store.disk import DiskStore
from tests.runs.making import add_row, begin_journal, make_run, run_id, workspace_on
workspace = workspace_on(DiskStore.open(Path(sys.argv[1])))
journal = begin_journal(workspace, make_run(run_id(1), status="running"))
for number in range(3):
    add_row(journal, number, str(number))
print("added", flush=True)
sys.stdin.read()
"""


def journals_of(workspace: Workspace) -> list[Path]:
    private = workspace.store.private_dir
    assert private is not None
    return sorted((private / "journals").glob("*"))


def dead_journal(workspace: Workspace, *samples: str, number: int = 1) -> Path:
    """Return the journal of a run whose process is gone."""
    journal = begin_journal(workspace, make_run(run_id(number), status="running"))
    for position, sample in enumerate(samples):
        add_row(journal, position, sample)
    journal.close()
    assert journal.path is not None
    return journal.path


def test_a_journal_without_a_directory_keeps_nothing(workspace: Workspace) -> None:
    journal = begin_journal(workspace, make_run(status="running"))
    add_row(journal, 0, "a")
    journal.sync()
    journal.discard()
    assert reap(workspace) == []


def test_a_discarded_journal_is_gone(on_disk: Workspace) -> None:
    journal = begin_journal(on_disk, make_run(status="running"))
    assert [path.suffix for path in journals_of(on_disk)] == [".gate", ".journal"]
    journal.discard()
    assert journals_of(on_disk) == []


def test_nothing_left_behind_is_nothing_to_reap(on_disk: Workspace) -> None:
    assert reap(on_disk) == []


def test_a_left_run_is_recorded_as_killed_with_its_rows(on_disk: Workspace) -> None:
    dead_journal(on_disk, "a", "b")
    [run] = reap(on_disk)
    assert (run.id, run.status, run.stats) == (run_id(1), "killed", Stats(passed=2))
    assert run.error == Failure(
        type="Killed",
        message="the process ended without closing the run; what it logged is here",
    )
    assert ledger.read(on_disk, "tone") == [run]
    assert [row.sample for row in rows_of(on_disk, run.id)] == ["a", "b"]
    assert journals_of(on_disk) == []
    assert reap(on_disk) == []


def test_whoever_started_the_run_is_its_author(on_disk: Workspace) -> None:
    dead_journal(on_disk, "a")
    reap(on_disk)
    tip = on_disk.store.ref("refs/heads/runs/bot/tone")
    assert tip is not None
    assert str(read_commit(on_disk.store, tip).author) == "Ada Example <ada@example.org>"


def test_rows_come_in_the_order_of_the_dataset_each_once(on_disk: Workspace) -> None:
    journal = begin_journal(on_disk, make_run(run_id(1), status="running"))
    for position in (2, 0, 1, 0):
        add_row(journal, position, str(position))
    journal.close()
    reap(on_disk)
    assert [row.sample for row in rows_of(on_disk, run_id(1))] == ["0", "1", "2"]


def test_a_run_that_had_ended_is_recorded_as_it_ended(on_disk: Workspace) -> None:
    journal = begin_journal(on_disk, make_run(run_id(1), status="running"))
    add_row(journal, 0, "a")
    finished = make_run(run_id(1))
    assert finished.ended_at is not None
    journal.end({"set": ending_fields("finished", finished.ended_at, 5.0)})
    journal.close()
    [run] = reap(on_disk)
    assert run == record_of(finished, [make_row("a")]).run


def test_a_run_that_was_recorded_loses_only_its_journal(on_disk: Workspace) -> None:
    dead_journal(on_disk, "a")
    ledger.append(on_disk, "tone", [record_of(make_run(run_id(1)), [make_row("a")])])
    assert reap(on_disk) == []
    assert journals_of(on_disk) == []
    assert ledger.get(on_disk, run_id(1)).status == "finished"


def test_a_journal_that_is_held_is_left_alone(on_disk: Workspace) -> None:
    with closing(begin_journal(on_disk, make_run(status="running"))):
        assert reap(on_disk) == []
        assert [path.suffix for path in journals_of(on_disk)] == [".gate", ".journal"]


def test_a_journal_of_another_project_is_left_alone(tmp_path: Path) -> None:
    workspace = disk_workspace(tmp_path / "project")
    path = dead_journal(workspace, "a")
    assert reap(replace(workspace, project_id=Name("web"))) == []
    assert path.exists()


@pytest.mark.parametrize("cut", range(2, 40, 3))
def test_a_torn_tail_costs_only_the_torn_row(on_disk: Workspace, cut: int) -> None:
    path = dead_journal(on_disk, "a", "b", "c").with_suffix(".rows")
    path.write_bytes(path.read_bytes()[:-cut])
    [run] = reap(on_disk)
    assert run.stats == Stats(passed=2)


@pytest.mark.parametrize("tail", [b"\0" * 50, b"\0" * 50 + b"\n", b"12345678 {}\n", b"garbage\n"])
def test_garbage_after_the_rows_is_dropped(on_disk: Workspace, tail: bytes) -> None:
    path = dead_journal(on_disk, "a", "b")
    for beside in (path, path.with_suffix(".rows")):
        with beside.open("ab") as file:
            file.write(tail)
    [run] = reap(on_disk)
    assert run.stats == Stats(passed=2)


def test_a_damaged_line_is_left_out_and_kept_for_a_person(on_disk: Workspace) -> None:
    path = dead_journal(on_disk, "a", "b", "c").with_suffix(".rows")
    damaged = path.read_bytes().replace(b'"sample":"b"', b'"sample":"x"')
    path.write_bytes(damaged)
    [run] = reap(on_disk)
    assert [row.sample for row in rows_of(on_disk, run.id)] == ["a", "c"]
    assert path.with_suffix(".rows.damaged").read_bytes() == damaged


def test_a_journal_that_never_began_is_removed(on_disk: Workspace) -> None:
    path = dead_journal(on_disk, "a")
    path.write_bytes(b"")
    assert reap(on_disk) == []
    assert journals_of(on_disk) == []


def test_a_journal_whose_beginning_is_damaged_is_kept_for_a_person(on_disk: Workspace) -> None:
    path = dead_journal(on_disk, "a")
    path.write_bytes(b"\nx" + path.read_bytes()[1:])
    assert reap(on_disk) == []
    assert journals_of(on_disk) == [path.with_suffix(".damaged")]
    assert reap(on_disk) == []


def test_several_left_runs_are_all_recorded(on_disk: Workspace) -> None:
    for number in range(3):
        dead_journal(on_disk, "a", number=number)
    assert ids_of(reap(on_disk)) == [run_id(0), run_id(1), run_id(2)]


@pytest.fixture
def writer(on_disk: Workspace) -> Iterator[subprocess.Popen[str]]:
    """Another process that has added three rows and holds its journal."""
    assert on_disk.directory is not None
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(on_disk.directory)],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "added\n"
    yield process
    process.kill()
    process.communicate()


def test_a_live_process_keeps_its_journal_and_a_killed_one_loses_no_row(
    on_disk: Workspace, writer: subprocess.Popen[str]
) -> None:
    assert reap(on_disk) == []
    writer.kill()
    writer.wait()
    [run] = reap(on_disk)
    assert (run.status, run.stats) == ("killed", Stats(passed=3))


def test_a_killed_run_ends_when_its_last_row_was_finished(on_disk: Workspace) -> None:
    began = make_run(run_id(1), status="running")
    assert began.started_at is not None
    journal = begin_journal(on_disk, began)
    started = began.started_at + timedelta(seconds=4)
    add_row(journal, 0, "a", started_at=started, duration_seconds=1.5)
    journal.close()
    [run] = reap(on_disk)
    assert isinstance(run, Run)
    assert run.ended_at == began.started_at + timedelta(seconds=5.5)
    assert run.duration_seconds == 5.5


# --- reading on -----------------------------------------------------------------------------


def points(number: int) -> bytes:
    """Return the lines of as many points of one metric."""
    lines = [{"metrics": [["loss", 0.1 * step, step, 1_700_000_000_000]]} for step in range(number)]
    return b"".join(line_of(encoded(line)) for line in lines)


def test_a_line_that_is_being_written_is_read_when_it_is_whole(on_disk: Workspace) -> None:
    with closing(begin_journal(on_disk, make_run(status="running"))) as journal:
        assert journal.path is not None
        line = line_of(encoded({"tags": {"a": "b"}}))
        for part in (line[:20], line[20:]):
            with journal.contents() as contents:
                assert contents.state.tags == {}
            with journal.path.open("ab") as file:
                file.write(part)
        with journal.contents() as contents:
            assert contents.state.tags == {"a": "b"}


def test_a_run_that_was_looked_at_does_not_change_with_what_is_logged_later(
    on_disk: Workspace,
) -> None:
    with closing(begin_journal(on_disk, make_run(status="running"))) as journal:
        with journal.contents() as contents:
            before = contents.state.run()
        journal.append({"tags": {"a": "b"}, "params": {"c": 1}, "metrics": [["m", 1.0, 0, 0]]})
        with journal.contents() as contents:
            assert contents.state.run() != before
        assert (before.tags, before.params, before.metrics) == ({}, {}, {})


def test_only_what_is_new_is_read_when_a_journal_is_looked_at_again(
    on_disk: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    real = os.read

    def read(descriptor: int, size: int) -> bytes:
        data = real(descriptor, size)
        sizes.append(len(data))
        return data

    with closing(begin_journal(on_disk, make_run(status="running"))) as journal:
        assert journal.path is not None
        with journal.path.open("ab") as file:
            file.write(points(1000))
        with journal.contents() as contents:
            assert contents.state.metrics["loss"].step == 999
        journal.append({"tags": {"a": "b"}})
        monkeypatch.setattr(os, "read", read)
        with journal.contents() as contents:
            assert contents.state.tags == {"a": "b"}
        assert sum(sizes) == len(line_of(encoded({"tags": {"a": "b"}})))


def test_reading_a_long_journal_takes_little_more_memory_than_its_bytes(
    on_disk: Workspace,
) -> None:
    first = line_of(encoded({"run": make_run(status="running").to_dict()}))
    data = first + points(30_000)
    tracemalloc.start()
    try:
        contents = journals.contents_of(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert contents is not None
    assert contents.state.metrics["loss"].step == 29_999
    assert peak < 1.5 * len(data)


def test_a_journal_whose_beginning_was_damaged_is_an_error_with_a_name(on_disk: Workspace) -> None:
    journal = begin_journal(on_disk, make_run(run_id(1), status="running"))
    assert journal.path is not None
    data = journal.path.read_bytes()
    journal.path.write_bytes(data[:12] + b"x" + data[13:])
    with pytest.raises(StoreError) as caught, journal.contents():
        pass
    assert str(caught.value) == (
        f"the journal of run {run_id(1)} is damaged: its first event cannot be read"
    )
    journal.close()
