"""The local objects of Git LFS: complete, checked and where Git LFS looks for them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from gitexp.errors import DamagedObject, InvalidInput, MissingObject, StoreError
from gitexp.store.disk import DiskStore
from gitexp.store.lfs.objects import LfsObjects, objects_at, objects_in
from gitexp.store.lfs.pointers import Pointer
from tests.store.lfs_server import pointer_to

DATA = b"large " * 1000
POINTER = pointer_to(DATA)


@pytest.fixture
def objects(tmp_path: Path) -> LfsObjects:
    return LfsObjects(tmp_path / "lfs")


def kept(objects: LfsObjects) -> list[str]:
    """Return every file, drafts among them."""
    found = (path for path in objects.directory.rglob("*") if path.is_file())
    return sorted(str(path.relative_to(objects.directory)) for path in found)


def test_a_received_object_stands_where_git_lfs_looks_for_it(objects: LfsObjects) -> None:
    path = objects.receive([DATA[:10], DATA[10:]], POINTER)
    oid = POINTER.oid
    assert kept(objects) == [f"objects/{oid[:2]}/{oid[2:4]}/{oid}"]
    assert path.read_bytes() == DATA
    with objects.open(POINTER) as file:
        assert file.read() == DATA


@pytest.mark.parametrize("came", [b"", DATA[:-1], DATA + b"!", b"x" * len(DATA)])
def test_nothing_is_kept_of_other_bytes_than_were_promised(
    objects: LfsObjects, came: bytes
) -> None:
    with pytest.raises(DamagedObject) as caught:
        objects.receive([came], POINTER)
    assert caught.value.message == (
        f"the Git LFS object {POINTER.oid} came with other bytes than its name says"
    )
    assert kept(objects) == []


def test_what_cannot_be_read_is_named(objects: LfsObjects) -> None:
    objects.path(POINTER.oid).mkdir(parents=True)
    for use in (objects.open, objects.is_sound):
        with pytest.raises(StoreError) as caught:
            use(POINTER)
        assert caught.value.message == f"cannot read {objects.path(POINTER.oid)}: Is a directory"


def test_what_is_longer_than_promised_is_not_read_to_its_end(objects: LfsObjects) -> None:
    taken = []

    def endless() -> Iterator[bytes]:
        while True:
            taken.append(1)
            yield b"x" * 1000

    with pytest.raises(DamagedObject):
        objects.receive(endless(), POINTER)
    assert len(taken) == 7


def test_a_broken_stream_leaves_nothing(objects: LfsObjects) -> None:
    def broken() -> Iterator[bytes]:
        yield DATA[:10]
        raise ConnectionResetError

    with pytest.raises(Exception, match="nothing was kept of it"):
        objects.receive(broken(), POINTER)
    assert kept(objects) == []


def test_a_placed_file_is_shared_with_its_source(objects: LfsObjects, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(DATA)
    path = objects.place(source, POINTER)
    assert path.samefile(source)
    assert objects.place(source, POINTER) == path
    assert kept(objects) == [str(path.relative_to(objects.directory))]


def test_a_damaged_object_is_replaced_by_a_sound_source(
    objects: LfsObjects, tmp_path: Path
) -> None:
    damaged = objects.receive([DATA], POINTER)
    damaged.write_bytes(b"x" * len(DATA))
    source = tmp_path / "source"
    source.write_bytes(DATA)
    assert objects.place(source, POINTER).read_bytes() == DATA


def test_a_damaged_source_is_not_placed(objects: LfsObjects, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"x" * len(DATA))
    with pytest.raises(DamagedObject):
        objects.place(source, POINTER)
    assert not objects.path(POINTER.oid).exists()


@pytest.mark.parametrize("bytes_there", [b"", b"x", b"x" * len(DATA)])
def test_a_damaged_object_is_never_handed_out(objects: LfsObjects, bytes_there: bytes) -> None:
    objects.receive([DATA], POINTER).write_bytes(bytes_there)
    with pytest.raises(DamagedObject) as caught:
        objects.open(POINTER)
    assert caught.value.message == (
        f"{objects.path(POINTER.oid)} is damaged: its bytes are not what its name says"
    )


def test_a_missing_object_is_named(objects: LfsObjects) -> None:
    with pytest.raises(MissingObject) as caught:
        objects.open(POINTER)
    assert caught.value.message == f"the Git LFS object {POINTER.oid} is not in this repository"


def test_an_id_that_is_none_leads_nowhere(objects: LfsObjects) -> None:
    with pytest.raises(InvalidInput):
        objects.find(Pointer(oid="../" * 20 + "etc/passwd", size=1))


def test_the_configuration_says_where_objects_are(tmp_path: Path) -> None:
    with DiskStore.init(tmp_path / "here") as store:
        config = store.common_dir / "config"
        assert objects_in(store, {}).directory == store.common_dir / "lfs"
        with config.open("a") as file:
            file.write("[lfs]\n\tstorage = elsewhere\n")
        assert objects_in(store, {}).directory == store.common_dir / "elsewhere"
        with config.open("a") as file:
            file.write(f"[lfs]\n\tstorage = {tmp_path}/shared\n")
        assert objects_in(store, {}).directory == tmp_path / "shared"
        assert objects_at(tmp_path / "here").directory == tmp_path / "shared"


def test_objects_are_borrowed_from_where_git_borrows_its_own(tmp_path: Path) -> None:
    with DiskStore.init(tmp_path / "lender") as lender, DiskStore.init(tmp_path / "here") as store:
        lent = objects_in(lender, {}).receive([DATA], POINTER)
        alternates = store.common_dir / "objects" / "info" / "alternates"
        alternates.write_text(f"# lender\n{lender.common_dir}/objects\n")
        assert objects_in(store, {}).find(POINTER) == lent


@pytest.mark.skipif(os.name == "nt", reason="permissions of POSIX")
def test_objects_of_a_shared_repository_are_for_its_group(tmp_path: Path) -> None:
    with DiskStore.init(tmp_path / "here") as store:
        with (store.common_dir / "config").open("a") as file:
            file.write("[core]\n\tsharedRepository = group\n")
        path = objects_in(store, {}).receive([DATA], POINTER)
        assert path.stat().st_mode & 0o060 == 0o060
        assert path.parent.stat().st_mode & 0o070 == 0o070
