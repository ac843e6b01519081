"""What is damaged or left behind in the files of a repository, told without changing any of it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gitexp.errors import DamagedObject, StoreError
from gitexp.ids import ObjectId, is_object_id
from gitexp.store.disk import DiskStore
from gitexp.store.files import lstat_or_none, read_file
from gitexp.store.gitindex import Index
from gitexp.store.objectcopies import LooseCopy
from gitexp.store.objectfiles import loose_path
from gitexp.store.objects import hash_object
from gitexp.store.packs import PackIndex
from gitexp.store.refs import RefFiles

_HEX = re.compile(r"[0-9a-f]{2}\Z")
_PACKED = re.compile(rb"([0-9a-f]{40}|[0-9a-f]{64}) (refs/\S+)\Z")


@dataclass(frozen=True, kw_only=True)
class LooseDamage:
    """The file of an object that does not hold that object."""

    object_id: ObjectId
    path: Path
    why: str


@dataclass(frozen=True, kw_only=True)
class RefDamage:
    """A reference that cannot be followed.

    Attributes:
        path: its own file; None where it stands in `packed-refs` alone.
        target: what it names, where it names anything.
    """

    name: str
    path: Path | None
    why: str
    target: ObjectId | None = None


def loose_damages(store: DiskStore) -> Iterator[LooseDamage]:
    """Yield the files of objects that are empty, cut short or changed; every one is read."""
    top = str(store.common_dir / "objects")
    for folder in _names(top):
        if not _HEX.match(folder):
            continue
        for name in _names(os.path.join(top, folder)):
            object_id = folder + name
            if len(object_id) == store.hash_length and is_object_id(object_id):
                path = loose_path(top, ObjectId(object_id))
                why = _loose_fault(path, ObjectId(object_id))
                if why is not None:
                    yield LooseDamage(object_id=ObjectId(object_id), path=Path(path), why=why)


def _loose_fault(path: str, object_id: ObjectId) -> str | None:
    found = lstat_or_none(path)
    if found is None:
        return None
    if found.st_size == 0:
        return "it is empty"
    try:
        kind, data = LooseCopy(path, found.st_size).content()
    except FileNotFoundError:
        return None
    except (DamagedObject, StoreError):
        return "it is cut short or changed"
    if hash_object(kind, data, hash_length=len(object_id)) != object_id:
        return "it holds something else"
    return None


def pack_index_damages(store: DiskStore) -> Iterator[Path]:
    """Yield the packs whose index cannot be read."""
    directory = store.common_dir / "objects" / "pack"
    for name in _names(str(directory)):
        if name.endswith(".idx"):
            try:
                PackIndex(str(directory / name), store.hash_length // 2).close()
            except (DamagedObject, StoreError, ValueError, OSError):
                yield (directory / name).with_suffix(".pack")
        elif name.endswith(".pack") and not (directory / name).with_suffix(".idx").exists():
            yield directory / name


def lock_files(store: DiskStore) -> Iterator[Path]:
    """Yield the lock files of references, the index and other files of the repository."""
    tops = dict.fromkeys((store.git_dir, store.common_dir))
    for top in tops:
        for name in _names(str(top)):
            if name.endswith(".lock") and (top / name).is_file():
                yield top / name
        yield from sorted(path for path in (top / "refs").rglob("*.lock") if path.is_file())


def index_damage(store: DiskStore) -> str | None:
    """Return why the index of the working tree cannot be read, None where it can or is none."""
    path = str(store.git_dir / "index")
    try:
        data = read_file(path)
        if data is not None and store.worktree is not None:
            Index.parse(data, hash_length=store.hash_length, path=path)
    except StoreError as exc:
        return exc.message
    except OSError as exc:
        return f"{path} cannot be read: {exc.strerror}"
    return None


def ref_damages(store: DiskStore) -> Iterator[RefDamage]:
    """Yield the references that hold no object id, or that of an object that is not here."""
    files = RefFiles(
        git_dir=store.git_dir, common_dir=store.common_dir, hash_length=store.hash_length
    )
    loose: set[str] = set()
    for top in dict.fromkeys((store.common_dir, store.git_dir)):
        for path in sorted((top / "refs").rglob("*")):
            if not path.is_file() or path.name.endswith(".lock"):
                continue
            name = path.relative_to(top).as_posix()
            loose.add(name)
            yield from _loose_ref_faults(store, files, name, path)
    for name, target in _packed(store):
        if name not in loose and not store.has(target):
            why = f"it names {target}, which cannot be read"
            yield RefDamage(name=name, path=None, why=why, target=target)


def _loose_ref_faults(
    store: DiskStore, files: RefFiles, name: str, path: Path
) -> Iterator[RefDamage]:
    try:
        data = read_file(str(path)) or b""
        if data.startswith(b"ref:"):
            return  # a branch that it names may be made later
        target = files.value(name)
    except StoreError:
        why = "its file is empty" if not data.strip(b"\0 \n") else "its file holds no object id"
        yield RefDamage(name=name, path=path, why=why)
        return
    if target is not None and not store.has(target):
        why = f"it names {target}, which cannot be read"
        yield RefDamage(name=name, path=path, why=why, target=target)


def _packed(store: DiskStore) -> Iterator[tuple[str, ObjectId]]:
    data = read_file(str(store.common_dir / "packed-refs")) or b""
    for line in data.split(b"\n"):
        if found := _PACKED.match(line):
            yield os.fsdecode(found[2]), ObjectId(found[1].decode())


def packed_refs_damage(store: DiskStore) -> int:
    """Return how many lines of `packed-refs` are neither references nor anything about them."""
    data = read_file(str(store.common_dir / "packed-refs")) or b""
    lines = [line for line in data.split(b"\n") if line and line[:1] not in b"#^"]
    return sum(1 for line in lines if not _PACKED.match(line))


def last_logged(store: DiskStore, name: str) -> ObjectId | None:
    """Return where a reference stood last by its reflog, if that is here; else None."""
    data = read_file(str(store.common_dir / "logs" / name)) or b""
    for line in reversed(data.split(b"\n")):
        words = line.split(b" ")[:2]
        text = words[1].decode("ascii", "replace") if len(words) == 2 else ""
        if is_object_id(text) and store.has(ObjectId(text)):
            return ObjectId(text)
    return None


def _names(directory: str) -> list[str]:
    try:
        return sorted(os.listdir(directory))
    except (FileNotFoundError, NotADirectoryError):
        return []
