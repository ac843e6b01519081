"""The jobs of a repository: those that wait and run here, in journals, and those that are over.

A job that waits is a run in a journal that no process holds. Whoever takes it or changes it holds
its journal meanwhile, which only one process can; so no job is taken twice, and a worker that dies
lets go of it.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from gitexp.errors import GitexpError, NotFound, RepositoryBusy
from gitexp.evaluation.jobs.states import Job, is_job
from gitexp.ids import RunId
from gitexp.project.workspace import Workspace
from gitexp.runs.journalling import journals
from gitexp.runs.journalling.holding import hold_journal
from gitexp.runs.journalling.journals import Journal
from gitexp.runs.run import Run
from gitexp.runs.searching import RunQuery, search
from gitexp.runs.tracking.starting import find_run, resolve_run_id

_PAUSES = (0.0, 0.002, 0.01, 0.03, 0.1, 0.3, 1.0)
"""Seconds between tries to hold a journal: whoever only looks at it lets go of it at once."""


@dataclass(kw_only=True)
class Held:
    """A job that waited and that this process holds."""

    job: Job
    journal: Journal


@contextlib.contextmanager
def held(workspace: Workspace, run_id: RunId) -> Iterator[Held | None]:
    """Hold a job that waits; yields None where another process has it or it does not wait.

    The journal is let go of after the block, unless the run has ended.

    Raises:
        StoreError: its journal cannot be read.
    """
    journal = _hold(workspace, run_id)
    try:
        run = _waiting(journal) if journal is not None else None
        yield None if run is None or journal is None else Held(job=Job(run=run), journal=journal)
    finally:
        if journal is not None and journal.is_open:
            journal.close()


def _waiting(journal: Journal) -> Run | None:
    contents = journals.contents_of(journal.read())
    run = contents.state.run() if contents is not None else None
    return run if run is not None and run.status == "scheduled" and run.job else None


def _hold(workspace: Workspace, run_id: RunId) -> Journal | None:
    for pause in _PAUSES:
        time.sleep(pause)
        paths = journals.paths_of(workspace, run_id)
        if not any(run.status == "scheduled" for run in journals.live(workspace, run_id)):
            return None
        for path in paths:
            if (journal := hold_journal(path)) is not None:
                return journal
    return None


@contextlib.contextmanager
def held_or_refused(workspace: Workspace, job: Job) -> Iterator[Held]:
    """Hold a job that waits.

    Raises:
        RepositoryBusy: another process holds it.
    """
    with held(workspace, job.run.id) as found:
        if found is None:
            raise RepositoryBusy(
                f"job {job.id} is being taken or changed by another process",
                hint=f"Look at it again with `gitexp job show {job.id}`.",
            )
        yield found


# --- finding ---------------------------------------------------------------------------------


def waiting(workspace: Workspace, queue: str = "") -> list[Job]:
    """Return the jobs that wait here, in the order in which they were created.

    Args:
        queue: only those of one queue.
    """
    runs = [run for run in journals.live(workspace) if run.job and run.status == "scheduled"]
    jobs = [Job(run=run) for run in runs]
    chosen = [job for job in jobs if not queue or job.queue == queue]
    return sorted(chosen, key=lambda job: (job.run.created_at, job.run.id))


def all_jobs(workspace: Workspace) -> list[Job]:
    """Return every job as its latest attempt has it, the newest job first."""
    latest: dict[str, Run] = {}
    for run in _job_runs(workspace):
        first = run.retry_of or run.id
        if first not in latest or run.attempt > latest[first].attempt:
            latest[first] = run
    return sorted((Job(run=run) for run in latest.values()), key=_newest, reverse=True)


def _newest(job: Job) -> tuple[Any, str]:
    return job.run.created_at, job.id


def _job_runs(workspace: Workspace) -> list[Run]:
    """Return the runs that are attempts at jobs, those that wait and run among them."""
    page = search(workspace, RunQuery(limit=None))
    runs = (Run.from_dict(document) for document in page.documents if document.get("job"))
    return [run for run in runs if is_job(run)]


def get_job(workspace: Workspace, text: str) -> Job:
    """Return a job by its id, or by the id of one of its attempts, or the beginning of one.

    Raises:
        NotFound: there is no such job here.
        InvalidInput: several runs begin so.
    """
    return Job(run=attempts(workspace, text)[-1])


def attempts(workspace: Workspace, text: str) -> list[Run]:
    """Return the runs of a job, the first attempt first.

    Raises:
        NotFound: there is no such job here.
    """
    named = find_run(workspace, resolve_run_id(workspace, text))
    if not is_job(named):
        raise NotFound(f"run {named.id} is no job", hint="See `gitexp job list`.")
    run: Run | None = named
    if named.retry_of is not None:
        with contextlib.suppress(NotFound):
            run = find_run(workspace, named.retry_of)
    found: list[Run] = []
    while run is not None:
        found.append(run)
        run = _next(workspace, run)
    return found


def _next(workspace: Workspace, run: Run) -> Run | None:
    """Return the attempt that took the place of another; a link to nothing does not count."""
    following = run.job.get("next")
    if not following:
        return None
    try:
        found = find_run(workspace, following)
    except GitexpError:
        return None
    return found if is_job(found) and found.attempt > run.attempt else None


# --- whether a job may begin -----------------------------------------------------------------


def waits_for(workspace: Workspace, job: Job) -> str:
    """Return what a job that is deferred still waits for; empty when it may begin."""
    until = job.defer_until
    if job.status != "deferred":
        return ""
    if until is not None and workspace.surroundings.clock.now() < until:
        return f"deferred until {job.run.job['defer_until']}"
    if not job.after:
        return ""
    try:
        other = get_job(workspace, job.after)
    except NotFound:
        return f"waits for job {job.after}, which is not here"
    return "" if other.status == "finished" else f"waits for job {job.after}, which {_is(other)}"


def _is(job: Job) -> str:
    return "failed" if job.status == "failed" else f"is {job.status}"
