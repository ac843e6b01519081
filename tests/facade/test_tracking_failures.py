"""Tracking where disks fail, clocks run backwards and names change: what is known stays known."""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from gitexp.errors import StoreError
from gitexp.experiment import Experiment
from gitexp.repository import Repository
from gitexp.runs.journalling import journals
from gitexp.runs.recording import closing, ledger
from gitexp.runs.recording.closing import ending_fields
from gitexp.runs.tracking.starting import NewRun, start_run
from tests.builders import MOMENT, FixedClock
from tests.faults.injection import Fault, injected


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


def failing(act: Callable[[], object], call: str, code: int) -> Fault:
    """Return the fault that makes the first call of a name fail when `act` is repeated.

    `act` is carried out once, to count the calls.
    """
    with injected(Fault(at=0, code=None)) as counted:
        act()
    return Fault(at=counted.calls.index(call) + 1, code=code)


# --- failing disks --------------------------------------------------------------------------


def test_a_param_that_could_not_be_logged_may_be_logged_with_another_value(
    experiment: Experiment,
) -> None:
    run = experiment.start_run()
    fault = failing(lambda: run.log_param("a", 1), "write", errno.ENOSPC)
    with injected(fault), pytest.raises(StoreError):
        run.log_param("lr", 0.1)
    run.log_param("lr", 0.2)
    assert run.end().params == {"a": 1, "lr": 0.2}


def test_a_run_whose_end_could_not_be_written_goes_on(
    repository: Repository, experiment: Experiment
) -> None:
    fault = failing(experiment.start_run().end, "write", errno.ENOSPC)
    run = experiment.start_run()
    with injected(fault), pytest.raises(StoreError):
        run.end()
    run.log_metric("x", 1.0)
    assert run.end().metrics["x"].value == 1.0
    assert left(repository) == []


def test_a_journal_that_cannot_be_removed_makes_no_error_of_an_end(
    repository: Repository, experiment: Experiment
) -> None:
    run = experiment.start_run()
    ending = {"set": ending_fields("finished", MOMENT + timedelta(hours=1), 1.0)}
    contents = journals.contents_of(run._journal.end(ending))
    assert contents is not None
    closing.record(repository.workspace, contents)
    fault = Fault(at=2, code=errno.EIO)
    with injected(fault):
        run._journal.discard()
    assert fault.calls == ["unlink", "unlink"]
    assert left(repository) == [f"{run.id}.journal"]
    assert repository.runs.reap() == []
    assert left(repository) == []


def test_journals_that_cannot_be_read_are_an_error_with_a_place(
    repository: Repository, experiment: Experiment
) -> None:
    run = experiment.start_run()
    directory = journals.directory_of(repository.workspace)
    with injected(Fault(at=1, code=errno.EACCES)), pytest.raises(StoreError) as caught:
        journals.live(repository.workspace)
    assert str(caught.value) == f"{directory} cannot be read: Permission denied"
    run.end()


def test_a_journal_that_cannot_be_recorded_keeps_no_other_run_waiting(
    repository: Repository, experiment: Experiment
) -> None:
    run = experiment.start_run()
    run.close()
    path = run._journal.path
    assert path is not None
    odd = path.with_name("0-odd.journal")
    odd.mkdir()
    with pytest.raises(StoreError) as caught:
        repository.runs.reap()
    assert str(caught.value) == f"{odd} cannot be read: Is a directory"
    assert repository.runs.get(run.id).status == "killed"
    experiment.start_run().end()


def test_a_checkpoint_that_could_not_be_recorded_is_recorded_by_the_next(
    repository: Repository, experiment: Experiment
) -> None:
    run = experiment.start_run()
    run.log_metric("x", 1.0, step=1)
    fault = failing(run.checkpoint, "link", errno.ENOSPC)
    run.log_metric("x", 2.0, step=2)
    with injected(fault), pytest.raises(StoreError):
        run.checkpoint()
    assert len(ledger.segments_of(repository.workspace, run.id)) == 1
    run.log_metric("x", 3.0, step=3)
    run.log_text("text", "a.txt")
    assert run.checkpoint()
    assert len(ledger.segments_of(repository.workspace, run.id)) == 3
    ended = run.end()
    assert len(ended.segments) == 3
    history = repository.runs.metric_history(run.id, "x")
    assert [point.value for point in history] == [1.0, 2.0, 3.0]
    assert repository.runs.get(run.id) == ended


def test_what_a_checkpoint_recorded_is_not_read_again(
    repository: Repository, experiment: Experiment
) -> None:
    run = experiment.start_run()
    run.log_text("a text", "a.txt")
    run.checkpoint()
    private = repository.workspace.store.private_dir
    assert private is not None
    files = [path for path in private.rglob("*") if path.is_file()]
    (staged,) = [path for path in files if path.read_bytes() == b"a text"]
    staged.chmod(0o600)
    staged.write_bytes(b"damaged")
    run.set_tag("a", "b")
    assert run.checkpoint()
    assert run.end().artifacts[0].path == "a.txt"


# --- clocks and names -----------------------------------------------------------------------


class BackwardClock(FixedClock):
    """A clock that is put back all the time."""

    def now(self) -> datetime:
        """Return a moment before the one that was returned last."""
        self._next -= 2 * self._step
        return super().now()


@pytest.fixture
def backward(repository: Repository) -> Repository:
    """The repository where the clock goes backwards."""
    around = replace(repository.workspace.surroundings, clock=BackwardClock())
    return Repository(replace(repository.workspace, surroundings=around))


def test_checkpoints_stand_in_their_order_whatever_the_clock_says(
    backward: Repository, experiment: Experiment
) -> None:
    run = start_run(backward.workspace, NewRun(experiment="tone"))
    for value in (1, 2, 3):
        run.set_tag("count", value)
        run.checkpoint()
        assert ledger.get(backward.workspace, run.id).tags == {"count": str(value)}
    assert run.end().tags == {"count": "3"}
    for value in (4, 5, 6):
        backward.runs.set_tags(run.id, {"count": value})
        assert backward.runs.get(run.id).tags == {"count": str(value)}


def test_a_run_is_recorded_with_its_experiment_and_not_with_a_namesake(
    repository: Repository, experiment: Experiment
) -> None:
    run = experiment.start_run()
    experiment.rename("voice")
    repository.experiments.create("tone")
    run.end()
    assert [found.id for found in ledger.read(repository.workspace, "voice")] == [run.id]
    assert ledger.read(repository.workspace, "tone") == []
