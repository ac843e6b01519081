"""Logged models: what a run made, known by an id of its own.

Everything about a model is kept on the run that made it: its description as JSON in the tag
`mlflow.loggedModel/ID`, the metrics that were linked to it in tags below that one, its files
among the artifacts of the run, below `mlflow-models/ID/`. A model that no run made gets a run to
stand on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from mlflow.entities import LoggedModel, LoggedModelStatus, Metric

from gitexp.ids import RunId
from gitexp.integrations.mlflow import tags
from gitexp.integrations.mlflow.refusals import missing
from gitexp.runs.metrics import plain_number
from gitexp.runs.run import Run

_ID = re.compile(r"m-(\d{8})(\d{6})([a-z2-7]{8})[a-z2-7]{8}\Z", re.ASCII)

Description = dict[str, Any]
"""What is kept of a model: name, type, status, moments, params, tags, and whether it is deleted."""


def new_model_id(run: Run, random: str) -> str:
    """Return the id of a new model, which names the run that holds it.

    Args:
        random: eight letters.
    """
    stamp, _, letters = run.id.partition("-")
    return f"m-{stamp.replace('T', '')}{letters}{random}"


def holder_of(model_id: str) -> RunId | None:
    """Return the run that a model's id names, or None: an imported model kept its own."""
    found = _ID.match(model_id)
    return RunId(f"{found[1]}T{found[2]}-{found[3]}") if found else None


def described(run: Run, model_id: str) -> Description | None:
    """Return what a run says of a model, or None when it holds no such model."""
    key = tags.MODEL + model_id
    return tags.loaded(run.tags, key) if key in run.tags else None


def require(run: Run | None, model_id: str, *, deleted: bool = True) -> Description:
    """Return what a run says of a model.

    Args:
        deleted: whether a deleted one counts.

    Raises:
        MlflowException: there is no such model.
    """
    found = described(run, model_id) if run is not None else None
    if found is None or (found.get("deleted") and not deleted):
        raise missing(f"Logged model with ID '{model_id}' not found.")
    return found


def models_on(run: Run) -> list[str]:
    """Return the ids of the models that a run holds."""
    found = (key.removeprefix(tags.MODEL) for key in run.tags if key.startswith(tags.MODEL))
    return [model_id for model_id in found if "/" not in model_id]


def links_event(run: Run, **more: Any) -> dict[str, Any]:
    """Return the event that adds to the models that a run took in and gave out."""
    known = tags.loaded(run.tags, tags.MODELS)
    for kind, added in more.items():
        old = known.get(kind, [])
        known[kind] = old + [one for one in added if one not in old]
    return {"tags": {tags.MODELS: tags.dumped(known)}}


def description_event(holder: Run, model_id: str, description: Description) -> dict[str, Any]:
    """Return the event that keeps what is known of a model on the run that holds it."""
    # Runs with models are found by the tag that lists links; it is there where there are none too.
    marked = {} if tags.MODELS in holder.tags else {tags.MODELS: tags.dumped({})}
    return {"tags": {**marked, tags.MODEL + model_id: tags.dumped(description)}}


def metric_events(run_id: str, metrics: Iterable[Metric]) -> dict[str, dict[str, Any]]:
    """Return, by model, the event that keeps those metrics of a run that are linked to it."""
    linked: dict[str, list[Any]] = {}
    for metric in metrics:
        if metric.model_id is not None:
            linked.setdefault(metric.model_id, []).append(_metric_row(run_id, metric))
    return {
        model_id: {"tags": tags.model_metrics(model_id, rows)} for model_id, rows in linked.items()
    }


def _metric_row(run_id: str, metric: Metric) -> list[Any]:
    value = plain_number(float(metric.value))
    dataset = [metric.dataset_name, metric.dataset_digest]
    return [metric.key, value, metric.step, metric.timestamp, *dataset, run_id]


def metrics_on(holder: Run, model_id: str) -> list[Metric]:
    """Return the metrics that were linked to a model that a run holds."""
    start = f"{tags.MODEL}{model_id}/"
    keys = [key for key in holder.tags if key.startswith(start)]
    # A later import of the run brings all rows again that an earlier one brought.
    rows = dict.fromkeys(
        tuple(row) for key in keys for row in tags.loaded(holder.tags, key).get("metrics", ())
    )
    found = [
        Metric(
            key=key,
            value=float(value),
            timestamp=timestamp,
            step=step,
            model_id=model_id,
            dataset_name=name,
            dataset_digest=digest,
            run_id=run_id,
        )
        for key, value, step, timestamp, name, digest, run_id in rows
    ]
    return sorted(found, key=lambda metric: (metric.key, metric.timestamp, metric.step))


def entity(
    holder: Run,
    model_id: str,
    description: Mapping[str, Any],
    *,
    experiment_id: str,
    artifact_location: str,
) -> LoggedModel:
    """Return a model as MLflow has it."""
    return LoggedModel(
        experiment_id=experiment_id,
        model_id=model_id,
        name=description["name"],
        artifact_location=artifact_location,
        creation_timestamp=description["created"],
        last_updated_timestamp=description["updated"],
        model_type=description.get("type"),
        source_run_id=description.get("run"),
        status=LoggedModelStatus(description["status"]),
        status_message=description.get("status_message"),
        tags=dict(description.get("tags", {})),
        params=dict(description.get("params", {})),
        metrics=metrics_on(holder, model_id) or None,
    )
