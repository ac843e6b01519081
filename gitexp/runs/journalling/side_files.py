"""Files beside a journal: the rows and the spans of an evaluation, a checksummed line each.

They hold what is too much to be read whenever somebody looks at a run that goes on. Only the
process that holds the journal writes them. A line is appended by one system call and begins with a
line break as well, so what was appended survives the process, and what a failed write left of a
line spoils no other. Whoever may use the journal may use them.
"""

from __future__ import annotations

import contextlib
import io
import os
import stat
import threading
import zlib
from array import array
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO, Literal

from gitexp.runs.journalling.contents import line_of
from gitexp.store.files import append_line, read_error, sync_directory, write_errors

Suffix = Literal[".rows", ".spans"]
ROWS: Suffix = ".rows"
SPANS: Suffix = ".spans"
SUFFIXES: tuple[Suffix, ...] = (ROWS, SPANS)

_APPEND = (
    os.O_WRONLY
    | os.O_CREAT
    | os.O_APPEND
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)
_HEAD = 9
"""Bytes of a checksum and the blank behind it."""


class Sides:
    """What stands beside one journal: in files, or in memory for a journal that is there itself.

    Args:
        journal: the file of the journal; None for one in memory.
    """

    def __init__(self, journal: Path | None) -> None:
        self._journal = journal
        self._memory: dict[str, bytearray] = {}
        self._files: dict[str, _SideFile] = {}

    def append(self, suffix: Suffix, payload: bytes) -> None:
        """Append a line, which then survives the death of this process.

        Raises:
            StoreError: it cannot be written, for example because the disk is full.
        """
        if self._journal is None:
            self._memory.setdefault(suffix, bytearray()).extend(line_of(payload))
            return
        file = self._files.get(suffix)
        if file is None:
            file = self._files[suffix] = _SideFile(self._journal, suffix)
        file.append(payload)

    def sync(self) -> None:
        """Make the rows that were appended safe from a power cut as well.

        Spans are not worth the time: nothing is computed from them.

        Raises:
            StoreError: that cannot be done.
        """
        if rows := self._files.get(ROWS):
            rows.sync()

    def close(self) -> None:
        """Let go of the files and leave them where they are."""
        for file in self._files.values():
            file.close()

    def payloads(self, suffix: Suffix, *, start: int = 0) -> Iterator[tuple[int, bytes]]:
        """Yield the place and the content of every line, as they were appended.

        What a failed write left of a line is passed over.

        Args:
            start: the place, a byte, from which to read.

        Raises:
            StoreError: they cannot be read.
        """
        with self._opened(suffix) as source:
            if source is None:
                return
            source.seek(start)
            at = start
            while (line := self._line(suffix, source)).endswith(b"\n"):
                if len(line) > _HEAD and line[:_HEAD] == b"%08x " % zlib.crc32(line[_HEAD:-1]):
                    yield at, line[_HEAD:-1]
                at += len(line)

    def in_order(
        self, suffix: Suffix, number: Callable[[bytes], int | None]
    ) -> Callable[[], Iterator[bytes]]:
        """Return what yields the content of every line that has a number, in their order.

        Of several with one number, the last counts. It takes some bytes of memory a line.

        Raises:
            StoreError: they cannot be read.
        """
        numbers, places = array("Q"), array("Q")
        for place, payload in self.payloads(suffix):
            found = number(payload)
            if found is not None:
                numbers.append(found)
                places.append(place)
        order = sorted(range(len(numbers)), key=numbers.__getitem__)
        chosen = array("Q")
        for rank, index in enumerate(order):
            if rank + 1 == len(order) or numbers[order[rank + 1]] != numbers[index]:
                chosen.append(places[index])
        return partial(self._at, suffix, chosen)

    def _at(self, suffix: Suffix, places: Iterable[int]) -> Iterator[bytes]:
        with self._opened(suffix) as source:
            for place in places:
                assert source is not None  # a line of it was read
                source.seek(place)
                yield self._line(suffix, source)[_HEAD:-1]

    def put_aside_damaged(self) -> None:
        """Keep files that hold whole lines which cannot be read, for a person to look at."""
        for suffix in SUFFIXES:
            if self._journal is not None and self._is_damaged(suffix):
                path = self._journal.with_suffix(suffix)
                with contextlib.suppress(OSError):
                    path.rename(path.with_suffix(f"{suffix}.damaged"))

    def _is_damaged(self, suffix: Suffix) -> bool:
        with self._opened(suffix) as source:
            while source is not None and (line := self._line(suffix, source)).endswith(b"\n"):
                if len(line) > 1 and line[:_HEAD] != b"%08x " % zlib.crc32(line[_HEAD:-1]):
                    return True
        return False

    def size(self, suffix: Suffix) -> int:
        """Return how many bytes there are."""
        if self._journal is None:
            return len(self._memory.get(suffix, b""))
        with contextlib.suppress(OSError):
            return self._journal.with_suffix(suffix).stat().st_size
        return 0

    def changed(self, suffix: Suffix) -> float:
        """Return when something was last appended, in seconds since 1970; 0 where nothing is."""
        if self._journal is not None:
            with contextlib.suppress(OSError):
                return self._journal.with_suffix(suffix).stat().st_mtime
        return 0.0

    def remove(self) -> None:
        """Remove everything; what cannot be removed now is left."""
        self.close()
        self._memory.clear()
        if self._journal is not None:
            for suffix in SUFFIXES:
                with contextlib.suppress(OSError):
                    self._journal.with_suffix(suffix).unlink()

    @contextlib.contextmanager
    def _opened(self, suffix: Suffix) -> Iterator[BinaryIO | None]:
        if self._journal is None:
            yield io.BytesIO(self._memory[suffix]) if suffix in self._memory else None
            return
        path = self._journal.with_suffix(suffix)
        try:
            source = open(path, "rb")  # noqa: SIM115  closed below
        except FileNotFoundError:
            yield None
            return
        except OSError as exc:
            raise read_error(exc, str(path)) from exc
        with source:
            yield source

    def _line(self, suffix: Suffix, source: BinaryIO) -> bytes:
        try:
            return source.readline()
        except OSError as exc:
            where = self._journal.with_suffix(suffix) if self._journal else suffix
            raise read_error(exc, str(where)) from exc


