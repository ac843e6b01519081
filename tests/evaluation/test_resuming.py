"""Evaluations that are gone on with: only what is missing or was an error is done."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gitexp.clock import iso
from gitexp.errors import Conflict, InvalidInput, NotAllowed, NotFound, StoreError
from gitexp.evaluation.running.handles import EvaluationHandle
from gitexp.evaluation.running.keeping import encoded_row
from gitexp.evaluation.running.runner import Progress, evaluate, resume
from gitexp.ids import RunId
from gitexp.project.workspace import Workspace
from gitexp.runs.journalling.journals import paths_of
from gitexp.runs.journalling.side_files import ROWS
from gitexp.runs.recording import exchange, ledger
from gitexp.runs.recording.closing import reap
from gitexp.runs.recording.results import totals_of
from gitexp.runs.recording.segments import made_at
from gitexp.runs.run import Run
from gitexp.runs.tallies import Stats
from gitexp.runs.tracking.checkpoints import checkpoint
from gitexp.runs.tracking.resuming import go_on_with
from gitexp.runs.tracking.starting import delete_run
from gitexp.store.memory import MemoryStore
from gitexp.store.memory_remote import MemoryRemote
from tests.builders import FixedClock
from tests.evaluation.projects import Project, request
from tests.runs.making import IDENTITY, begin_journal, clone_of, make_row, make_run, run_id

FLAKY = """\
import pathlib
calls = pathlib.Path(__file__).with_name("calls.log")
fixed = pathlib.Path(__file__).with_name("fixed")

def answer(number, parameters):
    with calls.open("a") as log:
        log.write(f"{number}\\n")
    if number in BROKEN and not fixed.exists():
        raise ValueError("not yet")
    return number + parameters["shift"]
