"""How jobs and entrypoints are shown, and the arguments that name them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from gitexp.cli.groups import UsageFault
from gitexp.cli.session import Session
from gitexp.cli.tables import Column, Table

if TYPE_CHECKING:
    from gitexp.evaluation.jobs.entrypoints import Entrypoint
    from gitexp.evaluation.jobs.jobs import Entrypoints, Jobs
    from gitexp.evaluation.jobs.states import Change, Job

_JOB_COLUMNS = (
    Column(key="id", title="job", kind="id"),
    Column(key="status", title="status"),
    Column(key="experiment", title="experiment", kind="code", spare=2),
    Column(key="entrypoint_name", title="entrypoint", kind="code"),
    Column(key="queue", title="queue", kind="code", spare=3),
    Column(key="attempt", title="attempt", kind="number", spare=4),
    Column(key="created_at", title="created", kind="time", spare=5),
    Column(key="values", title="values", kind="value", optional=True, spare=6),
    Column(key="note", title="note", optional=True, spare=1),
)
_FIELDS = (
    *_JOB_COLUMNS[:4],
    Column(key="queue", title="queue", kind="code"),
    Column(key="attempt_of", title="attempt", kind="text"),
    Column(key="run", title="run", kind="id"),
    Column(key="version", title="version", kind="hash"),
    Column(key="values", title="values", kind="value"),
    Column(key="inputs", title="inputs", kind="value"),
    Column(key="asked", title="asked", kind="value", optional=True),
    Column(key="timeout", title="timeout", kind="duration"),
    Column(key="created_at", title="created", kind="time"),
    Column(key="started_at", title="started", kind="time"),
    Column(key="ended_at", title="ended", kind="time"),
    Column(key="note", title="note"),
)
_ASKED = ("selection", "repeats", "seed", "concurrency", "limits")
_CHANGE_COLUMNS = (
    Column(key="at", title="at", kind="time"),
    Column(key="attempt", title="attempt", kind="number"),
    Column(key="status", title="status"),
    Column(key="by", title="by", spare=2),
    Column(key="reason", title="reason", optional=True, spare=1),
    Column(key="run", title="run", kind="id", spare=3),
)
_ENTRYPOINT_COLUMNS = (
    Column(key="name", title="entrypoint", kind="code"),
    Column(key="what", title="does", kind="code"),
    Column(key="parameter_names", title="parameters", kind="names"),
    Column(key="queues", title="queues", kind="names", spare=2),
    Column(key="description", title="description", optional=True, spare=1),
)


def jobs_of(session: Session) -> Jobs:
    """Return the jobs of the session's repository."""
    from gitexp.evaluation.jobs.jobs import Jobs

    return Jobs(session.repository.workspace)


def entrypoints_of(session: Session) -> Entrypoints:
    """Return the entrypoints of the session's working tree."""
    from gitexp.evaluation.jobs.jobs import Entrypoints

    return Entrypoints(session.repository.workspace)


def job_row(jobs: Jobs, job: Job) -> dict[str, Any]:
    """Return a job as its row, with what it waits for or why it stands where it stands."""
    data = job.to_dict()
    note = jobs.waits_for(job) if job.status == "deferred" else ""
    return data | {
        "entrypoint_name": job.entrypoint,
        "attempt_of": f"{job.run.attempt} of {max(job.max_attempts, job.run.attempt)}",
        "asked": {n: job.run.evaluation[n] for n in _ASKED if n in job.run.evaluation} or None,
        "note": note or (job.reason if job.status != "started" else ""),
    }


def job_table(jobs: Jobs, found: Sequence[Job], *, note: str = "") -> Table:
    """Return a row for each job."""
    return Table(columns=_JOB_COLUMNS, rows=[job_row(jobs, job) for job in found], note=note)


def job_fields(jobs: Jobs, job: Job) -> Table:
    """Return a job with everything that is known of it, as one row."""
    return Table(columns=_FIELDS, rows=[job_row(jobs, job)])


def change_table(changes: Sequence[Change]) -> Table:
    """Return a row for each step of a job."""
    return Table(columns=_CHANGE_COLUMNS, rows=[change.to_dict() for change in changes])


def entrypoint_table(found: Sequence[Entrypoint]) -> Table:
    """Return a row for each entrypoint."""
    rows = [entrypoint_row(one) for one in found]
    note = "" if rows else "there is none: make a file in entrypoints/"
    return Table(columns=_ENTRYPOINT_COLUMNS, rows=rows, note=note)


def entrypoint_row(entrypoint: Entrypoint) -> dict[str, Any]:
    """Return an entrypoint as its row."""
    workflow = entrypoint.workflow
    named = f"workflow {workflow}" if isinstance(workflow, str) else "its own workflow"
    return {
        **entrypoint.to_dict(),
        "what": f"program {entrypoint.command[0]}" if entrypoint.command else named,
        "parameter_names": list(entrypoint.parameters),
        "queues": list(entrypoint.queues),
        "description": entrypoint.description,
    }


job_argument = click.argument("job", metavar="JOB")


def moment_of(text: str | None, option: str) -> datetime | None:
    """Return the moment that somebody named.

    Raises:
        UsageFault: the text is no moment with an offset from UTC.
    """
    from gitexp.clock import parse_iso

    if text is None:
        return None
    try:
        return parse_iso(text)
    except ValueError:
        raise UsageFault(
            f"{option} {text!r} is no moment",
            hint="Write it as 2026-01-31T06:00:00Z, or with an offset such as +01:00.",
        ) from None
