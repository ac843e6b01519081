"""MLflow's entities made of gitexp's."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from mlflow.entities import (
    Dataset,
    DatasetInput,
    InputTag,
    LoggedModelInput,
    LoggedModelOutput,
    Metric,
    Param,
    RunData,
    RunInfo,
    RunInputs,
    RunOutputs,
    RunTag,
)
from mlflow.entities import Run as MlflowRun

from gitexp.integrations.mlflow import tags
from gitexp.integrations.mlflow.moments import millis_of
from gitexp.runs.metrics import NamedPoint
from gitexp.runs.run import Run

STATUS_OF_MLFLOW: Mapping[str, str] = {
    "SCHEDULED": "scheduled",
    "RUNNING": "running",
    "FINISHED": "finished",
    "FAILED": "failed",
    "KILLED": "killed",
}
_STATUS = {ours: theirs for theirs, ours in STATUS_OF_MLFLOW.items()}


def run_entity(run: Run, *, experiment_id: str, artifact_uri: str) -> MlflowRun:
    """Return a run as MLflow has it.

    Args:
        experiment_id: the experiment's number.
        artifact_uri: where its artifacts are.
    """
    return MlflowRun(
        run_info=run_info(run, experiment_id=experiment_id, artifact_uri=artifact_uri),
        run_data=_data(run),
        run_inputs=RunInputs(
            dataset_inputs=[_dataset_input(given) for given in run.inputs],
            model_inputs=[LoggedModelInput(model) for model in linked_models(run)["inputs"]],
        ),
        run_outputs=RunOutputs(
            [LoggedModelOutput(model, step) for model, step in linked_models(run)["outputs"]]
        ),
    )


def run_info(run: Run, *, experiment_id: str, artifact_uri: str) -> RunInfo:
    """Return the head of a run."""
    return RunInfo(
        run_id=run.id,
        experiment_id=experiment_id,
        user_id=_user(run),
        status=_STATUS[run.status],
        start_time=millis_of(run.started_at or run.created_at),
        end_time=millis_of(run.ended_at) if run.ended_at else None,
        lifecycle_stage=run.lifecycle,
        artifact_uri=artifact_uri,
        run_name=run.name,
    )


def _user(run: Run) -> str:
    known = run.tags.get(tags.USER) or run.tags.get(tags.OWNER)
    return known or run.who.rpartition(" <")[0] or run.who


def _data(run: Run) -> RunData:
    return RunData(
        metrics=[Metric(k, p.value, p.timestamp, p.step) for k, p in run.metrics.items()],
        params=[Param(key, text_of(value)) for key, value in params_of(run).items()],
        tags=[RunTag(key, value) for key, value in tags_of(run).items()],
    )


def params_of(run: Run) -> dict[str, Any]:
    """Return what MLflow shows as params: the version's values, and what was logged."""
    return {**run.parameters, **run.params}


def text_of(value: Any) -> str:
    """Return a param as MLflow would have logged it: texts as they are, structures as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def tags_of(run: Run) -> dict[str, str]:
    """Return a run's tags as MLflow shows them; those of a run that MLflow began are its own."""
    shown = {key: value for key, value in run.tags.items() if not tags.is_internal(key)}
    if tags.USER in run.tags:
        return shown
    told = {tags.RUN_NAME: run.name, tags.PARENT: run.parent, tags.NOTE: run.description}
    return {**{key: value for key, value in told.items() if value}, **shown}


def linked_models(run: Run) -> dict[str, Any]:
    """Return the ids of the models that went in, and ids and steps of those that came out."""
    return {"inputs": [], "outputs": [], **tags.loaded(run.tags, tags.MODELS)}


def _dataset_input(given: Mapping[str, Any]) -> DatasetInput:
    dataset = Dataset(
        name=given["name"],
        digest=given["digest"],
        source_type=given.get("source_type", ""),
        source=given.get("source", ""),
        schema=given.get("schema"),
        profile=given.get("profile"),
    )
    return DatasetInput(dataset, [InputTag(k, v) for k, v in given.get("tags", {}).items()])


def metrics_of(points: Iterable[NamedPoint], run_id: str | None = None) -> list[Metric]:
    """Return points as MLflow has them, by time, then step, then value."""
    ordered = sorted(points, key=lambda one: (one[1].timestamp, one[1].step, _number(one[1].value)))
    return [Metric(key, p.value, p.timestamp, p.step, run_id=run_id) for key, p in ordered]


def _number(value: float) -> tuple[bool, float]:
    return (True, value) if value == value else (False, 0.0)
