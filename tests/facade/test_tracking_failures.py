"""Tracking where disks fail, clocks run backwards and names change: what is known stays known."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from gitexp.errors import InvalidInput, StoreError
from gitexp.experiment import Experiment
from gitexp.repository import Repository
from gitexp.runs.journalling import journals
from gitexp.runs.journalling.contents import encoded, line_of
from gitexp.runs.recording import ledger
from gitexp.runs.tracking.active import ActiveRun
from gitexp.runs.tracking.starting import NewRun, start_run
from tests.builders import FixedClock
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
    repository: Repository, experiment: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = experiment.start_run()
    real = os.unlink

    def unlink(path: Any, *more: Any, **options: Any) -> None:
        if str(path).endswith(".journal"):
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))
        real(path, *more, **options)

    with monkeypatch.context() as patched:
        patched.setattr(os, "unlink", unlink)
        ended = run.end()
    assert left(repository) == [f"{run.id}.journal"]
    assert repository.runs.reap() == []
    assert left(repository) == []
    assert repository.runs.get(run.id) == ended


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


def test_a_run_of_a_purged_experiment_is_not_taken_for_one_of_its_namesake(
    repository: Repository,
) -> None:
    experiment = repository.experiments.create("tone")
    run = experiment.start_run()
    run.log_metric("x", 1.0)
    experiment.delete()
    experiment.purge()
    namesake = repository.experiments.create("tone")
    own = namesake.start_run().end()
    ended = run.end()
    assert [found.id for found in ledger.read(repository.workspace, "tone")] == [own.id]
    assert repository.runs.get(run.id) == ended
    assert ended.metrics["x"].value == 1.0
    repository.runs.set_tags(run.id, {"a": "b"})
    assert repository.runs.get(run.id).tags == {"a": "b"}


# --- what else the system refuses -----------------------------------------------------------


def test_a_gate_that_cannot_be_looked_at_is_an_error_with_a_place(
    repository: Repository, experiment: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = experiment.start_run()
    real = os.stat

    def refused(path: Any, *more: Any, **options: Any) -> os.stat_result:
        if str(path).endswith(".gate"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return real(path, *more, **options)

    path = run._journal.path
    with monkeypatch.context() as patched:
        patched.setattr(os, "stat", refused)
        for attempt in (run.snapshot, lambda: repository.runs.open(run.id)):
            with pytest.raises(StoreError) as caught:
                attempt()
            assert str(caught.value) == f"{path} cannot be read: Permission denied"
    run.end()


def test_a_journal_that_cannot_be_looked_for_keeps_its_gate(
    repository: Repository, experiment: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment.start_run().end()
    directory = journals.directory_of(repository.workspace)
    assert directory is not None
    gate = directory / "20260102T030405-aaaaaaaa.gate"
    gate.touch()

    def refused(path: Any, *more: Any, **options: Any) -> os.stat_result:
        if str(path).endswith(".journal"):
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))
        return real(path, *more, **options)

    real = os.lstat
    with monkeypatch.context() as patched:
        patched.setattr(os, "lstat", refused)
        journals.sweep(repository.workspace)
    assert left(repository) == [gate.name]
    journals.sweep(repository.workspace)
    assert left(repository) == []


def test_what_could_not_be_made_safe_is_not_said_to_be_safe_later(experiment: Experiment) -> None:
    run = experiment.start_run()
    run.sync()
    run.log_metric("x", 1.0)
    fault = failing(run.sync, "fsync", errno.EIO)
    for _ in range(2):
        with injected(fault), pytest.raises(StoreError) as caught:
            run.sync()
        assert str(caught.value) == (
            "cannot write to the repository: Input/output error; "
            "the last second of the run may be lost"
        )
        fault = Fault(at=0, code=None)
    assert run.end().metrics["x"].value == 1.0


def test_a_line_that_the_disk_took_in_part_is_not_mixed_with_others(
    experiment: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = experiment.start_run()
    path = run._journal.path
    assert path is not None
    real, other = os.write, line_of(encoded({"tags": {"other": "1"}}))

    def write(descriptor: int, data: bytes) -> int:
        monkeypatch.undo()
        written = real(descriptor, bytes(data)[: len(data) // 2])
        with path.open("ab") as file:
            file.write(other)
        return written

    monkeypatch.setattr(os, "write", write)
    run.set_tag("own", "1")
    assert run.end().tags == {"own": "1", "other": "1"}


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_those_who_share_a_repository_may_use_its_journals(
    repository: Repository, experiment: Experiment, git: Callable[..., str]
) -> None:
    git(repository.root_directory, "config", "core.sharedRepository", "group")
    before = os.umask(0o077)
    try:
        with Repository.open(
            repository.root_directory or ".", surroundings=repository.workspace.surroundings
        ) as shared:
            run = shared.experiments.get("tone").start_run()
            path = run._journal.path
            assert path is not None
            for file in (path, path.with_suffix(".gate")):
                assert stat.S_IMODE(file.stat().st_mode) == 0o660
            assert stat.S_IMODE(path.parent.stat().st_mode) == 0o2770
            run.end()
    finally:
        os.umask(before)


@pytest.mark.parametrize(
    ("log", "message"),
    [
        (
            lambda run: run.log_metric("x", 10**5000),
            "metric 'x': a number of 16610 bits is too large",
        ),
        (
            lambda run: run.log_metric("x", 1.0, step=10**5000),
            "step a number of 16610 bits is no whole number of 64 bits",
        ),
        (
            lambda run: run.log_param("x", [10**5000]),
            "a param cannot hold a number of 16610 bits",
        ),
    ],
)
def test_a_number_of_thousands_of_digits_is_refused(
    experiment: Experiment, log: Callable[[ActiveRun], object], message: str
) -> None:
    run = experiment.start_run()
    with pytest.raises(InvalidInput) as caught:
        log(run)
    assert str(caught.value) == message
    run.log_param("x", 10**4000)
    assert run.end().params == {"x": 10**4000}
