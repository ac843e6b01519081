"""Tags of an experiment's header that keep what MLflow knows of it and gitexp has no field for."""

from __future__ import annotations

from gitexp.integrations.mlflow.names import NAME_TAG, NUMBER_TAG

CREATED_TAG = "mlflow.creationTime"
UPDATED_TAG = "mlflow.lastUpdateTime"

LOCATION_TAG = "mlflow.experimentArtifactLocation"
"""Where MLflow itself puts the artifacts of an experiment, outside the repository."""

SOURCE_TAG = "mlflow.importedFrom"
"""What an imported experiment is known by where it came from."""

SEEN_TAG = "mlflow.importedState"
"""How an imported experiment stood in MLflow when it was looked at last."""

FORMER_LOCATION_TAG = "mlflow.formerArtifactLocation"
"""Where MLflow put the artifacts of an imported experiment."""

INTERNAL = frozenset(
    {
        NAME_TAG,
        NUMBER_TAG,
        CREATED_TAG,
        UPDATED_TAG,
        LOCATION_TAG,
        SOURCE_TAG,
        SEEN_TAG,
        FORMER_LOCATION_TAG,
    }
)
"""The tags that MLflow is not shown."""
