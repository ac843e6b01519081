"""The jobs of a repository, as its users hold them."""

from __future__ import annotations

import builtins
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from gitexp.evaluation.files import each
from gitexp.evaluation.jobs.entrypoints import Entrypoint, entrypoint_names, load_entrypoint
from gitexp.evaluation.jobs.states import Change, Job, JobStatus, changes_of
from gitexp.evaluation.running.planning import project_directory
from gitexp.project.workspace import Workspace


class Jobs:
    """The jobs of a repository.

    A job is a run that is made through an entrypoint. It waits in a queue of this repository until
    a worker takes it, and every attempt at it is a run of its own.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def create(
        self,
        experiment: str,
        entrypoint: str,
        *,
        values: Mapping[str, Any] | None = None,
        dataset: str = "",
        artifacts: Mapping[str, str] | None = None,
        queue: str = "",
        version: str = "latest",
        name: str = "",
        description: str = "",
        tags: Mapping[str, Any] | None = None,
        timeout: str | float | None = None,
        max_attempts: int | None = None,
        defer_until: datetime | None = None,
        after: str = "",
        evaluation: Mapping[str, Any] | None = None,
    ) -> Job:
        """Return a new job, which waits in its queue.

        Args:
            values: of the parameters of the entrypoint; the rest have their defaults.
            dataset: a name; the entrypoint's default when empty.
            artifacts: `RUN/PATH` by the names that the entrypoint has for them.
            queue: one of the entrypoint's queues; its first one when empty.
            timeout: seconds, or a text such as `15m` or `24h`; the entrypoint's by default.
            max_attempts: how often the job is begun when workers die.
            defer_until: it does not begin before.
            after: the id of a job that has to finish before it begins.
            evaluation: how samples are worked on where that is to be otherwise than the
                entrypoint says: `selection`, `repeats`, `seed`, `limits`, `concurrency`.

        Raises:
            NotFound: there is no such experiment, version, entrypoint, dataset, workflow or job.
            NotAllowed: the experiment does not declare the entrypoint.
            InvalidDocuments: every missing, unknown and mistyped value, all at once.
        """
        from gitexp.evaluation.jobs.creating import JobRequest, create_job
        from gitexp.evaluation.jobs.entrypoints import seconds_of

        request = JobRequest(
            experiment=experiment,
            entrypoint=entrypoint,
            queue=queue,
            values=dict(values or {}),
            dataset=dataset,
            artifacts=dict(artifacts or {}),
            version=version,
            name=name,
            description=description,
            tags=dict(tags or {}),
            timeout=None if timeout is None else seconds_of(timeout),
            max_attempts=max_attempts,
            defer_until=defer_until,
            after=after,
            evaluation=dict(evaluation or {}),
        )
        return create_job(self._workspace, request)

    def get(self, job: str) -> Job:
        """Return a job by its id, by that of an attempt, or by the beginning of one.

        Raises:
            NotFound: there is no such job here.
        """
        from gitexp.evaluation.jobs.queue import get_job
        from gitexp.runs.recording.closing import reap_if_possible

        reap_if_possible(self._workspace)
        return get_job(self._workspace, job)

    def list(
        self,
        *,
        queue: str = "",
        status: JobStatus | None = None,
        experiment: str = "",
        entrypoint: str = "",
        limit: int | None = None,
    ) -> builtins.list[Job]:
        """Return the jobs that fit, the newest first."""
        from gitexp.evaluation.jobs.queue import all_jobs
        from gitexp.runs.recording.closing import reap_if_possible

        reap_if_possible(self._workspace)
        fitting = [
            job
            for job in all_jobs(self._workspace)
            if queue in ("", job.queue)
            and status in (None, job.status)
            and experiment in ("", job.run.experiment)
            and entrypoint in ("", job.entrypoint)
        ]
        return fitting[:limit]

    def waits_for(self, job: Job) -> str:
        """Return what a deferred job still waits for; empty when it may begin."""
        from gitexp.evaluation.jobs.queue import waits_for

        return waits_for(self._workspace, job)

    def history(self, job: str) -> builtins.list[Change]:
        """Return every step of a job, those of earlier attempts first.

        Raises:
            NotFound: there is no such job here.
        """
        from gitexp.evaluation.jobs.queue import attempts
        from gitexp.runs.recording.closing import reap_if_possible

        reap_if_possible(self._workspace)
        return [c for run in attempts(self._workspace, job) for c in changes_of(run)]

    def reset(self, job: str, *, reason: str = "") -> Job:
        """Return a job that is in its queue again; one that is over gets a new attempt.

        Raises:
            NotFound: there is no such job here.
            NotAllowed: it is started.
        """
        from gitexp.evaluation.jobs.changing import reset_job

        return reset_job(self._workspace, job, reason=reason)

    def defer(
        self, job: str, *, until: datetime | None = None, after: str = "", reason: str = ""
    ) -> Job:
        """Return a job that does not begin before a moment, or before another job has finished.

        Raises:
            NotFound: there is no such job here.
            NotAllowed: it is not queued.
        """
        from gitexp.evaluation.jobs.changing import defer_job

        return defer_job(self._workspace, job, until=until, after=after, reason=reason)

    def cancel(self, job: str, *, reason: str = "") -> Job:
        """Return a job that is given up; one that is started stops soon.

        Raises:
            NotFound: there is no such job here.
            NotAllowed: it is over.
        """
        from gitexp.evaluation.jobs.changing import cancel_job

        return cancel_job(self._workspace, job, reason=reason)

    def work(self, queue: str = "", *, once: bool = False, concurrency: int = 1) -> int:
        """Do the jobs of a queue, and return how many were done.

        Args:
            once: stop when no job may begin any more; else go on until Ctrl-C.
            concurrency: how many jobs are done at once, each in a process of its own.
        """
        from gitexp.evaluation.jobs.entrypoints import DEFAULT_QUEUE
        from gitexp.evaluation.jobs.working import Worker

        worker = Worker(self._workspace, queue or DEFAULT_QUEUE, concurrency=concurrency)
        return worker.work(once=once)


class Entrypoints:
    """The entrypoints of a project's working tree."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def names(self) -> list[str]:
        """Return the names of all entrypoints, sorted."""
        return list(entrypoint_names(project_directory(self._workspace)))

    def all(self) -> list[Entrypoint]:
        """Return all entrypoints, sorted by their names.

        Raises:
            InvalidDocuments: everything that is wrong in the files, all of them together.
        """
        return [*each(self.names(), self.get)]

    def get(self, name: str) -> Entrypoint:
        """Return an entrypoint.

        Raises:
            NotFound: the project has no entrypoint of that name.
            InvalidDocuments: everything that is wrong in its file.
        """
        directory = project_directory(self._workspace)
        return load_entrypoint(directory, name, root=self._workspace.root)
