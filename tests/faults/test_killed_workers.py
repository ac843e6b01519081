"""Workers that die, and runs whose workers must not outlive them."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gitexp.evaluation.running.progress import Progress
from gitexp.evaluation.running.runner import evaluate
from gitexp.runs.rows import Failure
from gitexp.runs.tallies import Stats
from tests.evaluation.projects import request
from tests.faults.killing_workers import executions, is_alive, log_of, make_project

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc"),
]

EXECUTORS = ["processes", "dask"]
CONCURRENCY = 8
ROWS = 300


@pytest.mark.parametrize("executor", EXECUTORS)
def test_killed_workers_lose_no_row_and_few_are_made_again(tmp_path: Path, executor: str) -> None:
    directory = tmp_path / "project"
    project = make_project(directory, range(ROWS), seconds=0.01)
    draw = random.Random(7)
    moments = sorted(draw.sample(range(20, ROWS - 40), 4))
    killed: list[int] = []

    def kill_one(progress: Progress) -> None:
        if len(killed) < len(moments) and progress.done >= moments[len(killed)]:
            alive = sorted({pid for _, pid in executions(directory) if is_alive(pid)})
            if alive:
                killed.append(draw.choice(alive))
                os.kill(killed[-1], signal.SIGKILL)

    asked = request(executor=executor, concurrency=CONCURRENCY)
    run = evaluate(project.workspace, asked, progress=kill_one)
    assert (run.status, run.stats, len(killed)) == ("finished", Stats(passed=ROWS), 4)
    assert [row.sample for row in project.rows(run)] == [str(n) for n in range(ROWS)]
    assert os.getpid() not in killed
    assert len(executions(directory)) <= ROWS + 4 * CONCURRENCY


@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_row_that_kills_its_workers_is_an_error_and_the_others_are_not(
    tmp_path: Path, executor: str
) -> None:
    directory = tmp_path / "project"
    given = [*range(30), "poison", *range(30, 60)]
    project = make_project(directory, given, seconds=0.02)
    run = project.run(executor=executor, concurrency=CONCURRENCY)
    assert (run.status, run.stats) == ("finished", Stats(passed=60, errors=1))
    [row] = [row for row in project.rows(run) if row.status == "error"]
    last = {"processes": "the program was ended by SIGKILL", "dask": "nothing is known"}
    assert (row.input, row.position) == ("poison", 30)
    assert row.error == Failure(
        type="WorkerLost",
        message=f"3 workers died while they worked on this sample; of the last, {last[executor]}",
    )
    assert len([1 for given, _ in executions(directory) if given == "poison"]) == 3


def test_what_a_dead_worker_left_behind_holds_up_nothing(tmp_path: Path) -> None:
    directory = tmp_path / "project"
    project = make_project(directory, [1, "parent", 2], seconds=0.01)
    run = project.run(executor="processes", concurrency=1)
    assert (run.status, run.stats) == ("finished", Stats(passed=2, errors=1))
    left = [pid for given, pid in executions(directory) if given == "child"]
    assert left
    assert until(lambda: not any(map(is_alive, left)))


@pytest.mark.parametrize("executor", EXECUTORS)
def test_workers_do_not_outlive_a_run_that_is_killed(tmp_path: Path, executor: str) -> None:
    directory = tmp_path / "project"
    with started(directory, executor) as program:
        workers = workers_of(directory)
        os.kill(program.pid, signal.SIGKILL)
        program.communicate(timeout=60)
    assert workers
    assert until(lambda: not any(map(is_alive, workers)))
    asked = len(executions(directory))
    time.sleep(0.2)
    assert len(executions(directory)) == asked


@pytest.mark.parametrize("executor", EXECUTORS)
def test_ctrl_c_reaches_the_run_alone(tmp_path: Path, executor: str) -> None:
    directory = tmp_path / "project"
    with started(directory, executor) as program:
        workers = workers_of(directory)
        os.killpg(program.pid, signal.SIGINT)
        said, talk = program.communicate(timeout=60)
    assert program.returncode == -signal.SIGINT
    assert not any(map(is_alive, workers))
    assert said.split() == [str(program.pid)]
    assert talk.count("Traceback") == 1  # that of this program, which catches nothing
    before, _, after = talk.partition("Traceback")
    assert "talk\n" not in after
    assert set(before.splitlines()) == {
        "talk",
        "nothing more is begun, and what is in flight is finished; Ctrl-C again breaks it off",
    }


def started(directory: Path, executor: str) -> subprocess.Popen[str]:
    """Return the program that evaluates, in a process group of its own, once it works."""
    program = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.killing_workers", str(directory), executor],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert until(lambda: len(executions(directory)) > 20), log_of(directory)
    return program


def workers_of(directory: Path) -> set[int]:
    """Return the processes in which a system was asked."""
    return {pid for _, pid in executions(directory)}


def until(holds: Callable[[], bool], seconds: float = 60) -> bool:
    """Return whether something comes to hold within a time."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True
