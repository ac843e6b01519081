"""The lock file: what it pins, and that nothing else is served under it."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from gitexp.documents import schemas
from gitexp.environments.lockfile import read_lock
from gitexp.environments.locking import lock
from gitexp.environments.pinning import Pin
from gitexp.environments.promotion import promote
from gitexp.environments.reading import read
from gitexp.errors import (
    InvalidDocuments,
    InvalidInput,
    NotAllowed,
    NotBound,
    NotFound,
    StoreError,
)
from gitexp.project.workspace import Workspace
from tests.builders import commit_files
from tests.environments.conftest import World, break_production, promoted, saved

LOCKED = Pin(locked=True)
TRACKING = "refs/remotes/origin/env/bot/"


def test_a_lock_pins_what_is_live(on_disk: Workspace, tmp_path: Path) -> None:
    version = promoted(on_disk, temperature=0.1)
    commit = on_disk.store.ref(TRACKING + "production")
    path = lock(on_disk, ["production"])
    assert path == tmp_path / "gitexp.lock"
    document = schemas.load("lock", path.read_bytes(), file="gitexp.lock")
    assert document == {
        "format": 1,
        "project": "bot",
        "environments": {
            "production": {
                "commit": commit,
                "experiment": "checkout",
                "version": version.version,
                "digest": version.digest,
            }
        },
    }


def test_a_locked_read_stays_when_the_environment_moves(on_disk: Workspace) -> None:
    old = promoted(on_disk, temperature=0.1)
    lock(on_disk, ["production"])
    promoted(on_disk, temperature=0.2)
    assert read(on_disk, "production")["temperature"] == 0.2
    locked = read(on_disk, "production", LOCKED)
    assert locked.to_dict() == dict(old.values)
    assert locked.provenance.version == old.version
    lock(on_disk, ["production"])
    assert read(on_disk, "production", LOCKED)["temperature"] == 0.2


def test_entries_of_other_environments_stay(on_disk: Workspace) -> None:
    promoted(on_disk, "staging", temperature=0.1)
    lock(on_disk, ["staging"])
    promoted(on_disk, "production", temperature=0.2)
    promote(on_disk, "checkout", "staging")
    path = lock(on_disk, ["production"])
    entries = read_lock(on_disk)
    assert list(entries) == ["production", "staging"]
    assert entries["staging"].version != entries["production"].version
    before = path.read_bytes()
    lock(on_disk, ["production"])
    assert path.read_bytes() == before


def test_without_names_every_bound_environment_is_locked(on_disk: Workspace) -> None:
    promoted(on_disk, "staging")
    promote(on_disk, "checkout", "production")
    lock(on_disk)
    assert list(read_lock(on_disk)) == ["production", "staging"]


def test_without_names_a_broken_branch_is_left_out(on_disk: Workspace, world: World) -> None:
    promoted(on_disk, "staging")
    break_production(world)
    on_disk.remote().fetch(["+refs/heads/*:refs/remotes/origin/*"])
    lock(on_disk)
    assert list(read_lock(on_disk)) == ["staging"]
    with pytest.raises(InvalidDocuments):
        lock(on_disk, ["production"])


def test_with_nothing_bound_there_is_nothing_to_lock(on_disk: Workspace, tmp_path: Path) -> None:
    with pytest.raises(NotBound) as caught:
        lock(on_disk)
    assert caught.value.message == (
        "no environment of project 'bot' can be pinned: no version is bound to any, "
        "and no flag published"
    )
    assert caught.value.hint == (
        "Bind one with `gitexp promote EXPERIMENT ENVIRONMENT`, or bring over what others bound "
        "with `gitexp fetch`."
    )
    assert list(tmp_path.iterdir()) == []


def test_an_unbound_environment_cannot_be_locked(on_disk: Workspace, tmp_path: Path) -> None:
    with pytest.raises(NotBound):
        lock(on_disk, ["production"])
    with pytest.raises(NotFound, match="'prod' is not declared"):
        lock(on_disk, ["prod"])
    assert list(tmp_path.iterdir()) == []


def test_a_bare_repository_has_no_lock_file_to_write(ada: Workspace) -> None:
    promoted(ada)
    with pytest.raises(NotAllowed, match="needs a working tree"):
        lock(ada, ["production"])


def test_without_a_file_in_the_working_tree_the_committed_one_is_read(
    on_disk: Workspace,
) -> None:
    promoted(on_disk, temperature=0.1)
    path = lock(on_disk, ["production"])
    commit_files(on_disk.store, {"gitexp.lock": path.read_bytes()})
    path.unlink()
    promoted(on_disk, temperature=0.2)
    assert read(on_disk, "production", LOCKED)["temperature"] == 0.1
    assert read(replace(on_disk, directory=None), "production", LOCKED)["temperature"] == 0.1


def test_what_is_not_locked_is_an_error(on_disk: Workspace) -> None:
    promoted(on_disk)
    with pytest.raises(NotFound) as caught:
        read(on_disk, "production", LOCKED)
    assert caught.value.message == "environment 'production' is not in gitexp.lock"
    assert caught.value.hint == "Pin it with `gitexp env lock production`, and commit the file."


@pytest.mark.parametrize("key", ["digest", "version", "experiment"])
def test_a_lock_that_says_otherwise_than_the_commit_is_an_error(
    on_disk: Workspace, key: str
) -> None:
    promoted(on_disk)
    path = lock(on_disk, ["production"])
    entry = read_lock(on_disk)["production"].to_dict()
    forged = {"digest": "sha256:" + "0" * 64, "version": "0" * 40, "experiment": "other"}[key]
    path.write_text(path.read_text().replace(entry[key], forged))
    with pytest.raises(InvalidDocuments) as caught:
        read(on_disk, "production", LOCKED)
    (problem,) = caught.value.problems
    assert problem.place == f"environments.production.{key}"
    assert problem.message == (
        f"{forged} is locked, but commit {entry['commit'][:10]} says {entry[key]}"
    )


def test_a_lock_to_a_commit_of_another_environment_is_an_error(on_disk: Workspace) -> None:
    promoted(on_disk, "staging")
    path = lock(on_disk, ["staging"])
    path.write_text(path.read_text().replace("  staging:", "  production:"))
    with pytest.raises(InvalidDocuments, match='"staging" stands there'):
        read(on_disk, "production", LOCKED)


def test_a_lock_of_another_project_is_an_error(on_disk: Workspace) -> None:
    promoted(on_disk)
    path = lock(on_disk, ["production"])
    path.write_text(path.read_text().replace("project: bot", "project: bat"))
    with pytest.raises(InvalidDocuments, match="'bat' is not this project, 'bot'"):
        read(on_disk, "production", LOCKED)


def test_a_lock_that_is_not_valid_is_an_error_and_not_overwritten(on_disk: Workspace) -> None:
    promoted(on_disk)
    path = lock(on_disk, ["production"])
    path.write_text("format: 1\nproject: bot\nenvironments: {production: {}}\n")
    with pytest.raises(InvalidDocuments, match=r"gitexp\.lock:3"):
        read(on_disk, "production", LOCKED)
    with pytest.raises(InvalidDocuments):
        lock(on_disk, ["production"])
    assert path.read_text().startswith("format: 1\nproject: bot\n")


def test_a_symbolic_link_is_not_followed(on_disk: Workspace, tmp_path: Path) -> None:
    promoted(on_disk)
    path = lock(on_disk, ["production"])
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InvalidInput, match="symbolic link"):
        read(on_disk, "production", LOCKED)
    with pytest.raises(InvalidInput, match="symbolic link"):
        lock(on_disk, ["production"])


def test_writing_keeps_permissions_and_leaves_no_draft(on_disk: Workspace, tmp_path: Path) -> None:
    promoted(on_disk)
    path = lock(on_disk, ["production"])
    path.chmod(0o640)
    saved(on_disk, temperature=0.9)
    promote(on_disk, "checkout", "production")
    lock(on_disk, ["production"])
    assert path.stat().st_mode & 0o777 == 0o640
    assert [p.name for p in tmp_path.iterdir()] == ["gitexp.lock"]


def test_a_failed_write_leaves_the_old_file(
    on_disk: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    promoted(on_disk, temperature=0.1)
    path = lock(on_disk, ["production"])
    before = path.read_bytes()
    promoted(on_disk, temperature=0.2)

    def no_space(*args: object) -> None:
        raise OSError(28, "No space left on device")

    for call in ("write", "fsync", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(os, call, no_space)
            with pytest.raises(
                StoreError, match=r"no space left .* gitexp.lock was left as it was"
            ):
                lock(on_disk, ["production"])
        assert path.read_bytes() == before
        assert [p.name for p in tmp_path.iterdir()] == ["gitexp.lock"]


def test_a_locked_commit_that_is_not_here_is_fetched(
    world: World, on_disk: Workspace, tmp_path: Path
) -> None:
    grace = replace(world.clone("Grace"), directory=tmp_path)
    promoted(on_disk, temperature=0.1)
    lock(on_disk, ["production"])
    assert read(grace, "production", LOCKED)["temperature"] == 0.1


def test_a_locked_commit_that_is_not_here_is_an_error_offline(
    world: World, on_disk: Workspace, tmp_path: Path
) -> None:
    grace = replace(world.clone("Grace"), directory=tmp_path)
    promoted(on_disk)
    lock(on_disk, ["production"])
    asked = world.asked
    with pytest.raises(NotFound, match="is not on environment 'production'"):
        read(grace, "production", Pin(locked=True, offline=True))
    assert world.asked == asked
