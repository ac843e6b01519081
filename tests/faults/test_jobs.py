"""Workers that race, die, are told to stop, and jobs that do not stop when they are asked to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gitexp.evaluation.jobs import working
from gitexp.evaluation.jobs.states import Job
from gitexp.evaluation.jobs.working import Worker
from gitexp.runs.recording.closing import reap
from gitexp.surroundings import Surroundings
from tests.evaluation.jobbing import create, jobs_of, steps, with_entrypoints
from tests.evaluation.projects import Project
from tests.runs.making import disk_workspace

pytestmark = pytest.mark.faults

PACKAGE = str(Path(__file__).parents[2])
SLOW = """\
import pathlib, time
def answer(given, parameters):
    pathlib.Path("asked").touch()
    time.sleep(600)
"""
LONG = """\
command: [sh, -c, 'touch asked; echo begun; exec sleep 600']
queues: [default]
max_attempts: 2
"""


@pytest.fixture
def bot(tmp_path: Path) -> Project:
    """A project on disk with entrypoints, whose identity is in the environment."""
    directory = tmp_path / "project"
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": PACKAGE}
    return with_entrypoints(
        Project(workspace=disk_workspace(directory, environ=environ), directory=directory)
    )


@contextmanager
def worker(project: Project, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """Yield a worker that is a process of its own; it is killed after the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", "gitexp", "job", "work", *options],
        cwd=project.directory,
        env=dict(project.workspace.surroundings.environ),
        stderr=subprocess.PIPE,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def until(is_so: Callable[[], object], what: str) -> None:
    """Wait until something is so, for a minute at most."""
    end = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < end, f"in vain: {what}"
        time.sleep(0.05)


def asked(project: Project) -> bool:
    return (project.directory / "asked").exists()


def standing(project: Project, job: Job) -> str:
    return jobs_of(project).get(job.id).status


def test_two_workers_never_take_one_job(bot: Project) -> None:
    made = [create(bot) for _ in range(6)]
    with worker(bot, "--once", "--concurrency", "2") as one, worker(bot, "--once") as other:
        said = [process.communicate(timeout=120)[1].decode() for process in (one, other)]
    assert [process.returncode for process in (one, other)] == [0, 0], said
    assert [steps(bot, job) for job in made] == [["queued", "started", "finished"]] * 6
    assert len(bot.runs()) == 6


@pytest.mark.skipif(sys.platform == "win32", reason="there is no kill -9")
def test_a_job_whose_worker_was_killed_begins_again_where_it_may(bot: Project) -> None:
    bot.code(SLOW)
    job, last = create(bot, max_attempts=2), create(bot)
    with worker(bot, "--concurrency", "2") as process:
        until(lambda: standing(bot, last) == "started" and asked(bot), "both are started")
        process.send_signal(signal.SIGKILL)
        process.wait(30)
        until(lambda: reap(bot.workspace) or standing(bot, last) == "failed", "it is noticed")
        until(lambda: reap(bot.workspace) or standing(bot, job) == "failed", "it is noticed")
    assert jobs_of(bot).get(last.id).reason == (
        "the process ended without closing the run; what it logged is here"
    )
    (bot.directory / "asked").unlink()
    bot.code("def answer(given, parameters):\n    return given + 1\n")
    with worker(bot, "--once") as process:
        process.communicate(timeout=60)
    assert (standing(bot, job), standing(bot, last)) == ("finished", "failed")
    assert steps(bot, job) == [
        "queued",
        "started",
        "failed",
        "reset",
        "queued",
        "started",
        "finished",
    ]
    again = [c.reason for c in jobs_of(bot).history(job.id) if c.status == "reset"]
    assert again == ["its worker died; attempt 2 of 2"]


@pytest.mark.skipif(sys.platform == "win32", reason="there is no kill -9")
def test_a_program_ends_with_its_worker(bot: Project) -> None:
    bot.write("entrypoints/train.yaml", LONG)
    job = create(bot, "train")
    with worker(bot) as process:
        until(lambda: asked(bot), "the program runs")
        process.send_signal(signal.SIGKILL)
        process.wait(30)
        until(lambda: standing(bot, job) == "failed", "it is over")
    failed = jobs_of(bot).get(job.id)
    assert failed.reason == "the worker that did the job died"
    assert failed.run.exit is not None
    assert failed.run.exit.output_tail == "begun\n"


def test_a_job_that_somebody_cancels_stops(bot: Project) -> None:
    bot.write("entrypoints/train.yaml", LONG)
    job = create(bot, "train")
    with worker(bot, "--once") as process:
        until(lambda: asked(bot), "the program runs")
        assert jobs_of(bot).cancel(job.id, reason="enough").status == "started"
        process.communicate(timeout=60)
    cancelled = jobs_of(bot).get(job.id)
    assert (cancelled.status, cancelled.run.status) == ("failed", "killed")
    assert cancelled.reason == "cancelled by Ada Example <ada@example.org>: enough"
    assert steps(bot, job) == ["queued", "started", "cancelled", "failed"]


def test_a_job_takes_no_longer_than_its_timeout(bot: Project) -> None:
    bot.write("entrypoints/train.yaml", LONG)
    job = create(bot, "train", timeout=0.5)
    with worker(bot, "--once") as process:
        process.communicate(timeout=60)
    over = jobs_of(bot).get(job.id)
    assert (over.status, over.run.attempt) == ("failed", 1)
    assert over.reason == (
        "cancelled by Ada Example <ada@example.org>: it took longer than its timeout of 0.5 s"
    )


