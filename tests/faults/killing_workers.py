"""Evaluations whose workers are killed; as a program, one whose own process is."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.evaluation.projects import Project
from tests.runs.making import disk_workspace

SYSTEM = """\
import os, signal, time

LOG = os.open({log!r}, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

def answer(given, parameters):
    os.write(LOG, f"{{given}} {{os.getpid()}}\\n".encode())
    print("talk\\n", end="")
    if given == "parent" and os.fork() == 0:
        os.write(LOG, f"child {{os.getpid()}}\\n".encode())
        time.sleep(600)
    if given in ("poison", "parent"):
        time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep({seconds})
    return given
"""


def make_project(directory: Path, given: Sequence[object], *, seconds: float) -> Project:
    """Return a project on disk whose system notes in a log what it is asked, and in which process.

    Args:
        given: the inputs, which the system gives back.
        seconds: how long that takes.
    """
    project = Project(workspace=disk_workspace(directory), directory=directory)
    project.code(SYSTEM.format(log=str(log_of(directory)), seconds=seconds))
    project.dataset([{"id": str(n), "input": x, "expected": x} for n, x in enumerate(given)])
    return project


def log_of(directory: Path) -> Path:
    """Return the log of a project's system."""
    return directory.with_suffix(".log")


def executions(directory: Path) -> list[tuple[str, int]]:
    """Return what was asked so far, and in which process."""
    log = log_of(directory)
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    return [(given, int(pid)) for given, pid in (line.split() for line in lines)]


def is_alive(pid: int) -> bool:
    """Return whether a process runs; one that is over and not waited for does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def main() -> None:
    """Evaluate a great many samples, until somebody ends it."""
    directory, executor = Path(sys.argv[1]), sys.argv[2]
    project = make_project(directory, range(5_000), seconds=0.05)
    print(os.getpid(), flush=True)
    project.run(executor=executor, concurrency=4)


if __name__ == "__main__":
    main()
