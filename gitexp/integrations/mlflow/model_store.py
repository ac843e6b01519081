"""The part of MLflow's interface that is about logged models."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from mlflow.entities import (
    LoggedModel,
    LoggedModelParameter,
    LoggedModelStatus,
    LoggedModelTag,
)
from mlflow.store.entities.paged_list import PagedList
from mlflow.store.tracking.abstract_store import AbstractStore
from mlflow.utils.validation import _validate_logged_model_name

from gitexp.integrations.mlflow.experiments import parse_number
from gitexp.integrations.mlflow.model_shelf import ModelShelf
from gitexp.integrations.mlflow.refusals import invalid, speaks_mlflow
from gitexp.integrations.mlflow.tracked import Tracked


@speaks_mlflow
class ModelStore(AbstractStore):
    """Logged models, kept on the runs that made them."""

    _models: ModelShelf

    def _project(self) -> AbstractContextManager[Tracked]:
        raise NotImplementedError

    def create_logged_model(
        self,
        experiment_id: str,
        name: str | None = None,
        source_run_id: str | None = None,
        tags: list[LoggedModelTag] | None = None,
        params: list[LoggedModelParameter] | None = None,
        model_type: str | None = None,
    ) -> LoggedModel:
        """Return a new model, pending."""
        _validate_logged_model_name(name)
        with self._project() as project:
            return self._models.create(
                project.experiments.active(experiment_id),
                name=name,
                source_run=source_run_id or None,
                model_type=model_type,
                params={param.key: str(param.value) for param in params or ()},
                tags={tag.key: str(tag.value) for tag in tags or ()},
            )

    def get_logged_model(self, model_id: str, allow_deleted: bool = False) -> LoggedModel:
        """Return a model."""
        with self._project():
            return self._models.get(model_id, deleted=allow_deleted)

    def finalize_logged_model(self, model_id: str, status: LoggedModelStatus) -> LoggedModel:
        """Return a model that is ready, or failed."""
        with self._project():
            return self._models.change(model_id, status=str(status))

    def log_logged_model_params(self, model_id: str, params: list[LoggedModelParameter]) -> None:
        """Add params to a model."""
        with self._project():
            self._models.add_to(model_id, "params", {p.key: str(p.value) for p in params})

    def set_logged_model_tags(self, model_id: str, tags: list[LoggedModelTag]) -> None:
        """Set tags of a model."""
        with self._project():
            self._models.add_to(model_id, "tags", {tag.key: str(tag.value) for tag in tags})

    def delete_logged_model_tag(self, model_id: str, key: str) -> None:
        """Remove a tag of a model."""
        with self._project():
            self._models.delete_tag(model_id, key)

    def delete_logged_model(self, model_id: str) -> None:
        """Mark a model deleted."""
        with self._project():
            self._models.change(model_id, deleted=True)

    def search_logged_models(
        self,
        experiment_ids: list[str],
        filter_string: str | None = None,
        datasets: list[dict[str, Any]] | None = None,
        max_results: int | None = None,
        order_by: list[dict[str, Any]] | None = None,
        page_token: str | None = None,
    ) -> PagedList[LoggedModel]:
        """Return a page of models."""
        if datasets and not all(one.get("dataset_name") for one in datasets):
            raise invalid("`dataset_name` in the `datasets` clause must be specified.")
        wanted = {parse_number(one) for one in experiment_ids}
        with self._project() as project:
            return self._models.search(
                [k for k in project.experiments.all() if k.number in wanted and k.home],
                filter_string=filter_string,
                datasets=datasets,
                max_results=max_results,
                order_by=order_by,
                page_token=page_token,
            )
