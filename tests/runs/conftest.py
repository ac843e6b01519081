"""A workspace in memory and one on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitexp.project.workspace import Workspace
from gitexp.store.memory import MemoryStore
from tests.runs.making import IDENTITY, disk_workspace, workspace_on


@pytest.fixture
def workspace() -> Workspace:
    """A workspace in memory, without a remote."""
    return workspace_on(MemoryStore(config=IDENTITY))


@pytest.fixture
def on_disk(tmp_path: Path) -> Workspace:
    """A workspace on disk, without a remote."""
    return disk_workspace(tmp_path / "project")
