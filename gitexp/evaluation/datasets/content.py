"""The bytes of a dataset, wherever they are, and whether they are still those that were checked."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from gitexp.errors import Conflict, InvalidInput
from gitexp.evaluation.datasets.fields import Columns
from gitexp.evaluation.datasets.rows import Format, Row
from gitexp.store.lfs.streams import hash_file

State = tuple[int, ...]
"""What changes when a file is written to or replaced."""

Reader = Callable[[BinaryIO, str, "Mapping[str, Columns] | None"], Iterator[Row]]


@dataclass(frozen=True, kw_only=True)
class Content:
    """Bytes that can be read again and again.

    Attributes:
        title: what problems call them: a path relative to the repository, or an address.
        opened: opens them at their beginning; raises OSError.
        fields: which columns are which parts of a sample, where that was said.
        sha256: what they have to be, where that was said; 64 hexadecimal digits.
    """

    title: str
    format: Format
    opened: Callable[[], BinaryIO]
    fields: Mapping[str, Columns] | None = None
    sha256: str | None = None

    @contextlib.contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Give the bytes at their beginning.

        Raises:
            InvalidInput: they cannot be read.
        """
        try:
            file = self.opened()
        except OSError as exc:
            raise unreadable_file(self.title, exc) from exc
        with file:
            yield file

    def rows(self, file: BinaryIO) -> Iterator[Row]:
        """Yield the rows of the open bytes, one after the other.

        Raises:
            InvalidDocuments: what ends the reading.
            InvalidInput: they cannot be read, or what reads them is not installed.
        """
        try:
            yield from _reader(self.format)(file, self.title, self.fields)
        except OSError as exc:
            raise unreadable_file(self.title, exc) from exc


def file_content(
    path: Path,
    title: str,
    form: Format,
    *,
    fields: Mapping[str, Columns] | None = None,
    sha256: str | None = None,
) -> Content:
    """Return the content of a file of this machine."""
    return Content(
        title=title, format=form, opened=lambda: open(path, "rb"), fields=fields, sha256=sha256
    )


def bytes_content(
    data: bytes,
    title: str,
    form: Format,
    *,
    fields: Mapping[str, Columns] | None = None,
    sha256: str | None = None,
) -> Content:
    """Return content that is in memory."""
    return Content(
        title=title, format=form, opened=lambda: io.BytesIO(data), fields=fields, sha256=sha256
    )


def unreadable_file(title: str, exc: OSError) -> InvalidInput:
    """Return the error for a file that cannot be read."""
    reason = (exc.strerror or str(exc) or type(exc).__name__).lower()
    return InvalidInput(
        f"{title} cannot be read: {reason}", hint="Check its permissions with `ls -l`."
    )


class Watch:
    """Notices that bytes are no longer those that were checked.

    What says so at little cost (size, times, inode) is looked at before and after every pass; only
    where that differs are the bytes hashed again, since a file may be written anew as it was.
    """

    def __init__(self, content: Content, sha256: str, state: State) -> None:
        self._content = content
        self._sha256 = sha256
        self._state = state

    def check(self, file: BinaryIO) -> None:
        """Check an open file, which is at its beginning again afterwards.

        Raises:
            Conflict: it holds other bytes.
        """
        state = state_of(file)
        if state == self._state:
            return
        file.seek(0)
        if hash_file(file)[0] != self._sha256:
            raise self.changed()
        file.seek(0)
        self._state = state

    def changed(self) -> Conflict:
        """Return the error for bytes that changed."""
        return Conflict(
            f"{self._content.title} was changed after it had been checked",
            hint="Leave the file alone while it is in use, and begin again.",
        )


def state_of(file: BinaryIO) -> State:
    """Return what changes when an open file is written to; nothing for bytes in memory."""
    if isinstance(file, io.BytesIO):
        return ()
    found = os.fstat(file.fileno())
    return (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _reader(form: Format) -> Reader:
    """Return what reads a format; the module is imported when it is needed."""
    if form == "csv":
        from gitexp.evaluation.datasets.csv_rows import csv_rows

        return csv_rows
    if form == "parquet":
        from gitexp.evaluation.datasets.parquet_rows import parquet_rows

        return parquet_rows
    from gitexp.evaluation.datasets.json_rows import json_rows, yaml_rows

    return yaml_rows if form == "yaml" else json_rows
