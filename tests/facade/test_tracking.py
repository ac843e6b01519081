"""Tracking: what is logged is there at once, survives its process, and becomes one record."""

from __future__ import annotations

import contextlib
import math
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import gitexp
from gitexp.errors import Conflict, InvalidDocuments, InvalidInput, NotAllowed, NotFound
from gitexp.experiment import Experiment
from gitexp.repository import Repository
from gitexp.runs.journalling import journals
from gitexp.runs.metrics import MetricPoint
from gitexp.runs.recording import ledger
from gitexp.runs.rows import Failure
from gitexp.runs.run import Run
from gitexp.runs.tracking.active import ActiveRun, Logged
from gitexp.runs.tracking.resuming import resume_run
from gitexp.runs.tracking.starting import NewRun, start_run
from tests.builders import FixedClock

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture
def experiment(repository: Repository) -> Experiment:
    """An experiment with one version."""
    made = repository.experiments.create("tone")
    made.commit({"model": "small"}, message="first")
    return made


def logged(run: ActiveRun) -> Run:
    """Log one of everything and end the run."""
    run.log_metrics({"loss": 0.5, "accuracy": 0.25}, step=1)
    run.log_metric("loss", 0.25, step=2)
    run.log_params({"lr": 0.1, "layers": [1, 2]})
    run.set_tags({"team": "chat"})
    return run.end()


GONE = "the process ended without closing the run; what it logged is here"


