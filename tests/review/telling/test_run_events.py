"""Runs as events."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from gitexp.clock import parse_iso
from gitexp.project.workspace import Workspace
from gitexp.review.telling import run_events as module
from gitexp.review.telling.run_events import run_events
from gitexp.review.telling.timeline import LogQuery, timeline
from gitexp.runs.recording import ledger
from gitexp.runs.run import RunStatus
from tests.runs.making import disk_workspace, make_run, run_id

STORY: tuple[tuple[str, RunStatus], ...] = (
    ("tone", "finished"),
    ("tune", "failed"),
    ("tone", "finished"),
)


@pytest.fixture
def three(tmp_path: Path) -> Workspace:
    """Three runs, one of them failed, of two experiments."""
    workspace = disk_workspace(tmp_path / "project")
    for number, (experiment, status) in enumerate(STORY):
        run = make_run(run_id(number), status=status, experiment=experiment)
        ledger.append(workspace, experiment, [ledger.record_of(run, [])])
    return workspace


def test_runs_are_told_newest_first_with_how_they_ended(three: Workspace) -> None:
    found = run_events(three)
    assert [(e.experiment, e.action) for e in found] == [
        ("tone", "finished"),
        ("tune", "failed"),
        ("tone", "finished"),
    ]
    assert all(event.kind == "run" and event.run and event.by for event in found)
    assert all(parse_iso(event.details["ended_at"]) >= event.at for event in found)


def test_runs_are_chosen_before_they_are_read(
    three: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PAGE", 1)
    newest, middle, _ = run_events(three)
    assert [e.run for e in run_events(three, limit=2)] == [newest.run, middle.run]
    assert [e.run for e in run_events(three, experiments=["tune"])] == [middle.run]
    assert len(run_events(three, hidden=["tune"])) == 2
    assert run_events(three, author=newest.by.upper())[0].run == newest.run
    assert run_events(three, author="nobody'; drop %") == []
    assert [e.run for e in run_events(three, since=newest.at, until=newest.at)] == [newest.run]
    later = newest.at + timedelta(days=1)
    assert run_events(three, since=later) == []
    assert len(run_events(three, until=later)) == 3


def test_a_run_that_waits_is_told_by_when_it_was_asked_for(three: Workspace) -> None:
    waiting = make_run(run_id(9), status="scheduled", experiment="tone")
    ledger.append(three, "tone", [ledger.record_of(waiting, [])])
    last = run_events(three)[-1]
    assert (last.action, last.at) == ("scheduled", waiting.created_at)
    assert [e.run for e in run_events(three, since=waiting.created_at)] == [waiting.id]


def test_a_run_that_waits_does_not_move_those_before_it(three: Workspace) -> None:
    waiting = make_run(run_id(9), status="scheduled", experiment="tone")
    ledger.append(three, "tone", [ledger.record_of(waiting, [])])
    story = timeline(three, LogQuery(kinds=["run"]))
    assert [event.action for event in story.events] == [
        "scheduled",
        "finished",
        "failed",
        "finished",
    ]
