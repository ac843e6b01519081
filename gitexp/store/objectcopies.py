"""Copies of objects: a file of its own, or an entry of a pack.

What a copy says of itself is not checked against the object's id here; whoever reads it does.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

from gitexp.errors import DamagedObject
from gitexp.store.files import read_error, read_present, sync_directory, sync_file
from gitexp.store.model import ObjectKind
from gitexp.store.packs import Content, Pack

if TYPE_CHECKING:
    from zlib import _Decompress as Inflater

FSCK = "`git fsck` lists what is damaged; a clone or the remote may have it whole."
_LONGEST_HEADER = 32
_HEADER_BYTES = 512
_SMALL_FILE = 1 << 16
_PIECE = 1 << 18
_KINDS: dict[bytes, ObjectKind] = {
    b"blob": "blob",
    b"tree": "tree",
    b"commit": "commit",
    b"tag": "tag",
}


class Copy(Protocol):
    """One copy of an object."""

    def size(self) -> int:
        """Return the size of the object; nothing but a header is inflated."""
        ...

    def kind(self) -> ObjectKind:
        """Return the kind of the object; nothing but a header is inflated."""
        ...

    def content(self) -> Content:
        """Return kind and bytes of the object, not yet checked against its id."""
        ...

    def pieces(self) -> Iterator[bytes]:
        """Yield the bytes of the object, a large one's piece by piece; not yet checked either."""
        ...

    def refresh(self) -> None:
        """Make the copy durable, and young for a running `git prune`."""
        ...


class LooseCopy:
    """An object in a file of its own."""

    def __init__(self, path: str, size: int) -> None:
        self._path = path
        self._file_size = size
        self._whole: bytes | None = None

    def size(self) -> int:
        """Return the size of the object."""
        return self._header()[1]

    def kind(self) -> ObjectKind:
        """Return the kind of the object."""
        return self._header()[0]

    def content(self) -> Content:
        """Return kind and bytes of the object."""
        kind, size, begin = self._header()
        inflater = zlib.decompressobj()
        try:
            data = inflater.decompress(self._data(), begin + size + 1)
        except zlib.error as exc:
            raise self._damage(str(exc)) from exc
        if not inflater.eof or inflater.unused_data or len(data) != begin + size:
            raise self._damage("it does not have the size that it states")
        return kind, data[begin:]

    def pieces(self) -> Iterator[bytes]:
        """Yield the bytes of the object."""
        _, left, skipped = self._header()
        inflater = zlib.decompressobj()
        for data in self._inflated(inflater):
            piece = data[skipped:]
            skipped = max(0, skipped - len(data))
            left -= len(piece)
            yield piece
        if left or not inflater.eof or inflater.unused_data:
            raise self._damage("it does not have the size that it states")

    def _inflated(self, inflater: Inflater) -> Iterator[bytes]:
        try:
            with open(self._path, "rb", buffering=0) as file:
                while not inflater.eof and (data := inflater.unconsumed_tail or file.read(_PIECE)):
                    yield inflater.decompress(data, _PIECE)
        except zlib.error as exc:
            raise self._damage(str(exc)) from exc
        except FileNotFoundError:
            raise
        except OSError as exc:
            raise read_error(exc, self._path) from exc

    def refresh(self) -> None:
        """Make durable what another program may have left in memory, and young for `git prune`."""
        sync_file(self._path)
        sync_directory(os.path.dirname(self._path))
        os.utime(self._path)

    def _header(self) -> tuple[ObjectKind, int, int]:
        """Return kind, size, and how many bytes the header takes."""
        try:
            begin = zlib.decompressobj().decompress(self._begin(), _LONGEST_HEADER)
        except zlib.error as exc:
            raise self._damage(str(exc)) from exc
        header, found, _ = begin.partition(b"\0")
        kind, _, size = header.partition(b" ")
        if not found or kind not in _KINDS or not size.isdigit():
            raise self._damage("its header is malformed" if begin else "it is empty")
        return _KINDS[kind], int(size), len(header) + 1

    def _begin(self) -> bytes:
        """Return enough of the file for the header: all of it when it is small."""
        if self._file_size <= _SMALL_FILE:
            return self._data()
        return self._read(_HEADER_BYTES)

    def _data(self) -> bytes:
        if self._whole is None:
            self._whole = self._read(None)
        return self._whole

    def _read(self, size: int | None) -> bytes:
        try:
            return read_present(self._path, size)
        except FileNotFoundError:
            raise
        except OSError as exc:
            raise read_error(exc, self._path) from exc

    def _damage(self, why: str) -> DamagedObject:
        return DamagedObject(f"the object file {self._path} is damaged: {why}", hint=FSCK)


class UnreadableCopy:
    """What may be an object in a pack whose index is damaged."""

    def __init__(self, damage: DamagedObject) -> None:
        self._damage = damage

    def size(self) -> int:
        """Return the size of the object."""
        raise self._damage

    def kind(self) -> ObjectKind:
        """Return the kind of the object."""
        raise self._damage

    def content(self) -> Content:
        """Return kind and bytes of the object."""
        raise self._damage

    def pieces(self) -> Iterator[bytes]:
        """Yield the bytes of the object."""
        raise self._damage

    def refresh(self) -> None:
        """Make the copy durable and young."""
        raise self._damage


class PackedCopy:
    """An object in a pack."""

    def __init__(self, pack: Pack, offset: int) -> None:
        self._pack = pack
        self._offset = offset

    def size(self) -> int:
        """Return the size of the object."""
        return self._pack.size_at(self._offset)

    def kind(self) -> ObjectKind:
        """Return the kind of the object."""
        return self._pack.kind_at(self._offset)

    def content(self) -> Content:
        """Return kind and bytes of the object."""
        return self._pack.read_at(self._offset)

    def pieces(self) -> Iterator[bytes]:
        """Yield the bytes of the object."""
        return self._pack.pieces_at(self._offset)

    def refresh(self) -> None:
        """Make the copy durable and young."""
        os.utime(self._pack.path)
