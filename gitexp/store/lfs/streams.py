"""Bytes on their way: copied in pieces, hashed as they pass, never held as a whole."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from typing import IO, BinaryIO

from gitexp.errors import DamagedObject
from gitexp.store.files import create_file, read_error

PIECE = 1 << 20
"""How many bytes are in memory at a time."""


class Hashed:
    """Pieces of bytes that pass through, counted and hashed.

    Attributes:
        size: how many bytes have passed.
    """

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = pieces
        self._hash = hashlib.sha256()
        self.size = 0

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            self._hash.update(piece)
            self.size += len(piece)
            yield piece

    @property
    def oid(self) -> str:
        """The SHA-256 of what has passed, in hexadecimal."""
        return self._hash.hexdigest()


def pieces_of(file: IO[bytes]) -> Iterator[bytes]:
    """Yield what is left of a file."""
    while piece := file.read(PIECE):
        yield piece


def hash_file(file: IO[bytes]) -> tuple[str, int]:
    """Return the SHA-256 and the size of what is left of a file."""
    passing = Hashed(pieces_of(file))
    for _ in passing:
        pass
    return passing.oid, passing.size


def open_checked(path: str | os.PathLike[str], oid: str, size: int) -> BinaryIO:
    """Return a file at its beginning whose bytes were all checked.

    Raises:
        DamagedObject: they are not what the id and the size say.
        FileNotFoundError: it is not there.
        StoreError: it cannot be read.
    """
    try:
        return _opened_and_checked(path, oid, size)
    except FileNotFoundError:
        raise
    except OSError as exc:
        raise read_error(exc, os.fspath(path)) from exc


def _opened_and_checked(path: str | os.PathLike[str], oid: str, size: int) -> BinaryIO:
    file = open(path, "rb")  # noqa: SIM115  the caller closes it
    try:
        if os.fstat(file.fileno()).st_size != size or hash_file(file) != (oid, size):
            raise DamagedObject(
                f"{os.fspath(path)} is damaged: its bytes are not what its name says",
                hint="`git lfs fsck` moves damaged files away; `git lfs fetch --all` brings "
                "them again.",
            )
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file


def receive(pieces: Iterable[bytes], path: str, oid: str, size: int) -> bool:
    """Return whether pieces became a new file with just these bytes, on the disk.

    Of anything else, nothing stays; what is too long is not read to its end.

    Raises:
        OSError: it cannot be written.
    """
    passing = Hashed(pieces)
    try:
        create_file(path, _bounded(passing, size))
    except _TooLong:
        return False
    if (passing.oid, passing.size) == (oid, size):
        return True
    os.unlink(path)
    return False


class _TooLong(Exception):
    """More bytes came than were promised."""


def _bounded(passing: Hashed, size: int) -> Iterator[bytes]:
    for piece in passing:
        if passing.size > size:
            raise _TooLong
        yield piece
