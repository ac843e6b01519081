"""Pack files, read as `gitformat-pack(5)` describes them.

An entry's size is known before anything is inflated, also that of a delta's result. Nothing here
is trusted: every length is checked against the file, and whoever reads an object hashes it.
Packs are read with positioned reads, so one that is cut short is an error and not a fatal signal.
"""

from __future__ import annotations

import mmap
import os
import struct
import threading
import weakref
import zlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

from gitexp.errors import DamagedObject
from gitexp.ids import ObjectId
from gitexp.store.deltas import apply_delta, varint
from gitexp.store.files import read_error
from gitexp.store.model import ObjectKind

_KINDS: dict[int, ObjectKind] = {1: "commit", 2: "tree", 3: "blob", 4: "tag"}
_OFS_DELTA, _REF_DELTA = 6, 7
_V2_MAGIC = b"\377tOc\0\0\0\2"
_FANOUT_BYTES = 1024
_LONGEST_HEADER = 64
_CHUNK = 1 << 14
_PIECE = 1 << 18
_CACHED_BYTES = 16 << 20
_READ = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)

Content = tuple[ObjectKind, bytes]


class _Entry(NamedTuple):
    """The header of an entry: `base` is an offset, a raw id, or None for a whole object."""

    type: int
    size: int
    base: int | bytes | None
    data_at: int


class PackIndex:
    """The sorted object ids of one pack, with their offsets; versions 1 and 2."""

    def __init__(self, path: str, width: int) -> None:
        self._path = path
        self._width = width
        self._map = _map_file(path)
        self._second = self._map[:8] == _V2_MAGIC
        self._fanout = struct.unpack_from(">256I", self._map, 8 if self._second else 0)
        self._count = self._fanout[255]
        self._names_at = (8 if self._second else 0) + _FANOUT_BYTES
        self._step = width if self._second else width + 4
        self._check_size()

    def close(self) -> None:
        """Let go of the file."""
        self._map.close()

    def offset(self, raw_id: bytes) -> int | None:
        """Return where an object begins in the pack, or None when it is not there."""
        position = self._lower_bound(raw_id)
        if position < self._fanout[raw_id[0]] and self._name(position) == raw_id:
            return self._offset_at(position)
        return None

    def with_prefix(self, prefix: str) -> list[ObjectId]:
        """Return the ids that begin with these hexadecimal digits."""
        padded = prefix + "0" * (2 * self._width - len(prefix))
        position = self._lower_bound(bytes.fromhex(padded))
        found = []
        while position < self._count and (name := self._name(position).hex()).startswith(prefix):
            found.append(ObjectId(name))
            position += 1
        return found

    def _check_size(self) -> None:
        row = self._step + (8 if self._second else 0)
        needed = self._names_at + self._count * row + 2 * self._width
        if list(self._fanout) != sorted(self._fanout) or len(self._map) < needed:
            self.close()
            raise DamagedObject(
                f"the pack index {self._path} is damaged",
                hint="`git index-pack` on the pack beside it makes it anew.",
            )

    def _lower_bound(self, raw_id: bytes) -> int:
        low = self._fanout[raw_id[0] - 1] if raw_id[0] else 0
        high = self._fanout[raw_id[0]]
        while low < high:
            middle = (low + high) // 2
            if self._name(middle) < raw_id:
                low = middle + 1
            else:
                high = middle
        return low

    def _name(self, position: int) -> bytes:
        begin = self._names_at + position * self._step + (0 if self._second else 4)
        return self._map[begin : begin + self._width]

    def _offset_at(self, position: int) -> int:
        if not self._second:
            return self._number(">I", self._names_at + position * self._step)
        offsets_at = self._names_at + self._count * (self._width + 4)
        offset = self._number(">I", offsets_at + 4 * position)
        if offset < 1 << 31:
            return offset
        return self._number(">Q", offsets_at + 4 * self._count + 8 * (offset & 0x7FFFFFFF))

    def _number(self, form: str, at: int) -> int:
        try:
            return int(struct.unpack_from(form, self._map, at)[0])
        except struct.error as exc:
            raise DamagedObject(f"the pack index {self._path} is damaged") from exc


