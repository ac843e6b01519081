"""Writers that are killed, race each other, or work beside git: nothing acknowledged is lost."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gitexp.store.disk import DiskStore
from tests.builders import commit_files
from tests.real_git import Git, new_repository

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(sys.platform != "linux", reason="needs fork and process descriptors"),
]

ROOT = Path(__file__).parents[2]


@pytest.fixture
def git(tmp_path: Path) -> Git:
    git = new_repository(tmp_path / "repository")
    git.commit({"a.txt": "a\n", "z.txt": "z\n"}, "first")
    git("branch", "topic")
    git("config", "gc.auto", "0")
    # On a busy disk one fsync can take longer than the tenth of a second that git waits.
    git("config", "core.filesRefLockTimeout", "5000")
    return git


def run(git: Git, scenario: str, *numbers: int) -> dict[str, Any]:
    """Return what a scenario of `victims` reports."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.victims", scenario, git.path, *map(str, numbers)],
        cwd=ROOT,
        env={**git.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr.decode()
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def assert_sound(git: Git) -> None:
    """Require that nothing stands in the way, once the next writer came by."""
    with DiskStore.open(git.path) as store:
        with store.exclusive():
            pass
        commit_files(store, {"next.txt": b"next\n"}, branch="main")
        commit_files(store, {"next.txt": b"next\n"}, branch="topic")
    assert git.status() == ""
    git.check()
    left = [path.name for path in git.path.rglob("*") if path.is_file()]
    assert not [
        n for n in left if n.endswith((".lock", ".keep")) or "draft-" in n or ".gitexp-" in n
    ]


def history_of(git: Git, branch: str) -> set[str]:
    return set(git("rev-list", branch).split())


def test_killed_writers_lose_nothing_and_leave_nothing(git: Git) -> None:
    acknowledged = run(git, "killed", 20261121, 120)
    assert_sound(git)
    for branch in ("main", "topic"):
        assert len(acknowledged[branch]) > 10
        assert set(acknowledged[branch]) <= history_of(git, branch)


@pytest.mark.parametrize("part", range(3))
def test_a_save_killed_at_any_call_happened_or_did_not(tmp_path: Path, part: int) -> None:
    calls = run(Git(tmp_path), "killed_at_calls", part, 3)
    assert all(int(count) > 60 for (count,) in calls.values())


def test_no_save_of_racing_writers_is_lost(git: Git) -> None:
    acknowledged = run(git, "racing", 8, 15)
    saved = [commit for commits in acknowledged.values() for commit in commits]
    assert len(set(saved)) == 8 * 15
    assert set(saved) <= history_of(git, "main")
    assert git("rev-list", "--min-parents=2", "main") == ""
    assert len(git("ls-tree", "-r", "--name-only", "main").split()) == 2 + 8 * 15
    assert_sound(git)


def test_git_packs_while_others_write_and_read(git: Git) -> None:
    found = run(git, "beside_git", 6)
    assert set(found["readers"]) == {"read"}
    assert_sound(git)
    for branch in ("main", "topic"):
        assert len(found[branch]) > 0
        assert set(found[branch]) <= history_of(git, branch)


def test_git_removes_what_nothing_names_while_others_write(git: Git) -> None:
    found = run(git, "beside_prune", 12)
    assert_sound(git)
    for branch, acknowledged in found.items():
        assert set(acknowledged) <= history_of(git, branch)


def test_git_commits_on_the_branch_that_is_saved_on(git: Git) -> None:
    found = run(git, "committing", 15)
    assert_sound(git)
    assert set(found["main"]) <= history_of(git, "main")
    assert git("log", "--format=%s", "main").split("\n").count("by git") == len(found["git"])
    for refusal in found["refusals"]:
        assert "cannot_lock_ref" in refusal or "index.lock" in refusal, refusal
