"""Files beside a journal: the rows and the spans of an evaluation, a checksummed line each.

They hold what is too much to be read whenever somebody looks at a run that goes on. Only the
process that holds the journal writes them. A line is appended by one system call and begins with a
line break as well, so what was appended survives the process, and what a failed write left of a
line spoils no other.
"""

from __future__ import annotations

import contextlib
import os
import zlib
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gitexp.runs.journalling.contents import line_of
from gitexp.store.files import read_error, write_all, write_errors

ROWS = ".rows"
SPANS = ".spans"
SUFFIXES = (ROWS, SPANS)

_APPEND = (
    os.O_WRONLY
    | os.O_CREAT
    | os.O_APPEND
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)
_HEAD = 9
"""Bytes of a checksum and the blank behind it."""


class SideFile:
    """A file beside a journal, to append to; made by the first line."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None
        self._is_new = False
        self._is_dirty = False

    def append(self, payload: bytes) -> None:
        """Append a line, which then survives the death of this process.

        Raises:
            StoreError: it cannot be written, for example because the disk is full.
        """
        with write_errors("a finished row is lost"):
            write_all(self._opened(), line_of(payload))
        self._is_dirty = True

    def _opened(self) -> int:
        if self._descriptor is None:
            self._is_new = not self.path.exists()
            self._descriptor = os.open(self.path, _APPEND, 0o666)
        return self._descriptor

    def sync(self) -> None:
        """Make what was appended safe from a power cut as well.

        Raises:
            StoreError: that cannot be done.
        """
        if self._descriptor is None or not self._is_dirty:
            return
        from gitexp.store.files import sync_directory

        self._is_dirty = False
        with write_errors("the last rows may be lost"):
            os.fsync(self._descriptor)
            if self._is_new:
                sync_directory(str(self.path.parent))
                self._is_new = False

    def close(self) -> None:
        """Let go of the file and leave it where it is."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


def side_file(journal: Path, suffix: str) -> Path:
    """Return where a file beside a journal lies."""
    return journal.with_suffix(suffix)


def payloads(path: Path, *, start: int = 0) -> Iterator[tuple[int, bytes]]:
    """Yield the place and the content of every line, as they were appended.

    What a failed write left of a line is passed over. A file that is not there has none.

    Args:
        start: the place, a byte, from which to read.

    Raises:
        StoreError: it cannot be read.
    """
    if not path.exists():
        return
    with _reading(path):
        source = open(path, "rb")  # noqa: SIM115  closed below
    with source:
        source.seek(start)
        at = start
        while True:
            with _reading(path):
                line = source.readline()
            if not line.endswith(b"\n"):
                return
            if len(line) > _HEAD and line[:_HEAD] == b"%08x " % zlib.crc32(line[_HEAD:-1]):
                yield at, line[_HEAD:-1]
            at += len(line)


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise read_error(exc, str(path)) from exc


@dataclass(kw_only=True)
class Places:
    """Where lines stand in a file, sorted by a number that each of them has."""

    path: Path
    numbers: array[int]
    places: array[int]

    def in_order(self) -> Iterator[bytes]:
        """Yield the lines in the order of their numbers.

        Raises:
            StoreError: the file cannot be read.
        """
        order = sorted(range(len(self.numbers)), key=self.numbers.__getitem__)
        with _reading(self.path):
            if not order:
                return
            source = open(self.path, "rb")  # noqa: SIM115  closed below
        with source:
            for index in order:
                with _reading(self.path):
                    source.seek(self.places[index])
                    line = source.readline()
                yield line[_HEAD:-1]
