"""Looking at a working tree with Git, and what is not run meanwhile."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gitexp.store import inspecting
from gitexp.store.inspecting import WorktreeState, inspect_worktree
from tests.real_git import Git


@pytest.fixture
def git(tmp_path: Path) -> Git:
    """A repository with one commit."""
    (tmp_path / "top").mkdir()
    git = Git(tmp_path / "top")
    git("init", "-q", "-b", "main")
    (git.path / "app.py").write_text("1\n")
    commit(git)
    return git


def commit(git: Git) -> None:
    git("add", "--all")
    git("commit", "-q", "-m", "change")


def look(git: Git) -> WorktreeState:
    environ = {"PATH": os.environ["PATH"], "HOME": git.environ["HOME"]}
    found = inspect_worktree(git.path, environ)
    assert found is not None
    return found


def test_odd_names_are_told_as_they_are(git: Git) -> None:
    for name in ("a b", 'ü\n"', "-x"):
        (git.path / name).touch()
    assert set(look(git).untracked) == {"a b", 'ü\n"', "-x"}


def test_staged_unstaged_moved_and_unmerged_files_are_changed(git: Git) -> None:
    for name in ("b c", "d", "e"):
        (git.path / name).write_text(f"{name}\n")
    commit(git)
    git("switch", "-q", "-c", "other")
    (git.path / "e").write_text("theirs\n")
    commit(git)
    git("switch", "-q", "main")
    (git.path / "e").write_text("ours\n")
    commit(git)
    assert git.attempt("merge", "other").returncode == 1
    (git.path / "app.py").write_text("2\n")
    git("mv", "b c", "moved file")
    assert set(look(git).changed) == {"app.py", "b c", "moved file", "e"}


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    """A file that is made by whatever is run."""
    return tmp_path / "ran"


def touching(trace: Path) -> str:
    return f"touch {trace}; cat"


@pytest.mark.parametrize(
    ("setting", "attribute"),
    [
        ("core.fsmonitor", ""),
        ("diff.external", ""),
        ("diff.odd.command", "diff=odd"),
        ("diff.odd.textconv", "diff=odd"),
        ("filter.odd.clean", "filter=odd"),
        ("filter.odd.process", "filter=odd"),
        ("filter.o=d d.clean", "filter=o=d"),
    ],
)
def test_nothing_that_the_repository_names_is_run(
    git: Git, trace: Path, setting: str, attribute: str
) -> None:
    git("config", setting, touching(trace))
    git("config", "filter.odd.required", "true")
    (git.path / ".git/info").mkdir(exist_ok=True)
    (git.path / ".git/info/attributes").write_text(f"* {attribute}\n" if attribute else "")
    (git.path / "app.py").write_text("2\n")
    state = look(git)
    assert (state.changed, trace.exists()) == (("app.py",), False)
    assert state.diff is not None
    assert b"+2\n" in state.diff


def test_a_filter_behind_a_condition_is_found(git: Git, trace: Path) -> None:
    (git.path.parent / "more").write_text(f'[filter "odd"]\n\tclean = "{touching(trace)}"\n')
    git("config", "includeIf.onbranch:main.path", str(git.path.parent / "more"))
    (git.path / ".gitattributes").write_text("* filter=odd\n")
    (git.path / "app.py").write_text("2\n")
    assert look(git).changed == ("app.py",)
    assert not trace.exists()


def test_the_filters_of_the_user_are_used(git: Git) -> None:
    (git.path.parent / ".gitconfig").write_text('[filter "up"]\n\tclean = tr a-z A-Z\n')
    (git.path / ".gitattributes").write_text("*.txt filter=up\n")
    (git.path / "a.txt").write_text("one\n")
    commit(git)
    (git.path / "a.txt").write_text("two\n")
    state = look(git)
    assert state.diff is not None
    assert b"-ONE\n+TWO\n" in state.diff


@pytest.fixture
def with_submodule(git: Git, tmp_path: Path) -> Git:
    """A repository with a submodule below `vendor/`."""
    (tmp_path / "library").mkdir()
    library = Git(tmp_path / "library")
    library("init", "-q", "-b", "main")
    (library.path / "lib.py").write_text("1\n")
    commit(library)
    git("-c", "protocol.file.allow=always", "submodule", "add", "-q", library.path, "vendor/lib")
    commit(git)
    return git


def test_files_of_a_submodule_are_told_with_their_difference(with_submodule: Git) -> None:
    assert not look(with_submodule).dirty
    (with_submodule.path / "vendor/lib/lib.py").write_text("2\n")
    (with_submodule.path / "vendor/lib/new.py").touch()
    state = look(with_submodule)
    assert state.changed == ("vendor/lib/lib.py",)
    assert state.untracked == ("vendor/lib/new.py",)
    assert state.diff is not None
    assert b"--- a/vendor/lib/lib.py\n+++ b/vendor/lib/lib.py\n" in state.diff


def test_another_commit_of_a_submodule_is_told(with_submodule: Git) -> None:
    inner = Git(with_submodule.path / "vendor/lib")
    (inner.path / "lib.py").write_text("2\n")
    commit(inner)
    state = look(with_submodule)
    assert state.changed == ("vendor/lib",)
    assert state.diff is not None
    assert f"+Subproject commit {inner('rev-parse', 'HEAD')}\n".encode() in state.diff


def test_nothing_that_a_submodule_names_is_run(with_submodule: Git, trace: Path) -> None:
    inner = Git(with_submodule.path / "vendor/lib")
    inner("config", "filter.odd.clean", touching(trace))
    inner("config", "core.fsmonitor", touching(trace))
    (inner.path / ".gitattributes").write_text("* filter=odd\n")
    (inner.path / "lib.py").write_text("2\n")
    assert look(with_submodule).changed == ("vendor/lib/lib.py",)
    assert not trace.exists()


@pytest.mark.parametrize("path", ["../library", "/etc", "link/lib"])
def test_a_submodule_elsewhere_is_not_looked_at(with_submodule: Git, path: str) -> None:
    (with_submodule.path / "link").symlink_to(with_submodule.path.parent / "library")
    with_submodule("config", "-f", ".gitmodules", "submodule.vendor/lib.path", path)
    library = with_submodule.path.parent / "library"
    (library / "lib.py").write_text("changed\n")
    assert "lib.py" not in "".join(look(with_submodule).changed)


def test_a_difference_that_is_too_large_is_told_in_part(
    git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    (git.path / "app.py").write_text("2\n")
    (git.path / "data.bin").write_bytes(os.urandom(9000))
    git("add", "--all")
    for limit, first, has in (
        (6000, b"# Too large", b"Binary files"),
        (300, b"# Too large", b":0"),
    ):
        monkeypatch.setattr(inspecting, "MAX_DIFF_BYTES", limit)
        diff = look(git).diff
        assert diff is not None
        assert diff.startswith(first)
        assert has in diff
    monkeypatch.setattr(inspecting, "MAX_DIFF_BYTES", 10)
    assert look(git).diff is None


def test_a_repository_that_git_refuses_is_not_told_of(git: Git) -> None:
    (git.path / ".git/index").write_bytes(b"DIRC damaged")
    environ = {"PATH": os.environ["PATH"], "HOME": git.environ["HOME"]}
    assert inspect_worktree(git.path, environ) is None
    assert inspect_worktree(git.path, {"PATH": ""}) is None
    assert inspect_worktree(git.path.parent, environ) is None


def test_the_index_is_left_as_it_is(git: Git) -> None:
    index = git.path / ".git/index"
    os.utime(git.path / "app.py", (1, 1))
    before = index.read_bytes(), index.stat().st_mtime_ns
    assert not look(git).dirty
    assert (index.read_bytes(), index.stat().st_mtime_ns) == before
