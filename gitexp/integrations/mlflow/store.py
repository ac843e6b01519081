"""The tracking store: MLflow's interface over the runs and experiments of a project."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from mlflow.entities import (
    DatasetInput,
    Experiment,
    ExperimentTag,
    LoggedModelInput,
    LoggedModelOutput,
    Metric,
    Param,
    RunInfo,
    RunStatus,
    RunTag,
    ViewType,
    _DatasetSummary,
)
from mlflow.entities import Run as MlflowRun
from mlflow.store.entities.paged_list import PagedList
from mlflow.store.tracking import SEARCH_MAX_RESULTS_DEFAULT
from mlflow.utils.mlflow_tags import MLFLOW_DATASET_CONTEXT, MLFLOW_LOGGED_MODELS
from mlflow.utils.name_utils import _generate_random_name
from mlflow.utils.search_utils import SearchExperimentsUtils, SearchUtils
from mlflow.utils.uri import resolve_uri_if_local
from mlflow.utils.validation import (
    _validate_batch_log_limits,
    _validate_dataset_inputs,
    _validate_experiment_artifact_location_length,
    _validate_experiment_name,
    _validate_experiment_tag,
    _validate_param_keys_unique,
    _validate_run_id,
)

from gitexp.integrations.mlflow import batches, entities, queries
from gitexp.integrations.mlflow.entities import STATUS_OF_MLFLOW
from gitexp.integrations.mlflow.experiments import Known, parse_number
from gitexp.integrations.mlflow.model_shelf import ModelShelf
from gitexp.integrations.mlflow.model_store import ModelStore
from gitexp.integrations.mlflow.projects import open_project
from gitexp.integrations.mlflow.refusals import invalid, speaks_mlflow
from gitexp.integrations.mlflow.runs import NewRun
from gitexp.integrations.mlflow.tracked import Tracked
from gitexp.runs.searching import RunQuery

_MOST_DATASETS = 1000


@speaks_mlflow
class GitexpStore(ModelStore):
    """The runs and experiments of a project, as MLflow's tracking store.

    One object serves all threads of a process; what other processes and `git pull` bring is seen
    by the next call.
    """

    def __init__(self, store_uri: str, artifact_uri: str | None = None) -> None:
        """Open the project at an address.

        Args:
            artifact_uri: below which a server tells its clients to put artifacts.
        """
        super().__init__()
        self._store_uri = store_uri
        self._artifact_uri = resolve_uri_if_local(artifact_uri) if artifact_uri else None
        self._open()

    def _open(self) -> Tracked:
        """Return the project; a process that was forked opens it anew."""
        if getattr(self, "_process", None) != os.getpid():
            self._tracked = Tracked(open_project(self._store_uri), self._artifact_uri)
            self._models = ModelShelf(self._tracked)
            self._process = os.getpid()
        return self._tracked

    @contextmanager
    def _project(self) -> Iterator[Tracked]:
        """Yield the project, which no other thread of this process reads meanwhile."""
        tracked = self._open()
        with tracked.lock:
            yield tracked

    # --- experiments ----------------------------------------------------------------------

    def search_experiments(
        self,
        view_type: int = ViewType.ACTIVE_ONLY,
        max_results: int | None = SEARCH_MAX_RESULTS_DEFAULT,
        filter_string: str | None = None,
        order_by: list[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList[Experiment]:
        """Return a page of experiments, those that were changed last first."""
        queries.check_page_size(max_results)
        lifecycle = queries.lifecycle_of(view_type)
        with self._project() as project:
            found = [
                project.experiments.entity(known)
                for known in project.experiments.all()
                if lifecycle in ("all", "active" if known.is_active else "deleted")
            ]
        fitting = SearchExperimentsUtils.filter(found, filter_string)
        ordered = SearchExperimentsUtils.sort(
            fitting, order_by or ["creation_time DESC", "experiment_id ASC"]
        )
        page, token = SearchUtils.paginate(ordered, page_token, max_results)
        return PagedList(page, token)

    def create_experiment(
        self,
        name: str,
        artifact_location: str | None = None,
        tags: list[ExperimentTag] | None = None,
    ) -> str:
        """Return the id of a new experiment."""
        _validate_experiment_name(name)
        if artifact_location:
            artifact_location = resolve_uri_if_local(artifact_location)
            _validate_experiment_artifact_location_length(artifact_location)
        for tag in tags or ():
            _validate_experiment_tag(tag.key, tag.value)
        given = {tag.key: str(tag.value) for tag in tags or ()}
        with self._project() as project:
            known = project.experiments.create(name, given, artifact_location=artifact_location)
            return known.id

    def get_experiment(self, experiment_id: str) -> Experiment:
        """Return an experiment."""
        with self._project() as project:
            return project.experiments.entity(project.experiments.get(experiment_id))

    def get_experiment_by_name(self, experiment_name: str) -> Experiment | None:
        """Return the experiment of a name, or None."""
        with self._project() as project:
            known = project.experiments.by_name(experiment_name)
            return project.experiments.entity(known) if known else None

    def delete_experiment(self, experiment_id: str) -> None:
        """Mark an experiment and its runs deleted."""
        with self._project() as project:
            project.delete_experiment(experiment_id)

    def restore_experiment(self, experiment_id: str) -> None:
        """Bring an experiment back, and those of its runs that were deleted with it."""
        with self._project() as project:
            project.restore_experiment(experiment_id)

    def rename_experiment(self, experiment_id: str, new_name: str) -> None:
        """Give an experiment another name in MLflow."""
        _validate_experiment_name(new_name)
        with self._project() as project:
            project.experiments.rename(experiment_id, new_name)

    def set_experiment_tag(self, experiment_id: str, tag: ExperimentTag) -> None:
        """Set a tag of an experiment."""
        _validate_experiment_tag(tag.key, tag.value)
        with self._project() as project:
            project.experiments.tag(experiment_id, {tag.key: str(tag.value)})

    def delete_experiment_tag(self, experiment_id: str, key: str) -> None:
        """Remove a tag of an experiment."""
        with self._project() as project:
            project.experiments.tag(experiment_id, {key: None})

    # --- runs -----------------------------------------------------------------------------

    def create_run(
        self,
        experiment_id: str,
        user_id: str | None,
        start_time: int | None,
        tags: Sequence[RunTag] | None,
        run_name: str | None,
    ) -> MlflowRun:
        """Return a new run that goes on."""
        given = batches.tags_event(list(tags or ())).get("tags", {})
        with self._project() as project:
            new = NewRun(
                experiment=project.experiments.active(experiment_id).header,
                name=_run_name(run_name, given.get("mlflow.runName")),
                user=user_id or "",
                started=start_time,
                tags=given,
            )
            return project.entity(project.runs.begin(new))

    def get_run(self, run_id: str) -> MlflowRun:
        """Return a run."""
        with self._project() as project:
            return project.entity(project.runs.get(run_id))

    def update_run_info(
        self,
        run_id: str,
        run_status: int | str | None,
        end_time: int | None,
        run_name: str | None,
    ) -> RunInfo:
        """Return the head of a run that has another status, end or name."""
        with self._project() as project:
            run = project.runs.update(
                run_id, status=_status(run_status), ended=end_time, name=run_name
            )
            return project.info(run)

    def delete_run(self, run_id: str) -> None:
        """Mark a run deleted."""
        with self._project() as project:
            project.runs.delete(run_id)

    def restore_run(self, run_id: str) -> None:
        """Bring a run back."""
        with self._project() as project:
            project.runs.restore(run_id)

    # --- logging --------------------------------------------------------------------------

    def log_batch(
        self,
        run_id: str,
        metrics: Sequence[Metric] = (),
        params: Sequence[Param] = (),
        tags: Sequence[RunTag] = (),
    ) -> None:
        """Log metrics, params and tags, all of them or none."""
        _validate_run_id(run_id)
        event = batches.joined(
            batches.metrics_event(metrics), batches.params_event(params), batches.tags_event(tags)
        )
        _validate_batch_log_limits(metrics, params, tags)
        _validate_param_keys_unique(params)
        self._open().runs.add(run_id, event)
        self._log_model_metrics(run_id, metrics)

    def log_metric(self, run_id: str, metric: Metric) -> None:
        """Log one value of a metric."""
        self._open().runs.add(run_id, batches.metrics_event([metric], batch=False))
        self._log_model_metrics(run_id, [metric])

    def log_param(self, run_id: str, param: Param) -> None:
        """Log one param."""
        self._open().runs.add(run_id, batches.params_event([param], batch=False))

    def set_tag(self, run_id: str, tag: RunTag) -> None:
        """Set one tag."""
        self._open().runs.add(run_id, batches.tags_event([tag], batch=False))

    def delete_tag(self, run_id: str, key: str) -> None:
        """Remove one tag."""
        batches.refuse_internal(run_id, key)
        with self._project() as project:
            project.runs.delete_tag(run_id, key)

    def _log_model_metrics(self, run_id: str, metrics: Sequence[Metric]) -> None:
        if any(metric.model_id is not None for metric in metrics):
            with self._project():
                self._models.log_metrics(run_id, metrics)

    def log_inputs(
        self,
        run_id: str,
        datasets: list[DatasetInput] | None = None,
        models: list[LoggedModelInput] | None = None,
    ) -> None:
        """Note which datasets and models went into a run."""
        _validate_run_id(run_id)
        if datasets is not None and not isinstance(datasets, list):
            raise TypeError(f"Argument 'datasets' should be a list, got '{type(datasets)}'")
        _validate_dataset_inputs(datasets or [])
        with self._project() as project:
            project.runs.add(run_id, batches.inputs_event(project.runs.get(run_id), datasets or []))
            if models:
                self._models.link(run_id, inputs=[model.model_id for model in models])

    def log_outputs(self, run_id: str, models: list[LoggedModelOutput]) -> None:
        """Note which models came out of a run, and at which step."""
        with self._project():
            self._models.link(run_id, outputs=[[model.model_id, model.step] for model in models])

    def record_logged_model(self, run_id: str, mlflow_model: Any) -> None:
        """Note a model in the run's tag that lists them."""
        from mlflow.models import Model

        if not isinstance(mlflow_model, Model):
            raise TypeError(
                f"Argument 'mlflow_model' should be mlflow.models.Model, got '{type(mlflow_model)}'"
            )
        with self._project() as project:
            known = json.loads(project.runs.get(run_id).tags.get(MLFLOW_LOGGED_MODELS, "[]"))
            listed = json.dumps([*known, mlflow_model.get_tags_dict()])
            project.runs.add(run_id, batches.tags_event([RunTag(MLFLOW_LOGGED_MODELS, listed)]))

    def link_traces_to_run(self, trace_ids: list[str], run_id: str) -> None:
        """Refuse: the store keeps no traces."""
        raise NotImplementedError("gitexp keeps no traces of MLflow")

    def search_traces(self, *_: Any, **__: Any) -> tuple[list[Any], None]:
        """Return no traces: the store keeps none."""
        return [], None

    # --- finding --------------------------------------------------------------------------

    def get_metric_history(
        self,
        run_id: str,
        metric_key: str,
        max_results: int | None = None,
        page_token: str | None = None,
    ) -> PagedList[Metric]:
        """Return all values of a metric, by time, or a page of them."""
        with self._project() as project:
            metrics = entities.metrics_of(project.runs.points(run_id, metric_key))
        start = SearchUtils.parse_start_offset_from_page_token(page_token)
        end = len(metrics) if max_results is None else start + max_results
        token = SearchUtils.create_page_token(end) if end < len(metrics) else None
        return PagedList(metrics[start:end], token)

    def _search_runs(
        self,
        experiment_ids: list[str],
        filter_string: str | None,
        run_view_type: int,
        max_results: int | None,
        order_by: list[str] | None,
        page_token: str | None,
    ) -> tuple[list[MlflowRun], str | None]:
        queries.check_page_size(max_results, optional=True)
        condition, order = queries.filter_of(filter_string), queries.orders_of(order_by)
        with self._project() as project:
            names = [known.header.name for known in self._existing(project, experiment_ids)]
            if not names:
                return [], None
            query = RunQuery(
                filter=condition.text,
                order_by=order,
                limit=max_results,
                page_token=page_token,
                experiments=names,
                lifecycle=queries.lifecycle_of(run_view_type),
            )
            if condition.located:
                return _located_page(project, query, condition)
            page = project.find(query)
            return project.entities(page.runs), page.next_page_token

    def _existing(self, project: Tracked, experiment_ids: Sequence[str]) -> list[Known]:
        wanted = {parse_number(one) for one in experiment_ids}
        return [k for k in project.experiments.all() if k.number in wanted and k.home]

    def _search_datasets(self, experiment_ids: list[str]) -> list[_DatasetSummary]:
        found: dict[tuple[Any, ...], None] = {}
        with self._project() as project:
            for known in self._existing(project, experiment_ids):
                for run in project.every("datasets.name IS NOT NULL", [known], lifecycle="all"):
                    for given in run.inputs:
                        context = given.get("tags", {}).get(MLFLOW_DATASET_CONTEXT)
                        found[known.id, given["name"], given["digest"], context] = None
        rows = list(found)[:_MOST_DATASETS]
        return [
            _DatasetSummary(experiment_id=number, name=name, digest=digest, context=context)
            for number, name, digest, context in rows
        ]


def _located_page(
    project: Tracked, query: RunQuery, condition: queries.Filter
) -> tuple[list[MlflowRun], str | None]:
    """Return a page of the runs whose artifacts stand where a filter wants them."""
    every = project.find(replace(query, limit=None, page_token=None)).runs
    found = [
        entity for entity in project.entities(every) if condition.takes(entity.info.artifact_uri)
    ]
    if query.limit is None:
        return found, None
    page, token = SearchUtils.paginate(found, query.page_token, query.limit)
    return page, token


def _run_name(given: str | None, tagged: str | None) -> str:
    if given and tagged and given != tagged:
        raise invalid(
            "Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different "
            f"values (run_name='{given}', mlflow.runName='{tagged}')."
        )
    return given or tagged or _generate_random_name()


def _status(status: int | str | None) -> Any:
    if status is None:
        return None
    name = status if isinstance(status, str) else RunStatus.to_string(status)
    return STATUS_OF_MLFLOW[name]