def script_run(repository: Repository, code: str, *arguments: str) -> subprocess.Popen[str]:
    """Return a process that has opened the repository as `repo`."""
    begin = (
        "import sys, os, signal, time, gitexp\n"
        "repo = gitexp.Repository.open(sys.argv[1])\n"
        "experiment = repo.experiments.get('tone')\n"
    )
    directory = repository.root_directory
    assert directory is not None
    environ = {
        **repository.workspace.surroundings.environ,
        "PYTHONPATH": str(CHECKOUT),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return subprocess.Popen(
        [sys.executable, "-c", begin + code, str(directory), *arguments],
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_run_looks_its_experiment_up_once_to_begin_and_once_to_be_recorded(
    repository: Repository, experiment: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged(experiment.start_run())
    looks: list[str] = []
    real = os.open

    def recorded(path: str, *rest: Any, **named: Any) -> int:
        looks.append(os.fspath(path))
        return real(path, *rest, **named)

    monkeypatch.setattr(os, "open", recorded)
    run = experiment.start_run()
    # Once for itself, and once among all, for one that has its id under a newer name.
    assert sum(path.endswith("refs/heads/exp/bot/tone") for path in looks) == 2
    looks.clear()
    logged(run)
    assert sum(path.endswith("refs/heads/exp/bot/tone") for path in looks) == 1
    # It has no checkpoint and no artifact, of which files could be recorded already.
    assert sum(path.endswith("refs/remotes/origin/runs/bot/tone") for path in looks) == 0


def test_a_run_records_what_was_logged(repository: Repository, experiment: Experiment) -> None:
    run = logged(experiment.start_run(name="first", description="try", tags={"kind": "nightly"}))
    assert (run.status, run.name, run.description) == ("finished", "first", "try")
    assert run.params == {"lr": 0.1, "layers": [1, 2]}
    assert run.tags == {"kind": "nightly", "team": "chat"}
    assert {name: (p.value, p.step) for name, p in run.metrics.items()} == {
        "loss": (0.25, 2),
        "accuracy": (0.25, 1),
    }
    assert repository.runs.get(run.id) == run
    assert [p.value for p in repository.runs.metric_history(run.id, "loss")] == [0.5, 0.25]


def test_a_run_says_what_it_was_made_with(repository: Repository, experiment: Experiment) -> None:
    version = experiment.latest_version
    run = experiment.start_run(parameters={"temperature": 0.9}).end()
    assert run.version == version
    assert run.parameters == {"model": "small", "temperature": 0.9, "key": "BOT_KEY"}
    assert run.overrides == {"temperature": 0.9}
    assert run.digest != experiment.version().digest
    assert run.code.commit == repository.workspace.store.head().commit
    assert run.machine.python.startswith("CPython ")
    assert run.machine.packages is not None
    assert run.who == "Ada Example <ada@example.org>"


def test_the_packages_of_many_runs_stand_once_on_the_branch(
    experiment: Experiment, git: Callable[..., str]
) -> None:
    runs = [experiment.start_run().end() for _ in range(2)]
    directory = experiment.repository.root_directory
    assert directory is not None
    listed = git(directory, "ls-tree", "-r", "--name-only", "runs/bot/tone").split()
    (packages,) = [path for path in listed if path.startswith("packages/")]
    assert packages.removeprefix("packages/").removesuffix(".txt") in str(runs[0].machine.packages)
    assert "click==" in git(directory, "show", f"runs/bot/tone:{packages}")


def test_a_run_without_any_version_is_tracked_too(repository: Repository) -> None:
    run = repository.experiments.create("bare").start_run().end()
    assert (run.version, run.digest, run.parameters) == (None, None, {})


def test_a_wrong_value_for_the_run_is_refused_before_it_begins(experiment: Experiment) -> None:
    with pytest.raises(InvalidDocuments, match="temperature"):
        experiment.start_run(parameters={"temperature": "hot"})
    assert journals.live(experiment.repository.workspace) == []


def test_a_run_is_visible_from_its_first_event(
    repository: Repository, experiment: Experiment
) -> None:
    run = experiment.start_run()
    run.log_metrics({"loss": 0.5})
    seen = repository.runs.get(run.id)
    assert (seen.status, seen.metrics["loss"].value) == ("running", 0.5)
    assert [p.value for p in repository.runs.metric_history(run.id, "loss")] == [0.5]
    run.end()


@pytest.mark.parametrize("value", [math.inf, -math.inf, 1e-323, 1.7976931348623157e308, -0.0])
def test_every_float_comes_back(
    repository: Repository, experiment: Experiment, value: float
) -> None:
    run = experiment.start_run()
    run.log_metric("x", value)
    ended = run.end()
    assert repr(ended.metrics["x"].value) == repr(value)
    assert repr(repository.runs.metric_history(run.id, "x")[0].value) == repr(value)


def test_nan_comes_back(repository: Repository, experiment: Experiment) -> None:
    run = experiment.start_run()
    run.log_metric("x", math.nan)
    assert math.isnan(run.end().metrics["x"].value)
    assert math.isnan(repository.runs.metric_history(run.id, "x")[0].value)


def test_the_latest_value_has_the_highest_step_then_the_latest_time(experiment: Experiment) -> None:
    run = experiment.start_run()
    run.log_metric("x", 1.0, step=5, timestamp=10)
    run.log_metric("x", 2.0, step=5, timestamp=20)
    run.log_metric("x", 3.0, step=4, timestamp=90)
    assert run.end().metrics["x"] == MetricPoint(2.0, 5, 20)


def test_a_point_that_was_logged_twice_is_there_once(
    repository: Repository, experiment: Experiment
) -> None:
    run = experiment.start_run()
    for _ in range(3):
        run.log_metric("x", 1.0, step=1, timestamp=5)
    run.end()
    assert repository.runs.metric_history(run.id, "x") == [MetricPoint(1.0, 1, 5)]


@pytest.mark.parametrize(
    ("metrics", "message"),
    [
        ({"x": "high"}, "metric 'x': 'high' is no number"),
        ({"x": True}, "metric 'x': True is no number"),
        ({"x": None}, "metric 'x': None is no number"),
        ({"x": 10**400}, f"metric 'x': {10**400} is too large"),
        ({"": 1.0}, "metric name '' is empty"),
        ({"a//b": 1.0}, "metric name 'a//b' is no normalised relative path"),
        ({"../x": 1.0}, "metric name '../x' is no normalised relative path"),
        ({"a\nb": 1.0}, "metric name 'a\\nb' has a character that names do not have"),
        ({"x" * 251: 1.0}, f"metric name {'x' * 251!r} is longer than 250 characters"),
    ],
)
def test_a_metric_that_is_none_is_refused(
    experiment: Experiment, metrics: dict[str, float], message: str
) -> None:
    run = experiment.start_run()
    with pytest.raises(InvalidInput) as caught:
        run.log_metrics({"good": 1.0, **metrics})
    assert str(caught.value) == message
    assert run.end().metrics == {}


@pytest.mark.parametrize("step", [1.5, "1", None, True, 2**63])
def test_a_step_that_is_no_integer_is_refused(experiment: Experiment, step: int) -> None:
    run = experiment.start_run()
    with pytest.raises(InvalidInput, match=r"step .* is no whole number of 64 bits"):
        run.log_metric("x", 1.0, step=step)
    run.end()


def test_a_param_never_changes(experiment: Experiment) -> None:
    run = experiment.start_run()
    run.log_params({"lr": 0.1, "name": "a"})
    run.log_params({"lr": 0.1})
    with pytest.raises(Conflict) as caught:
        run.log_params({"new": 1, "lr": 0.2, "name": "b"})
    assert str(caught.value) == (
        f"run {run.id} has other values of these params already: lr: 0.1, now 0.2; "
        "name: 'a', now 'b'"
    )
    assert run.end().params == {"lr": 0.1, "name": "a"}


def test_a_batch_is_logged_whole_or_not_at_all(experiment: Experiment) -> None:
    run = experiment.start_run()
    run.log_param("lr", 0.1)
    counts = run.log_batch(metrics={"loss": 1.0}, params={"a": 1}, tags={"t": 1}, step=3)
    assert counts == Logged(metrics=1, params=1, tags=1)
    with pytest.raises(Conflict):
        run.log_batch(metrics={"loss": 2.0}, params={"lr": 0.2}, tags={"t": 2})
    with pytest.raises(InvalidInput):
        run.log_batch(metrics={"bad\n": 2.0}, params={"b": 2})
    ended = run.end()
    assert (ended.metrics["loss"].value, ended.params, ended.tags) == (
        1.0,
        {"lr": 0.1, "a": 1},
        {"t": "1"},
    )


def test_a_batch_takes_points_of_several_steps(
    repository: Repository, experiment: Experiment
) -> None:
    run = experiment.start_run()
    run.log_batch(metrics=[("x", 1.0, 1, 10), ("x", 2.0, 2, 20), ("y", 3.0, 1, 10)])
    run.end()
    assert [p.step for p in repository.runs.metric_history(run.id, "x")] == [1, 2]


def test_a_tag_can_be_replaced_and_removed(experiment: Experiment) -> None:
    run = experiment.start_run()
    run.set_tags({"a": 1, "b": 2})
    run.set_tag("a", "new")
    run.delete_tag("b")
    assert run.end().tags == {"a": "new"}


def test_nothing_is_logged_after_the_end(experiment: Experiment) -> None:
    run = experiment.start_run()
    run.end()
    for attempt in (
        lambda: run.log_metric("x", 1.0),
        lambda: run.log_param("x", 1),
        lambda: run.set_tag("x", 1),
        run.end,
        run.checkpoint,
    ):
        with pytest.raises(NotAllowed, match=f"run {run.id} is over"):
            attempt()


def test_a_run_cannot_end_as_running(experiment: Experiment) -> None:
    run = experiment.start_run()
    with pytest.raises(InvalidInput, match="a run cannot end as 'running'"):
        run.end("running")
    run.end()


# --- endings --------------------------------------------------------------------------------


def ending(experiment: Experiment, exc: BaseException | None) -> Run:
    run = experiment.start_run()
    with contextlib.suppress(BaseException), run:
        if exc is not None:
            raise exc
    return experiment.repository.runs.get(run.id)


@pytest.mark.parametrize(
    ("exc", "status", "error"),
    [
        (None, "finished", None),
        (ValueError("no"), "failed", Failure(type="ValueError", message="no")),
        (
            KeyboardInterrupt(),
            "killed",
            Failure(type="KeyboardInterrupt", message="stopped by Ctrl-C"),
        ),
        (SystemExit(0), "finished", None),
        (SystemExit(3), "failed", Failure(type="SystemExit", message="3")),
    ],
)
def test_a_block_ends_its_run_truthfully(
    experiment: Experiment, exc: BaseException | None, status: str, error: Failure | None
) -> None:
    run = ending(experiment, exc)
    assert (run.status, run.error) == (status, error)


def test_a_run_that_was_ended_in_its_block_stays_as_it_ended(experiment: Experiment) -> None:
    with experiment.start_run() as run:
        run.end("failed")
    assert experiment.repository.runs.get(run.id).status == "failed"


@pytest.mark.parametrize(
    ("code", "status", "message"),
    [
        ("os._exit(3)", "killed", GONE),
        ("os.kill(os.getpid(), signal.SIGKILL)", "killed", GONE),
        ("os.kill(os.getpid(), signal.SIGTERM)", "killed", GONE),
        ("raise ValueError('no')", "failed", "no"),
        ("pass", "killed", "the program ended without ending the run: end it, or use `with`"),
    ],
)  # fmt: skip
def test_a_run_by_hand_that_its_program_leaves_is_closed_truthfully(
    repository: Repository, experiment: Experiment, code: str, status: str, message: str
) -> None:
    begin = "run = experiment.start_run()\nrun.log_metric('x', 1.0)\nprint(run.id, flush=True)\n"
    process = script_run(repository, begin + code)
    out, _ = process.communicate(timeout=60)
    (found,) = repository.runs.reap() or [repository.runs.get(out.strip())]
    assert (found.id, found.status) == (out.strip(), status)
    assert found.error is not None
    assert found.error.message == message
    assert found.metrics["x"].value == 1.0
    assert journals.live(repository.workspace) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_block_and_then_the_process(
    repository: Repository, experiment: Experiment, number: signal.Signals
) -> None:
    process = script_run(
        repository,
        "with experiment.start_run() as run:\n"
        "    run.log_metric('x', 1.0)\n"
        "    print(run.id, flush=True)\n"
        "    sys.stdin.read()\n",
    )
    assert process.stdout is not None
    run_id = process.stdout.readline().strip()
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == -number
    found = ledger.get(repository.workspace, run_id)
    assert (found.status, found.metrics["x"].value) == ("killed", 1.0)


# --- several writers ------------------------------------------------------------------------


def test_threads_log_to_one_run(repository: Repository, experiment: Experiment) -> None:
    run = experiment.start_run()

    def work(number: int) -> None:
        for step in range(50):
            run.log_metric(f"m{number}", step, step)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    run.end()
    for number in range(8):
        history = repository.runs.metric_history(run.id, f"m{number}")
        assert [point.value for point in history] == list(range(50))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_forked_processes_log_to_one_run_and_only_its_own_ends_it(
    repository: Repository, experiment: Experiment
) -> None:
    process = script_run(
        repository,
        "with experiment.start_run() as run:\n"
        "    children = []\n"
        "    for child in range(3):\n"
        "        pid = os.fork()\n"
        "        if pid == 0:\n"
        "            for step in range(20):\n"
        "                run.log_metric(f'm{child}', step, step)\n"
        "            sys.exit(0)\n"
        "        children.append(pid)\n"
        "    for pid in children:\n"
        "        assert os.waitpid(pid, 0)[1] == 0\n"
        "    run.log_metric('parent', 1.0)\n"
        "    print(run.id)\n",
    )
    out, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    run = repository.runs.get(out.strip())
    assert run.status == "finished"
    assert sorted(run.metrics) == ["m0", "m1", "m2", "parent"]
    assert len(repository.runs.metric_history(run.id, "m2")) == 20


def test_another_process_may_log_until_the_run_ends(
    repository: Repository, experiment: Experiment
) -> None:
    run = experiment.start_run()
    other = repository.runs.open(run.id)
    other.log_params({"lr": 0.1})
    with pytest.raises(Conflict):
        run.log_params({"lr": 0.2})
    run.log_params({"depth": 3})
    with pytest.raises(Conflict):
        other.log_params({"depth": 4})
    ended = run.end()
    assert ended.params == {"lr": 0.1, "depth": 3}
    with pytest.raises(NotAllowed, match="is over"):
        other.log_metric("late", 1.0)
    with pytest.raises(NotAllowed, match="is over"):
        repository.runs.open(run.id)


def test_a_full_disk_is_an_error_and_what_was_logged_stays(
    repository: Repository, experiment: Experiment
) -> None:
    process = script_run(
        repository,
        "import resource\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "run = experiment.start_run()\n"
        "size = os.stat(run._journal.path).st_size\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (size + 700, resource.RLIM_INFINITY))\n"
        "done = 0\n"
        "try:\n"
        "    for done in range(100):\n"
        "        run.log_metric('x', done, done)\n"
        "except gitexp.GitexpError as exc:\n"
        "    print(run.id, done, exc.__class__.__name__, flush=True)\n"
        "os._exit(0)\n",
    )
    out, errors = process.communicate(timeout=60)
    assert out, errors
    run_id, done, kind = out.split()
    assert kind == "StoreError"
    (found,) = repository.runs.reap()
    assert (found.id, found.status) == (run_id, "killed")
    assert len(repository.runs.metric_history(run_id, "x")) == int(done) > 0


# --- runs without a process of their own ----------------------------------------------------


def leased(experiment: Experiment, *, lease: float = 3600.0) -> ActiveRun:
    new = NewRun(experiment="tone", held=False, lease=lease)
    return start_run(experiment.repository.workspace, new)


def in_hours(repository: Repository, hours: float) -> Repository:
    """Return the repository as somebody sees it some hours after the last event."""
    (path,) = journals.paths_of(repository.workspace)
    later = FixedClock(step=0.0)
    os.utime(path, (later.now().timestamp() - hours * 3600,) * 2)
    around = replace(repository.workspace.surroundings, clock=later)
    return Repository(replace(repository.workspace, surroundings=around))


def test_a_run_without_a_process_goes_on_while_its_lease_lasts(
    repository: Repository, experiment: Experiment
) -> None:
    run = leased(experiment)
    run.log_metric("x", 1.0)
    run.close()
    assert in_hours(repository, 0.9).runs.reap() == []
    (killed,) = in_hours(repository, 1.1).runs.reap()
    assert (killed.id, killed.status) == (run.id, "killed")
    assert killed.error is not None
    assert killed.error.message == (
        "nothing was logged for longer than the run's lease; it counts as over"
    )


# --- relatives ------------------------------------------------------------------------------


def test_a_retry_is_a_new_attempt_linked_to_the_first(experiment: Experiment) -> None:
    first = experiment.start_run().end("failed")
    second = experiment.start_run(retry_of=first.id).end("failed")
    third = experiment.start_run(retry_of=second.id).end()
    assert [(r.attempt, r.retry_of) for r in (first, second, third)] == [
        (1, None),
        (2, first.id),
        (3, first.id),
    ]


def test_a_run_can_be_a_part_of_another(experiment: Experiment) -> None:
    with experiment.start_run() as outer:
        inner = experiment.start_run(parent=outer.id).end()
    assert inner.parent == outer.id
    with pytest.raises(NotFound):
        experiment.start_run(parent="20200101T000000-aaaaaaaa")


# --- after the end --------------------------------------------------------------------------


def test_tags_of_a_run_that_is_over_are_facts_beside_its_record(
    repository: Repository, experiment: Experiment
) -> None:
    run = logged(experiment.start_run())
    record = repository.workspace.store.ref("refs/heads/runs/bot/tone")
    repository.runs.set_tags(run.id, {"best": "yes", "team": "search"})
    repository.runs.delete_tags(run.id, ["best"])
    found = repository.runs.get(run.id)
    assert found.tags == {"team": "search"}
    assert replace(found, tags=run.tags) == run
    assert record != repository.workspace.store.ref("refs/heads/runs/bot/tone")
    with pytest.raises(NotFound, match="has no tag 'best'"):
        repository.runs.delete_tags(run.id, ["best"])


def test_a_run_can_be_deleted_and_restored(repository: Repository, experiment: Experiment) -> None:
    run = logged(experiment.start_run())
    assert repository.runs.delete(run.id).lifecycle == "deleted"
    repository.runs.delete(run.id)
    with pytest.raises(NotAllowed, match=f"run {run.id} is deleted"):
        repository.runs.set_tags(run.id, {"a": "b"})
    repository.runs.restore(run.id)
    assert repository.runs.get(run.id) == run
    with pytest.raises(NotAllowed, match="is not deleted"):
        repository.runs.restore(run.id)


def test_an_experiment_comes_back_with_exactly_the_runs_that_were_there(
    repository: Repository, experiment: Experiment
) -> None:
    kept, deleted = (experiment.start_run().end() for _ in range(2))
    other = repository.experiments.create("other").start_run().end()
    repository.runs.delete(deleted.id)

    def listed() -> set[str]:
        return {run.id for run in repository.runs.search().runs}

    assert listed() == {kept.id, other.id}
    experiment.delete()
    assert listed() == {other.id}
    with pytest.raises(NotAllowed, match="is deleted"):
        experiment.start_run()
    experiment.restore()
    assert listed() == {kept.id, other.id}
    assert repository.runs.get(deleted.id).lifecycle == "deleted"
    for name in ("tone", "other"):
        repository.experiments.get(name).delete()
    assert listed() == set()


def test_a_run_that_goes_on_cannot_be_deleted(
    repository: Repository, experiment: Experiment
) -> None:
    run = experiment.start_run()
    with pytest.raises(NotAllowed, match=f"run {run.id} still goes on"):
        repository.runs.delete(run.id)
    run.end()


def test_a_run_that_is_resumed_adds_to_its_record(
    repository: Repository, experiment: Experiment
) -> None:
    run = logged(experiment.start_run())
    again = resume_run(repository.workspace, run.id)
    assert repository.runs.get(run.id).status == "running"
    again.log_metric("loss", 0.125, step=3)
    ended = again.end("failed")
    assert (ended.status, ended.metrics["loss"].value) == ("failed", 0.125)
    assert repository.runs.get(run.id) == ended
    history = repository.runs.metric_history(run.id, "loss")
    assert [point.value for point in history] == [0.5, 0.25, 0.125]


# --- checkpoints ----------------------------------------------------------------------------


def test_a_checkpoint_shows_others_what_was_logged_so_far(
    repository: Repository, experiment: Experiment, tmp_path: Path
) -> None:
    experiment.share()
    run = experiment.start_run()
    run.log_metrics({"loss": 0.5}, step=1)
    assert run.checkpoint(push=True)
    around = repository.workspace.surroundings
    theirs = Repository.clone(
        str(tmp_path / "shared.git"), tmp_path / "theirs", surroundings=around
    )
    seen = theirs.runs.get(run.id)
    assert (seen.status, seen.metrics["loss"].value) == ("running", 0.5)
    run.log_metrics({"loss": 0.25}, step=2)
    run.end()
    repository.runs.sync()
    theirs.fetch()
    assert theirs.runs.get(run.id) == repository.runs.get(run.id)
    history = theirs.runs.metric_history(run.id, "loss")
    assert [point.value for point in history] == [0.5, 0.25]


def test_a_checkpoint_of_nothing_new_makes_no_commit(experiment: Experiment) -> None:
    run = experiment.start_run()
    assert run.checkpoint()
    before = experiment.repository.workspace.store.ref("refs/heads/runs/bot/tone")
    assert not run.checkpoint()
    assert experiment.repository.workspace.store.ref("refs/heads/runs/bot/tone") == before
    run.end()


# --- the active run -------------------------------------------------------------------------


def test_the_active_run_is_that_of_the_block(experiment: Experiment) -> None:
    assert gitexp.active_run() is None
    with pytest.raises(NotAllowed, match="no run is active"):
        gitexp.log_metrics({"x": 1.0})
    with experiment.start_run() as outer:
        gitexp.log_metrics({"x": 1.0}, step=1)
        gitexp.log_params({"lr": 0.1})
        gitexp.set_tags({"a": "b"})
        with experiment.start_run(parent=outer.id) as inner:
            gitexp.log_metric("y", 2.0)
        assert gitexp.active_run() is outer
    assert gitexp.active_run() is None
    runs = experiment.repository.runs
    assert sorted(runs.get(outer.id).metrics) == ["x"]
    assert sorted(runs.get(inner.id).metrics) == ["y"]


def test_a_thread_logs_to_the_run_of_its_process(experiment: Experiment) -> None:
    with experiment.start_run() as run:
        thread = threading.Thread(target=lambda: gitexp.log_metric("x", 1.0))
        thread.start()
        thread.join()
    assert experiment.repository.runs.get(run.id).metrics["x"].value == 1.0


def test_a_run_is_found_by_the_beginning_of_its_id(
    repository: Repository, experiment: Experiment
) -> None:
    run = experiment.start_run().end()
    assert repository.runs.resolve(run.id[:-3]) == run.id
    with pytest.raises(NotFound):
        repository.runs.resolve("1999")
    experiment.start_run().end()
    with pytest.raises(InvalidInput, match="several runs begin with '2026'"):
        repository.runs.resolve("2026")