class _SideFile:
    """One file beside a journal, to append to; made by its first line.

    A thread that was left to itself may append while another lets go of the file.
    """

    def __init__(self, journal: Path, suffix: Suffix) -> None:
        self._path = journal.with_suffix(suffix)
        self._is_new = not self._path.exists()
        self._is_dirty = False
        self._lock = threading.Lock()
        with write_errors("a finished row is lost"):
            self._descriptor: int | None = os.open(self._path, _APPEND, 0o666)
        if self._is_new:
            _give_mode_of(journal, self._path)

    def append(self, payload: bytes) -> None:
        with self._lock, write_errors("a finished row is lost"):
            if self._descriptor is not None:
                append_line(self._descriptor, line_of(payload))
                self._is_dirty = True

    def sync(self) -> None:
        # What is appended meanwhile does not wait for the disk.
        with self._lock:
            if self._descriptor is None or not self._is_dirty:
                return
            self._is_dirty = False
            copy, is_new = os.dup(self._descriptor), self._is_new
            self._is_new = False
        with write_errors("the last rows may be lost"):
            try:
                os.fsync(copy)
                if is_new:
                    sync_directory(str(self._path.parent))
            finally:
                os.close(copy)

    def close(self) -> None:
        with self._lock:
            descriptor, self._descriptor = self._descriptor, None
            if descriptor is not None:
                os.close(descriptor)


def _give_mode_of(journal: Path, path: Path) -> None:
    """Give a new file the permissions of its journal, which follow `core.sharedRepository`."""
    with contextlib.suppress(OSError):
        os.chmod(path, stat.S_IMODE(journal.stat().st_mode))
