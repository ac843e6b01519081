"""Runs that go on: long journals are folded from where the last look ended."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from gitexp.project.workspace import Workspace
from gitexp.runs.journalling.contents import contents_of
from gitexp.runs.journalling.journals import Journal, create_journal, live
from gitexp.runs.recording import ledger
from gitexp.runs.recording.closing import left_behind, reap
from gitexp.runs.run import Run
from tests.runs.making import begin_journal, disk_workspace, make_run, run_id

POINTS = 40_000
"""They take more than the megabyte that makes a journal long."""


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return disk_workspace(tmp_path / "project")


@pytest.fixture
def journal(workspace: Workspace) -> Iterator[Journal]:
    """The journal of a run that goes on."""
    journal = begin_journal(workspace, make_run(run_id(1), status="running"))
    yield journal
    journal.discard()


def measure(journal: Journal, *, above: float = 0.0) -> None:
    """Append many points."""
    points = [["loss", above + step / 7, step, 1_767_225_600_000] for step in range(POINTS)]
    journal.append({"metrics": points})


def folded(journal: Journal) -> Run:
    """Return what all of a journal comes to."""
    contents = contents_of(journal.read())
    assert contents is not None
    return contents.state.run()


def damage(journal: Journal, place: int) -> None:
    """Change a byte of a journal where it stands."""
    assert journal.path is not None
    with journal.path.open("r+b") as file:
        file.seek(place)
        file.write(b"#")


def test_every_look_sees_what_the_whole_journal_says(
    workspace: Workspace, journal: Journal
) -> None:
    for event in (
        {"params": {"lr": 0.1, "layers": [64, 32]}, "tags": {"team": "chat", "old": "1"}},
        {"metrics": [["odd", math.inf, 1, 5], ["odd", math.nan, 2, 6]], "at": 7},
        {"tags": {"old": None}, "inputs": [{"name": "q", "digest": "sha256:1"}]},
        {"set": {"name": "night", "description": "", "stats": {"passed": 3}}},
        {"params": {"lr": 0.2}, "set": {"description": "a long one"}},
    ):
        journal.append(event)
        measure(journal)
        assert repr(live(workspace)) == repr([folded(journal)])
    journal.append({"metrics": [["loss", 9.0, POINTS, 1]]})
    assert repr(live(workspace)) == repr([folded(journal)])


def test_what_was_folded_is_not_read_again(workspace: Workspace, journal: Journal) -> None:
    measure(journal)
    [before] = live(workspace)
    damage(journal, 1000)
    journal.append({"tags": {"seen": "yes"}})
    [after] = live(workspace)
    assert (after.metrics, dict(after.tags)) == (before.metrics, {"seen": "yes"})
    assert before.metrics["loss"].step == POINTS - 1


def test_a_journal_that_is_another_one_by_now_is_read_from_its_beginning(
    workspace: Workspace, journal: Journal
) -> None:
    measure(journal)
    live(workspace)
    journal.append({"tags": {"seen": "yes"}})
    damage(journal, len(journal.read()) - 100)
    [run] = live(workspace)
    assert (dict(run.metrics), dict(run.tags)) == ({}, {"seen": "yes"})


def test_a_line_that_is_being_written_is_taken_in_when_it_is_whole(
    workspace: Workspace, journal: Journal
) -> None:
    measure(journal)
    assert journal.path is not None
    whole = journal.read()
    journal.append({"tags": {"late": "yes"}})
    line = journal.read()[len(whole) :]
    journal.path.write_bytes(whole + line[:-10])
    assert dict(live(workspace)[0].tags) == {}
    journal.path.write_bytes(whole + line)
    assert dict(live(workspace)[0].tags) == {"late": "yes"}


def test_a_long_run_without_a_process_goes_on_until_its_lease_runs_out(
    workspace: Workspace,
) -> None:
    run = make_run(run_id(1), status="running")
    journal = create_journal(workspace, run.id, {"run": run.to_dict(), "lease": 60.0})
    measure(journal)
    journal.close()
    assert journal.path is not None
    now = workspace.surroundings.clock.now().timestamp()
    os.utime(journal.path, (now, now))
    for _ in range(2):
        assert (left_behind(workspace), reap(workspace)) == ([], [])
    os.utime(journal.path, (now - 90, now - 90))
    assert [one.id for one in left_behind(workspace)] == [run.id]
    [reaped] = reap(workspace)
    assert (reaped.status, reaped.metrics["loss"].step) == ("killed", POINTS - 1)
    assert len(ledger.metric_history(workspace, run.id, "loss")) == POINTS
