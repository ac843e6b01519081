from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Run, git


@pytest.fixture
def other(project: Path) -> Path:
    """Another repository beside the project."""
    other = project.parent / "another"
    git("init", "--quiet", "--initial-branch=main", str(other))
    return other


def refusal(variable: str, named: Path, directory: Path, found: Path | None) -> str:
    instead = f"is in {found}" if found else "has none"
    return (
        f"error: {variable} names {named}, but {directory} {instead}\n"
        f"hint: Run `unset {variable}`, or go to the place that it names with `gitexp -C DIR`.\n"
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ["status"],
        ["experiment", "create", "tone"],
        ["init"],
        ["validate"],
        ["push"],
        ["env", "get", "production"],
        ["env", "resolve", "production"],
    ],
)
def test_a_git_dir_of_another_repository_is_refused(
    arguments: list[str],
    project: Path,
    other: Path,
    gitexp: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    result = gitexp(*arguments)
    assert (result.code, result.out) == (1, "")
    assert result.err == refusal("GIT_DIR", other / ".git", project, project / ".git")
    monkeypatch.delenv("GIT_DIR")
    assert git("branch", "--format=%(refname)").split() == ["refs/heads/main"]


def test_a_project_is_not_begun_where_git_works_elsewhere(
    directory: Path, gitexp: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", "nowhere.git")
    result = gitexp("init", "bot")
    assert (result.code, result.out) == (1, "")
    assert result.err == refusal("GIT_DIR", Path("nowhere.git"), directory / "bot", None)
    assert list(directory.iterdir()) == []


def test_a_work_tree_elsewhere_is_refused(
    project: Path, other: Path, gitexp: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    result = gitexp("status")
    assert (result.code, result.out) == (1, "")
    assert result.err == refusal("GIT_WORK_TREE", other, project, project)


@pytest.mark.parametrize("directory_option", [[], ["-C", "sub"]])
@pytest.mark.parametrize("named", [".git", "./.git", "absolute"])
def test_the_same_repository_is_no_other(
    named: str,
    directory_option: list[str],
    project: Path,
    gitexp: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (project / "sub").mkdir()
    monkeypatch.setenv("GIT_DIR", str(project / ".git") if named == "absolute" else named)
    monkeypatch.setenv("GIT_WORK_TREE", ".")
    gitexp(*directory_option, "status").ok()


def test_a_linked_worktree_belongs_to_its_repository(
    project: Path, gitexp: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    linked = project.parent / "linked"
    git("worktree", "add", "--quiet", "-b", "side", str(linked))
    monkeypatch.setenv("GIT_DIR", git("rev-parse", "--absolute-git-dir", directory=linked).strip())
    gitexp("-C", str(linked), "status").ok()


@pytest.mark.skipif(os.name == "nt", reason="POSIX shell")
def test_hooks_and_aliases_of_the_repository_work(project: Path) -> None:
    call = f"{sys.executable} -m gitexp experiment create"
    hook = project / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\nexec {call} hooked >&2\n")
    hook.chmod(0o755)
    linked = project.parent / "linked"
    git("worktree", "add", "--quiet", "-b", "side", str(linked))
    (linked / "sub").mkdir()
    git("commit", "--quiet", "--allow-empty", "--message=x", directory=linked)
    git("-c", f"alias.new=!{call}", "new", "aliased", directory=linked / "sub")
    branches = git("branch", "--list", "--format=%(refname:lstrip=4)", "exp/*").split()
    assert branches == ["aliased", "hooked"]
