"""Where a job stands, which steps it may take, and who made it take them.

The status of a job is that of its run, read as a job's: nothing is stored twice, so nothing can
contradict itself. What people and workers decided stands in the run as changes; how a run ended is
the last change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from typing import Any, Literal

from gitexp.clock import iso, parse_iso
from gitexp.errors import NotAllowed
from gitexp.ids import RunId
from gitexp.runs.run import Run

JobStatus = Literal["queued", "started", "deferred", "finished", "failed"]
Step = Literal["queued", "started", "deferred", "finished", "failed", "reset", "cancelled"]
"""What a job becomes. `reset` puts it into its queue again, `cancelled` makes it failed."""

JOB_STATUSES: tuple[JobStatus, ...] = ("queued", "deferred", "started", "finished", "failed")

_NEXT: Mapping[JobStatus, tuple[Step, ...]] = {
    "queued": ("started", "deferred", "reset", "cancelled"),
    "started": ("finished", "failed", "cancelled"),
    "deferred": ("started", "reset", "cancelled"),
    "failed": ("reset",),
    "finished": ("reset",),
}
_OF_RUNS: Mapping[str, JobStatus] = {
    "running": "started",
    "finished": "finished",
    "failed": "failed",
    "killed": "failed",
}


@dataclass(frozen=True, kw_only=True)
class Change:
    """One step of a job.

    Attributes:
        by: who made it, or the worker that did.
        attempt: the attempt that it belongs to, from 1.
        run: the run of that attempt.
    """

    status: Step
    at: datetime
    by: str
    reason: str = ""
    attempt: int = 1
    run: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the change as plain data."""
        data: dict[str, Any] = {"status": self.status, "at": iso(self.at), "by": self.by}
        data |= {"reason": self.reason} if self.reason else {}
        return {**data, "attempt": self.attempt, "run": self.run}


@dataclass(frozen=True, kw_only=True)
class Job:
    """A run that was made through an entrypoint, and the attempts before it.

    Attributes:
        run: the latest attempt.
    """

    run: Run

    @property
    def id(self) -> RunId:
        """The id of the job, which is that of its first attempt."""
        return self.run.retry_of or self.run.id

    @property
    def status(self) -> JobStatus:
        """Where it stands."""
        return status_of(self.run)

    @property
    def entrypoint(self) -> str:
        """The name of its entrypoint."""
        return str(self.run.job["entrypoint"]["name"])

    @property
    def queue(self) -> str:
        """The name of its queue."""
        return str(self.run.job["queue"])

    @property
    def values(self) -> Mapping[str, Any]:
        """The values of its parameters, defaults filled in."""
        values: Mapping[str, Any] = self.run.job.get("values", {})
        return values

    @property
    def timeout(self) -> float:
        """The seconds that one attempt may take."""
        return float(self.run.job["timeout"])

    @property
    def max_attempts(self) -> int:
        """How often it is begun at most when the processes that work on it die."""
        return int(self.run.job.get("max_attempts", 1))

    @property
    def defer_until(self) -> datetime | None:
        """When it may begin, where it is deferred to a moment."""
        until = self.run.job.get("defer_until")
        return parse_iso(until) if until else None

    @property
    def after(self) -> str:
        """The job that has to finish before it may begin; empty for none."""
        return str(self.run.job.get("after", ""))

    @property
    def changes(self) -> list[Change]:
        """The steps of this attempt, the first one first."""
        return changes_of(self.run)

    @property
    def reason(self) -> str:
        """Why it stands where it stands, as far as anybody said."""
        last = self.changes[-1]
        return last.reason

    def to_dict(self) -> dict[str, Any]:
        """Return the job as plain data; its run has everything else."""
        run = self.run
        return {
            "id": self.id,
            "status": self.status,
            "experiment": run.experiment,
            "entrypoint": dict(run.job["entrypoint"]),
            "queue": self.queue,
            "attempt": run.attempt,
            "max_attempts": self.max_attempts,
            "run": run.id,
            "version": run.version,
            "name": run.name,
            "values": dict(self.values),
            "inputs": dict(run.job.get("inputs", {})),
            "timeout": self.timeout,
            "defer_until": run.job.get("defer_until"),
            "after": self.after or None,
            "created_at": iso(run.created_at),
            "started_at": run.started_at and iso(run.started_at),
            "ended_at": run.ended_at and iso(run.ended_at),
            "code": run.code.to_dict(),
            "reason": self.reason,
            "changes": [change.to_dict() for change in self.changes],
        }


