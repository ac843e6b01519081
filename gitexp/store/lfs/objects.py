"""The local objects of Git LFS: a file for each, named by the SHA-256 of its bytes."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import BinaryIO

from gitexp.errors import DamagedObject, MissingObject
from gitexp.store.disk import DiskStore
from gitexp.store.files import (
    make_directories,
    remove_file,
    replace_file,
    sync_directory,
    sync_file,
    write_errors,
)
from gitexp.store.gitconfig import GitConfig, Place
from gitexp.store.lfs.pointers import Pointer, check_oid
from gitexp.store.lfs.settings import config_of
from gitexp.store.lfs.streams import open_checked, pieces_of, receive
from gitexp.store.locations import Location, locate
from gitexp.store.sharing import PRIVATE, Sharing

_NO_LINKS = frozenset({errno.EPERM, errno.EXDEV, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK})
_DEEPEST_ALTERNATE = 5


class LfsObjects:
    """The objects of one repository.

    Args:
        directory: where they are: `.git/lfs`, unless `lfs.storage` says otherwise.
        others: the same of repositories that this one borrows objects from.
    """

    def __init__(
        self, directory: Path, *, others: Iterable[Path] = (), sharing: Sharing = PRIVATE
    ) -> None:
        self.directory = directory
        self._others = tuple(others)
        self._sharing = sharing

    def path(self, oid: str) -> Path:
        """Return where an object is when it is here.

        Raises:
            InvalidInput: it is no object id.
        """
        return _path_in(self.directory, check_oid(oid))

    def find(self, pointer: Pointer) -> Path | None:
        """Return a file of the right size that may be read for an object, or None."""
        for directory in (self.directory, *self._others):
            path = _path_in(directory, check_oid(pointer.oid))
            if _size_of(path) == pointer.size:
                return path
        return None

    def open(self, pointer: Pointer) -> BinaryIO:
        """Return an object at its beginning; all of its bytes were checked.

        Raises:
            MissingObject: it is not here.
            DamagedObject: it is here and its bytes are wrong.
        """
        path = self.find(pointer)
        if path is None and _size_of(self.path(pointer.oid)) is not None:
            path = self.path(pointer.oid)
        try:
            if path is not None:
                return open_checked(path, pointer.oid, pointer.size)
        except FileNotFoundError:
            pass
        raise missing(pointer)

    def is_sound(self, pointer: Pointer) -> bool:
        """Return whether an object is here with the right bytes, all of them read."""
        try:
            self.open(pointer).close()
        except (MissingObject, DamagedObject):
            return False
        return True

    def place(self, source: Path, pointer: Pointer) -> Path:
        """Return where an object is, now that it is here and durable.

        The source keeps its name; where the file system can do it, both are one file.

        Raises:
            StoreError: it cannot be written.
            DamagedObject: the source's bytes are not what the pointer says.
        """
        if not self.is_sound(pointer):
            open_checked(source, pointer.oid, pointer.size).close()
            with write_errors():
                if not self._link(source, pointer.oid):
                    with open(source, "rb") as file:
                        self.receive(pieces_of(file), pointer)
        return self.path(pointer.oid)

    def receive(self, pieces: Iterable[bytes], pointer: Pointer) -> Path:
        """Return where an object is, once its bytes have come, were right and are durable.

        Raises:
            DamagedObject: other bytes came; nothing was kept.
            StoreError: it cannot be written.
        """
        with write_errors("nothing was kept of it"):
            draft = self._draft(pointer.oid)
            if not receive(pieces, draft, pointer.oid, pointer.size):
                raise DamagedObject(
                    f"the Git LFS object {pointer.oid} came with other bytes than its name says",
                    hint="Try again; if it stays so, ask those who run the server.",
                )
            return self._install(draft, pointer.oid)

    def _link(self, source: Path, oid: str) -> bool:
        """Return whether a durable file got a second name as an object."""
        draft = self._draft(oid)
        try:
            os.link(source, draft)
        except OSError as exc:
            if exc.errno in _NO_LINKS:
                return False
            raise
        sync_file(draft)
        self._install(draft, oid)
        return True

    def _draft(self, oid: str) -> str:
        directory = str(self.directory / "tmp")
        self._make(directory)
        return os.path.join(directory, f"{oid}-{secrets.token_hex(6)}")

    def _install(self, draft: str, oid: str) -> Path:
        path = self.path(oid)
        try:
            self._sharing.adjust(draft)
            self._make(str(path.parent))
            replace_file(draft, str(path))
        finally:
            # Renaming one name of a file over another of the same file leaves both.
            remove_file(draft)
        sync_directory(str(path.parent))
        return path

    def _make(self, directory: str) -> None:
        for made in make_directories(directory):
            self._sharing.adjust(made)
            sync_directory(os.path.dirname(made))


def objects_in(store: DiskStore, environ: Mapping[str, str]) -> LfsObjects:
    """Return the LFS objects of an open repository."""
    return objects_of(store.git_dir, store.common_dir, config=config_of(store, environ))


def objects_of(
    git_dir: Path, common_dir: Path, *, config: GitConfig, borrowed: bool = True
) -> LfsObjects:
    """Return the LFS objects of a repository, where its configuration puts them."""
    storage = config.get("lfs.storage")
    directory = common_dir / storage if storage else common_dir / "lfs"
    return LfsObjects(
        directory,
        others=_borrowed(common_dir / "objects") if borrowed else (),
        sharing=Sharing.configured(config.get("core.sharedRepository")),
    )


def objects_at(path: Path) -> LfsObjects:
    """Return the LFS objects of the repository at a path: its worktree, `.git` or bare directory.

    Raises:
        NotFound: there is no repository.
        StoreError: it cannot be read.
    """
    place: Location = locate(path)
    git_dir, common_dir = str(place.git_dir), str(place.common_dir)
    nobodys = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}
    config = GitConfig(Place(git_dir, common_dir, lambda: None), nobodys)
    return objects_of(place.git_dir, place.common_dir, config=config)


def missing(pointer: Pointer) -> MissingObject:
    """Return the error for an object that is not here."""
    return MissingObject(
        f"the Git LFS object {pointer.oid} is not in this repository",
        hint="`git lfs fetch --all` brings those that the remote has.",
    )


def _borrowed(objects: Path, depth: int = 0) -> list[Path]:
    """Return where repositories that objects are borrowed from keep their LFS objects."""
    try:
        lines = (objects / "info" / "alternates").read_text("utf-8", "surrogateescape").split("\n")
    except OSError:
        return []
    found = []
    for line in lines:
        if line and not line.startswith(("#", '"')) and depth < _DEEPEST_ALTERNATE:
            theirs = objects / line
            found += [theirs.parent / "lfs", *_borrowed(theirs, depth + 1)]
    return found


def _path_in(directory: Path, oid: str) -> Path:
    return directory / "objects" / oid[:2] / oid[2:4] / oid


def _size_of(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None
