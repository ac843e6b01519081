"""gitexp: experiments, parameter versions, environments and runs as files in a Git repository.

import gitexp

repo = gitexp.Repository.open()
experiment = repo.experiments.create("tuning")
experiment.commit({"temperature": 0.9}, message="warmer")
experiment.share()
experiment.promote("production")

gitexp.parameters(environment="production")["temperature"]
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gitexp.environments.parameters import Parameters
    from gitexp.errors import GitexpError
    from gitexp.experiment import Experiment
    from gitexp.repository import Repository
    from gitexp.serving import parameters

__version__ = "0.1.0"

__all__ = ["Experiment", "GitexpError", "Parameters", "Repository", "__version__", "parameters"]

_HOMES = {
    "Experiment": "gitexp.experiment",
    "GitexpError": "gitexp.errors",
    "Parameters": "gitexp.environments.parameters",
    "Repository": "gitexp.repository",
    "parameters": "gitexp.serving",
}


def __getattr__(name: str) -> Any:
    # Loaded on first use, so that `gitexp --version` starts as fast as Python does.
    if name not in _HOMES:
        raise AttributeError(f"module 'gitexp' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
