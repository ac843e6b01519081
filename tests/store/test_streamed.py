"""Blobs that are written and read piece by piece: little of them is in memory at any time."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gitexp.ids import ObjectId
from gitexp.store.disk import DiskStore
from gitexp.store.model import NewObject
from gitexp.store.objects import make_object
from gitexp.store.streamed import StreamedBlob
from tests.real_git import Git, new_repository

SIZE = 24 << 20
LINE = b"x" * 8191 + b"\n"


def lines() -> Iterator[bytes]:
    return (b"%8d%b" % (number, LINE[8:]) for number in range(SIZE // len(LINE)))


def peak_of(work: Callable[[], object]) -> int:
    """Return the most memory that something takes."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.fixture(params=[0, 10])
def blob(store: DiskStore, request: pytest.FixtureRequest) -> StreamedBlob:
    """A large blob, written alone or in a pack with others."""
    large = StreamedBlob(lines)
    others: list[NewObject] = [make_object("blob", b"%d" % n) for n in range(request.param)]

    def write() -> None:
        with store.exclusive():
            store.apply([large, *others], ())

    assert peak_of(write) < SIZE // 8
    return large


@pytest.fixture
def git(tmp_path: Path) -> Git:
    return new_repository(tmp_path / "repository")


@pytest.fixture
def store(git: Git) -> DiskStore:
    return DiskStore.open(git.path)


def test_git_reads_it(git: Git, store: DiskStore, blob: StreamedBlob) -> None:
    assert git("cat-file", "-s", blob.id).strip() == str(SIZE)
    git("fsck", "--strict")


def test_it_is_read_piece_by_piece(store: DiskStore, blob: StreamedBlob) -> None:
    sizes: list[int] = []
    assert peak_of(lambda: sizes.extend(map(len, store.pieces(blob.id)))) < SIZE // 8
    assert sum(sizes) == SIZE
    assert b"".join(store.pieces(blob.id)) == blob.data


def test_it_is_read_to_its_end_while_git_moves_it(
    git: Git, store: DiskStore, blob: StreamedBlob
) -> None:
    pieces = store.pieces(blob.id)
    begin = next(pieces)
    git("update-ref", "refs/tags/blob", blob.id)
    git("repack", "-adfq")
    git("prune-packed")
    assert begin + b"".join(pieces) == blob.data
    assert b"".join(store.pieces(blob.id)) == blob.data


def test_one_that_is_stored_as_a_difference_is_read_too(git: Git, store: DiskStore) -> None:
    whole = b"".join(f"line {number}\n".encode() for number in range(50_000))
    made = [make_object("blob", whole + b"%d" % n) for n in range(5)]
    with store.exclusive():
        store.apply(made, ())
    for number, raw in enumerate(made):
        git("update-ref", f"refs/tags/{number}", raw.id)
    git("repack", "-adfq")
    listed = git("cat-file", "--batch-all-objects", "--batch-check=%(objectname) %(deltabase)")
    assert any(set(line.split()[1]) != {"0"} for line in listed.splitlines())
    for raw in made:
        assert b"".join(store.pieces(ObjectId(raw.id))) == raw.data
