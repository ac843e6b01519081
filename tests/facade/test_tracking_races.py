"""Tracking where several meet: nothing acknowledged is lost, and what comes too late is refused."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gitexp.errors import Conflict, NotAllowed, NotFound, RepositoryBusy
from gitexp.experiment import Experiment
from gitexp.ids import Name
from gitexp.repository import Repository
from gitexp.runs.journalling import gates, journals, syncing
from gitexp.runs.recording import closing, ledger
from gitexp.runs.recording.closing import ending_fields
from gitexp.runs.tracking import resuming
from gitexp.runs.tracking.active import ActiveRun
from gitexp.runs.tracking.resuming import resume_run
from gitexp.runs.tracking.starting import NewRun, open_run, start_run
from gitexp.store.filelocks import lock_file_now
from tests.builders import MOMENT
from tests.faults.injection import Fault, injected

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


@pytest.fixture
def experiment(repository: Repository) -> Experiment:
    """An experiment with one version."""
    made = repository.experiments.create("tone")
    made.commit({"model": "small"}, message="first")
    return made


def left(repository: Repository) -> list[str]:
    directory = journals.directory_of(repository.workspace)
    assert directory is not None
    return sorted(path.name for path in directory.glob("*"))


def is_over(run: ActiveRun) -> str:
    return f"run {run.id} is over: nothing can be added to it"


# --- ended by somebody else -----------------------------------------------------------------


def test_a_run_that_another_process_ended_takes_nothing_more_of_its_own(
    repository: Repository, experiment: Experiment
) -> None:
    run = experiment.start_run()
    run.log_metric("x", 1.0)
    repository.runs.open(run.id).end("failed")
    for attempt in (lambda: run.log_metric("x", 2.0), lambda: run.log_param("p", 1), run.end):
        with pytest.raises(NotAllowed) as caught:
            attempt()
        assert str(caught.value) == is_over(run)
    found = repository.runs.get(run.id)
    assert (found.status, found.metrics["x"].value) == ("failed", 1.0)
    assert left(repository) == []


def test_what_its_own_process_logged_before_another_one_ended_it_is_there(
    repository: Repository, experiment: Experiment
) -> None:
    run = experiment.start_run()
    acknowledged = 0
    started = threading.Event()

    def work() -> None:
        nonlocal acknowledged
        with contextlib.suppress(NotAllowed):
            for number in range(1_000_000):
                run.log_metric("x", number, step=number)
                acknowledged = number + 1
                if number == 50:
                    started.set()

    thread = threading.Thread(target=work)
    thread.start()
    started.wait()
    repository.runs.open(run.id).end()
    thread.join()
    steps = [point.step for point in repository.runs.metric_history(run.id, "x")]
    assert steps[:acknowledged] == list(range(acknowledged))


def test_nothing_is_added_to_a_run_that_was_reaped_and_whose_journal_is_still_there(
    repository: Repository, experiment: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = NewRun(experiment="tone", held=False, lease=0.0)
    run = start_run(repository.workspace, new)
    run.log_metric("x", 1.0)
    os.utime(run._journal.path or "", (0, 0))
    real = os.unlink

    def unlink(path: Any, *more: Any, **options: Any) -> None:
        if str(path).endswith((".journal", ".gate")):
            raise OSError(errno.EIO, os.strerror(errno.EIO), path)
        real(path, *more, **options)

    with monkeypatch.context() as patched:
        patched.setattr(os, "unlink", unlink)
        (killed,) = repository.runs.reap()
    assert left(repository) == [f"{run.id}.gate", f"{run.id}.journal"]
    with pytest.raises(NotAllowed):
        run.log_metric("x", 2.0)
    assert repository.runs.reap() == []
    assert left(repository) == []
    assert repository.runs.get(run.id) == killed


def test_a_call_that_is_too_late_leaves_nothing_behind(
    repository: Repository, experiment: Experiment
) -> None:
    run = experiment.start_run()
    other = repository.runs.open(run.id)
    run.end()
    with pytest.raises(NotAllowed):
        other.log_metric("late", 1.0)
    assert left(repository) == []


def test_a_run_that_ended_and_is_not_recorded_yet_is_over_for_everybody(
    repository: Repository, experiment: Experiment
) -> None:
    run = experiment.start_run()
    run._journal.end({"set": ending_fields("finished", MOMENT + timedelta(hours=1), 1.0)})
    with pytest.raises(NotAllowed, match="is over"):
        open_run(repository.workspace, run.id)
    assert repository.runs.get(run.id).status == "finished"


def test_a_tag_for_a_run_that_is_just_being_recorded_stands_beside_it(
    repository: Repository, experiment: Experiment
) -> None:
    run = experiment.start_run()
    other = repository.runs.open(run.id)
    ending = {"set": ending_fields("finished", MOMENT + timedelta(hours=1), 1.0)}
    contents = journals.contents_of(other._journal.end(ending))
    assert contents is not None
    repository.runs.set_tags(run.id, {"best": "yes"})
    # Whoever ended it is done only now.
    closing.record(repository.workspace, contents, other._journal.sides)
    other._journal.discard()
    run.close()
    found = repository.runs.get(run.id)
    assert (found.status, found.tags) == ("finished", {"best": "yes"})


def test_a_run_of_another_project_cannot_be_opened(
    repository: Repository, experiment: Experiment
) -> None:
    run = experiment.start_run()
    with pytest.raises(NotFound):
        open_run(replace(repository.workspace, project_id=Name("web")), run.id)
    run.end()


def test_nobody_adds_to_a_run_before_its_first_event(
    repository: Repository, experiment: Experiment
) -> None:
    directory = journals.directory_of(repository.workspace)
    assert directory is not None
    path = directory / "20260102T030405-aaaaaaaa.journal"
    found: list[object] = []

    def other(name: str, flags: int, *more: int) -> int:
        if Path(name).suffix == ".gate" and path.exists():
            found.append(journals.contents_of(path.read_bytes()))
        return real(name, flags, *more)

    real, run = os.open, experiment.start_run()
    run.close()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "open", other)
        first = {"run": run.snapshot().to_dict()}
        journals.create_journal(repository.workspace, path.stem, first).close()
    (contents,) = found
    assert contents is not None


def test_a_run_that_is_never_done_ending_does_not_go_on(
    repository: Repository, experiment: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resuming, "_PAUSES", (0.0, 0.0))
    run = experiment.start_run()
    path = run._journal.path
    assert path is not None
    # Somebody has shut it and not written its end, and its own process does nothing.
    with gates.gate_of(path) as gate:
        assert gate is not None
        os.ftruncate(gate, 1)
    with pytest.raises(RepositoryBusy) as caught:
        resume_run(repository.workspace, run.id)
    assert str(caught.value) == f"another process has been ending run {run.id} for 0 s"
    run.close()
    (killed,) = repository.runs.reap()
    assert (killed.id, killed.status) == (run.id, "killed")


STOPPED = """
import os, signal, sys
from pathlib import Path
from typing import Any
from gitexp.repository import Repository
from tests.faults.run_acts import surroundings_of
path = Path(sys.argv[1])
repository = Repository.open(path, surroundings=surroundings_of(path.parent))
real = os.fsync
def fsync(descriptor):
    real(descriptor)
    os.fsync = real
    os.kill(os.getpid(), signal.SIGTERM)
