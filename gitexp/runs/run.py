"""A run: one execution, what it was made with, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from gitexp.clock import iso, parse_iso
from gitexp.errors import NotAllowed
from gitexp.ids import RunId
from gitexp.runs.artifacts.artifact import Artifact
from gitexp.runs.metrics import MetricPoint
from gitexp.runs.references import (
    CodeReference,
    DatasetReference,
    Exit,
    Machine,
    Reference,
    filled,
)
from gitexp.runs.rows import Failure
from gitexp.runs.tallies import Stats

__all__ = [
    "TERMINAL",
    "CodeReference",
    "DatasetReference",
    "Machine",
    "Reference",
    "Run",
    "RunStatus",
]

FORMAT = 1

RunStatus = Literal["scheduled", "running", "finished", "failed", "killed"]

Lifecycle = Literal["active", "deleted"]
Deleter = Literal["run", "experiment"]

TERMINAL: frozenset[RunStatus] = frozenset(["finished", "failed", "killed"])
"""The states that no run leaves."""

_NEXT: Mapping[RunStatus, frozenset[RunStatus]] = {
    "scheduled": frozenset(["running", "killed"]),
    "running": TERMINAL,
}


@dataclass(frozen=True, kw_only=True)
class Run:
    """One execution of an experiment.

    Attributes:
        experiment: the experiment's name when it ran.
        experiment_id: the experiment's stable id.
        version: the version whose values it used; None when it used none.
        digest: over the values it really used, overrides included.
        parameters: these values; a secret slot holds the name of its variable.
        overrides: those of them that were given for this run alone.
        created_at, started_at, ended_at: moments in UTC.
        duration_seconds: by a clock that never runs backwards.
        stats: counted from its rows.
        rates: how many of its rows passed, with intervals, see `tallies`.
        workflow: the tasks that were done for each sample, where it is an evaluation.
        evaluation: what was asked to be evaluated, and how; with it the run can be gone on with.
        job: the entrypoint and the queue that it was made through, and every change of its status.
        scores: by evaluator, see `tallies`.
        usage: what its calls took: latency, tokens and cost, see `tallies`.
        metrics: the latest point of every logged metric.
        params: what was logged as such; immutable, typed as JSON.
        inputs: the datasets that were logged as inputs.
        parent: the run that this one is a part of.
        retry_of: the first attempt at the same work; `attempt` counts from 1.
        segments: the later or earlier pieces of its history that this record has taken in.
        lifecycle: `deleted` hides it until it is restored; `deleted_by` says what deleted it.
        exit: how the program ended that was executed as this run.
        error: why it failed or was killed.
    """

    id: RunId
    experiment: str
    experiment_id: str
    project: str
    version: str | None = None
    digest: str | None = None
    status: RunStatus = "scheduled"
    name: str = ""
    description: str = ""
    created_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    duration_seconds: float | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    overrides: Mapping[str, Any] = field(default_factory=dict)
    dataset: DatasetReference | None = None
    endpoint: Reference | None = None
    evaluators: tuple[Reference, ...] = ()
    workflow: Reference | None = None
    evaluation: Mapping[str, Any] = field(default_factory=dict)
    job: Mapping[str, Any] = field(default_factory=dict)
    code: CodeReference = field(default_factory=CodeReference)
    who: str = ""
    machine: Machine = field(default_factory=Machine)
    stats: Stats = field(default_factory=Stats)
    rates: Mapping[str, Any] = field(default_factory=dict)
    scores: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    usage: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, MetricPoint] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    artifacts: tuple[Artifact, ...] = ()
    inputs: tuple[Mapping[str, Any], ...] = ()
    parent: RunId | None = None
    attempt: int = 1
    retry_of: RunId | None = None
    segments: tuple[str, ...] = ()
    lifecycle: Lifecycle = "active"
    deleted_by: Deleter | None = None
    exit: Exit | None = None
    error: Failure | None = None

    @property
    def is_over(self) -> bool:
        """Whether it has ended, in whatever way."""
        return self.status in TERMINAL

    def started(self, at: datetime) -> Run:
        """Return this run as running.

        Raises:
            NotAllowed: it is not scheduled.
        """
        self._require_step("running")
        return replace(self, status="running", started_at=at)

    def ended(
        self,
        status: RunStatus,
        at: datetime,
        *,
        duration_seconds: float,
        error: Failure | None = None,
    ) -> Run:
        """Return this run as ended.

        Raises:
            NotAllowed: it is over already, or not in a state that can end so.
        """
        self._require_step(status)
        return replace(
            self, status=status, ended_at=at, duration_seconds=duration_seconds, error=error
        )

    def _require_step(self, status: RunStatus) -> None:
        if status not in _NEXT.get(self.status, ()):
            final = ", and that is final" if self.is_over else ""
            raise NotAllowed(f"run {self.id} cannot become {status}: it is {self.status}{final}")

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Run:
        """Return the run that a checked document describes."""
        return cls(
            id=RunId(data["id"]),
            experiment=data["experiment"]["name"],
            experiment_id=data["experiment"]["id"],
            project=data["project"],
            version=data["version"],
            digest=data["digest"],
            status=data["status"],
            name=data.get("name", ""),
            description=data.get("description", ""),
            created_at=parse_iso(data["created_at"]),
            started_at=_moment(data.get("started_at")),
            ended_at=_moment(data.get("ended_at")),
            duration_seconds=data.get("duration_seconds"),
            parameters=data["parameters"],
            overrides=data["overrides"],
            dataset=DatasetReference(**data["dataset"]) if data.get("dataset") else None,
            endpoint=Reference(**data["endpoint"]) if data.get("endpoint") else None,
            evaluators=tuple(Reference(**e) for e in data.get("evaluators", ())),
            workflow=Reference(**data["workflow"]) if data.get("workflow") else None,
            evaluation=data.get("evaluation", {}),
            job=data.get("job", {}),
            code=CodeReference.from_dict(data["code"]),
            who=data["who"],
            machine=Machine.from_dict(data),
            stats=Stats.from_dict(data.get("stats", {})),
            rates=data.get("rates", {}),
            scores=data.get("scores", {}),
            usage=data.get("usage", {}),
            metrics={n: MetricPoint.from_dict(p) for n, p in data.get("metrics", {}).items()},
            params=data.get("params", {}),
            tags=data.get("tags", {}),
            artifacts=tuple(Artifact.from_dict(a) for a in data.get("artifacts", ())),
            inputs=tuple(data.get("inputs", ())),
            parent=data.get("parent"),
            attempt=data.get("attempt", 1),
            retry_of=data.get("retry_of"),
            segments=tuple(data.get("segments", ())),
            lifecycle=data.get("lifecycle", "active"),
            deleted_by=data.get("deleted_by"),
            exit=Exit.from_dict(data.get("exit")),
            error=Failure.from_dict(data.get("error")),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the run's document: everything that is known of it."""
        data: dict[str, Any] = {
            "id": self.id,
            "format": FORMAT,
            "experiment": {"id": self.experiment_id, "name": self.experiment},
            "project": self.project,
            "version": self.version,
            "digest": self.digest,
            "status": self.status,
            **filled(name=self.name, description=self.description),
            "created_at": iso(self.created_at),
            "started_at": self.started_at and iso(self.started_at),
            **filled(ended_at=self.ended_at and iso(self.ended_at)),
        }
        if self.duration_seconds is not None:
            data["duration_seconds"] = self.duration_seconds
        return data | self._standing() | self._made_with() | self._outcome()

    def _made_with(self) -> dict[str, Any]:
        return {
            "parameters": dict(self.parameters),
            "overrides": dict(self.overrides),
            **filled(
                dataset=self.dataset and self.dataset.to_dict(),
                endpoint=self.endpoint and self.endpoint.to_dict(),
                evaluators=[evaluator.to_dict() for evaluator in self.evaluators],
                workflow=self.workflow and self.workflow.to_dict(),
                evaluation=dict(self.evaluation),
                job=dict(self.job),
            ),
            "code": self.code.to_dict(),
            "who": self.who,
            **self.machine.to_dict(),
        }

    def _outcome(self) -> dict[str, Any]:
        return {
            "stats": self.stats.to_dict(),
            **filled(
                rates=dict(self.rates),
                scores={name: dict(numbers) for name, numbers in self.scores.items()},
                usage=dict(self.usage),
                metrics={name: self.metrics[name].to_dict() for name in sorted(self.metrics)},
                params=dict(self.params),
                tags=dict(self.tags),
                artifacts=[artifact.to_dict() for artifact in self.artifacts],
                inputs=[dict(given) for given in self.inputs],
                segments=list(self.segments),
                exit=self.exit and self.exit.to_dict(),
                error=self.error and self.error.to_dict(),
            ),
        }

    def _standing(self) -> dict[str, Any]:
        """Return what links it to other runs, and whether it is deleted."""
        deleted = self.lifecycle == "deleted"
        return filled(
            parent=self.parent,
            attempt=self.attempt if self.attempt > 1 else None,
            retry_of=self.retry_of,
            lifecycle=self.lifecycle if deleted else None,
            deleted_by=self.deleted_by if deleted else None,
        )


def _moment(text: str | None) -> datetime | None:
    return parse_iso(text) if text else None
