"""The logged models of a project: created, described, found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from mlflow.entities import LoggedModel, LoggedModelStatus, Metric
from mlflow.exceptions import MlflowException
from mlflow.store.entities.paged_list import PagedList
from mlflow.store.tracking import SEARCH_LOGGED_MODEL_MAX_RESULTS_DEFAULT
from mlflow.utils.name_utils import _generate_random_name
from mlflow.utils.search_utils import SearchLoggedModelsPaginationToken, SearchLoggedModelsUtils
from mlflow.utils.uri import append_to_uri_path

from gitexp.ids import new_run_id
from gitexp.integrations.mlflow import models, tags
from gitexp.integrations.mlflow.experiments import Known
from gitexp.integrations.mlflow.models import Description
from gitexp.integrations.mlflow.moments import millis_of
from gitexp.integrations.mlflow.refusals import invalid, missing
from gitexp.integrations.mlflow.runs import NewRun
from gitexp.integrations.mlflow.tracked import Tracked
from gitexp.runs.run import Run


class ModelShelf:
    """The logged models of a project."""

    def __init__(self, tracked: Tracked) -> None:
        self._tracked = tracked

    def create(
        self,
        known: Known,
        *,
        name: str | None,
        source_run: str | None,
        model_type: str | None,
        params: Mapping[str, str],
        tags: Mapping[str, str],
    ) -> LoggedModel:
        """Return a new model of an experiment, pending."""
        holder = self._holder(known, name, source_run)
        letters = new_run_id(holder.created_at, self._random).rpartition("-")[2]
        model_id, now = models.new_model_id(holder, letters), self._now()
        description = {
            "name": name or _generate_random_name(),
            "type": model_type,
            "run": source_run,
            "status": str(LoggedModelStatus.PENDING),
            "created": now,
            "updated": now,
            "params": dict(params),
            "tags": dict(tags),
        }
        self._add(holder, models.description_event(holder, model_id, description))
        return self.get(model_id)

    def _holder(self, known: Known, name: str | None, source_run: str | None) -> Run:
        runs = self._tracked.runs
        if source_run is not None:
            try:
                return runs.get(source_run)
            except MlflowException:
                pass  # MLflow takes any text for the run that made a model
        run = runs.begin(
            NewRun(experiment=known.header, name=name or "model", tags={tags.HOLDER: "true"})
        )
        return runs.update(run.id, status="finished", ended=None, name=None)

    def get(self, model_id: str, *, deleted: bool = False) -> LoggedModel:
        """Return a model.

        Raises:
            MlflowException: there is none, or it is deleted and deleted ones do not count.
        """
        holder = self.holder(model_id)
        description = models.require(holder, model_id, deleted=deleted)
        return self._entity(holder, model_id, description)

    def holder(self, model_id: str) -> Run:
        """Return the run that holds a model.

        Raises:
            MlflowException: there is none.
        """
        run_id = models.holder_of(model_id)
        if run_id is not None:
            return self._run(run_id, model_id)
        # An imported model kept its id, which does not say where it stands.
        safe = model_id.replace("-", "").isalnum() and model_id.isascii()
        run = self._tracked.holding_tag(tags.MODEL + model_id) if safe else None
        if run is None:
            raise missing(f"Logged model with ID '{model_id}' not found.")
        return run

    def _run(self, run_id: str, model_id: str) -> Run:
        try:
            return self._tracked.runs.get(run_id)
        except MlflowException as exc:
            raise missing(f"Logged model with ID '{model_id}' not found.") from exc

    def _entity(self, holder: Run, model_id: str, description: Description) -> LoggedModel:
        known = self._tracked.experiment_of(holder)
        top = self._tracked.experiments.artifact_location(known)
        location = append_to_uri_path(top, "models", model_id, "artifacts")
        return models.entity(
            holder,
            model_id,
            description,
            experiment_id=known.id,
            artifact_location=str(location),
        )

    def change(self, model_id: str, **fields: Any) -> LoggedModel:
        """Return a model with other fields of its description."""
        holder = self.holder(model_id)
        description = models.require(holder, model_id)
        changed = {**description, "updated": self._now(), **fields}
        self._add(holder, models.description_event(holder, model_id, changed))
        return self.get(model_id, deleted=True)

    def add_to(self, model_id: str, part: str, items: Mapping[str, str]) -> None:
        """Set some params or tags of a model."""
        known = models.require(self.holder(model_id), model_id).get(part, {})
        self.change(model_id, **{part: {**known, **items}})

    def delete_tag(self, model_id: str, key: str) -> None:
        """Remove a tag of a model.

        Raises:
            MlflowException: it has no such tag.
        """
        known = dict(models.require(self.holder(model_id), model_id).get("tags", {}))
        if key not in known:
            raise missing(f"No tag with key {key!r} found for model with ID {model_id!r}.")
        del known[key]
        self.change(model_id, tags=known)

    def log_metrics(self, run_id: str, metrics: Iterable[Metric]) -> None:
        """Keep those metrics of a run that are linked to models with these."""
        for model_id, event in models.metric_events(run_id, metrics).items():
            holder = self.holder(model_id)
            models.require(holder, model_id)
            self._add(holder, event)

    def link(self, run_id: str, **models_by_kind: Sequence[Any]) -> None:
        """Note which models went into a run, or came out of it."""
        run = self._tracked.runs.get(run_id)
        self._tracked.runs.add(run.id, models.links_event(run, **models_by_kind))

    def search(
        self,
        experiments: Sequence[Known],
        *,
        filter_string: str | None,
        datasets: list[dict[str, Any]] | None,
        max_results: int | None,
        order_by: list[dict[str, Any]] | None,
        page_token: str | None,
    ) -> PagedList[LoggedModel]:
        """Return a page of the models that fit."""
        asked = SearchLoggedModelsPaginationToken(
            experiment_ids=[known.id for known in experiments],
            filter_string=filter_string or None,
            order_by=order_by or None,
        )
        start = _offset(asked, page_token)
        fitting = _fitting(list(self._all(experiments)), filter_string, datasets)
        ordered = SearchLoggedModelsUtils.sort(fitting, order_by)
        end = start + (max_results or SEARCH_LOGGED_MODEL_MAX_RESULTS_DEFAULT)
        token = replace(asked, offset=end).encode() if end < len(ordered) else None
        return PagedList(ordered[start:end], token)

    def _all(self, experiments: Sequence[Known]) -> Iterable[LoggedModel]:
        condition = f"tags.`{tags.MODELS}` IS NOT NULL"
        for holder in self._tracked.every(condition, experiments, lifecycle="all"):
            for model_id in models.models_on(holder):
                description = models.described(holder, model_id)
                if description is not None and not description.get("deleted"):
                    yield self._entity(holder, model_id, description)

    def _add(self, holder: Run, event: Mapping[str, Any]) -> None:
        self._tracked.runs.add(holder.id, event, even_deleted=True)

    def _random(self, bits: int) -> int:
        return self._tracked.workspace.surroundings.random_bits(bits)

    def _now(self) -> int:
        return millis_of(self._tracked.workspace.surroundings.clock.now())


def _fitting(
    found: list[LoggedModel], filter_string: str | None, datasets: list[dict[str, Any]] | None
) -> list[LoggedModel]:
    try:
        SearchLoggedModelsUtils.parse_search_filter(filter_string)
    except MlflowException as exc:
        raise invalid(f"Invalid filter string: {filter_string!r}. {exc.message}") from exc
    for model in found:
        # MLflow compares the metrics of a model without looking whether there are any.
        model._metrics = model.metrics or []
    fitting: list[LoggedModel] = SearchLoggedModelsUtils.filter_logged_models(
        found, filter_string, datasets
    )
    return fitting


def _offset(asked: SearchLoggedModelsPaginationToken, page_token: str | None) -> int:
    if not page_token:
        return 0
    token = SearchLoggedModelsPaginationToken.decode(page_token)
    token.validate(asked.experiment_ids, asked.filter_string, asked.order_by)
    return int(token.offset)
