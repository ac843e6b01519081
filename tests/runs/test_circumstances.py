"""What a run records without being asked, beside a real Git."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from gitexp.project.workspace import Workspace
from gitexp.runs.circumstances import code_reference, machine_of
from gitexp.runs.run import CodeReference
from tests.builders import commit_files
from tests.runs.making import disk_workspace


@pytest.fixture
def checked_out(tmp_path: Path) -> Workspace:
    """A repository with one commit, checked out."""
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    workspace = disk_workspace(tmp_path / "project", environ=environ)
    commit_files(workspace.store, {"app.py": b"1\n", ".gitignore": b"*.log\n"})
    git(workspace, "reset", "-q", "--hard")
    return workspace


def git(workspace: Workspace, *arguments: str) -> None:
    assert workspace.directory is not None
    subprocess.run(["git", *arguments], cwd=workspace.directory, check=True)


def test_files_as_committed_are_clean(checked_out: Workspace) -> None:
    head = checked_out.store.head().commit
    assert code_reference(checked_out) == CodeReference(commit=head, dirty=False)


@pytest.mark.parametrize(
    ("path", "dirty"), [("app.py", True), ("new.py", True), ("sub/new.py", True), ("a.log", False)]
)
def test_files_that_differ_are_dirty_unless_they_are_ignored(
    checked_out: Workspace, path: str, dirty: bool
) -> None:
    assert checked_out.directory is not None
    target = checked_out.directory / path
    target.parent.mkdir(exist_ok=True)
    target.write_text("2\n")
    assert code_reference(checked_out).dirty is dirty


def test_asking_runs_nothing_that_the_repository_names(checked_out: Workspace) -> None:
    assert checked_out.directory is not None
    trace = checked_out.directory.parent / "ran"
    git(checked_out, "config", "core.fsmonitor", f"touch {trace}")
    assert code_reference(checked_out).dirty is False
    assert not trace.exists()


def test_before_the_first_commit_nothing_is_known(tmp_path: Path) -> None:
    assert code_reference(disk_workspace(tmp_path / "project")) == CodeReference()


def test_the_machine_is_described() -> None:
    machine = machine_of(["gitexp", "run"])
    assert machine.argv == ("gitexp", "run")
    assert all([machine.python, machine.platform, machine.gitexp])
