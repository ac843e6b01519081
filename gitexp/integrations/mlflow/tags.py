"""Tags that keep what MLflow knows of a run and gitexp has no field for.

They begin with `mlflow.`, as MLflow's own do, and MLflow is not shown them as tags.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

USER = "mlflow.userId"
"""The `user_id` of a run, which may be another one than its tag `mlflow.user`."""

MODELS = "mlflow.loggedModels"
"""The logged models that went into a run and came out of it, as JSON.

Every run has it that holds a model, whether there are such links or not.
"""

MODEL = "mlflow.loggedModel/"
"""How the tags begin that describe one logged model, on the run that made it."""

MODELS_DIRECTORY = "mlflow-models"
"""The directory of the logged models among the artifacts of a run."""

HOLDER = "mlflow.loggedModelHolder"
"""Marks a run that is there for a logged model alone; MLflow is not shown such a run."""

RUN_ID = "mlflow.run_id"
"""The id that an imported run has in MLflow."""

VERSION = "gitexp.version"
"""Given when a run begins: the version of the experiment whose parameters it uses."""

IMPORTED = "mlflow.importedDigest"
"""The digest of what was imported of a run, so that a later import knows whether it changed."""

DELETED = "mlflow.deleted"
"""Marks an imported run that was deleted in MLflow when it was looked at last."""

STATUS = "mlflow.status"
"""The status that an imported run has in MLflow, where gitexp cannot have it."""

ARTIFACT_URI = "mlflow.artifactUri"
"""Where the artifacts of an imported run are that could not be read."""

RUN_NAME = "mlflow.runName"
PARENT = "mlflow.parentRunId"
NOTE = "mlflow.note.content"
OWNER = "mlflow.user"


def is_internal(key: str) -> bool:
    """Return whether MLflow does not know of a tag."""
    return key in (USER, MODELS, HOLDER, IMPORTED, DELETED) or key.startswith(MODEL)


def dumped(value: Any) -> str:
    """Return JSON data as the text of a tag."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def loaded(tags: Mapping[str, str], key: str) -> dict[str, Any]:
    """Return the mapping that a tag holds as JSON; an empty one without the tag."""
    if key not in tags:
        return {}
    try:
        value = json.loads(tags[key])
    except ValueError:
        return {}  # written by hand
    return value if isinstance(value, dict) else {}


def model_metrics(model_id: str, rows: Sequence[Any]) -> dict[str, str]:
    """Return the tag that keeps some metrics of a model.

    Args:
        rows: key, value, step, time, dataset name, dataset digest and run of each.
    """
    text = dumped({"metrics": rows})
    # The same batch again has the same key, and so changes nothing.
    digest = hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()
    return {f"{MODEL}{model_id}/{digest[:16]}": text}
