"""Opening a project as the trunk of the shared remote defines it, whatever is checked out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gitexp.errors import InvalidInput, MissingObject, NotFound
from gitexp.opening import open_by_trunk
from gitexp.surroundings import Surroundings
from tests.facade.conftest import DEFINITION

Git = Callable[..., str]


def test_nothing_of_the_working_tree_is_read(
    project: Path, surroundings: Surroundings, git: Git
) -> None:
    (project / "gitexp.yaml").write_text("id: [evil\n")
    found = open_by_trunk(project, "main", surroundings=surroundings)
    assert (found.project_id, found.root, found.trunk, found.directory) == ("bot", "", "main", None)


def test_a_trunk_that_is_not_here_is_fetched(
    project: Path, surroundings: Surroundings, git: Git, tmp_path: Path
) -> None:
    git(project, "switch", "--quiet", "--orphan", "other")
    git(project, "commit", "--quiet", "--allow-empty", "--message=empty")
    git(project, "push", "--quiet", "origin", "other")
    url = f"file://{tmp_path / 'shared.git'}"
    git(tmp_path, "clone", "--quiet", "--depth=1", "--branch=other", url, "ci")
    found = open_by_trunk(tmp_path / "ci", "main", surroundings=surroundings)
    assert found.project_id == "bot"


def test_a_trunk_that_is_nowhere_is_an_error(project: Path, surroundings: Surroundings) -> None:
    with pytest.raises((NotFound, MissingObject), match="nowhere"):
        open_by_trunk(project, "nowhere", surroundings=surroundings)


@pytest.fixture
def several(project: Path, git: Git) -> Path:
    """A repository with three projects, one of them inside another."""
    for place, name in (("apps/shop", "shop"), ("apps/shop/search", "search")):
        (project / place).mkdir(parents=True)
        (project / place / "gitexp.yaml").write_text(DEFINITION.replace("id: bot", f"id: {name}"))
    (project / "apps/blog").mkdir()
    (project / "apps/blog/post.md").write_text("x\n")
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message=more")
    git(project, "push", "--quiet", "origin", "main")
    return project


@pytest.mark.parametrize(
    ("place", "name"),
    [(".", "bot"), ("apps", "bot"), ("apps/shop", "shop"), ("apps/shop/search", "search")],
)
def test_of_several_projects_the_nearest_one_upwards_is_meant(
    several: Path, surroundings: Surroundings, place: str, name: str
) -> None:
    found = open_by_trunk(several / place, "main", surroundings=surroundings)
    assert found.project_id == name


def test_a_project_may_be_named(several: Path, surroundings: Surroundings) -> None:
    found = open_by_trunk(several, "main", project="search", surroundings=surroundings)
    assert (found.project_id, found.root) == ("search", "apps/shop/search")
    with pytest.raises(NotFound, match="the trunk holds no project 'nobody'"):
        open_by_trunk(several, "main", project="nobody", surroundings=surroundings)


def test_where_none_is_near_and_there_are_several_one_must_be_named(
    several: Path, surroundings: Surroundings, git: Git
) -> None:
    git(several, "rm", "--quiet", "gitexp.yaml")
    git(several, "commit", "--quiet", "--message=no project at the top")
    git(several, "push", "--quiet", "origin", "main")
    with pytest.raises(InvalidInput, match="the trunk holds several projects: search, shop"):
        open_by_trunk(several / "apps" / "blog", "main", surroundings=surroundings)
