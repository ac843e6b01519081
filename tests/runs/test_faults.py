"""Killed, raced and told to stop: what was acknowledged is there, once, and nothing else."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gitexp.project.workspace import Workspace
from gitexp.runs.recording import ledger
from gitexp.runs.recording.closing import reap
from gitexp.runs.recording.results import rows_of
from gitexp.runs.tallies import count_rows
from gitexp.store.disk import DiskStore
from tests.evaluation.projects import Project
from tests.runs.making import disk_workspace, ids_of, run_id, workspace_on

pytestmark = pytest.mark.faults

CHECKOUT = Path(__file__).parents[2]
ENVIRON = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}

APPEND = """
import sys
from pathlib import Path
from gitexp.runs.recording import ledger
from gitexp.store.disk import DiskStore
from tests.runs.making import disk_workspace, make_row, make_run, run_id, workspace_on
who = {"GIT_AUTHOR_NAME": "Ada Example", "GIT_AUTHOR_EMAIL": "ada@example.org"}
workspace = workspace_on(DiskStore.open(Path(sys.argv[1])), environ=who)
for number in range(int(sys.argv[2]), int(sys.argv[3])):
    record = ledger.record_of(make_run(run_id(number)), [make_row("a")])
    ledger.append(workspace, "tone", [record])
    print(number, flush=True)
"""

SHARE = """
import os, sys
from pathlib import Path
from gitexp.runs.recording import exchange, ledger
from gitexp.store.disk import DiskStore
from gitexp.store.remotes import open_remote
from tests.runs.making import make_run, run_id, workspace_on
environ = {**os.environ, "GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@example.org"}
store = DiskStore.open(Path(sys.argv[1]))
workspace = workspace_on(
    store, environ=environ, remote=lambda name: open_remote(store, name, environ=environ)
)
for number in range(int(sys.argv[2]), int(sys.argv[3])):
    ledger.append(workspace, "tone", [ledger.record_of(make_run(run_id(number)), [])])
    exchange.push(workspace)
"""

EVALUATE = """
import sys
from pathlib import Path
from gitexp.store.disk import DiskStore
from gitexp.evaluation.running.runner import evaluate
from tests.evaluation.projects import Project, request
from tests.runs.making import workspace_on
who = {"GIT_AUTHOR_NAME": "Ada Example", "GIT_AUTHOR_EMAIL": "ada@example.org"}
path = Path(sys.argv[1])
workspace = workspace_on(DiskStore.open(path), directory=path, environ=who, seed=int(sys.argv[2]))
# A row is told of only once it is in the journal.
evaluate(workspace, request(concurrency=4), progress=lambda now: print(now.done, flush=True))
print("recorded", flush=True)
"""

ANSWER = """
import time
def answer(x, p):
    time.sleep(0.001)
    return x + 1
"""


def start(script: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        cwd=CHECKOUT,
        env=ENVIRON,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def fsck(path: Path) -> str:
    done = subprocess.run(
        ["git", "fsck", "--strict", "--no-dangling"], cwd=path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_eight_processes_record_runs_at_once_and_lose_none(tmp_path: Path) -> None:
    DiskStore.init(tmp_path)
    writers = [start(APPEND, tmp_path, n * 15, (n + 1) * 15) for n in range(8)]
    for writer in writers:
        _, errors = writer.communicate(timeout=120)
        assert writer.returncode == 0, errors
    runs = ledger.read(workspace_on(DiskStore.open(tmp_path)), "tone")
    assert ids_of(runs) == [run_id(number) for number in reversed(range(120))]
    assert fsck(tmp_path) == ""


def test_clones_that_share_runs_at_once_lose_none(tmp_path: Path) -> None:
    shared = tmp_path / "shared.git"
    subprocess.run(["git", "init", "-q", "--bare", shared], check=True)
    clones = [tmp_path / f"clone-{n}" for n in range(4)]
    for clone in clones:
        subprocess.run(["git", "clone", "-q", shared, clone], check=True, capture_output=True)
    sharers = [start(SHARE, clone, n * 4, (n + 1) * 4) for n, clone in enumerate(clones)]
    for sharer in sharers:
        _, errors = sharer.communicate(timeout=240)
        assert sharer.returncode == 0, errors
    runs = ledger.read(workspace_on(DiskStore.open(shared)), "tone")
    assert ids_of(runs) == [run_id(number) for number in reversed(range(16))]
    assert fsck(shared) == ""


def test_writers_that_are_killed_lose_nothing_they_acknowledged(tmp_path: Path) -> None:
    chance = random.Random(4)
    DiskStore.init(tmp_path)
    acknowledged: set[int] = set()
    for attempt in range(12):
        writer = start(APPEND, tmp_path, attempt * 1000, attempt * 1000 + 1000)
        assert writer.stdout is not None
        for _ in range(chance.randrange(1, 12)):
            acknowledged.add(int(writer.stdout.readline()))
        writer.kill()
        rest, _ = writer.communicate()
        acknowledged |= {int(line) for line in rest.split("\n")[:-1]}
    found = set(ids_of(ledger.read(workspace_on(DiskStore.open(tmp_path)), "tone")))
    assert {run_id(number) for number in acknowledged} <= found
    assert len(found) <= len(acknowledged) + 12
    assert fsck(tmp_path) == ""


@pytest.fixture
def project(tmp_path: Path) -> Workspace:
    """A project on disk whose dataset has 400 samples."""
    made = Project(workspace=disk_workspace(tmp_path / "p"), directory=tmp_path / "p")
    made.code(ANSWER)
    made.dataset([{"id": str(n), "input": n, "expected": n + 1} for n in range(400)])
    return made.workspace


@pytest.mark.parametrize("seed", range(10))
def test_a_killed_evaluation_keeps_every_row_it_told_of(project: Workspace, seed: int) -> None:
    directory = project.directory
    assert directory is not None
    process = start(EVALUATE, directory, seed)
    assert process.stdout is not None
    told = [process.stdout.readline() for _ in range(random.Random(seed).randrange(2, 390))]
    process.kill()
    told += process.communicate()[0].split("\n")[:-1]
    done = max(int(line) for line in told if line.strip().isdigit())
    reap(project)
    [run] = ledger.read(project, "tone")
    rows = list(rows_of(project, run.id))
    assert run.status in (("finished",) if "recorded" in told else ("killed", "finished"))
    assert done <= run.stats.total <= 400
    assert count_rows(rows) == run.stats
    assert len({row.key for row in rows}) == len(rows)
    assert all(row.status == "passed" for row in rows)
    assert reap(project) == []
    assert fsck(directory) == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_run_first_and_then_the_process(
    project: Workspace, number: signal.Signals
) -> None:
    assert project.directory is not None
    process = start(EVALUATE, project.directory, 1)
    assert process.stdout is not None
    for _ in range(20):
        process.stdout.readline()
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == -number
    [run] = ledger.read(project, "tone")
    assert run.status == "killed"
    assert run.error is not None
    assert run.error.message in ("stopped by SIGTERM", "stopped by Ctrl-C")
    assert run.stats.total >= 19
    assert project.store.private_dir is not None
    assert list((project.store.private_dir / "journals").iterdir()) == []
