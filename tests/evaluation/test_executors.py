"""Executors: whoever works on the samples, the run is the same."""

from __future__ import annotations

import os

import pytest

from gitexp.runs.rows import ResultRow
from tests.evaluation.projects import Project

REMOTE = ["threads", "processes", "dask"]


def told(rows: list[ResultRow]) -> list[dict[str, object]]:
    """Return rows without what differs from run to run."""
    apart = ("started_at", "duration_seconds", "trace_id")
    return [{k: v for k, v in row.to_dict().items() if k not in apart} for row in rows]


@pytest.mark.parametrize("executor", REMOTE)
def test_rows_are_those_of_the_local_executor(project: Project, executor: str) -> None:
    project.dataset(
        [{"id": str(n), "input": n, "expected": n + 1 + n % 2} for n in range(40)]
        + [{"id": "broken", "input": "x", "expected": 5}, {"id": "open", "input": 4}]
    )
    local = project.run()
    run = project.run(executor=executor, concurrency=5, batch_size=7)
    assert (run.status, run.stats) == ("finished", local.stats)
    assert told(project.rows(run)) == told(project.rows(local))


def test_processes_are_other_processes(project: Project) -> None:
    project.code("import os\n\ndef answer(x, p):\n    return os.getpid()\n")
    run = project.run(executor="processes")
    assert str(os.getpid()) not in {str(row.output) for row in project.rows(run)}
