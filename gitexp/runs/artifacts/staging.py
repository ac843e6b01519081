"""Staging: the bytes of artifacts while their run goes on, by the SHA-256 of their content.

A file gets its name when it is complete and on the disk, so whatever has a name is whole. Files
stay until no journal mentions them and a day has passed: between the moment in which a file is
there and the one in which a journal says so, nothing mentions it.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import secrets
import weakref
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO, Protocol

from gitexp.clock import Clock
from gitexp.errors import DamagedObject
from gitexp.project.workspace import Workspace
from gitexp.runs import texts
from gitexp.store.filelocks import lock_file, unlock_file
from gitexp.store.files import (
    create_file,
    make_directories,
    remove_file,
    replace_file,
    sync_directory,
    write_errors,
)
from gitexp.store.lfs.pointers import Pointer
from gitexp.store.lfs.streams import PIECE, Hashed, open_checked
from gitexp.store.protocol import Store
from gitexp.store.sharing import Sharing

KEPT = timedelta(days=1)
"""How long a file stays that nothing mentions."""

_DIRECTORY = "staging"
_LOCK = "lock"
_DRAFT = "draft-"
_NAME = re.compile(r"[0-9a-f]{64}")
_DIGEST = re.compile(rb"sha256:([0-9a-f]{64})")
_DIGEST_LENGTH = len("sha256:") + 64
_LOCK_FLAGS = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


class Staging(Protocol):
    """Where the bytes of artifacts wait for the end of their run."""

    def add(self, pieces: Iterable[bytes]) -> Pointer:
        """Return the digest and the size of bytes that are safe now."""
        ...

    def open(self, pointer: Pointer) -> BinaryIO | None:
        """Return staged bytes, all of them checked, or None when they are not staged."""
        ...

    def path(self, pointer: Pointer) -> Path | None:
        """Return the file of staged bytes, or None when they are not in a file."""
        ...


def staging_of(workspace: Workspace) -> Staging:
    """Return the staging area of a repository: a directory, or memory for one in memory."""
    private = workspace.store.private_dir
    if private is None:
        return _in_memory(workspace.store)
    sharing = Sharing.configured(workspace.store.config("core.sharedRepository"))
    return DiskStaging(private / _DIRECTORY, workspace.surroundings.clock, sharing)


class DiskStaging:
    """A directory of files, each named by the SHA-256 of its bytes."""

    def __init__(self, directory: Path, clock: Clock, sharing: Sharing) -> None:
        self._directory = directory
        self._clock = clock
        self._sharing = sharing

    def add(self, pieces: Iterable[bytes]) -> Pointer:
        """Return the digest and the size of bytes that are on the disk now.

        Raises:
            StoreError: they cannot be written, for example because the disk is full.
        """
        with write_errors("the artifact was not kept"):
            self._make()
            draft = str(self._directory / f"{_DRAFT}{secrets.token_hex(8)}")
            passing = Hashed(pieces)
            create_file(draft, passing)
            pointer = Pointer(oid=passing.oid, size=passing.size)
            try:
                self._name(draft, pointer)
            finally:
                remove_file(draft)
        return pointer

    def open(self, pointer: Pointer) -> BinaryIO | None:
        """Return staged bytes, all of them checked, or None when they are not staged.

        Raises:
            DamagedObject: they are staged and damaged.
        """
        try:
            return open_checked(self._directory / pointer.oid, pointer.oid, pointer.size)
        except FileNotFoundError:
            return None

    def path(self, pointer: Pointer) -> Path | None:
        """Return the file of staged bytes, or None when they are not staged."""
        path = self._directory / pointer.oid
        return path if path.is_file() else None

    def discard(self, mentioned: Collection[str], older_than: timedelta) -> list[str]:
        """Return the names of the files that were removed: old, and not among those mentioned."""
        if not self._directory.is_dir():
            return []
        with write_errors("some of what was staged is still there"), self._locked():
            limit = self._clock.now() - older_than
            stale = [name for name in self._old(limit) if name not in mentioned]
            for name in stale:
                remove_file(str(self._directory / name))
        return stale

    def _name(self, draft: str, pointer: Pointer) -> None:
        path = str(self._directory / pointer.oid)
        self._sharing.adjust(draft)
        moment = self._clock.now().timestamp()
        with self._locked():
            if not self._is_sound(pointer):
                replace_file(draft, path)
            # Renewed under the lock, it is too young for whoever discards.
            os.utime(path, (moment, moment))
        sync_directory(str(self._directory))

    def _is_sound(self, pointer: Pointer) -> bool:
        try:
            file = self.open(pointer)
        except DamagedObject:
            return False
        if file is not None:
            file.close()
        return file is not None

    def _old(self, limit: datetime) -> Iterator[str]:
        for entry in sorted(os.listdir(self._directory)):
            if _NAME.fullmatch(entry) or entry.startswith(_DRAFT):
                with contextlib.suppress(FileNotFoundError):
                    changed = os.stat(self._directory / entry).st_mtime
                    if changed < limit.timestamp():
                        yield entry

    def _make(self) -> None:
        for made in make_directories(str(self._directory)):
            self._sharing.adjust(made)
            sync_directory(os.path.dirname(made))

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        descriptor = os.open(self._directory / _LOCK, _LOCK_FLAGS, 0o666)
        try:
            lock_file(descriptor)
            try:
                yield
            finally:
                # A process that another thread forked meanwhile has the file open as well.
                unlock_file(descriptor)
        finally:
            os.close(descriptor)


class MemoryStaging:
    """Bytes in memory, for a repository in memory."""

    def __init__(self) -> None:
        self._contents: dict[str, bytes] = {}

    def add(self, pieces: Iterable[bytes]) -> Pointer:
        """Return the digest and the size of bytes, which are kept."""
        passing = Hashed(pieces)
        data = b"".join(passing)
        self._contents[passing.oid] = data
        return Pointer(oid=passing.oid, size=passing.size)

    def open(self, pointer: Pointer) -> BinaryIO | None:
        """Return bytes that were added, or None."""
        data = self._contents.get(pointer.oid)
        return None if data is None else io.BytesIO(data)

    def path(self, pointer: Pointer) -> Path | None:
        """Return None: there are no files."""
        return None


_memories: weakref.WeakKeyDictionary[Store, MemoryStaging] = weakref.WeakKeyDictionary()


def _in_memory(store: Store) -> MemoryStaging:
    return _memories.setdefault(store, MemoryStaging())


def discard_stale(workspace: Workspace, *, older_than: timedelta = KEPT) -> list[str]:
    """Return the names of the staged files that were removed: no journal mentions them any more.

    Texts that runs share are removed in the same way.

    Args:
        older_than: files that were staged more recently stay in any case.

    Raises:
        StoreError: the journals or the directory cannot be read.
    """
    staging, private = staging_of(workspace), workspace.store.private_dir
    if not isinstance(staging, DiskStaging) or private is None:
        return []
    mentioned = set(_mentioned(private / "journals"))
    texts.discard(workspace, mentioned, older_than)
    return staging.discard(mentioned, older_than)


def _mentioned(journals: Path) -> Iterator[str]:
    """Yield every digest that stands anywhere in the journals, damaged ones among them."""
    for path in sorted(journals.iterdir()) if journals.is_dir() else ():
        with contextlib.suppress(FileNotFoundError, IsADirectoryError), open(path, "rb") as file:
            rest = b""
            while piece := file.read(PIECE):
                text = rest + piece
                yield from (found[1].decode() for found in _DIGEST.finditer(text))
                rest = text[-_DIGEST_LENGTH:]
