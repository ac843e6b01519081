"""The values of fields, read from a run's document."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from gitexp.runs.filters.conditions import Field
from gitexp.runs.tallies import Stats

Document = Mapping[str, Any]


def value_in(document: Document, field: Field) -> Any:
    """Return the value of a field of a run, as JSON has it; None for what the run lacks.

    For one of the parts of datasets it is the list of all of them.
    """
    return _READERS[field.kind](document, field.name)


def _attribute(document: Document, name: str) -> Any:
    reader = _ATTRIBUTES.get(name)
    return reader(document) if reader is not None else document.get(name)


def _inside(*path: str) -> Callable[[Document], Any]:
    def read(document: Document) -> Any:
        value: Any = document
        for key in path:
            value = (value or {}).get(key)
        return value

    return read


def _error(document: Document) -> str | None:
    error = document.get("error")
    return f"{error['type']}: {error['message']}" if error else None


_ATTRIBUTES: Mapping[str, Callable[[Document], Any]] = {
    "run_id": _inside("id"),
    "experiment": _inside("experiment", "name"),
    "experiment_id": _inside("experiment", "id"),
    "commit": _inside("code", "commit"),
    "branch": _inside("code", "branch"),
    "dirty": _inside("code", "dirty"),
    "duration": _inside("duration_seconds"),
    "dataset": _inside("dataset", "name"),
    "endpoint": _inside("endpoint", "name"),
    "lifecycle": lambda document: document.get("lifecycle", "active"),
    "attempt": lambda document: document.get("attempt", 1),
    "exit_code": _inside("exit", "code"),
    "error": _error,
}


def _metric(document: Document, name: str) -> Any:
    point = document.get("metrics", {}).get(name)
    return point["value"] if point is not None else None


def _param(document: Document, name: str) -> Any:
    logged = document.get("params", {})
    return logged[name] if name in logged else document["parameters"].get(name)


def _stat(document: Document, name: str) -> Any:
    stats = Stats.from_dict(document.get("stats") or {})
    return getattr(stats, name)


def _dataset(document: Document, name: str) -> list[Any]:
    dataset, inputs = document.get("dataset"), document.get("inputs", ())
    if name == "context":
        return [given.get("tags", {}).get("mlflow.data.context") for given in inputs]
    return [used[name] for used in [*([dataset] if dataset else []), *inputs]]


_READERS: Mapping[str, Callable[[Document, str], Any]] = {
    "attribute": _attribute,
    "metric": _metric,
    "param": _param,
    "tag": lambda document, name: document.get("tags", {}).get(name),
    "score": lambda document, name: document.get("scores", {}).get(name, {}).get("mean"),
    "stat": _stat,
    "dataset": _dataset,
}
