"""Partial clones: what was left out is fetched when it is read."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from gitexp.errors import MissingObject
from gitexp.ids import ObjectId
from gitexp.store.disk import DiskStore
from gitexp.store.trees import tree_of, walk_files
from tests.real_git import Git, new_repository


@pytest.fixture
def origin(tmp_path: Path) -> Git:
    git = new_repository(tmp_path / "origin")
    git("config", "uploadpack.allowFilter", "true")
    git("config", "uploadpack.allowAnySHA1InWant", "true")
    git.commit({"d/e/file": "old\n"})
    git.commit({"d/e/file": "new\n", "d/other": "other\n"})
    return git


def partial_clone(origin: Git, filtered: str, *options: str) -> Git:
    path = origin.path.parent / "partial"
    origin(
        "clone",
        "--quiet",
        "--no-checkout",
        f"--filter={filtered}",
        *options,
        f"file://{origin.path}",
        path,
    )
    return Git(path)


@pytest.mark.parametrize("filtered", ["blob:none", "tree:0"])
def test_everything_can_be_read(origin: Git, filtered: str) -> None:
    partial = partial_clone(origin, filtered)
    with DiskStore.open(partial.path, environ=partial.environ) as store:
        for revision in ("HEAD", "HEAD^"):
            commit = ObjectId(origin("rev-parse", revision))
            for path, entry in walk_files(store, tree_of(store, commit)):
                assert store.read(entry.id).data == origin.raw("show", f"{revision}:{path}")
    partial("fsck", "--strict")


def missing_from(partial: Git, blob: ObjectId) -> None:
    with DiskStore.open(partial.path, environ=partial.environ) as store:
        for _ in range(2):
            with pytest.raises(MissingObject) as caught:
                store.read(blob)
            assert caught.value.message == f"object {blob} is not in this repository"
            assert f"`git cat-file -e {blob}`" in str(caught.value.hint)


def test_an_object_stays_missing_when_the_remote_is_gone(origin: Git) -> None:
    partial = partial_clone(origin, "blob:none")
    blob = ObjectId(origin("rev-parse", "HEAD:d/e/file"))
    shutil.move(origin.path, origin.path.parent / "moved")
    missing_from(partial, blob)


def test_an_object_that_the_remote_does_not_have_stays_missing(origin: Git) -> None:
    partial = partial_clone(origin, "blob:none")
    missing_from(partial, ObjectId("1" * 40))
    blob = ObjectId(origin("rev-parse", "HEAD:d/e/file"))
    with DiskStore.open(partial.path, environ=partial.environ) as store:
        with pytest.raises(MissingObject):
            store.read(ObjectId("1" * 40))
        assert store.read(blob).data == b"new\n"


def test_without_git_an_object_stays_missing(origin: Git, tmp_path: Path) -> None:
    partial = partial_clone(origin, "blob:none")
    blob = ObjectId(origin("rev-parse", "HEAD:d/e/file"))
    partial.environ["PATH"] = str(tmp_path)
    missing_from(partial, blob)


def test_where_history_was_cut_off_nothing_is_fetched(origin: Git) -> None:
    partial = partial_clone(origin, "blob:none", "--depth=1")
    parent = ObjectId(origin("rev-parse", "HEAD^"))
    with DiskStore.open(partial.path, environ=partial.environ) as store:
        with pytest.raises(MissingObject):
            store.read(parent)
        assert not store.has(parent)