"""


@pytest.fixture
def flaky(project: Project) -> Project:
    """A project where some samples are errors until a file is there."""
    project.code(FLAKY.replace("BROKEN", "(1, 3)"))
    return project


def asked(project: Project) -> Counter[int]:
    """Return how often each sample was asked."""
    path = project.directory / "calls.log"
    return Counter(map(int, path.read_text().split())) if path.exists() else Counter()


def go_on(project: Project, run: Run, **more: Any) -> Run:
    return resume(project.workspace, run.id, **more)


def assert_counted(project: Project, run: Run) -> None:
    """Require that what the run says is what is counted over its rows."""
    recorded = ledger.get(project.workspace, run.id).to_dict()
    for name, value in totals_of(project.rows(run)).items():
        assert recorded.get(name, {}) == value


def test_errors_are_done_again_and_nothing_else(flaky: Project) -> None:
    run = flaky.run()
    assert run.stats == Stats(passed=2, errors=2)
    flaky.write("fixed", "")
    again = go_on(flaky, run)
    assert (again.id, again.status, again.stats) == (run.id, "finished", Stats(passed=4))
    assert asked(flaky) == {0: 1, 1: 2, 2: 1, 3: 2}
    assert [row.sample for row in flaky.rows(run)] == ["0", "1", "2", "3"]
    assert flaky.runs() == [again]
    assert_counted(flaky, run)


def test_what_goes_on_again_may_go_on_once_more(flaky: Project) -> None:
    run = flaky.run()
    assert go_on(flaky, run).stats == Stats(passed=2, errors=2)
    flaky.write("fixed", "")
    assert go_on(flaky, run).stats == Stats(passed=4)
    assert asked(flaky) == {0: 1, 1: 3, 2: 1, 3: 3}
    assert_counted(flaky, run)


def test_nothing_is_asked_where_nothing_is_missing(flaky: Project) -> None:
    flaky.write("fixed", "")
    run = flaky.run()
    again = go_on(flaky, run)
    assert (again.status, again.stats) == ("finished", Stats(passed=4))
    assert asked(flaky) == dict.fromkeys(range(4), 1)
    assert_counted(flaky, run)


def test_each_pass_over_a_sample_is_gone_on_with_by_itself(flaky: Project) -> None:
    flaky.code(
        FLAKY.replace("BROKEN", "(1,)").replace(
            "    if number", "    if len(calls.read_text().split()) % 2 and number"
        )
    )
    run = flaky.run(repeats=3, concurrency=1)
    before = run.stats.errors
    assert 0 < before < 3
    flaky.write("fixed", "")
    again = go_on(flaky, run)
    assert again.stats == Stats(passed=12)
    assert asked(flaky) == {0: 3, 1: 3 + before, 2: 3, 3: 3}
    assert [row.key for row in flaky.rows(run)] == [
        (str(n), repeat) for n in range(4) for repeat in range(3)
    ]


def test_progress_begins_with_what_is_done(flaky: Project) -> None:
    run = flaky.run()
    flaky.write("fixed", "")
    seen: list[Progress] = []
    go_on(flaky, run, progress=seen.append)
    assert seen[0] == Progress(done=2, total=4, passed=2)
    assert seen[-1] == Progress(done=4, total=4, passed=4)


def test_others_see_how_far_it_is_without_what_is_done_again(on_disk: Project) -> None:
    """The errors of before do not count as done while they are done again."""
    on_disk.code(FLAKY.replace("BROKEN", "(1, 3)"))
    run = on_disk.run()
    on_disk.write("fixed", "")
    handle = EvaluationHandle(on_disk.workspace, RunId(run.id))
    seen: list[Progress] = []

    def look(progress: Progress) -> None:
        seen.append(handle.progress())

    go_on(on_disk, run, progress=look)
    assert seen[0] == Progress(done=2, total=4, passed=2)
    assert handle.progress() == Progress(done=4, total=4, passed=4)


def test_the_values_are_those_that_it_began_with(flaky: Project) -> None:
    run = flaky.run(overrides={"shift": 2}, name="try", tags={"a": "b"})
    assert run.stats == Stats(failed=2, errors=2)
    flaky.save("shift: 7\n")
    flaky.write("fixed", "")
    again = go_on(flaky, run)
    assert [row.output for row in flaky.rows(run)] == [2, 3, 4, 5]
    assert (again.version, again.parameters) == (run.version, run.parameters)
    assert (again.name, again.tags) == ("try", {"a": "b"})


# --- what it is held to ---------------------------------------------------------------------


def changed_dataset(project: Project) -> None:
    project.dataset([{"id": str(n), "input": n, "expected": 0} for n in range(4)])


def changed_endpoint(project: Project) -> None:
    project.write("endpoints/bot.yaml", "type: python\n\ncallable: app:answer\n\ntimeout: 5\n")


def changed_evaluator(project: Project) -> None:
    project.write("evaluators/near.yaml", "type: numeric\n\ntolerance: 3\n")


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (changed_dataset, "dataset"),
        (changed_endpoint, "endpoint"),
        (changed_evaluator, "evaluator 'near'"),
    ],
)
def test_what_it_uses_must_be_what_it_was(flaky: Project, change: Any, what: str) -> None:
    flaky.write("evaluators/near.yaml", "type: numeric\n\ntolerance: 0\n")
    run = flaky.run(evaluators=("near",))
    before = asked(flaky)
    change(flaky)
    with pytest.raises(Conflict) as caught:
        go_on(flaky, run)
    assert str(caught.value) == f"the {what} is not what it was when run {run.id} began"
    assert caught.value.hint == "Put the file back as it was, or begin a new run."
    assert asked(flaky) == before
    assert flaky.runs() == [run]


def test_samples_in_another_order_are_refused(flaky: Project) -> None:
    """The digest of a dataset is that of its samples in any order, and rows have places."""
    run = flaky.run()
    (flaky.directory / "calls.log").unlink()
    flaky.dataset([{"id": str(n), "input": n, "expected": n + 1} for n in (3, 2, 1, 0)])
    with pytest.raises(Conflict) as caught:
        go_on(flaky, run)
    assert caught.value.message == (
        f"the samples of the dataset are not in the order in which they were when run {run.id} "
        "began"
    )
    assert not asked(flaky)
    assert flaky.runs() == [run]


def test_a_selection_is_taken_again(flaky: Project) -> None:
    run = flaky.run(selection={"sample": 2, "seed": 5})
    flaky.write("fixed", "")
    rows = [row.sample for row in flaky.rows(run)]
    again = go_on(flaky, run)
    assert again.stats == Stats(passed=2)
    assert [row.sample for row in flaky.rows(run)] == rows


WORKFLOW = """\
tasks:
  - name: ask
    type: endpoint
    endpoint: bot

  - name: more
    type: transform
    template: "{{ input + 1 }}"