def test_a_job_that_does_not_stop_is_killed(bot: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(working, "_PATIENCE", 0.5)
    bot.code(SLOW)
    job = create(bot, timeout=0.5)
    assert worker_here(bot).work(once=True) == 1
    over = jobs_of(bot).get(job.id)
    assert (over.status, over.run.status) == ("failed", "killed")
    assert over.reason == (
        "cancelled by Ada Example <ada@example.org>: it took longer than its timeout of 0.5 s; "
        "it did not stop when it was asked to, and was killed"
    )


def worker_here(project: Project) -> Worker:
    """Return a worker in this process, with the machine's clock."""
    from dataclasses import replace

    real = Surroundings(environ=project.workspace.surroundings.environ)
    return Worker(replace(project.workspace, surroundings=real), "default")


def test_processes_that_cannot_begin_are_not_started_forever(bot: Project) -> None:
    from gitexp.errors import GitexpError

    create(bot)
    words = [sys.executable, "-c", "raise SystemExit(5)"]
    broken = Worker(bot.workspace, "default", words=words)
    with pytest.raises(GitexpError) as caught:
        broken.work(once=True)
    assert str(caught.value) == (
        "the processes that do jobs end with exit code 5 before they take one"
    )
    assert standing(bot, jobs_of(bot).list()[0]) == "queued"


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT reaches no single process")
def test_ctrl_c_finishes_what_is_in_hand(bot: Project) -> None:
    bot.write(
        "entrypoints/train.yaml",
        "command: [sh, -c, 'touch asked; while [ ! -e go ]; do sleep 0.05; done']\n"
        "queues: [default]\n",
    )
    first, second = create(bot, "train"), create(bot, "train")
    with worker(bot) as process:
        until(lambda: asked(bot), "the program runs")
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        said = next(line for line in iter(process.stderr.readline, b"") if b"in hand" in line)
        (bot.directory / "go").touch()
        process.communicate(timeout=60)
    assert said == b"1 job in hand is finished; Ctrl-C again cancels it\n"
    assert (process.returncode, standing(bot, first)) == (0, "finished")
    assert standing(bot, second) == "queued"


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT reaches no single process")
@pytest.mark.parametrize("at_once", [False, True])
def test_a_second_ctrl_c_cancels_a_job_whose_process_still_starts(
    bot: Project, at_once: bool
) -> None:
    bot.write("entrypoints/train.yaml", LONG)
    job = create(bot, "train")
    first = "kill -INT $PPID; " if at_once else ""
    wait = f"{first}touch starting; while [ ! -e go ]; do sleep 0.05; done; exec "
    words = ["sh", "-c", f"{wait} {sys.executable} -m gitexp job do default"]
    work = (
        "import sys; from gitexp import Repository; from gitexp.evaluation.jobs.working import *\n"
        "say = lambda text: print(text, file=sys.stderr, flush=True)\n"
        f"Worker(Repository.open().workspace, 'default', words={words!r}, say=say).work()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", work],
        cwd=bot.directory,
        env=dict(bot.workspace.surroundings.environ),
        stderr=subprocess.PIPE,
    )
    try:
        assert process.stderr is not None
        until((bot.directory / "starting").exists, "a process starts")
        if not at_once:
            process.send_signal(signal.SIGINT)
        told = b"1 job in hand is "
        assert process.stderr.readline() == told + b"finished; Ctrl-C again cancels it\n"
        process.send_signal(signal.SIGINT)
        assert process.stderr.readline() == told + b"asked to stop\n"
        (bot.directory / "go").touch()
        process.communicate(timeout=60)
    finally:
        (bot.directory / "go").touch()
        process.kill()
        process.communicate()
    assert (process.returncode, standing(bot, job)) == (0, "failed")
    assert steps(bot, job)[-2:] == ["cancelled", "failed"]


def test_two_people_who_reset_a_job_make_one_attempt(bot: Project) -> None:
    job = create(bot)
    assert worker_here(bot).work(once=True) == 1
    words = [sys.executable, "-m", "gitexp", "job", "reset", job.id]
    environ = dict(bot.workspace.surroundings.environ)
    both = [
        subprocess.Popen(words, cwd=bot.directory, env=environ, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    said = [process.communicate(timeout=60)[1].decode() for process in both]
    again = [change for change in jobs_of(bot).history(job.id) if change.attempt == 2]
    assert jobs_of(bot).get(job.id).run.attempt == 2, said
    # Whoever came later found a job that waits, and left it where it was.
    assert {change.status for change in again} <= {"queued", "reset"}
    assert len(jobs_of(bot).list()) == 1
    assert len(list((bot.directory / ".git/gitexp/journals").glob("*.journal"))) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGTERM")
def test_a_worker_that_is_told_to_end_cancels_what_is_in_hand(bot: Project) -> None:
    bot.write("entrypoints/train.yaml", LONG)
    job = create(bot, "train")
    with worker(bot) as process:
        until(lambda: asked(bot), "the program runs")
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    cancelled = jobs_of(bot).get(job.id)
    assert (process.returncode, cancelled.status, cancelled.run.attempt) == (0, "failed", 1)
    assert cancelled.reason == (
        "cancelled by Ada Example <ada@example.org>: the worker was told to stop"
    )
