"""Changing where a job stands: resetting, deferring and cancelling it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from gitexp.errors import InvalidInput, NotAllowed, NotFound
from gitexp.evaluation.jobs import begun
from gitexp.evaluation.jobs.creating import another_attempt, deferral, enqueue
from gitexp.evaluation.jobs.doing import WORKER_DIED, told, worker_name
from gitexp.evaluation.jobs.queue import get_job, held_or_refused
from gitexp.evaluation.jobs.states import Job, Step, require_step, was_cancelled, with_change
from gitexp.evaluation.running.stopping import CANCELLED
from gitexp.project.workspace import Workspace
from gitexp.runs.journalling.journals import open_journal, paths_of
from gitexp.runs.recording import closing
from gitexp.runs.rows import Failure
from gitexp.runs.run import Run
from gitexp.runs.tracking.starting import amend, find_run, milliseconds_now
from gitexp.store.filelocks import lock_file
from gitexp.store.files import write_errors

_WAITING = ("queued", "deferred")


def reset_job(workspace: Workspace, text: str, *, reason: str = "") -> Job:
    """Return a job that is in its queue again.

    One that waits is queued without what it waited for. One that is over gets another attempt: a
    new run with all that the job was created with; the attempts before keep what they have.

    Raises:
        NotFound: there is no such job here.
        NotAllowed: it is started.
    """
    closing.reap_if_possible(workspace)
    job = get_job(workspace, text)
    require_step(job, "reset")
    if job.status in _WAITING:
        return _changed(workspace, job, "reset", "queued", reason=reason)
    who = str(workspace.signature())
    return _attempt_again(workspace, job, by=who, reason=reason)


def defer_job(
    workspace: Workspace,
    text: str,
    *,
    until: datetime | None = None,
    after: str = "",
    reason: str = "",
) -> Job:
    """Return a job that does not begin before a moment, or before another job has finished.

    Raises:
        NotFound: there is no such job here.
        NotAllowed: it is not queued.
        InvalidInput: neither is given, or the jobs would wait for each other.
    """
    job = get_job(workspace, text)
    require_step(job, "deferred")
    fields = deferral(workspace, until, after)
    if not fields:
        raise InvalidInput("until when?", hint="Give `--until MOMENT`, `--after JOB`, or both.")
    _refuse_circle(workspace, job, fields.get("after", ""))
    return _changed(workspace, job, "deferred", reason=reason, **fields)


def _refuse_circle(workspace: Workspace, job: Job, after: str) -> None:
    seen: set[str] = set()
    # Two people at once may have made a circle of other jobs.
    while after and after not in seen:
        if after == job.id:
            raise InvalidInput(f"job {job.id} would wait for itself")
        seen.add(after)
        after = get_job(workspace, after).after


def cancel_job(workspace: Workspace, text: str, *, reason: str = "") -> Job:
    """Return a job that is given up: failed where it waited, asked to stop where it is started.

    Raises:
        NotFound: there is no such job here.
        NotAllowed: it is over, or is done on another machine.
    """
    closing.reap_if_possible(workspace)
    job = get_job(workspace, text)
    require_step(job, "cancelled")
    who = str(workspace.signature())
    if job.status == "started":
        ask_to_stop(workspace, job.run, by=who, reason=reason)
        return get_job(workspace, job.run.id)
    with held_or_refused(workspace, job) as found:
        now = workspace.surroundings.clock.now()
        record = with_change(found.job.run.job, "cancelled", at=now, by=who, reason=reason)
        failure = Failure(type=CANCELLED, message=f"cancelled by {who}{told(reason)}")
        fields = closing.ending_fields("killed", now, 0.0, error=failure, job=record)
        return Job(run=closing.close(workspace, found.journal, {"set": fields}))


def ask_to_stop(workspace: Workspace, run: Run, *, by: str, reason: str) -> None:
    """Ask whoever does a job to stop, once what is in flight is finished.

    Raises:
        NotAllowed: it is over, or is done on another machine.
    """
    now = workspace.surroundings.clock.now()
    cancel = {"by": by, **({"reason": reason} if reason else {})}
    record = with_change(run.job, "cancelled", at=now, by=by, reason=reason)
    event = {"cancel": cancel, "set": {"job": record}, "at": milliseconds_now(workspace)}
    for path in paths_of(workspace, run.id):
        journal = open_journal(path)
        if journal is not None:
            with contextlib.closing(journal):
                journal.append(event)
            return
    status = find_run(workspace, run.id).status
    where = f"is {status}" if status != "running" else "is done on another machine"
    raise NotAllowed(f"run {run.id} {where}, so it cannot be cancelled here")


def _changed(
    workspace: Workspace, job: Job, *steps: Step, reason: str, **fields: str | None
) -> Job:
    """Return a job that waits, with steps that were taken."""
    with held_or_refused(workspace, job) as found:
        require_step(found.job, steps[0])  # somebody else may have changed it since the look
        if "reset" in steps:
            fields |= {"defer_until": None, "after": None}
        now = workspace.surroundings.clock.now()
        who = str(workspace.signature())
        record = with_change(found.job.run.job, *steps, at=now, by=who, reason=reason, **fields)
        found.journal.append({"set": {"job": record}, "at": milliseconds_now(workspace)})
        return Job(run=replace(found.job.run, job=record))


# --- another attempt -------------------------------------------------------------------------


def _attempt_again(workspace: Workspace, job: Job, *, by: str, reason: str) -> Job:
    with _one_at_a_time(workspace):
        latest = get_job(workspace, job.id)
        if latest.run.id != job.run.id:
            return latest  # somebody else has reset it since the look
        job = latest
        require_step(job, "reset")
        now = workspace.surroundings.clock.now()
        run = another_attempt(workspace, job)
        run = replace(run, job=with_change(run.job, "queued", at=now, by=by, reason=reason))
        # A link to a run that is not there says nothing: until the next step nothing has changed.
        link = with_change(job.run.job, "reset", at=now, by=by, reason=reason, next=run.id)
        amend(workspace, job.run.id, {"set": {"job": link}})
        enqueue(workspace, run)
        return Job(run=run)


@contextlib.contextmanager
def _one_at_a_time(workspace: Workspace) -> Iterator[None]:
    """Hold the lock under which jobs get new attempts, so that two people make one."""
    private = workspace.store.private_dir
    if private is None:
        yield
        return
    with write_errors("the job was not reset"):
        descriptor = os.open(private / "jobs.lock", os.O_RDWR | os.O_CREAT, 0o666)
    try:
        lock_file(descriptor)
        yield
    finally:
        os.close(descriptor)


def begin_again_where_workers_died(workspace: Workspace, queue: str) -> list[Job]:
    """Return the jobs of a queue that have another attempt now because their workers died.

    Only jobs that were begun in this repository are looked at.
    """
    again = []
    for run_id in begun.noted(workspace):
        try:
            run = find_run(workspace, run_id)
        except NotFound:
            begun.forget(workspace, run_id)
            continue
        job = Job(run=run)
        if not run.is_over or job.queue != queue:
            continue
        if _died(run) and run.attempt < job.max_attempts:
            reason = f"its worker died; attempt {run.attempt + 1} of {job.max_attempts}"
            who = worker_name(workspace)
            with contextlib.suppress(NotAllowed):  # somebody else was faster
                if get_job(workspace, run_id).run.id == run_id:
                    again.append(_attempt_again(workspace, job, by=who, reason=reason))
        begun.forget(workspace, run_id)
    return again


def _died(run: Run) -> bool:
    """Return whether nobody ended the run of a job: its process died, or the worker's did."""
    if run.error is None or was_cancelled(run):
        return False
    return run.error.type in ("Killed", WORKER_DIED) and run.started_at is not None
