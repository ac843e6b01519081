"""Damage to any byte of any object: reading returns the truth or an error, never anything else."""

from __future__ import annotations

import shutil
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from gitexp.errors import DamagedObject, InvalidInput, MissingObject, StoreError
from gitexp.ids import ObjectId
from gitexp.store.disk import DiskStore
from gitexp.store.model import RawObject
from tests.builders import commit_files, history
from tests.real_git import Git, new_repository

pytestmark = pytest.mark.faults

Truth = dict[ObjectId, RawObject]
LAYOUTS = {
    "loose": (),
    "packed": ("repack", "-adfq", "--depth=10"),
    "reference deltas": ("-c", "repack.useDeltaBaseOffset=false", "repack", "-adfq"),
}


@pytest.fixture(params=LAYOUTS)
def repository(request: pytest.FixtureRequest, tmp_path: Path) -> Git:
    git = new_repository(tmp_path / "repository", "--bare")
    with DiskStore.open(git.path) as store:
        text = b"".join(b"line %d\n" % n for n in range(40))
        for step in range(4):
            edited = text.replace(b"line 7\n", b"line %d\n" % (100 + step))
            commit_files(store, {"long.txt": edited, "d/short.txt": b"%d" % step}, at=step)
    if LAYOUTS[request.param]:
        git(*LAYOUTS[request.param])
        git("prune-packed")
    return git


def truth(git: Git) -> Truth:
    names = git("cat-file", "--batch-check=%(objectname)", "--batch-all-objects").split()
    with DiskStore.open(git.path) as store:
        return {ObjectId(name): store.read(ObjectId(name)) for name in names}


def object_files(git: Git) -> list[Path]:
    return [
        path
        for path in sorted((git.path / "objects").rglob("*"))
        if path.is_file() and path.suffix in ("", ".pack", ".idx") and "info" not in path.parts
    ]


def damages(data: bytes) -> Iterator[bytes]:
    """Yield a file with every one of its bytes changed, cut at many places, and empty."""
    for position in range(len(data)):
        changed = bytearray(data)
        changed[position] ^= 1 << position % 8
        yield bytes(changed)
    for length in {*range(0, len(data), 7), len(data) - 1}:
        yield data[:length]
    yield bytes(len(data))


def assert_true_or_error(git: Git, expected: Truth) -> int:
    """Require that each object is read as it was or refused; return how many are refused."""
    refused = 0
    with DiskStore.open(git.path) as store:
        for name, raw in expected.items():
            for limit in (None, 1 << 16):
                try:
                    assert store.read(name, limit=limit) == raw
                except (StoreError, InvalidInput):
                    refused += 1
            store.has(name)
    return refused


def test_no_damage_is_returned_as_data(repository: Git) -> None:
    expected = truth(repository)
    found = 0
    for path in object_files(repository):
        data = path.read_bytes()
        path.chmod(0o644)
        for damaged in damages(data):
            path.write_bytes(damaged)
            found += assert_true_or_error(repository, expected) > 0
        path.write_bytes(data)
    assert found > 100
    assert assert_true_or_error(repository, expected) == 0


def test_a_lost_file_is_a_missing_object(repository: Git) -> None:
    expected = truth(repository)
    for path in object_files(repository):
        aside = path.with_name("aside")
        path.rename(aside)
        with DiskStore.open(repository.path) as store:
            refused = [name for name in expected if not store.has(name)]
            assert refused
            for name in refused:
                with pytest.raises(MissingObject):
                    store.read(name)
        aside.rename(path)


def test_a_good_copy_is_found_behind_a_damaged_one(tmp_path: Path) -> None:
    git = new_repository(tmp_path / "repository", "--bare")
    with DiskStore.open(git.path) as store:
        history(store, "a b")
    expected = truth(git)
    loose = object_files(git)
    git("repack", "-aq")
    for path in loose:
        path.chmod(0o644)
        path.write_bytes(b"")
    assert assert_true_or_error(git, expected) == 0
    for path in object_files(git):
        if path.suffix == ".pack":
            shutil.copyfile(path, path.with_suffix(".copy"))
            path.chmod(0o644)
            path.write_bytes(path.read_bytes()[:40])
    with DiskStore.open(git.path) as store, pytest.raises(DamagedObject):
        [store.read(name) for name in expected]


@pytest.mark.parametrize("content", [b"", b"garbage", b"\0" * 50])
def test_saving_the_same_content_again_mends_a_damaged_file(tmp_path: Path, content: bytes) -> None:
    git = new_repository(tmp_path / "repository", "--bare")
    with DiskStore.open(git.path) as store:
        commit_files(store, {"a.txt": b"text\n"}, branch="one")
        for path in object_files(git):
            path.chmod(0o644)
            path.write_bytes(content)
        (git.path / "refs/heads/one").unlink()
        commit = commit_files(store, {"a.txt": b"text\n"}, branch="one")
        assert store.read(commit).kind == "commit"
    git.check()


def test_a_bomb_is_refused_before_it_is_inflated(tmp_path: Path) -> None:
    git = new_repository(tmp_path / "repository", "--bare")
    with DiskStore.open(git.path) as store:
        commit_files(store, {"bomb": bytes(64 << 20)})
        bomb = ObjectId(git("rev-parse", "main:bomb"))
        for _ in range(2):
            tracemalloc.start()
            with pytest.raises(Exception, match="holds 67108864 bytes, over 10485760"):
                store.read(bomb, limit=10 << 20)
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            assert peak < 4 << 20
            git("repack", "-adq")
