"""Artifact locations: large artifacts in an object store or a directory, through fsspec.

A file is put at `<location>/<run id>/<path>`, and what is there is never overwritten. `file://`
needs nothing but this package; other schemes need fsspec and what it needs for them, as
`gitexp[s3]` brings it.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import tempfile
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Any, BinaryIO

from gitexp.errors import Conflict, DamagedObject, GitexpError, InvalidInput, NotFound, RemoteError
from gitexp.ids import RunId
from gitexp.store.files import (
    create_file,
    make_directories,
    remove_file,
    replace_file,
    sync_directory,
    write_errors,
)
from gitexp.store.lfs.pointers import Pointer
from gitexp.store.lfs.streams import Hashed, hash_file, pieces_of
from gitexp.store.locks import link_exclusively

_SCHEMES = ("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "memory", "file")
_BLOCK = 16 << 20

Opener = Callable[[], IO[bytes]]


def file_url(location: str, run_id: RunId, path: str) -> str:
    """Return where a file of a run is put.

    Raises:
        InvalidInput: the location is none that can be used.
    """
    return f"{check_location(location)}/{run_id}/{path}"


def check_location(location: str) -> str:
    """Return a location without a slash at its end.

    Raises:
        InvalidInput: its scheme is not allowed, or it holds what does not belong there.
    """
    fault = _url_fault(location) or _directory_fault(location.partition("://")[2])
    if fault:
        raise InvalidInput(
            f"the artifact location {location!r} cannot be used: {fault}",
            hint="Name a directory such as s3://bucket/path; credentials are those of the "
            "environment.",
        )
    return location.rstrip("/")


def _url_fault(url: str) -> str | None:
    if url.partition("://")[0] not in _SCHEMES or "://" not in url:
        return f"it has to begin with one of {', '.join(f'{name}://' for name in _SCHEMES)}"
    if not url.isprintable() or "::" in url:
        return "it holds a character that does not belong in it"
    return "it leads out of its directory" if ".." in url.split("/") else None


def _directory_fault(path: str) -> str | None:
    if not path.strip("/"):
        return "it names no directory of its own"
    if set(path) & set("?#*"):
        return "it holds a character that does not belong in it"
    return (
        "credentials do not belong in it" if ":" in path.partition("@")[0] and "@" in path else None
    )


def put(url: str, opened: Opener) -> Pointer:
    """Return digest and size of a file that is now at a URL, its bytes safe there.

    Args:
        opened: opens the file; called again where something is there already, to compare.

    Raises:
        Conflict: something with other content is there.
        RemoteError: it cannot be put there.
        InvalidInput: the location cannot be used, or what it needs is not installed.
    """
    place = _place(url)
    with _translated(url):
        try:
            with opened() as file:
                passing = Hashed(pieces_of(file))
                place.create(passing)
                return Pointer(oid=passing.oid, size=passing.size)
        except FileExistsError:
            pass
        with opened() as ours, place.open() as theirs:
            oid, size = hash_file(ours)
            if hash_file(theirs) == (oid, size):
                return Pointer(oid=oid, size=size)
    raise Conflict(
        f"{url} is there already with other content",
        hint="Artifacts are never overwritten; log it under another path.",
    )


def open_at(url: str, pointer: Pointer) -> BinaryIO:
    """Return the bytes of a file at a URL, copied here and checked.

    Raises:
        NotFound: nothing is there.
        DamagedObject: its bytes are not those that were put there.
        RemoteError: it cannot be read.
    """
    place = _place(url)
    copy = tempfile.TemporaryFile()  # noqa: SIM115  the caller closes it
    try:
        with _translated(url), place.open() as file:
            passing = Hashed(pieces_of(file))
            for piece in passing:
                copy.write(piece)
                if passing.size > pointer.size:
                    break
        if (passing.oid, passing.size) != (pointer.oid, pointer.size):
            raise DamagedObject(
                f"{url} is damaged: its bytes are not those that were put there",
                hint="Bring back an earlier version of it, where the store keeps them.",
            )
        copy.seek(0)
    except BaseException:
        copy.close()
        raise
    return copy


class _Directory:
    """A file at a path of this machine."""

    def __init__(self, path: str) -> None:
        self._path = path

    def create(self, pieces: Iterable[bytes]) -> None:
        """Make the file with these bytes, on the disk, all at once."""
        parent = os.path.dirname(self._path)
        for made in make_directories(parent):
            sync_directory(os.path.dirname(made))
        draft = f"{self._path}.{secrets.token_hex(6)}.part"
        create_file(draft, pieces)
        try:
            linked = link_exclusively(draft, self._path)
            if linked is False or (linked is None and os.path.lexists(self._path)):
                raise FileExistsError(self._path)
            if linked is None:
                replace_file(draft, self._path)
        finally:
            remove_file(draft)
        sync_directory(parent)

    def open(self) -> IO[bytes]:
        """Open the file for reading."""
        return open(self._path, "rb")


class _ObjectStore:
    """A file in whatever fsspec knows."""

    def __init__(self, filesystem: Any, path: str) -> None:
        self._filesystem = filesystem
        self._path = path

    def create(self, pieces: Iterable[bytes]) -> None:
        """Make the file with these bytes; it is there once it is complete."""
        file = self._filesystem.open(self._path, "xb", block_size=_BLOCK)
        try:
            for piece in pieces:
                file.write(piece)
        except BaseException:
            # Closing it would make what was written so far the whole file.
            with contextlib.suppress(Exception):
                file.discard()
            file.closed = True
            raise
        file.close()
        self._filesystem.invalidate_cache()

    def open(self) -> IO[bytes]:
        """Open the file for reading."""
        self._filesystem.invalidate_cache()
        opened: IO[bytes] = self._filesystem.open(self._path, "rb", block_size=_BLOCK)
        return opened


def _place(url: str) -> _Directory | _ObjectStore:
    fault, scheme = _url_fault(url), url.partition(":")[0]
    if fault:
        raise InvalidInput(f"{url!r} cannot be used: {fault}")
    if scheme == "file":
        return _Directory(_local_path(url))
    try:
        from fsspec.core import url_to_fs

        filesystem, path = url_to_fs(url)
    except ImportError as exc:
        raise InvalidInput(
            f"{scheme}:// cannot be used: {exc}",
            hint="Install what it needs: `pip install 'gitexp[s3]'` for s3://; for others, see "
            "the documentation of fsspec.",
        ) from exc
    return _ObjectStore(filesystem, path)


def _local_path(url: str) -> str:
    path = url[len("file://") :]
    if os.name == "nt" and re.match(r"/[A-Za-z]:", path):
        path = path[1:]
    if not os.path.isabs(path):
        raise InvalidInput(
            f"{url} cannot be used: its path is not absolute", hint="Write file:///path."
        )
    return path


@contextlib.contextmanager
def _translated(url: str) -> Iterator[None]:
    """Raise errors of gitexp for whatever a file system raises."""
    with write_errors("nothing was kept") if url.startswith("file:") else _of_a_store(url):
        try:
            yield
        except FileNotFoundError as exc:
            raise NotFound(
                f"{url} is not there", hint="Check the artifact location of the experiment."
            ) from exc


@contextlib.contextmanager
def _of_a_store(url: str) -> Iterator[None]:
    try:
        yield
    except GitexpError:
        raise
    except Exception as exc:
        # The libraries behind fsspec have errors of their own, which are not imported here.
        raise RemoteError(
            f"{url} cannot be used: {str(exc) or type(exc).__name__}",
            hint="Check the address, the connection and the credentials of the environment.",
        ) from exc
