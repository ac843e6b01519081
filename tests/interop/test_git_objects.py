"""Objects: what gitexp writes git reads, and what git packs gitexp reads."""

from __future__ import annotations

import io
import os
import random
from pathlib import Path

import pytest

from gitexp.ids import ObjectId
from gitexp.store.disk import DiskStore
from gitexp.store.durable import MOST_LOOSE
from gitexp.store.objects import make_object
from tests.builders import commit_files, history
from tests.real_git import Git, new_repository

FORMATS = ["sha1", "sha256"]
WHO = "Grace Example <grace@example.org>"


@pytest.fixture(params=FORMATS)
def git(request: pytest.FixtureRequest, tmp_path: Path) -> Git:
    return new_repository(tmp_path / "repository", f"--object-format={request.param}")


def everything(git: Git) -> dict[str, tuple[str, bytes]]:
    """Return kind and bytes of every object, as git reads them."""
    said, found = io.BytesIO(git.raw("cat-file", "--batch", "--batch-all-objects")), {}
    while line := said.readline():
        name, kind, size = line.decode().split()
        found[name] = kind, said.read(int(size))
        said.readline()
    return found


def assert_same_objects(git: Git, store: DiskStore) -> None:
    for name, (kind, data) in everything(git).items():
        raw = store.read(ObjectId(name))
        assert (raw.kind, raw.data) == (kind, data)
        assert store.has(ObjectId(name))
        assert store.find_prefix(name[:12]) == [name]


def edits(git: Git, count: int) -> None:
    """Commit versions of a long file, which git stores as deltas."""
    lines = [f"line {number}" for number in range(400)]
    draw = random.Random(count)
    start = "from refs/heads/main^0\n" if git("for-each-ref", "refs/heads/main") else ""
    stream = ""
    for number in range(count):
        lines[draw.randrange(len(lines))] = f"edit {draw.random()}"
        stream += f"commit refs/heads/main\ncommitter {WHO} now\ndata 0\n{start}"
        files = {"long.txt": "\n".join(lines), f"d/{number % 3}.txt": f"{number}"}
        for name, text in files.items():
            stream += f"M 644 inline {name}\ndata {len(text)}\n{text}\n"
        start = ""
    git("fast-import", "--quiet", "--date-format=now", text=stream)


def test_git_reads_a_few_objects_written_one_by_one(git: Git) -> None:
    with DiskStore.open(git.path) as store:
        commit = commit_files(store, {"a/b.txt": b"one\n", "c.txt": b"two\n"}, branch="other")
    assert git("show", f"{commit}:a/b.txt") == "one"
    assert git("count-objects") == "5 objects, 20 kilobytes"
    git.check()


def test_git_reads_many_objects_written_as_one_pack(git: Git) -> None:
    files = {f"d{n % 7}/f{n}.txt": f"content {n}\n".encode() * (n % 50 + 1) for n in range(200)}
    with DiskStore.open(git.path) as store:
        commit = commit_files(store, files, branch="other")
        assert len(files) > MOST_LOOSE
        assert_same_objects(git, store)
    assert git("ls-tree", "-r", "--name-only", commit).splitlines() == sorted(files)
    assert [path.suffix for path in sorted((git.path / ".git/objects/pack").iterdir())] == [
        ".idx",
        ".pack",
    ]
    git("verify-pack", *(git.path / ".git/objects/pack").glob("*.idx"))
    git.check()


def test_large_objects_go_into_a_pack_unharmed(git: Git) -> None:
    draw = random.Random(7)
    blobs = [make_object("blob", draw.randbytes(draw.randrange(70_000)), hash_length=width(git))]
    blobs += [
        make_object("blob", bytes(size), hash_length=width(git))
        for size in (0, 1, 15, 16, 2047, 2048, 1 << 18, 3, 5)
    ]
    with DiskStore.open(git.path) as store:
        with store.exclusive():
            store.apply(blobs, ())
        assert all(store.read(blob.id) == blob for blob in blobs)
        assert_same_objects(git, store)
    git.check()


def width(git: Git) -> int:
    return 64 if git("rev-parse", "--show-object-format") == "sha256" else 40


