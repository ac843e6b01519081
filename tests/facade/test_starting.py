"""Beginning a project: what stands in the way is told before anything is written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from gitexp.errors import AlreadyExists, GitexpError, InvalidDocuments, InvalidInput
from gitexp.repository import Repository
from gitexp.surroundings import Surroundings

Git = Callable[..., str]


@pytest.fixture
def old(tmp_path: Path, git: Git) -> Path:
    """A repository with one commit on `main` and no project."""
    old = tmp_path / "old"
    git(tmp_path, "init", "--quiet", "--initial-branch=main", "old")
    git(old, "commit", "--quiet", "--allow-empty", "--message=first")
    return old


def refused(
    directory: Path, surroundings: Surroundings, kind: type[GitexpError] = InvalidInput
) -> GitexpError:
    with pytest.raises(kind) as caught:
        Repository.init(directory, surroundings=surroundings)
    return caught.value


def state(directory: Path, git: Git) -> tuple[str, ...]:
    refs = git(directory, "for-each-ref")
    return refs, git(directory, "status", "--porcelain"), git(directory, "rev-parse", "HEAD")


def test_a_detached_head_is_refused_for_a_new_definition_and_for_one_that_is_there(
    old: Path, surroundings: Surroundings, git: Git
) -> None:
    git(old, "switch", "--quiet", "--detach")
    for directory in (old / "deep" / "new", old):
        before = state(old, git)
        error = refused(directory, surroundings)
        assert str(error) == "HEAD is detached, so there is no branch to begin the project on"
        assert state(old, git) == before
        assert not (old / "deep").exists()
        (old / "gitexp.yaml").write_text("format: 1\nid: mine\n")


@pytest.mark.parametrize("below", ["", "sub/dir"])
def test_a_file_in_the_place_of_the_directory_is_refused(
    tmp_path: Path, surroundings: Surroundings, below: str
) -> None:
    (tmp_path / "taken").write_text("mine")
    error = refused(tmp_path / "taken" / below, surroundings)
    assert str(error) == f"{tmp_path / 'taken'} is a file, and a project is a directory"
    assert (tmp_path / "taken").read_text() == "mine"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("format: 1\nid: a\nparameters: {x: {type: enum, options: [1], default: 2}}\n", "default"),
        ("format: 1\nid: a\nparameters: {x: {type: string, pattern: '('}}\n", "pattern"),
        ("format: 1\nid: con\n", "device on Windows"),
        ("format: 1\nid: a\ntrunk: a..b\n", "trunk: "),
        ("format: 1\nid: a\ntrunk: --force\n", "trunk: "),
        ("format: 1\nid: a\nremote: 'a b'\n", "remote: "),
        ("id: a\n", "format"),
        ("format: 1\n", '"id" is missing'),
    ],
)
def test_a_definition_that_is_not_valid_begins_no_project(
    tmp_path: Path, surroundings: Surroundings, text: str, message: str
) -> None:
    new = tmp_path / "new"
    new.mkdir()
    (new / "gitexp.yaml").write_text(text)
    error = refused(new, surroundings, InvalidDocuments)
    assert message in str(error)
    assert error.hint is not None
    assert [path.name for path in new.iterdir()] == ["gitexp.yaml"]


def test_a_definition_is_not_committed_elsewhere_than_on_its_trunk(
    old: Path, surroundings: Surroundings, git: Git
) -> None:
    (old / "gitexp.yaml").write_text("format: 1\nid: mine\ntrunk: $(x)\n")
    before = state(old, git)
    error = refused(old, surroundings)
    assert str(error) == f"{old / 'gitexp.yaml'} names the trunk '$(x)', and 'main' is checked out"
    assert error.hint == ("Write `trunk: main` into it, or switch first: `git switch '$(x)'`.")
    assert state(old, git) == before


def test_a_new_repository_begins_on_the_trunk_that_the_definition_names(
    tmp_path: Path, surroundings: Surroundings, git: Git
) -> None:
    new = tmp_path / "new"
    new.mkdir()
    (new / "gitexp.yaml").write_text("format: 1\nid: mine\ntrunk: develop\n")
    assert Repository.init(new, surroundings=surroundings).project.trunk == "develop"
    assert git(new, "branch", "--show-current") == "develop\n"


def test_a_definition_that_is_no_file_is_refused(
    old: Path, tmp_path: Path, surroundings: Surroundings
) -> None:
    (tmp_path / "elsewhere.yaml").write_text("format: 1\nid: mine\n")
    file = old / "gitexp.yaml"
    file.symlink_to(tmp_path / "elsewhere.yaml")
    error = refused(old, surroundings)
    assert str(error) == f"{file} is a symbolic link, and links are never followed"
    file.unlink()
    file.mkdir()
    assert str(refused(old, surroundings)) == f"{file} is a directory"


def test_two_projects_of_a_repository_need_two_ids(old: Path, surroundings: Surroundings) -> None:
    Repository.init(old / "apps" / "bot", surroundings=surroundings)
    error = refused(old / "other" / "bot", surroundings, AlreadyExists)
    assert str(error) == "this repository has a project 'bot' in apps/bot already"
    assert not (old / "other").exists()
    assert Repository.init(old / "other", project="two", surroundings=surroundings).created


def test_without_an_identity_nothing_is_made(tmp_path: Path, surroundings: Surroundings) -> None:
    kept = {key: surroundings.environ[key] for key in ("PATH", "HOME")}
    nobody = replace(surroundings, environ=kept | {"GIT_CONFIG_NOSYSTEM": "1"})
    refused(tmp_path / "new", nobody)
    assert not (tmp_path / "new").exists()


def test_without_a_home_the_hint_does_not_send_there(
    repository: Repository, surroundings: Surroundings
) -> None:
    environ = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_AUTHOR_NAME": "Ada", "PATH": ""}
    workspace = replace(repository.workspace, surroundings=replace(surroundings, environ=environ))
    with pytest.raises(InvalidInput) as caught:
        workspace.signature()
    assert str(caught.value) == "no identity to record: user.email is not set"
    assert str(caught.value.hint).startswith(
        "HOME is not set, so `git config --global` has no file"
    )