with repository.experiments.get("tone").start_run() as run:
    run.log_metric("x", 1.0)
    os.fsync = fsync
"""


def test_a_process_that_is_told_to_stop_while_its_run_ends_is_stopped(
    repository: Repository, experiment: Experiment
) -> None:
    directory = repository.root_directory
    assert directory is not None
    process = subprocess.run(
        [sys.executable, "-c", STOPPED, str(directory)],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (process.returncode, process.stderr) == (-signal.SIGTERM, "")
    repository.runs.reap()
    (run,) = ledger.read(repository.workspace, "tone")
    assert (run.status, run.metrics["x"].value) == ("finished", 1.0)


# --- forks and threads ----------------------------------------------------------------------


@needs_fork
def test_a_forked_process_does_not_keep_a_gate_locked(
    repository: Repository, experiment: Experiment
) -> None:
    run = experiment.start_run()
    path = run._journal.path
    assert path is not None
    read, write = os.pipe()
    with gates.gate_of(path):
        child = os.fork()
        if child == 0:
            os.close(write)
            os.read(read, 1)
            os._exit(0)
    descriptor = os.open(path.with_suffix(gates.SUFFIX), os.O_RDWR)
    assert lock_file_now(descriptor)
    os.close(descriptor)
    os.close(write)
    os.waitpid(child, 0)
    os.close(read)
    run.end()


@needs_fork
def test_what_a_forked_process_logs_is_made_safe_as_well(experiment: Experiment) -> None:
    run = experiment.start_run()
    run.log_metric("x", 1.0)
    child = os.fork()
    if child == 0:
        run.log_metric("y", 1.0)
        os._exit(0 if run._journal in syncing._waiting else 1)
    assert os.waitpid(child, 0)[1] == 0
    run.end()


def test_letting_go_of_a_run_makes_it_safe_from_a_power_cut(
    repository: Repository, experiment: Experiment
) -> None:
    run = start_run(repository.workspace, NewRun(experiment="tone", held=False))
    run.log_metric("x", 1.0)
    with injected(Fault(at=0, code=None)) as counted:
        run.close()
    assert "fsync" in counted.calls


def test_letting_go_of_a_run_while_threads_log_loses_nothing(
    repository: Repository, experiment: Experiment
) -> None:
    run = experiment.start_run()
    acknowledged: list[int] = []
    begun = threading.Barrier(5)

    def work() -> None:
        begun.wait()
        with contextlib.suppress(NotAllowed):
            for number in range(1_000_000):
                run.log_metric("x", number, step=number)
                acknowledged.append(number)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    begun.wait()
    while len(acknowledged) < 100:
        pass
    run.close()
    for thread in threads:
        thread.join()
    path = run._journal.path
    assert path is not None
    assert len(list(journals.entries(path.read_bytes()))) == 1 + len(acknowledged)


# --- going on with a run --------------------------------------------------------------------


def test_a_run_that_goes_on_twice_goes_on_once(
    repository: Repository, experiment: Experiment
) -> None:
    run = experiment.start_run().end()
    one = resume_run(repository.workspace, run.id)
    other = resume_run(repository.workspace, run.id)
    one.log_param("lr", 0.1)
    with pytest.raises(Conflict):
        other.log_param("lr", 0.2)
    other.log_metric("x", 1.0)
    ended = one.end("failed")
    assert (ended.status, ended.params, ended.metrics["x"].value) == ("failed", {"lr": 0.1}, 1.0)
    assert repository.runs.get(run.id) == ended


def test_a_run_that_goes_on_can_be_checkpointed_and_ends(
    repository: Repository, experiment: Experiment
) -> None:
    run = experiment.start_run().end()
    again = resume_run(repository.workspace, run.id)
    again.log_metric("x", 1.0, step=1)
    assert again.checkpoint()
    again.log_metric("x", 2.0, step=2)
    ended = again.end("failed")
    assert repository.runs.get(run.id) == ended
    assert ended.status == "failed"
    history = repository.runs.metric_history(run.id, "x")
    assert [point.value for point in history] == [1.0, 2.0]
