"""What MLflow finds through the entry points of the package.

MLflow loads this module in every process that imports MLflow, so it imports nothing that is not
used before an address of gitexp is.
"""

from __future__ import annotations

from typing import Any


def tracking_store(store_uri: str, artifact_uri: str | None = None) -> Any:
    """Return the tracking store of a project.

    Args:
        store_uri: `gitexp:/path/to/project`.
        artifact_uri: below which a server tells its clients to put artifacts.
    """
    from gitexp.integrations.mlflow.store import GitexpStore

    return GitexpStore(store_uri, artifact_uri)


def registry_store(store_uri: str, tracking_uri: str | None = None) -> Any:
    """Return a model registry that is empty and stays so."""
    from gitexp.integrations.mlflow.registry import EmptyRegistry

    return EmptyRegistry(store_uri, tracking_uri)


def artifact_repository(
    artifact_uri: str, tracking_uri: str | None = None, registry_uri: str | None = None
) -> Any:
    """Return the artifacts below an address of a project."""
    from gitexp.integrations.mlflow.artifacts import GitexpArtifacts

    return GitexpArtifacts(artifact_uri, tracking_uri, registry_uri)
