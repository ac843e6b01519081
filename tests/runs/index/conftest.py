"""A store that counts what is read, and the file of an index."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitexp.project.workspace import Workspace
from gitexp.runs.index.connections import index_path
from gitexp.runs.metrics import MetricPoint
from tests.runs.index.building import CountingStore, ids, record, runs_of
from tests.runs.making import (
    IDENTITY,
)


@pytest.fixture
def counting() -> CountingStore:
    """A store in memory that counts."""
    return CountingStore(config=IDENTITY)


@pytest.fixture
def file(on_disk: Workspace) -> Path:
    """The file of an index that holds three runs."""
    record(on_disk, *runs_of(1, 2, 3, metrics={"loss": MetricPoint(0.5, 1, 1)}))
    assert len(ids(on_disk)) == 3
    path = index_path(on_disk)
    assert path is not None
    return path
