"""The state of the code, beside a real Git."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from gitexp.project.workspace import Workspace
from gitexp.runs.code_state import MOST_UNTRACKED, CodeState, code_state
from gitexp.runs.references import CodeReference
from gitexp.store import unchanged
from tests.builders import commit_files
from tests.real_git import Git
from tests.runs.making import disk_workspace, workspace_on

FILES = {"app.py": b"1\n", "lib/tool.py": b"2\n", ".gitignore": b"*.log\nout/\n"}


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}


@pytest.fixture
def workspace(tmp_path: Path, environ: dict[str, str]) -> Workspace:
    """A repository with one commit, checked out."""
    workspace = disk_workspace(tmp_path / "project", environ=environ)
    commit_files(workspace.store, FILES)
    Git(tmp_path / "project")("reset", "-q", "--hard")
    return workspace


@pytest.fixture
def top(workspace: Workspace) -> Path:
    assert workspace.directory is not None
    return workspace.directory


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def settled(workspace: Workspace) -> CodeState:
    """Look until the look is believed, which it is not of what changed in the same moment."""
    found = code_state(workspace)
    while code_state(workspace) is not found:
        found = code_state(workspace)
    return found


def reference(workspace: Workspace) -> CodeReference:
    return code_state(workspace).reference


def test_files_as_committed_are_clean(workspace: Workspace) -> None:
    head = workspace.store.head().commit
    assert reference(workspace) == CodeReference(commit=head, dirty=False, branch="main")


@pytest.mark.parametrize(
    ("path", "dirty", "untracked"),
    [
        ("app.py", True, ()),
        ("new.py", True, ("new.py",)),
        ("sub/a/new.py", True, ("sub/",)),
        ("lib/new.py", True, ("lib/new.py",)),
        ("a.log", False, ()),
        ("out/1/x", False, ()),
    ],
)
def test_files_that_differ_are_told_unless_they_are_ignored(
    workspace: Workspace, top: Path, path: str, dirty: bool, untracked: tuple[str, ...]
) -> None:
    write(top / path, "3\n")
    found = reference(workspace)
    assert (found.dirty, found.untracked) == (dirty, untracked)


def test_the_difference_brings_a_clean_checkout_to_the_same_files(
    workspace: Workspace, top: Path, tmp_path: Path
) -> None:
    (top / "app.py").write_bytes(b"caf\xe9\r\n")
    (top / "lib/tool.py").unlink()
    (top / "picture.png").write_bytes(bytes(range(256)))
    Git(top)("add", "picture.png")
    diff = code_state(workspace).diff
    Git(tmp_path)("clone", "-q", top, "clone")
    clone = Git(tmp_path / "clone")
    clone.raw("apply", "--binary", "-", data=diff)
    assert (clone.path / "app.py").read_bytes() == b"caf\xe9\r\n"
    assert not (clone.path / "lib/tool.py").exists()
    assert (clone.path / "picture.png").read_bytes() == bytes(range(256))


def test_the_same_difference_has_the_same_digest_whatever_is_configured(
    workspace: Workspace, top: Path
) -> None:
    write(top / "app.py", "4\n")
    before = reference(workspace).diff
    git = Git(top)
    for setting in ("diff.noprefix", "diff.mnemonicPrefix", "color.ui", "diff.relative"):
        git("config", setting, "always" if setting == "color.ui" else "true")
    git("config", "diff.context", "9")
    git("config", "core.abbrev", "8")
    assert before is not None
    assert reference(workspace).diff == before


@pytest.mark.parametrize("path", ["app.py", "lib/tool.py", "lib/new.py", "empty/new.py", "new.py"])
def test_a_change_after_a_look_is_seen(workspace: Workspace, top: Path, path: str) -> None:
    (top / "empty").mkdir()
    assert settled(workspace).reference.dirty is False
    write(top / path, "other\n")
    assert reference(workspace).dirty is True
    Git(top)("clean", "-qfd")
    Git(top)("checkout", "-q", ".")
    assert reference(workspace).dirty is False


@pytest.mark.parametrize("path", ["app.py", "lib/new.py"])
def test_a_change_right_after_another_is_seen(workspace: Workspace, top: Path, path: str) -> None:
    for number in range(20):
        write(top / path, f"{number % 2}{number}\n")
        assert reference(workspace).dirty is True
        (top / path).unlink()
        Git(top)("checkout", "-q", ".")
        assert reference(workspace).dirty is False


def test_a_commit_a_switch_and_a_rule_are_seen(workspace: Workspace, top: Path) -> None:
    write(top / "note.txt", "x")
    assert settled(workspace).reference.untracked == ("note.txt",)
    (top / ".git/info").mkdir(exist_ok=True)
    write(top / ".git/info/exclude", "note.txt\n")
    assert reference(workspace).untracked == ()
    Git(top)("commit", "-q", "--allow-empty", "-m", "again")
    assert reference(workspace).commit == workspace.store.head().commit
    Git(top)("switch", "-q", "--detach")
    assert reference(workspace).branch is None


def test_git_is_not_asked_again_while_nothing_changes(workspace: Workspace, top: Path) -> None:
    write(top / "out/x", "ignored")
    write(top / "data/x", "new")
    first = settled(workspace)
    write(top / "out/x", "changed, and still ignored")
    write(top / "data/y", "in a new directory, which is told as a whole")
    assert code_state(workspace) is first


def test_a_change_in_a_large_tree_is_seen_at_once(
    workspace: Workspace, top: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unchanged, "MOST_PATHS", 2)
    for number in range(3):
        assert reference(workspace).dirty is False
        write(top / "lib/tool.py", f"{number + 3}\n")
        assert reference(workspace).dirty is True
        Git(top)("checkout", "-q", ".")


def test_a_project_in_a_directory_sees_the_whole_repository(
    workspace: Workspace, top: Path, environ: dict[str, str]
) -> None:
    project = top / "apps" / "bot"
    project.mkdir(parents=True)
    inner = replace(workspace, root="apps/bot", directory=project)
    write(top / "lib/tool.py", "8\n")
    assert reference(inner).dirty is True


def test_what_cannot_be_known_is_left_open(tmp_path: Path, environ: dict[str, str]) -> None:
    unborn = disk_workspace(tmp_path / "unborn", environ=environ)
    write(tmp_path / "unborn/new.py", "1")
    assert reference(unborn) == CodeReference(branch="main", untracked=("new.py",))
    without_git = disk_workspace(tmp_path / "plain", environ={"PATH": "/nowhere"})
    head = commit_files(without_git.store, FILES)
    assert reference(without_git) == CodeReference(commit=head, branch="main")
    bare = workspace_on(without_git.store)
    assert reference(bare) == CodeReference(commit=head, branch="main")


def test_very_many_new_files_are_told_by_their_directories(workspace: Workspace, top: Path) -> None:
    for number in range(MOST_UNTRACKED):
        (top / "lib" / f"{number:04}").touch()
    (top / "one.py").touch()
    assert reference(workspace).untracked == ("lib/", "one.py")
