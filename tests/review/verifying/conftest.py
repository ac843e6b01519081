"""A ground of its own for every test: made once, then copied."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from gitexp.repository import Repository
from tests.real_git import Git
from tests.review.verifying.world import Ground, made_ground, surroundings


@pytest.fixture(scope="session")
def pattern(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a ground that is only ever copied."""
    home = tmp_path_factory.mktemp("ground")
    made_ground(home).repository.close()
    return home


@pytest.fixture
def ground(pattern: Path, tmp_path: Path) -> Iterator[Ground]:
    """A ground to break."""
    home = tmp_path / "home"
    shutil.copytree(pattern, home, symlinks=True)
    git, remote = Git(home / "work"), Git(home / "shared.git")
    git("remote", "set-url", "origin", str(remote.path))
    repository = Repository.open(git.path, surroundings=surroundings(home))
    yield Ground(repository, git, remote)
    repository.close()
