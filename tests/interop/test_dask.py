"""Dask: a cluster that is started for a run, and one that was there before."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gitexp.documents.problems import MISSING
from gitexp.errors import GitexpError, InvalidInput
from gitexp.evaluation.running.progress import Progress
from gitexp.evaluation.running.runner import evaluate
from gitexp.runs.rows import Failure
from gitexp.store.memory import MemoryStore
from tests.evaluation.executing import MANY, ODD, WORKFLOW, told
from tests.evaluation.projects import Project, request
from tests.runs.making import IDENTITY, workspace_on

pytestmark = pytest.mark.interop

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project whose files are in a directory and whose history is in memory."""
    directory = tmp_path / "project"
    directory.mkdir()
    store = MemoryStore(config=IDENTITY)
    return Project(workspace=workspace_on(store, directory=directory), directory=directory)


# --- a cluster of its own ------------------------------------------------------------------------


def test_rows_are_those_of_the_local_executor(project: Project) -> None:
    project.dataset(MANY)
    local = project.run()
    run = project.run(executor="dask", concurrency=5, batch_size=7)
    assert (run.status, run.stats) == ("finished", local.stats)
    assert told(project.rows(run)) == told(project.rows(local))


def test_workflows_go_the_same_way(project: Project) -> None:
    project.code(ODD)
    fields = {"endpoint": "", "workflow": WORKFLOW, "enable_tracing": True}
    run = project.run(**fields, executor="dask")
    rows = project.rows(run)
    assert [row.output for row in rows] == ["1", "22", MISSING, MISSING]
    assert rows[3].error == Failure(type="Odd", message="no 3")
    assert told(rows) == told(project.rows(project.run(**fields)))


def test_what_workers_print_is_talk(project: Project, capfd: pytest.CaptureFixture[str]) -> None:
    project.code(
        "import os\n\ndef answer(x, p):\n    print('talk', flush=True)\n    return os.getpid()\n"
    )
    run = project.run(executor="dask")
    out, err = capfd.readouterr()
    assert (out, err.count("talk")) == ("", 4)
    assert os.getpid() not in {row.output for row in project.rows(run)}


def test_what_cannot_be_imported_is_said_as_it_is_here(project: Project) -> None:
    project.code("raise ValueError('broken module')\n")
    with pytest.raises(InvalidInput) as caught:
        project.run(executor="dask")
    assert str(caught.value) == (
        "endpoint 'bot': app:answer cannot be imported: ValueError: broken module"
    )


def test_nobody_else_on_the_machine_can_hand_work_to_the_workers(project: Project) -> None:
    project.code(
        "from distributed import Worker\n\n"
        "def answer(x, p):\n"
        "    return {one.address.split(':')[0] for one in Worker._instances}.pop()\n"
    )
    run = project.run(executor="dask")
    assert {row.output for row in project.rows(run)} == {"tls"}


def test_a_script_that_does_not_guard_itself_is_told_so(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import sys, tempfile\n"
        "from pathlib import Path\n"
        "from tests.faults.killing_workers import make_project\n"
        "directory = Path(tempfile.mkdtemp(dir=sys.argv[1])) / 'project'\n"
        "make_project(directory, range(4), seconds=0).run(executor='dask')\n",
        encoding="utf-8",
    )
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(
        "gitexp.errors.GitexpError: no cluster of Dask can be started on this machine: "
    )


# --- a scheduler that was there before -----------------------------------------------------------


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """A scheduler with two workers, each a program."""
    started = Cluster(tmp_path)
    try:
        started.begin()
        yield started
    finally:
        started.end()


class Cluster:
    """Programs of Dask on this machine."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._file = directory / "scheduler.json"
        self._programs: list[subprocess.Popen[bytes]] = []

    @property
    def address(self) -> str:
        """Where the scheduler is."""
        return str(json.loads(self._file.read_text(encoding="utf-8"))["address"])

    def begin(self) -> None:
        """Start a scheduler and two workers."""
        file = ["--scheduler-file", str(self._file)]
        self._start("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", *file)
        until(self._file.is_file)
        for _ in range(2):
            self._start("worker", "--nthreads", "4", "--no-dashboard", "--no-nanny", *file)

    def _start(self, *words: str) -> None:
        log = (self._directory / f"{len(self._programs)}.log").open("wb")
        with log:
            program = subprocess.Popen(
                [sys.executable, "-m", "dask", *words],
                stdout=log,
                stderr=log,
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )
        self._programs.append(program)

    def kill_scheduler(self) -> None:
        """Kill the scheduler."""
        self._programs[0].send_signal(signal.SIGKILL)

    def end(self) -> None:
        """Kill all programs."""
        for program in self._programs:
            program.kill()
        for program in self._programs:
            program.wait(60)


def until(holds: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until something holds."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.02)


def test_runs_follow_each_other_on_the_same_workers(project: Project, cluster: Cluster) -> None:
    first = project.run(executor="dask", scheduler=cluster.address)
    assert [row.output for row in project.rows(first)] == [1, 2, 3, 4]
    project.code("def answer(x, p):\n    return x + 10\n")
    second = project.run(executor="dask", scheduler=cluster.address)
    assert [row.output for row in project.rows(second)] == [10, 11, 12, 13]
    assert second.evaluation["scheduler"] == cluster.address


def test_a_scheduler_that_goes_away_ends_the_run_with_its_rows(
    project: Project, cluster: Cluster
) -> None:
    project.dataset([{"id": str(n), "input": n, "expected": n + 1} for n in range(500)])
    project.code("import time\n\ndef answer(x, p):\n    time.sleep(0.05)\n    return x + 1\n")

    def kill(progress: Progress) -> None:
        if progress.done == 20:
            cluster.kill_scheduler()

    asked = request(executor="dask", scheduler=cluster.address)
    with pytest.raises(GitexpError) as caught:
        evaluate(project.workspace, asked, progress=kill)
    assert str(caught.value) == "the scheduler of Dask gave up a row, or is gone"
    [run] = project.runs()
    assert run.status == "failed"
    assert 20 <= run.stats.total < 500


def test_a_scheduler_that_cannot_be_reached_is_named(project: Project) -> None:
    with pytest.raises(InvalidInput) as caught:
        project.run(executor="dask", scheduler="tcp://127.0.0.1:9")
    assert str(caught.value).startswith("the scheduler at tcp://127.0.0.1:9 cannot be reached: ")
    assert project.rows(project.runs()[0]) == []
