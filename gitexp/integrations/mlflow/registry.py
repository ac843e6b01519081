"""A model registry without models: MLflow asks for one wherever it shows a run."""

from __future__ import annotations

from typing import Any, NoReturn

from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import FEATURE_DISABLED
from mlflow.store.entities.paged_list import PagedList
from mlflow.store.model_registry.abstract_store import AbstractStore

from gitexp.integrations.mlflow.refusals import missing

_WRITES = (
    "create_registered_model",
    "update_registered_model",
    "rename_registered_model",
    "delete_registered_model",
    "set_registered_model_tag",
    "delete_registered_model_tag",
    "set_registered_model_alias",
    "delete_registered_model_alias",
    "create_model_version",
    "update_model_version",
    "delete_model_version",
    "transition_model_version_stage",
    "set_model_version_tag",
    "delete_model_version_tag",
    "copy_model_version",
)


class EmptyRegistry(AbstractStore):
    """Answers every question with nothing, and refuses everything else.

    What is live where is what environments of gitexp say, see `gitexp promote`.
    """

    def search_registered_models(self, *_: Any, **__: Any) -> PagedList[Any]:
        """Return no models."""
        return PagedList([], None)

    def search_model_versions(self, *_: Any, **__: Any) -> PagedList[Any]:
        """Return no versions."""
        return PagedList([], None)

    def get_latest_versions(self, name: str, stages: Any = None) -> list[Any]:
        """Return no versions."""
        return []

    def get_registered_model(self, name: str) -> NoReturn:
        """Say that there is no such model."""
        raise missing(f"Registered Model with name={name} not found")

    def get_model_version(self, name: str, version: str) -> NoReturn:
        """Say that there is no such version."""
        raise missing(f"Model Version (name={name}, version={version}) not found")

    def get_model_version_by_alias(self, name: str, alias: str) -> NoReturn:
        """Say that there is no such version."""
        raise missing(f"Registered model alias {alias} of {name} not found")

    def get_model_version_download_uri(self, name: str, version: str) -> NoReturn:
        """Say that there is no such version."""
        self.get_model_version(name, version)


def _refuse(self: EmptyRegistry, *_: Any, **__: Any) -> NoReturn:
    """Say that there is no registry, and what to do."""
    raise MlflowException(
        "gitexp has no model registry. Set MLFLOW_REGISTRY_URI to one that has, such as "
        "sqlite:///registry.db; what is live where, `gitexp promote` says.",
        error_code=FEATURE_DISABLED,
    )


for _name in _WRITES:
    setattr(EmptyRegistry, _name, _refuse)
