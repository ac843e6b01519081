"""Evaluations that are killed at any call and gone on with; run as a program of its own.

A fresh process with one thread may fork, which is the cheapest way to have many of them. What came
of it is printed as JSON, to be judged by the test that started this.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from gitexp.errors import NotFound
from gitexp.evaluation.running.runner import evaluate, resume
from gitexp.ids import RunId
from gitexp.project.workspace import Workspace
from gitexp.runs.recording import ledger
from gitexp.runs.recording.closing import reap
from gitexp.runs.recording.results import rows_of, totals_of
from gitexp.runs.rows import ResultRow
from gitexp.store.disk import DiskStore
from tests.evaluation.projects import Project, request
from tests.faults.injection import Fault, injected
from tests.runs.making import disk_workspace, run_id, workspace_on

CONCURRENCY = 4
SAMPLES = 40
REPEATS = 2
BROKEN = 7
"""One sample in so many is an error, whenever it is asked."""

RUN = run_id(1)

ANSWER = f"""\
import os

calls = os.open("calls.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

def answer(number, parameters):
    os.write(calls, b"%d\\n" % number)
    if number % {BROKEN} == 0:
        raise ValueError(f"{{number}} is too much")
    return number + parameters["shift"] + (number % 3 == 0)
"""
REQUEST = {
    "concurrency": CONCURRENCY,
    "batch_size": 5,
    "repeats": REPEATS,
    "seed": 3,
    "enable_tracing": True,
}


def make_template(directory: Path) -> Path:
    """Make a project in a repository on disk."""
    project = Project(workspace=disk_workspace(directory), directory=directory)
    project.dataset([{"id": f"s{n}", "input": n, "expected": n + 1} for n in range(SAMPLES)])
    project.code(ANSWER)
    return directory


def opened(directory: Path, seed: int) -> Workspace:
    """Return the workspace of a project."""
    os.chdir(directory)
    who = {"GIT_AUTHOR_NAME": "Ada Example", "GIT_AUTHOR_EMAIL": "ada@example.org"}
    return workspace_on(DiskStore.open(directory), directory=directory, seed=seed, environ=who)


def begun(directory: Path) -> None:
    """Evaluate."""
    evaluate(opened(directory, 1), request(**REQUEST), run_id=RUN)


def gone_on_with(directory: Path, seed: int = 2) -> None:
    """Go on with the evaluation, or begin it where nothing is left of it."""
    workspace = opened(directory, seed)
    try:
        resume(workspace, RUN)
    except NotFound:
        evaluate(workspace, request(**REQUEST), run_id=RUN)


# --- processes ------------------------------------------------------------------------------


def in_child(work: Callable[[], None]) -> int:
    """Do something in a process of its own; return how it ended, as `os.waitpid` has it."""
    process = os.fork()
    if process == 0:
        code = 1
        try:
            work()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    return os.waitpid(process, 0)[1]


def calls_of(directory: Path) -> Counter[int]:
    """Return how often each sample was asked."""
    path = directory / "calls.log"
    return Counter(map(int, path.read_text().split())) if path.exists() else Counter()


def told(row: ResultRow) -> dict[str, Any]:
    """Return what a row says, but for times and the ids of traces."""
    return replace(row, started_at=None, duration_seconds=None, trace_id="").to_dict()


def outcome(directory: Path) -> dict[str, Any]:
    """Return what is recorded at last."""
    workspace = opened(directory, 9)
    reap(workspace)
    run = ledger.get(workspace, RUN)
    rows = list(rows_of(workspace, RUN))
    totals = totals_of(rows)
    recorded = run.to_dict()
    private = workspace.store.private_dir
    assert private is not None
    return {
        "status": run.status,
        "rows": [told(row) for row in rows],
        "totals_differ": {
            key: [recorded.get(key), value]
            for key, value in totals.items()
            if recorded.get(key, {}) != json.loads(json.dumps(value))
        },
        "left": sorted(path.name for path in (private / "journals").iterdir()),
    }


def counted_calls(directory: Path, work: Callable[[Path], None]) -> int:
    """Return how many system calls some work makes."""
    reader, writer = os.pipe()

    def counted() -> None:
        with injected(Fault(at=0, code=None)) as fault:
            work(directory)
        os.write(writer, str(len(fault.calls)).encode())

    assert in_child(counted) == 0
    return int(os.read(reader, 100))


def killed(template: Path, target: Path, at: Sequence[int]) -> dict[str, Any]:
    """Kill an evaluation, and perhaps those that go on with it, at calls; then finish it."""
    shutil.copytree(template, target)
    endings = []
    for number, call in enumerate(at):
        first = number == 0

        def work(call: int = call, seed: int = 20 + number, *, first: bool = first) -> None:
            with injected(Fault(at=call, code=None, kills=True)):
                begun(target) if first else gone_on_with(target, seed)

        endings.append(in_child(work))
    assert in_child(lambda: gone_on_with(target)) == 0
    found = outcome(target)
    found |= {"endings": endings, "calls": calls_of(target), "at": list(at)}
    return found


def scenario(directory: Path, seed: int, kills: int) -> dict[str, Any]:
    """Kill evaluations at random calls, every other one again while it is gone on with."""
    os.fsync = lambda descriptor: None
    template = make_template(directory / "template")
    whole = Path(shutil.copytree(template, directory / "whole"))
    total = counted_calls(whole, begun)
    draw = random.Random(seed)
    chosen = [draw.randint(1, total) for _ in range(kills)]
    found = []
    for number, call in enumerate(chosen):
        again = [draw.randint(1, total // 2)] if number % 2 else []
        found.append(killed(template, directory / f"killed-{number}", [call, *again]))
    return {"whole": outcome(whole), "total": total, "killed": found}


def main(arguments: Sequence[str]) -> None:
    """Print what came of it."""
    directory, seed, kills = arguments
    print(json.dumps(scenario(Path(directory), int(seed), int(kills))))


if __name__ == "__main__":
    main(sys.argv[1:])


__all__ = ["RUN", "RunId"]
