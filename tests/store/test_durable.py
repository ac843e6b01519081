"""Writing objects: files of their own or a pack, again where a copy is damaged."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from gitexp.errors import StoreError
from gitexp.store.disk import DiskStore
from gitexp.store.durable import MOST_LOOSE
from gitexp.store.model import RawObject
from gitexp.store.objects import make_object
from gitexp.store.sharing import Sharing
from gitexp.store.trees import list_dir, tree_of
from tests.builders import commit_files
from tests.real_git import Git


@pytest.fixture
def store(tmp_path: Path) -> DiskStore:
    return DiskStore.init(tmp_path / "repository", bare=True)


def blobs(count: int) -> list[RawObject]:
    return [make_object("blob", b"blob %d" % n) for n in range(count)]


def write(store: DiskStore, objects: list[RawObject]) -> None:
    with store.exclusive():
        store.apply(objects, ())


def files(store: DiskStore) -> list[str]:
    top = store.common_dir / "objects"
    return sorted(p.relative_to(top).as_posix() for p in top.rglob("*") if p.is_file())


@pytest.mark.parametrize("count, packs", [(1, 0), (MOST_LOOSE, 0), (MOST_LOOSE + 1, 1), (300, 1)])
def test_many_objects_become_one_pack(store: DiskStore, count: int, packs: int) -> None:
    write(store, blobs(count))
    assert [name.endswith(".pack") for name in files(store)].count(True) == packs
    assert len(files(store)) == (2 if packs else count)
    assert all(store.read(raw.id) == raw for raw in blobs(count))


def test_objects_that_are_here_are_not_written_again(store: DiskStore) -> None:
    write(store, blobs(20))
    before = files(store)
    write(store, blobs(20))
    write(store, blobs(5))
    assert files(store) == before


def test_objects_that_another_process_packed_are_not_written_again(store: DiskStore) -> None:
    write(store, blobs(1))
    write(DiskStore.open(store.common_dir), blobs(20))
    before = files(store)
    write(store, blobs(20))
    assert files(store) == before


def test_packs_are_looked_for_as_often_for_many_objects_as_for_few(
    store: DiskStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[str] = []
    real = os.listdir
    monkeypatch.setattr(os, "listdir", lambda path: [looks.append(str(path)), real(path)][1])
    counts = []
    for number in (9, 10, 99):
        write(store, [make_object("blob", b"%d of %d" % (n, number)) for n in range(number)])
        counts.append(len([path for path in looks if path.endswith("pack")]))
    assert counts[2] - counts[1] == counts[1] - counts[0]


def test_a_write_that_follows_another_reads_no_directory_of_it(
    store: DiskStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = commit_files(store, {f"a/b/{number}": b"%d" % number for number in range(9)})
    real = os.open

    def refused(path: str, *rest: Any, **named: Any) -> int:
        assert "objects" not in path
        return real(path, *rest, **named)

    monkeypatch.setattr(os, "open", refused)
    listed = list_dir(store, tree_of(store, first), "a/b")
    assert [entry.name for entry in listed] == sorted(map(str, range(9)))


def test_an_object_named_twice_is_written_once(store: DiskStore) -> None:
    write(store, blobs(3) * 4)
    assert len(files(store)) == 3


def test_files_are_read_only(store: DiskStore) -> None:
    write(store, blobs(2))
    write(store, blobs(30))
    top = store.common_dir / "objects"
    assert {(top / name).stat().st_mode & 0o222 for name in files(store)} == {0}


def test_a_directory_that_git_removes_in_between_is_made_again(
    store: DiskStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, removed = os.mkdir, []

    def vanish_once(path: str, mode: int = 0o777) -> None:
        real(path, mode)
        if os.path.basename(path) == blobs(1)[0].id[:2] and not removed:
            removed.append(path)
            os.rmdir(path)

    monkeypatch.setattr(os, "mkdir", vanish_once)
    write(store, blobs(1))
    assert removed
    assert store.read(blobs(1)[0].id) == blobs(1)[0]


@pytest.mark.parametrize(
    "value, mode",
    [
        *[(text, 0o660) for text in ("group", "true", "1")],
        *[(text, 0o664) for text in ("all", "world", "everybody", "2")],
        *[(text, 0) for text in ("umask", "false", "0", None)],
        *[("0640", 0o640), ("0666", 0o666)],
    ],
)
def test_sharing_is_read_as_git_reads_it(value: str | None, mode: int) -> None:
    assert Sharing.configured(value).mode == mode


def prune_before_the_branch_moves(monkeypatch: pytest.MonkeyPatch, store: DiskStore) -> list[str]:
    """Let every object vanish that nothing names, once, at the moment when the branch moves."""
    real, removed = os.replace, []

    def replace(source: str, target: str) -> None:
        if os.fspath(target).endswith("refs/heads/main") and not removed:
            named = f"{store.common_dir}/objects"
            for path in [p for p in Path(named).glob("??/*") if p.is_file()]:
                removed.append(path.parent.name + path.name)
                path.unlink()
                path.parent.rmdir()
        real(source, target)

    monkeypatch.setattr(os, "replace", replace)
    return removed


@pytest.mark.parametrize("earlier", [False, True])
def test_what_a_prune_removes_before_the_branch_names_it_is_written_again(
    store: DiskStore, monkeypatch: pytest.MonkeyPatch, earlier: bool
) -> None:
    if earlier:
        write(store, [make_object("blob", b"x\n")])
    removed = prune_before_the_branch_moves(monkeypatch, store)
    tip = commit_files(store, {"a/x.txt": b"x\n"}, branch="main")
    assert len(removed) == 4
    assert {name for name in files(store) if name[2] == "/"} == {
        f"{name[:2]}/{name[2:]}" for name in removed
    }
    git = Git(store.common_dir)
    git("fsck", "--strict", "--no-dangling")
    assert git("rev-parse", "main") == tip


def slow_gc(monkeypatch: pytest.MonkeyPatch, store: DiskStore, *, begins: str) -> list[Path]:
    """Let a `git gc` begin when a file gets a name; return what it will remove when it is there."""
    real = os.replace
    listed: list[Path] = []

    def replace(source: str, target: str) -> None:
        if begins in os.fspath(target) and not listed:
            (store.common_dir / "gc.pid").write_text("1 elsewhere")
            objects = store.common_dir / "objects"
            kept = {path.stem for path in objects.glob("pack/*.keep")}
            listed.extend(p for p in objects.glob("??/*"))
            listed.extend(p for p in objects.glob("pack/pack-*") if p.stem not in kept)
        real(source, target)

    monkeypatch.setattr(os, "replace", replace)
    return listed


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("begins", ["objects", "refs/heads/main"])
def test_a_slow_gc_that_began_before_the_branch_moved_takes_nothing_of_it(
    store: DiskStore, monkeypatch: pytest.MonkeyPatch, begins: str, packed: bool
) -> None:
    tree = {f"{number}.txt": b"%d\n" % number for number in range(20 if packed else 2)}
    write(store, [make_object("blob", data) for data in tree.values()])
    listed = slow_gc(monkeypatch, store, begins=begins)
    tip = commit_files(store, {"a/x.txt": b"x\n", **tree}, branch="main")
    assert listed
    for path in listed:
        path.unlink()
    (store.common_dir / "gc.pid").unlink()
    git = Git(store.common_dir)
    git("fsck", "--strict")
    assert git("rev-parse", "main") == tip


def test_nothing_is_written_twice_while_git_gc_works(store: DiskStore) -> None:
    (store.common_dir / "gc.pid").write_text("1 elsewhere")
    for number in range(2):
        write(store, blobs(2))
        assert [name.endswith(".pack") for name in files(store)].count(True) == number + 1
    assert not [name for name in files(store) if not name.startswith("pack/pack-")]


def test_a_pack_that_a_person_keeps_is_still_kept(store: DiskStore) -> None:
    write(store, blobs(20))
    (pack,) = (store.common_dir / "objects/pack").glob("*.pack")
    (store.common_dir / "gc.pid").write_text("1 elsewhere")
    pack.with_suffix(".keep").write_text("by hand")
    write(store, blobs(20))
    assert pack.with_suffix(".keep").read_text() == "by hand"


def test_what_git_prune_takes_for_left_over_is_not_what_is_being_written(
    store: DiskStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, git = os.replace, Git(store.common_dir)
    pruned: list[str] = []

    def replace(source: str, target: str) -> None:
        if "objects" in os.fspath(target) and source not in pruned:
            pruned.append(source)
            git("prune", "--expire=now")
        real(source, target)

    monkeypatch.setattr(os, "replace", replace)
    commit_files(store, {"x.txt": b"x\n"}, branch="main")
    commit_files(store, {f"{n}.txt": b"%d\n" % n for n in range(20)}, branch="main")
    assert len(pruned) > 3
    git("fsck", "--strict", "--no-dangling")


def test_the_error_says_that_the_change_was_made_when_it_cannot_be_written_again(
    store: DiskStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    removed = prune_before_the_branch_moves(monkeypatch, store)
    real = os.open

    def refuse(path: str, flags: int, mode: int = 0o777) -> int:
        if removed and "draft-" in os.fspath(path):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
        return real(path, flags, mode)

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(StoreError) as caught:
        commit_files(store, {"x.txt": b"x\n"}, branch="main")
    assert caught.value.message == (
        "no space left on the disk; the change was made, but objects of it may have been removed "
        "by `git prune`"
    )