class Pack:
    """One pack with its index; opened when something in it is first asked for."""

    def __init__(self, stem: str, width: int, resolve: Callable[[ObjectId], Content]) -> None:
        self.path = stem + ".pack"
        self._index_path = stem + ".idx"
        self._width = width
        self._resolve = resolve
        self._index: PackIndex | None = None
        self._descriptor: int | None = None
        self._closing: weakref.finalize[[int], Pack] | None = None
        self._opening = threading.Lock()
        self._cache: dict[int, Content] = {}
        self._cached = 0

    @property
    def index(self) -> PackIndex:
        """The index of this pack."""
        if self._index is None:
            with self._opening:
                self._index = self._index or PackIndex(self._index_path, self._width)
        return self._index

    def close(self) -> None:
        """Let go of both files."""
        if self._index is not None:
            self._index.close()
        if self._closing is not None:
            self._closing()
        self._index = self._descriptor = self._closing = None

    def size_at(self, offset: int) -> int:
        """Return the size of the object that begins at an offset, without inflating it."""
        entry = self._entry(offset)
        if entry.base is None:
            return entry.size
        begin = self._inflate(entry, at_most=_LONGEST_HEADER)
        try:
            return varint(begin, varint(begin, 0)[1])[0]
        except IndexError as exc:
            raise self._damage(offset, "its delta is cut short") from exc

    def kind_at(self, offset: int) -> ObjectKind:
        """Return the kind of the object that begins at an offset; only headers are read."""
        seen: set[int] = set()
        while (entry := self._entry(offset)).base is not None:
            base = self._base(entry.base, offset, seen)
            if isinstance(base, str):
                return self._resolve(base)[0]
            offset = base
        return _KINDS[entry.type]

    def read_at(self, offset: int) -> Content:
        """Return kind and bytes of the object that begins at an offset."""
        deltas: list[tuple[int, bytes]] = []
        seen: set[int] = set()
        while (found := self._cache.get(offset)) is None:
            entry = self._entry(offset)
            data = self._inflate(entry)
            if entry.base is None:
                found = (_KINDS[entry.type], data)
                self._keep(offset, found)
                break
            deltas.append((offset, data))
            base = self._base(entry.base, offset, seen)
            if isinstance(base, str):
                found = self._resolve(base)
                break
            offset = base
        for place, delta in reversed(deltas):
            found = (found[0], apply_delta(found[1], delta))
            self._keep(place, found)
        return found

    def pieces_at(self, offset: int) -> Iterator[bytes]:
        """Yield the bytes of the object that begins at an offset; a delta's result at once."""
        entry = self._entry(offset)
        if entry.base is None:
            yield from self._inflated(entry, _PIECE)
        else:
            yield self.read_at(offset)[1]

    def _keep(self, offset: int, content: Content) -> None:
        if self._cached > _CACHED_BYTES:
            self._cache, self._cached = {}, 0
        if len(content[1]) < _CACHED_BYTES // 8:
            self._cache[offset] = content
            self._cached += len(content[1])

    def _base(self, base: int | bytes, offset: int, seen: set[int]) -> int | ObjectId:
        """Return where the base of the delta at `offset` is, or its id when in another pack."""
        if offset in seen:
            raise self._damage(offset, "its chain of deltas does not end")
        seen.add(offset)
        if isinstance(base, int):
            return base
        found = self.index.offset(base)
        return ObjectId(base.hex()) if found is None else found

    def _entry(self, offset: int) -> _Entry:
        head = self._read(offset, _LONGEST_HEADER)
        try:
            return self._parse_entry(head, offset)
        except IndexError as exc:
            raise self._damage(offset, "it is cut short") from exc

    def _parse_entry(self, head: bytes, offset: int) -> _Entry:
        first = head[0]
        kind, size, shift, at = first >> 4 & 7, first & 15, 4, 1
        while head[at - 1] & 0x80:
            size |= (head[at] & 0x7F) << shift
            shift, at = shift + 7, at + 1
        base: int | bytes | None = None
        if kind == _OFS_DELTA:
            distance, at = _offset_varint(head, at)
            base = offset - distance
            if not 0 < base < offset:
                raise self._damage(offset, "its delta has no base before it")
        elif kind == _REF_DELTA:
            base, at = head[at : at + self._width], at + self._width
            if len(base) < self._width:
                raise IndexError
        elif kind not in _KINDS:
            raise self._damage(offset, f"it has the unknown type {kind}")
        return _Entry(kind, size, base, offset + at)

    def _inflate(self, entry: _Entry, *, at_most: int | None = None) -> bytes:
        """Return the bytes of an entry, or only the first ones; their number is checked."""
        parts: list[bytes] = []
        size = 0
        for part in self._inflated(entry, 1 << 62):
            parts.append(part)
            size += len(part)
            if at_most is not None and size >= min(at_most, entry.size):
                return b"".join(parts)[:at_most]
        return b"".join(parts)

    def _inflated(self, entry: _Entry, piece: int) -> Iterator[bytes]:
        """Yield the bytes of an entry in pieces of at most a size; their number is checked."""
        inflater = zlib.decompressobj()
        room, position, pending = entry.size + 1, entry.data_at, b""
        try:
            while not inflater.eof and room > 0:
                if not pending:
                    pending = self._read(position, _CHUNK)
                    position += len(pending)
                part = inflater.decompress(pending, min(room, piece))
                pending = inflater.unconsumed_tail
                room -= len(part)
                yield part
        except zlib.error as exc:
            raise self._damage(entry.data_at, str(exc)) from exc
        if room != 1:
            raise self._damage(entry.data_at, "it does not have the size that it states")

    def _read(self, offset: int, size: int) -> bytes:
        try:
            data = _read_at(self._open(), offset, size)
        except FileNotFoundError:
            raise
        except OSError as exc:
            raise read_error(exc, self.path) from exc
        if not data:
            raise self._damage(offset, "the pack ends before it")
        return data

    def _open(self) -> int:
        if self._descriptor is None:
            with self._opening:
                if self._descriptor is None:
                    descriptor = os.open(self.path, _READ)
                    # A pack that vanished is read to the end by whoever has it, and then let go.
                    self._closing = weakref.finalize(self, os.close, descriptor)
                    self._descriptor = descriptor
        return self._descriptor

    def _damage(self, offset: int, why: str) -> DamagedObject:
        return DamagedObject(
            f"the entry at {offset} of {self.path} is damaged: {why}",
            hint="`git fsck` lists what is damaged; a clone or the remote may have it whole.",
        )