def is_job(run: Run) -> bool:
    """Return whether a run is an attempt at a job, and says so in a way that can be read.

    What others have shared is not trusted to.
    """
    if not run.job:
        return False
    from gitexp.documents import schemas
    from gitexp.documents.parsed import ParsedDocument

    # The events of a run may have changed what its record was checked for.
    return not schemas.check("run", ParsedDocument(value=run.to_dict()), file="run")


def status_of(run: Run) -> JobStatus:
    """Return where the job of a run stands, as far as this attempt goes."""
    if run.status != "scheduled":
        return _OF_RUNS[run.status]
    waiting = [c["status"] for c in run.job["changes"] if c["status"] in ("queued", "deferred")]
    return "deferred" if waiting[-1:] == ["deferred"] else "queued"


def changes_of(run: Run) -> list[Change]:
    """Return the steps of an attempt, the way in which it ended among them."""
    stored = [_change(run, data) for data in run.job["changes"]]
    if not run.is_over:
        return stored
    # Whoever died between saying that there is another attempt and making it said so too.
    later = len(list(takewhile(lambda change: change.status == "reset", reversed(stored))))
    return [*stored[: len(stored) - later], _ending(run), *stored[len(stored) - later :]]


def _change(run: Run, data: Mapping[str, Any]) -> Change:
    return Change(
        status=data["status"],
        at=parse_iso(data["at"]),
        by=data["by"],
        reason=data.get("reason", ""),
        attempt=run.attempt,
        run=run.id,
    )


def _ending(run: Run) -> Change:
    started = [c["by"] for c in run.job["changes"] if c["status"] == "started"]
    return Change(
        status=_OF_RUNS[run.status],
        at=run.ended_at or run.created_at,
        by=started[-1] if started else run.who,
        reason=_reason(run),
        attempt=run.attempt,
        run=run.id,
    )


def was_cancelled(run: Run) -> bool:
    """Return whether somebody asked an attempt to stop, its worker included."""
    return any(change["status"] == "cancelled" for change in run.job["changes"])


def _reason(run: Run) -> str:
    if run.error is None:
        return ""
    if run.error.type == "Killed" and was_cancelled(run):
        return "it did not stop when it was asked to, and was killed"
    return run.error.message


def require_step(job: Job, step: Step) -> None:
    """Raise `NotAllowed` when a job cannot take a step from where it stands."""
    if step in _NEXT[job.status]:
        return
    raise NotAllowed(
        f"job {job.id} cannot become {step}: it is {job.status}", hint=_hint(job.id, job.status)
    )


def _hint(job_id: str, status: JobStatus) -> str:
    if status == "started":
        return f"Stop it first: `gitexp job cancel {job_id}`."
    if status in ("failed", "finished"):
        return f"Do it again with `gitexp job reset {job_id}`."
    return f"Put it back into its queue first: `gitexp job reset {job_id}`."


def with_change(
    job: Mapping[str, Any],
    *steps: Step,
    at: datetime,
    by: str,
    reason: str = "",
    **fields: Any,
) -> dict[str, Any]:
    """Return a run's record of its job with steps that were taken.

    Args:
        fields: more fields of the record that change with them; None removes one.
    """
    made: dict[str, Any] = {"at": iso(at), "by": by, **({"reason": reason} if reason else {})}
    changes: Sequence[Any] = [*job.get("changes", ()), *({"status": s, **made} for s in steps)]
    record = {**job, "changes": list(changes), **fields}
    return {key: value for key, value in record.items() if value is not None}
