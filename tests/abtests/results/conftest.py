"""A test that runs in a repository on disk, with ten days of rows in files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from gitexp.abtests.making import NewTest, create
from gitexp.documents import schemas
from gitexp.documents.yaml_writer import dump_yaml
from gitexp.project.workspace import Workspace
from gitexp.store.disk import DiskStore
from gitexp.store.trees import blob_at, tree_of
from tests.abtests.data.making import made_rows
from tests.builders import FixedClock, commit_files
from tests.experiments.conftest import DEFINITION
from tests.runs.making import disk_workspace

SALES: Mapping[str, Any] = {"key": "sales", "type": "mean", "event": "buy", "window": "3d"}
BOUGHT: Mapping[str, Any] = {"key": "bought", "type": "proportion", "event": "buy"}
DATA: Mapping[str, Any] = {
    "exposures": {"file": "data/exposures.parquet"},
    "events": {"file": "data/events.parquet"},
}

Launched = Callable[..., Workspace]


def at(workspace: Workspace, moment: datetime) -> Workspace:
    """Return the workspace at a moment."""
    clock = FixedClock(moment, step=0.001)
    return replace(workspace, surroundings=replace(workspace.surroundings, clock=clock))


def edit(workspace: Workspace, **changes: Any) -> None:
    """Commit other values into the file of the test; None removes a key."""
    branch, path = "exp/bot/warm", "experiments/warm/ab-test.yaml"
    tip = workspace.store.ref(f"refs/heads/{branch}")
    assert tip is not None
    text = blob_at(workspace.store, tree_of(workspace.store, tip), path)
    assert text is not None
    data = {**schemas.parse(text, file=path).value, **changes}
    content = dump_yaml({key: value for key, value in data.items() if value is not None})
    commit_files(workspace.store, {path: content}, branch=branch, at=500)


@pytest.fixture
def project(tmp_path: Path) -> Workspace:
    """A project on disk with rows of ten days."""
    workspace = disk_workspace(tmp_path / "project")
    assert isinstance(workspace.store, DiskStore)
    commit_files(workspace.store, {"gitexp.yaml": DEFINITION})
    directory = tmp_path / "project" / "data"
    directory.mkdir()
    exposures, events = made_rows()
    exposures.to_parquet(directory / "exposures.parquet")
    events.to_parquet(directory / "events.parquet")
    return workspace


@pytest.fixture
def launched(project: Workspace) -> Launched:
    """Makes the test `warm`, which runs since 2026-01-01: `launched(metrics...)`."""

    def make(*metrics: Mapping[str, Any], **settings: Any) -> Workspace:
        chosen = {"primary": [dict(metric) for metric in metrics or (SALES, BOUGHT)]}
        given = {"metrics": chosen, "data": DATA, **settings}
        create(project, NewTest(experiment="warm", settings=given))
        edit(project, status="running", started_at="2026-01-01T00:00:00Z")
        return project

    return make