def test_deltas_that_git_made_are_read(git: Git) -> None:
    edits(git, 40)
    git("repack", "-adfq", "--depth=50", "--window=20")
    with DiskStore.open(git.path) as store:
        assert_same_objects(git, store)


def test_a_size_is_known_before_a_delta_is_applied(git: Git) -> None:
    edits(git, 20)
    git("repack", "-adfq")
    with DiskStore.open(git.path) as store:
        for name, (_, data) in everything(git).items():
            assert store.read(ObjectId(name), limit=len(data)).data == data
            if data:
                with pytest.raises(Exception, match=f"holds {len(data)} bytes, over"):
                    store.read(ObjectId(name), limit=len(data) - 1)


def test_reference_deltas_and_old_indexes_are_read(tmp_path: Path) -> None:
    git = new_repository(tmp_path / "repository")
    edits(git, 20)
    git("config", "repack.useDeltaBaseOffset", "false")
    git("config", "pack.indexVersion", "1")
    git("repack", "-adfq")
    with DiskStore.open(git.path) as store:
        assert_same_objects(git, store)


def test_several_packs_and_a_multi_pack_index_are_read(git: Git) -> None:
    for _ in range(3):
        edits(git, 5)
        git("repack", "-dq")
    git("multi-pack-index", "write")
    edits(git, 2)
    with DiskStore.open(git.path) as store:
        assert_same_objects(git, store)


def test_a_pack_that_appears_while_the_store_is_open_is_found(git: Git) -> None:
    with DiskStore.open(git.path) as store:
        history(store, "a b c", branch="other")
        edits(git, 10)
        git("repack", "-adfq")
        git("prune-packed")
        assert_same_objects(git, store)
        edits(git, 3)
        git("repack", "-adfq")
        assert_same_objects(git, store)


def test_objects_of_alternates_are_read_and_not_copied(tmp_path: Path) -> None:
    origin = new_repository(tmp_path / "origin")
    edits(origin, 10)
    origin("repack", "-adfq")
    borrower = Git(tmp_path / "borrower")
    origin("clone", "--quiet", "--shared", ".", borrower.path)
    with DiskStore.open(borrower.path) as store:
        assert_same_objects(borrower, store)
        commit_files(store, {"new.txt": b"new\n"}, branch="other")
    assert borrower("count-objects") == "3 objects, 12 kilobytes"
    borrower.check()


def test_an_object_that_git_left_unsynced_is_kept_and_made_young(tmp_path: Path) -> None:
    git = new_repository(tmp_path / "repository")
    name = git("hash-object", "-w", "--stdin", text="shared\n")
    path = git.path / ".git/objects" / name[:2] / name[2:]
    os.utime(path, (1_000_000_000, 1_000_000_000))
    with DiskStore.open(git.path) as store:
        commit_files(store, {"a": b"shared\n"}, branch="other")
    assert path.stat().st_mtime > 1_600_000_000


def test_new_objects_survive_a_repack_before_a_reference_names_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git = new_repository(tmp_path / "repository")
    edits(git, 2)
    real, repacked = os.link, []

    def repack_first(source: str, target: str) -> None:
        """Repack when the reference is about to be locked: its objects are written by then."""
        repacked.append(git("repack", "-adq"))
        git("prune-packed")
        real(source, target)

    monkeypatch.setattr(os, "link", repack_first)
    with DiskStore.open(git.path) as store:
        commit = commit_files(store, {f"{n}.txt": b"%d" % n for n in range(20)}, branch="other")
        assert store.read(commit).kind == "commit"
    assert repacked
    assert not list((git.path / ".git/objects/pack").glob("*.keep"))
    git.check()


def test_git_cleans_up_behind_gitexp(tmp_path: Path) -> None:
    git = new_repository(tmp_path / "repository")
    with DiskStore.open(git.path) as store:
        history(store, "a b c d e", branch="other")
        tip = store.ref("refs/heads/other")
        git("gc", "--quiet", "--prune=now")
        assert store.ref("refs/heads/other") == tip
        assert store.read(ObjectId(str(tip))).kind == "commit"
        history(store, "f", branch="another")
    git.check()
