from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gitexp.errors import NotAllowed
from gitexp.integrations.mlflow.journaling import OpenJournal, OpenJournals
from gitexp.project.workspace import Workspace
from gitexp.runs.journalling import journals
from gitexp.runs.journalling.journals import create_journal
from gitexp.runs.run import Run
from tests.runs.making import disk_workspace, make_run, run_id


@pytest.fixture
def on_disk(tmp_path: Path) -> Workspace:
    return disk_workspace(tmp_path / "project")


@pytest.fixture
def run() -> Run:
    return make_run(run_id(1))


def nothing() -> None:
    """Find nothing wrong."""


def begun(workspace: Workspace, run: Run, **more: Any) -> journals.Journal:
    return create_journal(workspace, run.id, {"run": run.to_dict(), **more})


def found(known: OpenJournals, run: Run) -> OpenJournal:
    opened = known.find(run.id)
    assert opened is not None
    return opened


def test_a_run_without_a_journal_is_not_found(on_disk: Workspace, run: Run) -> None:
    assert OpenJournals(on_disk).find(run.id) is None


def test_a_journal_stays_open_between_calls(on_disk: Workspace, run: Run) -> None:
    begun(on_disk, run)
    known = OpenJournals(on_disk)
    assert found(known, run) is found(known, run)


def test_what_another_process_added_is_known(on_disk: Workspace, run: Run) -> None:
    begun(on_disk, run, lease=60.0).close()
    ours, theirs = OpenJournals(on_disk), OpenJournals(on_disk)
    found(ours, run).append({"params": {"a": 1}}, nothing)
    seen: list[dict[str, Any]] = []
    other = found(theirs, run)
    other.append_checked({"params": {"b": 2}}, lambda: seen.append(dict(other.params)))
    one = found(ours, run)
    one.append({"tags": {"x": "y"}}, lambda: seen.append(dict(one.params)))
    assert seen == [{"a": 1}, {"a": 1, "b": 2}]


def test_the_params_of_the_run_itself_are_known(on_disk: Workspace) -> None:
    run = make_run(run_id(1), params={"a": 1})
    begun(on_disk, run)
    opened = found(OpenJournals(on_disk), run)
    opened.append({"tags": {"x": "y"}}, nothing)
    assert opened.params == {"a": 1}


def test_a_check_that_raises_keeps_the_event_out(on_disk: Workspace, run: Run) -> None:
    begun(on_disk, run)
    opened = found(OpenJournals(on_disk), run)

    def refuse() -> None:
        raise NotAllowed("no")

    for append in (opened.append, opened.append_checked):
        with pytest.raises(NotAllowed, match=r"\Ano\Z"):
            append({"tags": {"x": "y"}}, refuse)
    assert [event for event in journals.events_of(on_disk, run.id) if "tags" in event] == []


def test_a_run_that_is_deleted_elsewhere_is_known_to_be(on_disk: Workspace, run: Run) -> None:
    begun(on_disk, run, lease=60.0).close()
    ours, theirs = OpenJournals(on_disk), OpenJournals(on_disk)
    opened = found(ours, run)
    opened.append({"tags": {"x": "y"}}, nothing)
    found(theirs, run).append({"set": {"lifecycle": "deleted"}}, nothing)
    seen: list[bool] = []
    opened.append({"tags": {"x": "z"}}, lambda: seen.append(opened.deleted))
    found(theirs, run).append({"set": {"lifecycle": "active"}}, nothing)
    opened.append({"tags": {"x": "z"}}, lambda: seen.append(opened.deleted))
    assert seen == [True, False]


def test_a_run_that_ended_elsewhere_takes_no_more(on_disk: Workspace, run: Run) -> None:
    mine = begun(on_disk, run)
    known = OpenJournals(on_disk)
    opened = known.keep(run.id, mine)
    other = journals.open_journal(journals.paths_of(on_disk, run.id)[0])
    assert other is not None
    other.end({"set": {"status": "finished"}})
    with pytest.raises(NotAllowed):
        opened.append({"tags": {"x": "y"}}, nothing)
    assert known.find(run.id) is None


def test_many_journals_do_not_stay_open_for_ever(on_disk: Workspace) -> None:
    known = OpenJournals(on_disk)
    runs = [make_run(run_id(number)) for number in range(205)]
    for run in runs:
        begun(on_disk, run, lease=60.0).close()
    opened = [found(known, run) for run in runs]
    assert [one.journal.is_open for one in opened[:6]] == [False] * 5 + [True]
    found(known, runs[0]).append({"tags": {"x": "y"}}, nothing)
