"""What tests of jobs are made from: a project on disk with entrypoints, and steps in one line."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from gitexp.evaluation.jobs.creating import JobRequest, create_job
from gitexp.evaluation.jobs.doing import do_next
from gitexp.evaluation.jobs.jobs import Jobs
from gitexp.evaluation.jobs.states import Job
from gitexp.runs.run import Run
from tests.evaluation.projects import Project

ASK = """\
description: Ask the bot
parameters:
  times: {type: integer, default: 2, minimum: 1}
  shift: {type: integer, default: 1}
  note: {type: string, required: false}
inputs:
  dataset: {default: q}
workflow:
  - {type: endpoint, endpoint: bot}
"""

TRAIN = """\
parameters:
  epochs: {type: integer, default: 3}
command: [sh, -c, 'echo "$GITEXP_PARAM_EPOCHS $1"', train, '{{ parameters.epochs * 2 }}']
queues: [gpu, default]
"""

HEADER = "\nentrypoints: [ask, train]\n"


@dataclass(kw_only=True)
class LateClock:
    """A clock that can be moved on."""

    clock: Any
    ahead: timedelta = field(default_factory=timedelta)

    def now(self) -> datetime:
        """Return the present moment."""
        moment: datetime = self.clock.now() + self.ahead
        return moment

    def monotonic(self) -> float:
        """Return seconds."""
        seconds: float = self.clock.monotonic() + self.ahead.total_seconds()
        return seconds


def with_entrypoints(project: Project) -> Project:
    """Return the project with two entrypoints, which its experiment declares."""
    project.save("shift: 1\n", HEADER)
    project.write("entrypoints/ask.yaml", ASK)
    project.write("entrypoints/train.yaml", TRAIN)
    clock = LateClock(clock=project.workspace.surroundings.clock)
    surroundings = replace(project.workspace.surroundings, clock=clock)
    project.workspace = replace(project.workspace, surroundings=surroundings)
    return project


def jobs_of(project: Project) -> Jobs:
    """Return the jobs of a project."""
    return Jobs(project.workspace)


def create(project: Project, entrypoint: str = "ask", **fields: Any) -> Job:
    """Return a new job of `tone`."""
    request = JobRequest(**{"experiment": "tone", "entrypoint": entrypoint, **fields})
    return create_job(project.workspace, request)


def do(project: Project, queue: str = "default") -> Run | None:
    """Return the run of the next job of a queue, done in this process."""
    return do_next(project.workspace, queue)


def steps(project: Project, job: Job) -> list[str]:
    """Return the steps of a job over all its attempts."""
    return [change.status for change in jobs_of(project).history(job.id)]
