"""gitexp: experiments, parameter versions, environments and runs as files in a Git repository.

import gitexp

repo = gitexp.Repository.open()
experiment = repo.experiments.create("tuning")
experiment.commit({"temperature": 0.9}, message="warmer")
experiment.share()
experiment.promote("production")

gitexp.parameters(environment="production")["temperature"]

with experiment.start_run() as run:
    run.log_metrics({"loss": 0.3}, step=10)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gitexp.environments.parameters import Parameters
    from gitexp.errors import GitexpError
    from gitexp.experiment import Experiment
    from gitexp.repository import Repository
    from gitexp.serving import feature_flags, parameters
    from gitexp.stats.planning.running_time import calculate_running_time
    from gitexp.tracker import (
        active_run,
        end_run,
        log_artifact,
        log_artifacts,
        log_batch,
        log_figure,
        log_metric,
        log_metrics,
        log_param,
        log_params,
        log_table,
        log_text,
        set_tags,
        start_run,
    )

__version__ = "0.1.0"

__all__ = [
    "Experiment",
    "GitexpError",
    "Parameters",
    "Repository",
    "__version__",
    "active_run",
    "calculate_running_time",
    "end_run",
    "feature_flags",
    "log_artifact",
    "log_artifacts",
    "log_batch",
    "log_figure",
    "log_metric",
    "log_metrics",
    "log_param",
    "log_params",
    "log_table",
    "log_text",
    "parameters",
    "set_tags",
    "start_run",
]

_HOMES = {
    # The active run, for whatever is not named below.
    **dict.fromkeys((name for name in __all__ if name != "__version__"), "gitexp.tracker"),
    "Experiment": "gitexp.experiment",
    "GitexpError": "gitexp.errors",
    "Parameters": "gitexp.environments.parameters",
    "Repository": "gitexp.repository",
    "calculate_running_time": "gitexp.stats.planning.running_time",
    "feature_flags": "gitexp.serving",
    "parameters": "gitexp.serving",
}


def __getattr__(name: str) -> Any:
    # Loaded on first use, so that `gitexp --version` starts as fast as Python does.
    if name not in _HOMES:
        raise AttributeError(f"module 'gitexp' has no attribute {name!r}")
    import importlib

    found = globals()[name] = getattr(importlib.import_module(_HOMES[name]), name)
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
