"""A project on disk, and what MLflow would have left on a disk, made by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitexp.project.workspace import Workspace
from gitexp.repository import Repository
from gitexp.surroundings import Surroundings
from tests.builders import FixedClock, seeded_bits


@pytest.fixture
def surroundings(tmp_path: Path) -> Surroundings:
    """Surroundings with an identity and a fixed clock."""
    return Surroundings(
        environ={
            "GIT_CONFIG_NOSYSTEM": "1",
            "HOME": str(tmp_path),
            "GIT_AUTHOR_NAME": "Ada Example",
            "GIT_AUTHOR_EMAIL": "ada@example.org",
        },
        directory=tmp_path,
        cache_root=tmp_path / "cache",
        clock=FixedClock(),
        random_bits=seeded_bits(3),
    )


@pytest.fixture
def workspace(tmp_path: Path, surroundings: Surroundings) -> Workspace:
    """The workspace of a new project."""
    return Repository.init(tmp_path / "bot", surroundings=surroundings).workspace