"""


def test_a_workflow_must_be_what_it_was(flaky: Project) -> None:
    flaky.write("workflows/two.yaml", WORKFLOW)
    run = flaky.run(endpoint="", workflow="two")
    flaky.write("workflows/two.yaml", WORKFLOW.replace("+ 1", "+ 2"))
    with pytest.raises(Conflict, match=r"^the workflow is not what it was"):
        go_on(flaky, run)
    flaky.write("workflows/two.yaml", WORKFLOW)
    flaky.write("fixed", "")
    assert go_on(flaky, run).stats == Stats(failed=4)
    changed_endpoint(flaky)
    with pytest.raises(Conflict, match=r"^the workflow is not what it was"):
        go_on(flaky, run)


def test_a_list_of_tasks_is_gone_on_with_too(flaky: Project) -> None:
    tasks = (
        {"name": "ask", "type": "endpoint", "endpoint": "bot"},
        {"name": "more", "type": "transform", "template": "{{ input - 1 }}"},
    )
    run = flaky.run(endpoint="", workflow=tasks)
    flaky.write("fixed", "")
    again = go_on(flaky, run)
    assert again.stats == Stats(failed=4)
    assert [row.output for row in flaky.rows(run)] == [0, 1, 2, 3]


def test_an_evaluation_workflow_must_be_what_it_was(flaky: Project) -> None:
    flaky.write("workflows/both.yaml", "evaluators:\n  - evaluator: exact-match\n\npass_at: 1\n")
    run = flaky.run(evaluator_workflows=("both",))
    flaky.write("workflows/both.yaml", "evaluators:\n  - evaluator: exact-match\n\npass_at: 0.5\n")
    with pytest.raises(Conflict, match=r"^the evaluator 'both' is not what it was"):
        go_on(flaky, run)
    flaky.write("workflows/both.yaml", "evaluators:\n  - evaluator: exact-match\n\npass_at: 1\n")
    flaky.write("fixed", "")
    assert go_on(flaky, run).stats == Stats(passed=4)


def test_files_that_are_gone_are_told(flaky: Project) -> None:
    run = flaky.run()
    (flaky.directory / "endpoints/bot.yaml").unlink()
    with pytest.raises(NotFound):
        go_on(flaky, run)
    assert flaky.runs() == [run]


def test_a_run_that_is_no_evaluation_is_refused(project: Project) -> None:
    journal = begin_journal(project.workspace, make_run(run_id(1), status="running"))
    journal.close()
    record = ledger.record_of(make_run(run_id(2)))
    ledger.append(project.workspace, "tone", [record])
    with pytest.raises(NotAllowed) as caught:
        resume(project.workspace, run_id(2))
    assert str(caught.value) == (
        f"run {run_id(2)} is no evaluation, so it cannot be gone on with here"
    )
    assert ledger.get(project.workspace, run_id(2)).status == "finished"


def test_runs_that_are_not_known_or_deleted_are_refused(flaky: Project) -> None:
    with pytest.raises(NotFound):
        resume(flaky.workspace, run_id(7))
    with pytest.raises(InvalidInput):
        resume(flaky.workspace, "latest")
    run = flaky.run()
    delete_run(flaky.workspace, run.id)
    with pytest.raises(NotAllowed, match="is deleted"):
        go_on(flaky, run)


def test_one_that_goes_on_already_is_refused(on_disk: Project) -> None:
    run = on_disk.run()
    with go_on_with(on_disk.workspace, run.id) as (_, journal):
        with pytest.raises(NotAllowed) as caught:
            go_on(on_disk, run)
        journal.discard()
    assert str(caught.value) == f"run {run.id} goes on already"
    assert caught.value.hint == f"See how far it is: `gitexp run watch {run.id}`."
    assert go_on(on_disk, run).status == "finished"


def test_one_that_is_refused_disturbs_nobody(on_disk: Project) -> None:
    """The second one is started while the first one is in the middle of its rows."""
    on_disk.code(FLAKY.replace("BROKEN", "(1, 3)"))
    run = on_disk.run()
    on_disk.write("fixed", "")
    refused: list[NotAllowed] = []

    def second(progress: Progress) -> None:
        with pytest.raises(NotAllowed) as caught:
            go_on(on_disk, run)
        refused.append(caught.value)

    again = go_on(on_disk, run, progress=second)
    assert again.stats == Stats(passed=4)
    assert len(refused) == 3
    assert asked(on_disk) == {0: 1, 1: 2, 2: 1, 3: 2}


# --- runs that go on elsewhere --------------------------------------------------------------


@pytest.fixture
def elsewhere(flaky: Project) -> Project:
    """A project with a run that goes on in another clone, which shared that."""
    shared = MemoryStore()
    store = MemoryStore(config={**IDENTITY, "remote.origin.url": "memory:shared"})
    flaky.workspace = replace(
        flaky.workspace, store=store, open_remote=lambda name: MemoryRemote(store, shared)
    )
    flaky.save("shift: 1\n")
    run = flaky.run()
    exchange.push(flaky.workspace)
    there = clone_of(shared, seed=2)
    exchange.fetch(there)
    going_on = go_on_with(there, run.id)
    _, journal = going_on.__enter__()
    journal.sides.append(ROWS, encoded_row(make_row("1", position=1)))
    checkpoint(there, journal, push=True)
    exchange.fetch(flaky.workspace)
    return flaky


def at(project: Project, moment: datetime) -> Workspace:
    """Return the workspace of a project where it is some moment."""
    surroundings = replace(project.workspace.surroundings, clock=FixedClock(moment))
    return replace(project.workspace, surroundings=surroundings)


def test_one_that_goes_on_elsewhere_is_refused_for_a_day(elsewhere: Project) -> None:
    [run] = elsewhere.runs()
    assert run.status == "running"
    assert EvaluationHandle(elsewhere.workspace, run.id).is_elsewhere
    shared = max(ledger.segments_of(elsewhere.workspace, run.id))
    until = made_at(shared) + timedelta(days=1)
    tip = elsewhere.workspace.store.refs("")
    with pytest.raises(NotAllowed) as caught:
        resume(at(elsewhere, until - timedelta(seconds=2)), run.id)
    assert str(caught.value) == (
        f"run {run.id} goes on elsewhere: {run.who} began it on {run.machine.platform} at "
        f"{iso(run.created_at)}, and what it had done was last shared at {iso(made_at(shared))}"
    )
    assert caught.value.hint == (
        f"Wait for its end and fetch that: `gitexp fetch`. It counts as over at {iso(until)}; "
        f"where you know that it is dead: `gitexp run resume {run.id} --force`."
    )
    assert elsewhere.workspace.store.refs("") == tip
    elsewhere.write("fixed", "")
    again = resume(at(elsewhere, until), run.id)
    assert (again.status, again.stats) == ("finished", Stats(passed=4))
    assert not EvaluationHandle(elsewhere.workspace, run.id).is_elsewhere
    assert asked(elsewhere) == {0: 1, 1: 1, 2: 1, 3: 2}


def test_one_that_goes_on_elsewhere_is_gone_on_with_on_demand(elsewhere: Project) -> None:
    [run] = elsewhere.runs()
    elsewhere.write("fixed", "")
    assert go_on(elsewhere, run, force=True).stats == Stats(passed=4)
    assert_counted(elsewhere, run)


# --- deaths ---------------------------------------------------------------------------------


def left_behind(project: Project) -> Run:
    """Return an evaluation whose process is gone after two rows."""

    class Gone(BaseException):
        """Ends everything at once."""

    def begun(run: Run) -> None:
        raise Gone

    workspace = project.workspace
    with pytest.raises(Gone):
        evaluate(workspace, request(concurrency=1), begun=begun)
    return ledger.read(workspace, "tone")[0]


def test_an_evaluation_that_did_nothing_yet_is_gone_on_with(on_disk: Project) -> None:
    run = left_behind(on_disk)
    assert (run.status, run.stats) == ("failed", Stats())
    again = go_on(on_disk, run)
    assert (again.status, again.stats, again.error) == ("finished", Stats(passed=4), None)


def test_a_full_disk_ends_it_and_it_is_gone_on_with_later(
    on_disk: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_disk.code(FLAKY.replace("BROKEN", "(1, 3)"))
    run = on_disk.run()
    on_disk.write("fixed", "")

    def full(*arguments: object, **more: object) -> None:
        raise OSError(28, "no space left on the disk")

    with monkeypatch.context() as broken:
        broken.setattr(ledger, "write", full)
        with pytest.raises(OSError, match="no space left"):
            go_on(on_disk, run)
    assert len(paths_of(on_disk.workspace, RunId(run.id))) == 1
    again = go_on(on_disk, run)
    assert again.stats == Stats(passed=4)
    assert asked(on_disk) == {0: 1, 1: 2, 2: 1, 3: 2}
    assert reap(on_disk.workspace) == []
    assert_counted(on_disk, run)


def test_a_project_elsewhere_reads_what_was_gone_on_with(on_disk: Project, tmp_path: Path) -> None:
    run = on_disk.run(limit=2)
    go_on(on_disk, run)
    other: Workspace = replace(on_disk.workspace, directory=None)
    assert ledger.get(other, run.id).stats == Stats(passed=2)
    with pytest.raises(NotAllowed, match="bare"):
        resume(other, run.id)
    assert ledger.get(other, run.id).status == "finished"


def test_rows_of_one_that_cannot_be_ended_are_kept(on_disk: Project) -> None:
    on_disk.code(FLAKY.replace("BROKEN", "(1, 3)"))
    run = on_disk.run()
    on_disk.write("fixed", "")
    gates: list[Path] = []

    def in_the_way(progress: Progress) -> None:
        if not gates:
            gates.append(paths_of(on_disk.workspace, RunId(run.id))[0].with_suffix(".gate"))
            gates[0].unlink()
            gates[0].mkdir()

    with pytest.raises(StoreError):
        go_on(on_disk, run, progress=in_the_way)
    gates[0].rmdir()
    [again] = reap(on_disk.workspace)
    assert (again.id, again.status, again.stats) == (run.id, "killed", Stats(passed=4))
    assert_counted(on_disk, run)


def test_rows_of_one_that_is_broken_off_before_its_end_are_kept(on_disk: Project) -> None:
    run = on_disk.run()
    row = make_row("7", "passed", position=7)
    going_on = go_on_with(on_disk.workspace, run.id)
    _, journal = going_on.__enter__()
    journal.sides.append(ROWS, encoded_row(row))
    assert not going_on.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert [again.id for again in reap(on_disk.workspace)] == [run.id]
    assert [row.sample for row in on_disk.rows(run)] == ["0", "1", "2", "3", "7"]
