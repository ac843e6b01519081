"""A repository that is written to again and again has few packs, and every object."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from gitexp.store.consolidating import MOST_PACKS, consolidate
from gitexp.store.disk import DiskStore
from gitexp.store.trees import blob_at, tree_of
from tests.builders import commit_files

ENVIRON: Mapping[str, str] = {"PATH": os.environ["PATH"], "GIT_CONFIG_NOSYSTEM": "1", "HOME": "/"}


def wrote(path: Path, commits: int, environ: Mapping[str, str]) -> DiskStore:
    """Return a store after some commits, each of which is a pack of its own."""
    store = DiskStore.init(path, environ=environ)
    for number in range(commits):
        files = {f"{number}/{part}": f"{number} {part}".encode() for part in range(8)}
        commit_files(store, files, branch="work", message=str(number), at=number)
    return store


def packs(path: Path) -> int:
    return len(list((path / ".git" / "objects" / "pack").glob("*.pack")))


def test_many_writes_leave_few_packs_and_every_object(tmp_path: Path) -> None:
    store = wrote(tmp_path, MOST_PACKS + 30, ENVIRON)
    assert packs(tmp_path) <= MOST_PACKS
    for reader in (store, DiskStore.open(tmp_path)):
        tip = reader.ref("refs/heads/work")
        assert tip is not None
        tree = tree_of(reader, tip)
        for number in range(MOST_PACKS + 30):
            assert blob_at(reader, tree, f"{number}/3") == f"{number} 3".encode()
    done = subprocess.run(["git", "fsck", "--strict"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_what_nothing_refers_to_is_kept(tmp_path: Path) -> None:
    store = wrote(tmp_path, MOST_PACKS - 5, ENVIRON)
    lost = store.ref("refs/heads/work")
    assert lost is not None
    subprocess.run(["git", "update-ref", "-d", "refs/heads/work"], cwd=tmp_path, check=True)
    for number in range(10):
        files = {f"{part}": f"x{number}{part}".encode() for part in range(8)}
        commit_files(store, files, branch="work")
    assert packs(tmp_path) <= MOST_PACKS
    assert DiskStore.open(tmp_path).has(lost)


def test_without_the_program_or_with_alternates_it_is_left_to_others(tmp_path: Path) -> None:
    wrote(tmp_path, MOST_PACKS + 2, {"PATH": ""})
    objects = tmp_path / ".git" / "objects"
    assert packs(tmp_path) == MOST_PACKS + 2
    assert not consolidate(objects, {"PATH": ""})
    (objects / "info" / "alternates").write_text(f"{tmp_path}/elsewhere\n")
    assert not consolidate(objects, ENVIRON)


def test_a_partial_clone_is_left_alone(tmp_path: Path) -> None:
    wrote(tmp_path, MOST_PACKS + 2, {"PATH": ""})
    objects = tmp_path / ".git" / "objects"
    (objects / "pack" / "pack-1.promisor").write_text("")
    assert not consolidate(objects, ENVIRON)


def test_what_a_power_cut_left_of_a_write_is_removed_by_the_next(tmp_path: Path) -> None:
    store = wrote(tmp_path, 1, ENVIRON)
    left = tmp_path / ".git" / "objects" / "pack" / "draft-0a1b-pack"
    left.write_bytes(b"PACK")
    commit_files(store, {"x": b"x"}, branch="work")
    assert not left.exists()
