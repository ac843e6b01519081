"""Events of a run, and the run that they add up to.

An event is a mapping that says what was added to a run, all at once. It may hold:

- `run`: the run's document when it began; the first event of a journal;
- `metrics`: points as `[metric, value, step, timestamp]`;
- `params`, `tags` (None removes a tag), `artifacts` and `inputs`;
- `cancel`: somebody asks an evaluation to stop: `by` and `reason`;
- `checkpoint`: everything since the one before is recorded under this name;
- `set`: fields of the document with their new values, such as `status` and `ended_at`; None
  empties a field;
- `at`: the moment, in milliseconds since 1970 in UTC.

The state of a run is one fold over its events in their order, so it is the same wherever it is
computed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from gitexp.clock import parse_iso
from gitexp.documents.values import same
from gitexp.ids import RunId
from gitexp.runs.artifacts.artifact import Artifact
from gitexp.runs.history import History
from gitexp.runs.metrics import MetricPoint, NamedPoint, take_in
from gitexp.runs.references import Exit, Reference
from gitexp.runs.rows import Failure
from gitexp.runs.run import Run
from gitexp.runs.tallies import Stats

Event = Mapping[str, Any]


def _moment(value: Any) -> datetime | None:
    return parse_iso(value) if value else None


_FIELDS: Mapping[str, Any] = {
    "status": str,
    "name": lambda value: value or "",
    "description": lambda value: value or "",
    "started_at": _moment,
    "ended_at": _moment,
    "duration_seconds": lambda value: value,
    "parent": lambda value: RunId(value) if value else None,
    "lifecycle": lambda value: value or "active",
    "deleted_by": lambda value: value,
    "exit": Exit.from_dict,
    "error": Failure.from_dict,
    "stats": lambda value: Stats.from_dict(value or {}),
    "rates": lambda value: value or {},
    "scores": lambda value: value or {},
    "usage": lambda value: value or {},
    "evaluators": lambda value: tuple(Reference(**given) for given in value or ()),
    "job": lambda value: value or {},
}


class RunState:
    """What the events so far add up to.

    Attributes:
        latest: the latest moment that an event names, in milliseconds since 1970.
        history: every point since the last checkpoint, where that is asked for.
    """

    def __init__(self, run: Run, *, history: History | None = None) -> None:
        self._run = run
        self.history = history
        self.latest = 0
        self._fields: dict[str, Any] = {}
        self.params = dict(run.params)
        self.tags = dict(run.tags)
        self.metrics = dict(run.metrics)
        self.artifacts = {artifact.path: artifact for artifact in run.artifacts}
        self.inputs = list(run.inputs)

    def take(self, event: Event) -> None:
        """Take in one event."""
        if "metrics" in event:
            self._measure(event)
            if len(event) == 1:
                return
        if "at" in event:
            self._pass(event["at"])
        if "checkpoint" in event and self.history is not None:
            self.history.clear()
        for key, value in event.get("params", {}).items():
            self.params.setdefault(key, value)
        for key, value in event.get("tags", {}).items():
            self._tag(key, value)
        if "artifacts" in event or "inputs" in event:
            self._take_files(event)
        if "set" in event:
            self._fields |= {k: _FIELDS[k](v) for k, v in event["set"].items() if k in _FIELDS}

    def _measure(self, event: Event) -> None:
        points = points_of(event)
        take_in(self.metrics, points)
        for name, point in points:
            self._pass(point[2])
            if self.history is not None:
                self.history.add(name, point)

    def _pass(self, moment: Any) -> None:
        if isinstance(moment, int) and moment > self.latest:
            self.latest = moment

    def _take_files(self, event: Event) -> None:
        for data in event.get("artifacts", ()):
            artifact = Artifact.from_dict(data)
            self.artifacts.setdefault(artifact.path, artifact)
        for given in event.get("inputs", ()):
            if not any(same(given, known) for known in self.inputs):
                self.inputs.append(given)

    def _tag(self, key: str, value: str | None) -> None:
        if value is None:
            self.tags.pop(key, None)
        else:
            self.tags[key] = value

    def run(self) -> Run:
        """Return the run as it stands; events that are taken in later do not change it."""
        return replace(
            self._run,
            params=dict(self.params),
            tags=dict(self.tags),
            metrics=dict(self.metrics),
            artifacts=tuple(self.artifacts[path] for path in sorted(self.artifacts)),
            inputs=tuple(self.inputs),
            **self._fields,
        )


def folded(run: Run, events: Iterable[Event]) -> Run:
    """Return what a run became by events."""
    state = RunState(run)
    for event in events:
        state.take(event)
    return state.run()


def points_of(event: Event) -> list[NamedPoint]:
    """Return the points that an event holds."""
    return [
        (name, MetricPoint(float(value), step, timestamp))
        for name, value, step, timestamp in event.get("metrics", ())
    ]