def _offset_varint(data: bytes, at: int) -> tuple[int, int]:
    """Return the distance of a base: big-endian, one added for every further byte."""
    byte = data[at]
    value = byte & 0x7F
    while byte & 0x80:
        at += 1
        byte = data[at]
        value = (value + 1 << 7) | (byte & 0x7F)
    return value, at + 1


def _map_file(path: str) -> mmap.mmap:
    try:
        return _mapped(path)
    except FileNotFoundError:
        raise
    except OSError as exc:
        raise read_error(exc, path) from exc


def _mapped(path: str) -> mmap.mmap:
    descriptor = os.open(path, _READ)
    try:
        size = os.fstat(descriptor).st_size
        if size < _FANOUT_BYTES + 8:
            raise DamagedObject(f"the pack index {path} is cut short: {size} bytes")
        return mmap.mmap(descriptor, size, access=mmap.ACCESS_READ)
    finally:
        os.close(descriptor)


if hasattr(os, "pread"):

    def _read_at(descriptor: int, offset: int, size: int) -> bytes:
        return os.pread(descriptor, size, offset)

else:
    _SEEKING = threading.Lock()

    def _read_at(descriptor: int, offset: int, size: int) -> bytes:
        with _SEEKING:
            os.lseek(descriptor, offset, os.SEEK_SET)
            return os.read(descriptor, size)
