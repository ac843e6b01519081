"""A project with its history in memory, and one on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitexp.store.memory import MemoryStore
from tests.evaluation.projects import Project
from tests.runs.making import IDENTITY, disk_workspace, workspace_on


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project whose files are in a directory and whose history is in memory."""
    directory = tmp_path / "project"
    directory.mkdir()
    store = MemoryStore(config=IDENTITY)
    return Project(workspace=workspace_on(store, directory=directory), directory=directory)


@pytest.fixture
def on_disk(tmp_path: Path) -> Project:
    """A project in a repository on disk."""
    directory = tmp_path / "project"
    return Project(workspace=disk_workspace(directory), directory=directory)
