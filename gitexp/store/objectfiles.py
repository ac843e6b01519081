"""Objects on disk: loose files, packs and alternates, read with their bytes checked.

An object is looked for in every place that may hold a copy, so a damaged copy does not hide a
good one, and again for as long as packs come and go meanwhile, because `git gc` and `git repack`
move objects from one place to another while others read.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path

from gitexp.errors import DamagedObject, InvalidInput, MissingObject, StoreError
from gitexp.ids import ObjectId, is_object_id
from gitexp.store.files import lstat_or_none, read_error, read_file
from gitexp.store.model import NewObject, ObjectKind, RawObject
from gitexp.store.objectcopies import FSCK, Copy, LooseCopy, PackedCopy, UnreadableCopy
from gitexp.store.objects import hash_object, hash_pieces
from gitexp.store.packs import Content, Pack

_DEEPEST_ALTERNATE = 5
_MOST_LOOKS = 20
_RECENT_OBJECT_BYTES = 1 << 15
_RECENT_BYTES = 1 << 23


class _Directory:
    """One directory of objects."""

    def __init__(self, path: str, database: ObjectFiles) -> None:
        self._path = path
        self._database = database
        self._packs: dict[str, Pack] | None = None

    def copies(self, object_id: ObjectId) -> Iterator[Copy]:
        path = loose_path(self._path, object_id)
        try:
            found = lstat_or_none(path)
        except OSError as exc:
            raise read_error(exc, path) from exc
        if found is not None:
            yield LooseCopy(path, found.st_size)
        raw_id = bytes.fromhex(object_id)
        for pack in self.packs():
            try:
                offset = pack.index.offset(raw_id)
            except FileNotFoundError:
                continue
            except DamagedObject as exc:
                yield UnreadableCopy(exc)
                continue
            if offset is not None:
                yield PackedCopy(pack, offset)

    def packs(self) -> list[Pack]:
        if self._packs is None:
            self.list_again()
        return list((self._packs or {}).values())

    def listed(self) -> frozenset[str]:
        """Return the names of the packs at the last look."""
        return frozenset(self._packs or ())

    def list_again(self) -> frozenset[str]:
        """Return the names of the packs that are there now."""
        self._packs = self._listed_packs(self._packs or {})
        return self.listed()

    def _listed_packs(self, known: dict[str, Pack]) -> dict[str, Pack]:
        """Return the packs there are now; one that vanished may still be in use by a reader."""
        names = set(_listing(os.path.join(self._path, "pack")))
        stems = [name[:-5] for name in names if name.endswith(".pack")]
        return {
            stem: known.get(stem) or self._new_pack(stem)
            for stem in sorted(stems)
            if stem + ".idx" in names
        }

    def _new_pack(self, stem: str) -> Pack:
        database = self._database
        path = os.path.join(self._path, "pack", stem)
        return Pack(path, database.hash_length // 2, database.content)

    def loose_ids(self, prefix: str) -> Iterator[ObjectId]:
        length = self._database.hash_length - 2
        for name in _listing(os.path.join(self._path, prefix[:2])):
            object_id = prefix[:2] + name
            if len(name) == length and object_id.startswith(prefix) and is_object_id(object_id):
                yield ObjectId(object_id)

    def close(self) -> None:
        for pack in (self._packs or {}).values():
            pack.close()
        self._packs = None


class _Recent:
    """Small objects that were read and checked a moment ago; one walk reads many trees twice."""

    def __init__(self) -> None:
        self._objects: dict[ObjectId, RawObject] = {}
        self._bytes = 0

    def get(self, object_id: ObjectId) -> RawObject | None:
        return self._objects.get(object_id)

    def keep(self, raw: RawObject) -> None:
        if len(raw.data) > _RECENT_OBJECT_BYTES or raw.id in self._objects:
            return
        self._objects[raw.id] = raw
        self._bytes += len(raw.data)
        if self._bytes > _RECENT_BYTES:
            self.clear()

    def clear(self) -> None:
        self._objects.clear()
        self._bytes = 0


class ObjectFiles:
    """The objects of a repository and of its alternates."""

    def __init__(self, path: Path, hash_length: int) -> None:
        self.path = str(path)
        self.hash_length = hash_length
        self._all: list[_Directory] | None = None
        self._recent = _Recent()

    def read(self, object_id: ObjectId, *, limit: int | None = None) -> RawObject:
        """Return an object whose bytes were checked; raises as `Store.read` says."""
        known = self._recent.get(object_id)
        if known is not None and (limit is None or len(known.data) <= limit):
            return known
        raw = self._found(object_id, limit)
        self._recent.keep(raw)
        return raw

    def _found(self, object_id: ObjectId, limit: int | None) -> RawObject:
        damage: StoreError | None = None
        for copy in self._copies(object_id):
            try:
                self._check_size(object_id, copy, limit)
                return self._checked(object_id, copy)
            except FileNotFoundError:
                continue
            except DamagedObject as exc:
                damage = damage or exc
        raise damage or MissingObject(f"object {object_id} is not in this repository")

    def pieces(self, object_id: ObjectId, *, limit: int | None = None) -> Iterator[bytes]:
        """Return the bytes of an object in pieces; raises as `Store.pieces` says."""
        damage: StoreError | None = None
        for copy in self._copies(object_id):
            try:
                self._check_size(object_id, copy, limit)
                if copy.size() <= _RECENT_OBJECT_BYTES:
                    return self._checked(object_id, copy).pieces()
                return self._checked_pieces(object_id, copy)
            except FileNotFoundError:
                continue
            except DamagedObject as exc:
                damage = damage or exc
        raise damage or MissingObject(f"object {object_id} is not in this repository")

    def _checked_pieces(self, object_id: ObjectId, copy: Copy) -> Iterator[bytes]:
        """Return the pieces of a copy, once all of them were read and found to be right."""
        kind, size = copy.kind(), copy.size()
        found = hash_pieces(kind, size, copy.pieces(), hash_length=self.hash_length)
        if found != object_id:
            raise _other_bytes(object_id)
        again = copy.pieces()
        # What is open stays there, though somebody moves the object to another place.
        return chain([next(again, b"")], again)

    def content(self, object_id: ObjectId) -> Content:
        """Return kind and bytes of an object."""
        raw = self.read(object_id)
        return raw.kind, raw.data

    def kind(self, object_id: ObjectId) -> ObjectKind:
        """Return the kind of an object; only its header is read.

        Raises:
            MissingObject, DamagedObject: as for `read`.
        """
        damage: StoreError | None = None
        for copy in self._copies(object_id):
            try:
                return copy.kind()
            except FileNotFoundError:
                continue
            except DamagedObject as exc:
                damage = damage or exc
        raise damage or MissingObject(f"object {object_id} is not in this repository")

    def has(self, object_id: ObjectId) -> bool:
        """Return whether there is a copy of an object; an empty file is none."""
        try:
            self.kind(object_id)
        except (MissingObject, DamagedObject):
            return False
        return True

    def renewed(self, object_ids: Sequence[ObjectId]) -> set[ObjectId]:
        """Return those of some objects that are here, now durable and safe from a running prune.

        Packs that came are looked for once for all of them: an object that is missed, because it
        moved meanwhile, is written again, and that does no harm.
        """
        found = {object_id for object_id in object_ids if self._renew(object_id)}
        rest = [object_id for object_id in object_ids if object_id not in found]
        if rest and self._packs_changed():
            found.update(object_id for object_id in rest if self._renew(object_id))
        return found

    def _renew(self, object_id: ObjectId) -> bool:
        """Return whether an intact copy is in what is known.

        A loose copy is read in full: a power cut can leave empty files behind a good name.
        """
        for copy in self._known_copies(object_id):
            with contextlib.suppress(OSError, DamagedObject):
                if isinstance(copy, LooseCopy):
                    self._checked(object_id, copy)
                copy.refresh()
                return True
        return False

    def keep(self, objects: Iterable[NewObject]) -> None:
        """Keep commits and trees that were written at hand: the next write begins with them."""
        for new in objects:
            if new.kind != "blob":
                self._recent.keep(RawObject(id=new.id, kind=new.kind, data=new.data))

    def gone(self, object_ids: Sequence[ObjectId]) -> set[ObjectId]:
        """Return those of some objects of which no copy is here any more.

        For one that has a file of its own in this repository that costs a look at the file.
        """
        moved = [i for i in object_ids if lstat_or_none(loose_path(self.path, i)) is None]
        if moved:
            for directory in self._directories():
                directory.list_again()
        return {object_id for object_id in moved if not self.has(object_id)}

    def with_prefix(self, prefix: str) -> list[ObjectId]:
        """Return the ids that begin with these hexadecimal digits, sorted."""
        found: set[ObjectId] = set()
        for directory in self._directories():
            found.update(directory.loose_ids(prefix))
            directory.list_again()
            for pack in directory.packs():
                with contextlib.suppress(FileNotFoundError):
                    found.update(pack.index.with_prefix(prefix))
        return sorted(found)

    def close(self) -> None:
        """Let go of all files."""
        for directory in self._all or ():
            directory.close()
        self._all = None
        self._recent.clear()

    def _copies(self, object_id: ObjectId) -> Iterator[Copy]:
        if len(object_id) != self.hash_length or not is_object_id(object_id):
            raise MissingObject(f"{object_id!r} is no id of an object in this repository")
        for _ in range(_MOST_LOOKS):
            yield from self._known_copies(object_id)
            # Objects only move from one pack to another, or between packs and files of their
            # own, when packs come or go; where none did, there is nothing new to see.
            if not self._packs_changed():
                return

    def _known_copies(self, object_id: ObjectId) -> Iterator[Copy]:
        for directory in self._directories():
            yield from directory.copies(object_id)

    def _packs_changed(self) -> bool:
        """Return whether packs came or went since the last look."""
        directories = self._directories()
        before = [directory.listed() for directory in directories]
        return [directory.list_again() for directory in directories] != before

    def _check_size(self, object_id: ObjectId, copy: Copy, limit: int | None) -> None:
        if limit is not None and (size := copy.size()) > limit:
            raise InvalidInput(f"object {object_id} holds {size} bytes, over {limit}")

    def _checked(self, object_id: ObjectId, copy: Copy) -> RawObject:
        try:
            kind, data = copy.content()
        except RecursionError as exc:
            raise DamagedObject(f"object {object_id} is a delta without an end") from exc
        if hash_object(kind, data, hash_length=self.hash_length) != object_id:
            raise _other_bytes(object_id)
        return RawObject(id=object_id, kind=kind, data=data)

    def _directories(self) -> list[_Directory]:
        if self._all is None:
            paths: dict[str, None] = {}
            _add_alternates(self.path, paths, _DEEPEST_ALTERNATE)
            self._all = [_Directory(path, self) for path in paths]
        return self._all


def _other_bytes(object_id: ObjectId) -> DamagedObject:
    message = f"the bytes of object {object_id} are not what its name says"
    return DamagedObject(message, hint=FSCK)


def loose_path(directory: str, object_id: ObjectId) -> str:
    """Return where an object lies in a directory of objects when it has a file of its own."""
    return f"{directory}{os.sep}{object_id[:2]}{os.sep}{object_id[2:]}"


def _listing(path: str) -> list[str]:
    try:
        return os.listdir(path)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as exc:
        raise read_error(exc, path) from exc


def _text(path: str) -> bytes | None:
    try:
        return read_file(path)
    except OSError as exc:
        raise read_error(exc, path) from exc


def _add_alternates(path: str, paths: dict[str, None], depth: int) -> None:
    if path in paths:
        return
    paths[path] = None
    listed = _text(os.path.join(path, "info", "alternates")) if depth else None
    for line in (listed or b"").splitlines():
        if line and not line.startswith(b"#"):
            target = os.path.normpath(os.path.join(path, os.fsdecode(line)))
            _add_alternates(target, paths, depth - 1)
