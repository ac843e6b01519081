"""Projects on disk with a shared bare remote, as the library's users have them."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from gitexp.repository import Repository
from gitexp.surroundings import Surroundings
from tests.builders import FixedClock, seeded_bits

DEFINITION = """\
format: 1

id: bot

parameters:
  temperature:
    type: number
    default: 0.7
    minimum: 0
  model:
    type: string
    required: true
  key:
    type: secret
    default: BOT_KEY

environments:
  default: {}

  staging: {}

  production: {}
"""


@pytest.fixture
def surroundings(tmp_path: Path) -> Surroundings:
    """Surroundings with an identity, a fixed clock and nothing of the user's configuration."""
    return _surroundings(tmp_path)


def _surroundings(tmp_path: Path) -> Surroundings:
    home = tmp_path / "home"
    home.mkdir()
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TEMPLATE_DIR": "",
        "GIT_AUTHOR_NAME": "Ada Example",
        "GIT_AUTHOR_EMAIL": "ada@example.org",
        "GIT_COMMITTER_NAME": "Ada Example",
        "GIT_COMMITTER_EMAIL": "ada@example.org",
    }
    return Surroundings(
        environ=environ,
        directory=tmp_path,
        cache_root=tmp_path / "cache",
        clock=FixedClock(),
        random_bits=seeded_bits(7),
    )


@pytest.fixture
def git(surroundings: Surroundings) -> Callable[..., str]:
    """Runs the git program: `git(directory, "status", "--short")` returns what it says."""
    return _git(surroundings)


def _git(surroundings: Surroundings) -> Callable[..., str]:
    def run(directory: Path, *arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments],
            cwd=directory,
            env=dict(surroundings.environ),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, (arguments, done.stdout, done.stderr)
        return done.stdout

    return run


@pytest.fixture(scope="session")
def made_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a project and its remote, which are only ever copied."""
    place = tmp_path_factory.mktemp("project")
    surroundings = _surroundings(place)
    git, directory = _git(surroundings), place / "bot"
    git(place, "init", "--quiet", "--bare", "--initial-branch=main", "shared.git")
    Repository.init(directory, surroundings=surroundings).close()
    (directory / "gitexp.yaml").write_text(DEFINITION, encoding="utf-8")
    git(directory, "commit", "--quiet", "--all", "--message=slots")
    git(directory, "remote", "add", "origin", "../shared.git")
    git(directory, "push", "--quiet", "origin", "main")
    return place


@pytest.fixture
def project(made_project: Path, tmp_path: Path, surroundings: Surroundings) -> Path:
    """The directory of a project whose trunk is on the shared remote `shared.git`."""
    for name in ("bot", "shared.git"):
        shutil.copytree(made_project / name, tmp_path / name, symlinks=True)
    return tmp_path / "bot"


@pytest.fixture
def repository(project: Path, surroundings: Surroundings) -> Repository:
    """That project, opened."""
    return Repository.open(project, surroundings=surroundings)
