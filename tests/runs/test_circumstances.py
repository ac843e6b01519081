"""What a run records without being asked."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import pytest

from gitexp.documents import layout
from gitexp.project.workspace import Workspace
from gitexp.runs.circumstances import circumstances_of, machine_of
from gitexp.runs.references import CodeReference
from tests.builders import commit_files
from tests.real_git import Git
from tests.runs.making import disk_workspace


@pytest.fixture
def checked_out(tmp_path: Path) -> Workspace:
    """A repository with one commit, checked out."""
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    workspace = disk_workspace(tmp_path / "project", environ=environ)
    commit_files(workspace.store, {"app.py": b"1\n"})
    Git(tmp_path / "project")("reset", "-q", "--hard")
    return workspace


def digest(text: bytes) -> str:
    return "sha256:" + hashlib.sha256(text).hexdigest()


def test_texts_stand_at_the_paths_that_their_digests_name(checked_out: Workspace) -> None:
    assert checked_out.directory is not None
    (checked_out.directory / "app.py").write_text("2\n")
    found = circumstances_of(checked_out)
    assert found.code.diff is not None
    assert found.machine.packages is not None
    assert set(found.texts) == {
        layout.diff_path(found.code.diff),
        layout.packages_path(found.machine.packages),
    }
    assert digest(found.texts[layout.diff_path(found.code.diff)]) == found.code.diff
    packages = found.texts[layout.packages_path(found.machine.packages)]
    assert digest(packages) == found.machine.packages
    assert b"\ndulwich==" in packages


def test_clean_code_has_no_difference(checked_out: Workspace) -> None:
    found = circumstances_of(checked_out)
    head = checked_out.store.head().commit
    assert found.code == CodeReference(commit=head, dirty=False, branch="main")
    assert len(found.texts) == 1


def test_secrets_are_masked_in_the_command_line_and_in_the_difference(
    checked_out: Workspace,
) -> None:
    assert checked_out.directory is not None
    (checked_out.directory / "app.py").write_text("key = 'hunter22'\n")
    surroundings = replace(checked_out.surroundings, argv=("train", "--key=hunter22"))
    found = circumstances_of(replace(checked_out, surroundings=surroundings), secrets=["hunter22"])
    assert found.machine.argv == ("train", "--key=<secret>")
    assert found.code.diff is not None
    diff = found.texts[layout.diff_path(found.code.diff)]
    assert b"+key = '<secret>'\n" in diff
    assert b"hunter22" not in diff
    assert digest(diff) == found.code.diff


def test_a_store_in_memory_has_circumstances_too(workspace: Workspace) -> None:
    found = circumstances_of(workspace)
    assert found.code == CodeReference(branch="main")
    assert found.machine.argv == ("gitexp", "run", "tone")


def test_the_machine_is_described() -> None:
    machine = machine_of(["gitexp", "run", "\udcff"])
    assert machine.argv == ("gitexp", "run", "\\udcff")
    assert all([machine.python, machine.platform, machine.gitexp])
