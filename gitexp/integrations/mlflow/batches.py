"""What MLflow logs, checked as MLflow checks it and put into events of gitexp."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mlflow.entities import DatasetInput, Metric, Param, RunTag
from mlflow.environment_variables import MLFLOW_TRUNCATE_LONG_VALUES
from mlflow.utils.validation import (
    _validate_metric,
    _validate_param,
    _validate_tag,
)

from gitexp.integrations.mlflow import tags
from gitexp.integrations.mlflow.refusals import invalid, missing
from gitexp.runs.metrics import metric_number, plain_number, whole_number
from gitexp.runs.run import Run


def metrics_event(metrics: Sequence[Metric], *, batch: bool = True) -> dict[str, Any]:
    """Return the event of some metrics.

    Args:
        batch: whether a refusal says which of them it means.

    Raises:
        MlflowException: one of them is wrong.
        InvalidInput: a number needs more bits than there are.
    """
    for index, metric in enumerate(metrics):
        path = f"metrics[{index}]" if batch else ""
        _validate_metric(metric.key, metric.value, metric.timestamp, metric.step, path=path)
    points = [_point(metric) for metric in metrics]
    return {"metrics": points} if points else {}


def _point(metric: Metric) -> list[Any]:
    value = plain_number(metric_number(metric.key, metric.value))
    return [metric.key, value, _whole("step", metric.step), _whole("timestamp", metric.timestamp)]


def _whole(what: str, value: Any) -> int:
    """Return a step or a time; MLflow takes those with a fraction, which does not count."""
    try:
        number = int(value)
    except (OverflowError, ValueError):
        number = value
    return whole_number(what, number)


def params_event(params: Sequence[Param], *, batch: bool = True) -> dict[str, Any]:
    """Return the event of some params.

    Raises:
        MlflowException: one of them is wrong, or two have one name.
    """
    checked = {}
    for index, param in enumerate(params):
        text = _text(param.value)
        _validate_param(param.key, _measured(text), path=f"params[{index}]" if batch else "")
        checked[param.key] = text
    return {"params": checked} if checked else {}


def tags_event(given: Sequence[RunTag], *, batch: bool = True) -> dict[str, Any]:
    """Return the event of some tags; those that stand for fields of the run set them too.

    Raises:
        MlflowException: one of them is wrong.
    """
    checked = {}
    for index, tag in enumerate(given):
        text = _text(tag.value)
        _validate_tag(tag.key, _measured(text), path=f"tags[{index}]" if batch else "")
        if tags.is_internal(tag.key):
            raise invalid(f"Tags named {tag.key!r} are kept by gitexp itself")
        checked[tag.key] = text
    fields = {"name": tags.RUN_NAME, "description": tags.NOTE}
    told = {field: checked[key] for field, key in fields.items() if key in checked}
    return {**({"tags": checked} if checked else {}), **({"set": told} if told else {})}


def refuse_internal(run_id: str, key: str) -> None:
    """Raise an error when a tag that is to be removed is none that MLflow knows of.

    Raises:
        MlflowException: it is kept by gitexp itself.
    """
    if tags.is_internal(key):
        raise missing(f"No tag with name: {key} in run with id {run_id}")


def _text(value: Any) -> str:
    return "" if value is None else _encodable(str(value))


def _measured(text: str) -> str:
    """Return what MLflow is to measure: nothing where it would cut, since nothing is cut here."""
    return "" if MLFLOW_TRUNCATE_LONG_VALUES.get() else text


def _encodable(text: str) -> str:
    """Return a text without the halves of surrogate pairs, which UTF-8 cannot say."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def joined(*events: Mapping[str, Any]) -> dict[str, Any]:
    """Return events of different kinds as one."""
    merged: dict[str, Any] = {}
    for event in events:
        merged |= event
    return merged


def inputs_event(run: Run, given: Sequence[DatasetInput]) -> dict[str, Any]:
    """Return the event of datasets that went into a run; each name and digest counts once."""
    known = {(one["name"], one["digest"]) for one in run.inputs}
    added: list[dict[str, Any]] = []
    for one in given:
        key = (one.dataset.name, one.dataset.digest)
        if key not in known:
            known.add(key)
            added.append(_input(one))
    return {"inputs": added} if added else {}


def _input(given: DatasetInput) -> dict[str, Any]:
    dataset = given.dataset
    fields = {
        "name": dataset.name,
        "digest": dataset.digest,
        "source_type": dataset.source_type,
        "source": dataset.source,
        "schema": dataset.schema,
        "profile": dataset.profile,
        "tags": {tag.key: tag.value for tag in given.tags},
    }
    return {key: value for key, value in fields.items() if value not in (None, {})}
