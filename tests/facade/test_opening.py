"""Finding a project: links are not followed, and what is not found comes with a next step."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gitexp.errors import InvalidDocuments, InvalidInput, NotFound
from gitexp.repository import Repository
from gitexp.surroundings import Surroundings

Git = Callable[..., str]


def test_a_definition_that_is_a_link_is_not_followed(
    project: Path, tmp_path: Path, surroundings: Surroundings
) -> None:
    file = project / "gitexp.yaml"
    (tmp_path / "secret.yaml").write_bytes(file.read_bytes())
    for target in (tmp_path / "secret.yaml", tmp_path / "nothing", Path("/dev/zero")):
        file.unlink()
        file.symlink_to(target)
        with pytest.raises(InvalidInput) as caught:
            Repository.open(project, surroundings=surroundings)
        assert str(caught.value) == f"{file} is a symbolic link, and links are never followed"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("trunk: ../../x", "trunk: \"../../x\" is not a usable branch: it must not contain '..'"),
        ("trunk: a.lock", "no part of it may end with '.lock'"),
        ("trunk: -f", 'trunk: "-f" does not match'),
        ('trunk: "a\\nb"', "does not match"),
        ("remote: /etc", 'remote: "/etc" does not match'),
        ("remote: a//b", "no part of it may be empty"),
    ],
)
def test_names_that_git_does_not_take_are_refused(
    project: Path, surroundings: Surroundings, line: str, message: str
) -> None:
    (project / "gitexp.yaml").write_text(f"format: 1\nid: bot\n{line}\n")
    with pytest.raises(InvalidDocuments) as caught:
        Repository.open(project, surroundings=surroundings)
    assert message in str(caught.value)


@pytest.mark.parametrize("trunk", ["main", "feature/one", "Größe", "v1.0", "a@b", "x#1"])
def test_names_that_git_takes_are_taken(
    project: Path, surroundings: Surroundings, trunk: str
) -> None:
    (project / "gitexp.yaml").write_text(f'format: 1\nid: bot\ntrunk: "{trunk}"\n')
    assert Repository.open(project, surroundings=surroundings).workspace.trunk == trunk


def test_another_project_than_the_one_asked_for_is_refused_with_a_hint(
    project: Path, surroundings: Surroundings
) -> None:
    with pytest.raises(NotFound) as caught:
        Repository.open(project, project="other", surroundings=surroundings)
    assert str(caught.value) == f"{project} is the directory of project 'bot', not 'other'"
    assert caught.value.hint == "Go to the directory of 'other', or name 'bot'."


def test_a_bare_repository_of_several_projects_says_which(
    tmp_path: Path, surroundings: Surroundings, git: Git
) -> None:
    mono = tmp_path / "mono"
    git(tmp_path, "init", "--quiet", "--initial-branch=main", "mono")
    for name in ("one", "two"):
        Repository.init(mono / name, surroundings=surroundings)
    git(tmp_path, "clone", "--quiet", "--bare", "mono", "mono.git")

    def open_bare(project: str | None) -> Repository:
        return Repository.open(tmp_path / "mono.git", project=project, surroundings=surroundings)

    with pytest.raises(NotFound) as caught:
        open_bare(None)
    assert str(caught.value) == "this bare repository holds several projects: one, two"
    assert caught.value.hint == "It holds one, two: name one, from Python with `project=ID`."
    with pytest.raises(NotFound, match="this bare repository holds no project 'three'"):
        open_bare("three")
    assert open_bare("two").workspace.root == "two"
