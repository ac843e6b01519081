"""What an imported run has in MLflow now and not here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gitexp.integrations.mlflow import tags
from gitexp.integrations.mlflow.converting import Converted
from gitexp.runs.events import Event
from gitexp.runs.metrics import MetricPoint, NamedPoint, plain_number
from gitexp.runs.run import Run

_FIELDS = ("status", "name", "description", "ended_at", "duration_seconds", "error")
_PASSING = (tags.STATUS, tags.ARTIFACT_URI, tags.DELETED)
"""Tags that say how things stand, and go when they stand otherwise."""


def difference(old: Run, points: Sequence[NamedPoint], made: Converted) -> Event:
    """Return the event that adds what is new of a run; an empty one when nothing is.

    Args:
        points: the values of its metrics that are here.
    """
    new, there = made.run, {(name, *_comparable(point)) for name, point in points}
    known = {artifact.path for artifact in old.artifacts}
    fields = {
        "metrics": [
            [name, plain_number(point.value), point.step, point.timestamp]
            for name, point in made.points
            if (name, *_comparable(point)) not in there
        ],
        "params": {k: v for k, v in new.params.items() if k not in old.params},
        "tags": _changed_tags(old, new),
        "inputs": [dict(given) for given in new.inputs if given not in old.inputs],
        "artifacts": [a.to_dict() for a in new.artifacts if a.path not in known],
        "set": {**_changed_fields(old, new), **_lifecycle(old, new)},
    }
    told: dict[str, Any] = {kind: value for kind, value in fields.items() if value}
    # The digest alone changes with the moments of files too.
    return {} if told.keys() == {"tags"} and told["tags"].keys() == {tags.IMPORTED} else told


def _comparable(point: MetricPoint) -> tuple[Any, ...]:
    return repr(point.value), point.step, point.timestamp


def _changed_tags(old: Run, new: Run) -> dict[str, str | None]:
    gone = {key: None for key in _PASSING if key in old.tags and key not in new.tags}
    return {**{k: v for k, v in new.tags.items() if old.tags.get(k) != v}, **gone}


def _changed_fields(old: Run, new: Run) -> dict[str, Any]:
    before, after = old.to_dict(), new.to_dict()
    return {key: after.get(key) for key in _FIELDS if before.get(key) != after.get(key)}


def _lifecycle(old: Run, new: Run) -> dict[str, Any]:
    """Return the life-cycle that MLflow gave a run since; what it was given here stays."""
    was, now = tags.DELETED in old.tags, tags.DELETED in new.tags
    if was == now or old.lifecycle == new.lifecycle:
        return {}
    return {"lifecycle": new.lifecycle, "deleted_by": new.deleted_by}
