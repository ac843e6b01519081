"""Evaluations that die at any moment: what was done stays, and going on makes them whole."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gitexp.runs.recording import ledger
from gitexp.runs.recording.results import rows_of
from gitexp.runs.tallies import Stats
from gitexp.store.disk import DiskStore
from tests.evaluation.projects import DEFINITION
from tests.faults.evaluations import BROKEN, CONCURRENCY, REPEATS, SAMPLES, calls_of
from tests.real_git import Git
from tests.runs.making import EXPERIMENT_ID, workspace_on

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(sys.platform == "win32", reason="needs fork and signals"),
]

ROOT = Path(__file__).parents[2]
KILLS = 20


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What came of evaluations that were killed, and of one that was not."""
    directory = tmp_path_factory.mktemp("kills")
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.evaluations", directory, "20261121", str(KILLS)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr.decode()
    outcome: dict[str, Any] = json.loads(done.stdout)
    return {**outcome, "directory": directory}


def test_the_points_are_spread_and_most_of_them_are_deaths(found: dict[str, Any]) -> None:
    points = [killed["at"][0] for killed in found["killed"]]
    assert len(points) == KILLS
    assert min(points) < found["total"] / 4
    assert max(points) > found["total"] * 3 / 4
    deaths = [ending for killed in found["killed"] for ending in killed["endings"]]
    assert deaths.count(signal.SIGKILL) > 0.9 * len(deaths)
    assert set(deaths) <= {0, signal.SIGKILL}


def test_the_rows_are_those_of_an_evaluation_that_nothing_happened_to(
    found: dict[str, Any],
) -> None:
    whole = found["whole"]["rows"]
    assert len(whole) == SAMPLES * REPEATS
    for killed in found["killed"]:
        assert killed["rows"] == whole, killed["at"]
        assert killed["status"] == "finished"


def test_few_rows_are_made_twice(found: dict[str, Any]) -> None:
    """At each death at most as many as were in flight; those that were errors are done again."""
    for killed in found["killed"]:
        asked = {n: count for n, count in killed["calls"].items() if int(n) % BROKEN}
        assert set(asked.values()) >= {REPEATS}
        again = sum(count - REPEATS for count in asked.values())
        assert again <= CONCURRENCY * len(killed["endings"]), killed["at"]


def test_the_totals_are_those_of_the_rows(found: dict[str, Any]) -> None:
    for outcome in (found["whole"], *found["killed"]):
        assert outcome["totals_differ"] == {}


def test_nothing_is_left_behind_and_the_repository_is_sound(found: dict[str, Any]) -> None:
    for number, killed in enumerate(found["killed"]):
        assert killed["left"] == []
        Git(found["directory"] / f"killed-{number}").check()


# --- signals --------------------------------------------------------------------------------

WAITING = """\
import os, pathlib, signal, threading

calls = os.open("calls.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
together = threading.Barrier(3)
told = threading.Event()
again = pathlib.Path("again").exists()

def answer(number, parameters):
    os.write(calls, b"%d\\n" % number)
    if number < 3 and not again:
        together.wait(60)
        if number == 1:
            os.kill(os.getpid(), signal.SIGNAL)
            told.set()
        told.wait(60)
        import time
        while not pathlib.Path("go").exists():
            time.sleep(0.01)
    return number + 1
"""


@pytest.fixture
def project(tmp_path: Path) -> Git:
    """A project on disk whose first three calls wait for each other."""
    git = Git(tmp_path / "p")
    git.path.mkdir()
    git("init", "-q", "-b", "main")
    files = {
        "gitexp.yaml": DEFINITION,
        "experiments/tone/experiment.yaml": f"id: {EXPERIMENT_ID}\n\nname: tone\n",
        "experiments/tone/parameters.yaml": "shift: 1\n",
        "endpoints/bot.yaml": "type: python\n\ncallable: app:answer\n",
        "datasets/q.jsonl": "".join(
            json.dumps({"id": str(n), "input": n, "expected": n + 1}) + "\n" for n in range(9)
        ),
    }
    git.commit(files, "project")
    return git


def started(git: Git, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "gitexp", *arguments],
        cwd=git.path,
        env={**os.environ, **git.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize(
    ("name", "code", "message"),
    [("SIGINT", 130, "stopped by Ctrl-C"), ("SIGTERM", 143, "stopped by SIGTERM")],
)
def test_a_signal_lets_what_is_in_flight_finish(
    project: Git, name: str, code: int, message: str
) -> None:
    (project.path / "app.py").write_text(WAITING.replace("signal.SIGNAL", f"signal.{name}"))
    process = started(
        project, "run", "tone", "--dataset", "q", "--endpoint", "bot", "--concurrency", "3"
    )
    assert process.stderr is not None
    said = next((line for line in process.stderr if "what is in flight is finished" in line), "")
    assert said == (
        "warning: nothing more is begun, and what is in flight is finished; Ctrl-C again breaks "
        "it off\n"
    )
    (project.path / "go").touch()
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (code, ""), err
    workspace = workspace_on(DiskStore.open(project.path), directory=project.path)
    [run] = ledger.read(workspace, "tone")
    assert (run.status, run.stats) == ("killed", Stats(passed=3))
    assert run.error is not None
    assert run.error.message == message
    assert calls_of(project.path) == {0: 1, 1: 1, 2: 1}
    assert f"go on with `gitexp run resume {run.id}`" in err
    (project.path / "again").touch()
    out, err = started(project, "run", "resume", run.id).communicate(timeout=60)
    assert out == f"{run.id}\n", err
    assert calls_of(project.path) == dict.fromkeys(range(9), 1)
    rows = list(rows_of(workspace, run.id))
    assert [row.sample for row in rows] == [str(n) for n in range(9)]
    assert ledger.get(workspace, run.id).stats == Stats(passed=9)
