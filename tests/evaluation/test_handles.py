"""Evaluations in the background: how far they are, waiting for them, cancelling them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest

from gitexp.errors import InvalidInput, NotAllowed, NotFound
from gitexp.evaluation.running.handles import EvaluationHandle, submit
from gitexp.evaluation.running.progress import Progress
from gitexp.evaluation.running.requests import Limits
from gitexp.evaluation.running.runner import evaluate
from gitexp.ids import RunId
from gitexp.runs.journalling.journals import live
from gitexp.runs.tallies import Stats
from gitexp.runs.tracking.resuming import go_on_with
from gitexp.runs.tracking.starting import delete_run, open_run
from tests.evaluation.projects import Project, request
from tests.runs.making import begin_journal, make_run, run_id

WAITING = """\
import pathlib, time

go = pathlib.Path(__file__).with_name("go")

def answer(number, parameters):
    while number and not go.exists():
        time.sleep(0.002)
    return number + 1
"""


@pytest.fixture
def waiting(on_disk: Project) -> Project:
    """A project on disk whose calls wait for a file, all but the first one."""
    on_disk.code(WAITING)
    return on_disk


@contextmanager
def submitted(project: Project, **fields: object) -> Iterator[EvaluationHandle]:
    """Yield an evaluation that goes on; it is let go on to its end at last."""
    handle = submit(project.workspace, request(**fields))
    try:
        yield handle
    finally:
        project.write("go", "")
        handle.wait(60)


def first_row(handle: EvaluationHandle) -> Progress:
    """Return the progress as soon as there is some."""
    for _ in handle.looks():
        if handle.progress().done:
            break
    return handle.progress()


def test_a_handle_is_there_at_once_and_says_how_far_it_is(waiting: Project) -> None:
    with submitted(waiting, name="try", tags={"b": "2", "a": "1"}, concurrency=2) as handle:
        assert (handle.status, handle.run().name) == ("running", "try")
        assert first_row(handle) == Progress(done=1, total=4, passed=1)
        assert handle.progress().percent == 25
        with pytest.raises(TimeoutError, match="goes on after 0 s"):
            handle.wait(0)
        waiting.write("go", "")
        run = handle.wait(60)
    assert (run.status, run.stats) == ("finished", Stats(passed=4))
    assert handle.progress() == Progress(done=4, total=4, passed=4)


def test_it_is_described_in_the_words_of_evaluation_services(waiting: Project) -> None:
    with submitted(waiting, name="try", tags={"b": "2", "a": "1"}) as handle:
        first_row(handle)
        going = handle.to_dict()
    done = handle.to_dict()
    assert (going["status"], going["progress"], going["completed_at"]) == ("running", 25, None)
    assert (done["status"], done["progress"]) == ("finished", 100)
    assert done["completed_at"] is not None
    assert done["evaluator_ids"] == done["evaluator_slugs"] == ["exact-match"]
    assert done["evaluator_workflow_ids"] == []
    assert (done["batch_size"], done["concurrency"]) == (100, 15)
    assert done["enable_tracing"] is False
    assert done["tags"] == [{"key": "a", "value": "1"}, {"key": "b", "value": "2"}]
    assert done["workflow"] == [{"name": "bot", "type": "endpoint", "endpoint": "bot"}]
    assert (done["workflow_count"], done["dataset_name"], done["error_message"]) == (1, "q", None)


def test_it_is_cancelled_by_anybody_here(waiting: Project) -> None:
    waiting.dataset([{"id": str(n), "input": n, "expected": n + 1} for n in range(400)])
    with submitted(waiting, concurrency=2, batch_size=1) as handle:
        first_row(handle)
        other = EvaluationHandle(waiting.workspace, RunId(handle.id))
        other.cancel()
        waiting.write("go", "")
        run = other.wait(60)
    assert run.status == "killed"
    assert run.error is not None
    assert run.error.message == "cancelled by Ada Example <ada@example.org>"
    assert 0 < run.stats.passed < 400


def test_it_is_cancelled_as_long_as_it_is_not_over(on_disk: Project) -> None:
    """What was acknowledged is done, even when all rows are there and spans are sent last."""

    def cancel(message: str) -> None:
        [run] = live(on_disk.workspace)
        EvaluationHandle(on_disk.workspace, RunId(run.id)).cancel("enough")

    before = on_disk.workspace.surroundings
    nobody = {**before.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
    told = replace(before, environ=nobody, notice=cancel)
    workspace = replace(on_disk.workspace, surroundings=told)
    run = evaluate(workspace, request(enable_tracing=True))
    assert (run.status, run.stats) == ("killed", Stats(passed=4))
    assert run.error is not None
    assert run.error.message.endswith(": enough")


def test_one_that_is_over_cannot_be_cancelled(on_disk: Project) -> None:
    run = on_disk.run()
    handle = EvaluationHandle(on_disk.workspace, RunId(run.id))
    with pytest.raises(NotAllowed) as caught:
        handle.cancel()
    assert str(caught.value) == f"run {run.id} is finished, so it cannot be cancelled here"


def test_nobody_else_ends_it(waiting: Project) -> None:
    with submitted(waiting) as handle:
        other = open_run(waiting.workspace, handle.id)
        with pytest.raises(NotAllowed) as ended:
            other.end()
        other.close()
        with pytest.raises(NotAllowed) as deleted:
            delete_run(waiting.workspace, handle.id)
    assert str(ended.value) == f"run {handle.id} is an evaluation, which ends by itself"
    assert ended.value.hint == f"Stop it: `gitexp run cancel {handle.id}`."
    assert deleted.value.hint == f"End it first: `gitexp run cancel {handle.id}`."
    assert handle.run().stats == Stats(passed=4)


def test_what_cannot_be_carried_out_is_refused_before_it_begins(on_disk: Project) -> None:
    with pytest.raises(NotFound):
        submit(on_disk.workspace, request(dataset="z"))
    with pytest.raises(InvalidInput):
        submit(on_disk.workspace, request(selection={"where": "=="}))
    assert on_disk.runs() == []


def test_how_it_broke_is_in_its_run(on_disk: Project) -> None:
    on_disk.code("def answer(x, p): raise ValueError('no')\n")
    run = submit(on_disk.workspace, request(limits=Limits(fail_fast=True))).wait(60)
    assert run.status == "failed"
    assert run.error is not None
    assert run.error.message == "a row is an error, and the run fails fast"


def test_code_that_cannot_be_imported_is_told_at_once(on_disk: Project) -> None:
    on_disk.code("raise SystemExit('broken')\n")
    with pytest.raises(InvalidInput, match="cannot be imported: SystemExit: broken"):
        submit(on_disk.workspace, request())
    assert on_disk.runs() == []


def test_a_run_that_is_not_known_has_no_progress(on_disk: Project) -> None:
    with pytest.raises(NotFound):
        EvaluationHandle(on_disk.workspace, run_id(3)).progress()


def test_the_id_may_be_given_out_before_it_begins(on_disk: Project) -> None:
    run = evaluate(on_disk.workspace, request(), run_id=run_id(9))
    assert run.id == run_id(9)


def test_exact_files_are_there_as_long_as_it_goes_on(waiting: Project, tmp_path: Path) -> None:
    import subprocess

    git = ["git", "-c", "user.name=A", "-c", "user.email=a@example.org", "-C", waiting.directory]
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-qm", "files"], check=True)
    waiting.save("shift: 2\n")
    waiting.write("go", "")
    waiting.code("raise SystemExit('the working tree')\n")
    handle = submit(waiting.workspace, request(exact=True, limit=1))
    run = handle.wait(60)
    assert (run.stats, run.code.dirty) == (Stats(passed=1), False)


def test_one_whose_process_died_is_not_waited_for(on_disk: Project) -> None:
    handle = EvaluationHandle(on_disk.workspace, run_id(4))
    journal = begin_journal(on_disk.workspace, make_run(run_id(4), status="running"))
    assert [run.status for run in islice(handle.looks(), 2)] == ["running", "running"]
    journal.close()
    assert handle.wait(60).status == "killed"


def test_an_id_that_a_run_has_already_is_refused(on_disk: Project) -> None:
    run = on_disk.run()
    with pytest.raises(NotAllowed) as caught:
        evaluate(on_disk.workspace, request(), run_id=run.id)
    assert str(caught.value) == f"there is a run {run.id} already, which is finished"
    with (
        go_on_with(on_disk.workspace, run.id),
        pytest.raises(NotAllowed, match=r"already, which is running$"),
    ):
        evaluate(on_disk.workspace, request(), run_id=run.id)
