"""A run: one execution, what it was made with, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from gitexp.clock import iso, parse_iso
from gitexp.errors import NotAllowed
from gitexp.ids import RunId
from gitexp.runs.rows import Failure
from gitexp.runs.tallies import Stats

FORMAT = 1

RunStatus = Literal["scheduled", "running", "finished", "failed", "killed"]

TERMINAL: frozenset[RunStatus] = frozenset(["finished", "failed", "killed"])
"""The states that no run leaves."""

_NEXT: Mapping[RunStatus, frozenset[RunStatus]] = {
    "scheduled": frozenset(["running", "killed"]),
    "running": TERMINAL,
}


@dataclass(frozen=True, kw_only=True)
class Reference:
    """A file that a run used, by name and by the digest of what it said."""

    name: str
    digest: str

    def to_dict(self) -> dict[str, Any]:
        """Return name and digest."""
        return {"name": self.name, "digest": self.digest}


@dataclass(frozen=True, kw_only=True)
class DatasetReference(Reference):
    """The samples that a run used.

    Attributes:
        path: the file in the project.
        digest: over the samples that were used, in whatever order.
        samples: how many they are.
    """

    path: str
    samples: int

    def to_dict(self) -> dict[str, Any]:
        """Return the mapping that the run's document holds."""
        return {
            "name": self.name,
            "path": self.path,
            "digest": self.digest,
            "samples": self.samples,
        }


@dataclass(frozen=True, kw_only=True)
class CodeReference:
    """The code that a run used: the commit checked out, and whether the files differed from it.

    None stands for what is not known: no commit yet, or no `git` to ask.
    """

    commit: str | None = None
    dirty: bool | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return commit and dirty flag."""
        return {"commit": self.commit, "dirty": self.dirty}


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Where and how a run was started."""

    argv: tuple[str, ...] = ()
    python: str = ""
    platform: str = ""
    gitexp: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the fields; what is not known is left out."""
        data: dict[str, Any] = {
            "argv": list(self.argv),
            "python": self.python,
            "platform": self.platform,
            "gitexp": self.gitexp,
        }
        return {key: value for key, value in data.items() if value}


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
        metrics: by evaluator, see `tallies.evaluator_metrics`.
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
    code: CodeReference = field(default_factory=CodeReference)
    who: str = ""
    machine: Machine = field(default_factory=Machine)
    stats: Stats = field(default_factory=Stats)
    metrics: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
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
            code=CodeReference(commit=data["code"]["commit"], dirty=data["code"]["dirty"]),
            who=data["who"],
            machine=_machine(data),
            stats=Stats.from_dict(data.get("stats", {})),
            metrics=data.get("metrics", {}),
            tags=data.get("tags", {}),
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
            **_filled(name=self.name, description=self.description),
            "created_at": iso(self.created_at),
            "started_at": self.started_at and iso(self.started_at),
            **_filled(ended_at=self.ended_at and iso(self.ended_at)),
        }
        if self.duration_seconds is not None:
            data["duration_seconds"] = self.duration_seconds
        return data | self._made_with() | self._outcome()

    def _made_with(self) -> dict[str, Any]:
        return {
            "parameters": dict(self.parameters),
            "overrides": dict(self.overrides),
            **_filled(
                dataset=self.dataset and self.dataset.to_dict(),
                endpoint=self.endpoint and self.endpoint.to_dict(),
                evaluators=[evaluator.to_dict() for evaluator in self.evaluators],
            ),
            "code": self.code.to_dict(),
            "who": self.who,
            **self.machine.to_dict(),
        }

    def _outcome(self) -> dict[str, Any]:
        return {
            "stats": self.stats.to_dict(),
            **_filled(
                metrics={name: dict(numbers) for name, numbers in self.metrics.items()},
                tags=dict(self.tags),
                error=self.error and self.error.to_dict(),
            ),
        }


def _filled(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value}


def _moment(text: str | None) -> datetime | None:
    return parse_iso(text) if text else None


def _machine(data: Mapping[str, Any]) -> Machine:
    return Machine(
        argv=tuple(data.get("argv", ())),
        python=data.get("python", ""),
        platform=data.get("platform", ""),
        gitexp=data.get("gitexp", ""),
    )
