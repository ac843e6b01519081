"""The steps of a decided write: renames and removals that change nothing when done again.

A step that moves a reference or the index is guarded by a lock file and is only done while that
file is still the very one that this write made; a step that touches a file of the working tree is
only done while the file is still the one that was there when the write was prepared.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
from collections.abc import Callable, Sequence

from gitexp.store.files import (
    lstat_or_none,
    make_directories,
    read_file,
    remove_empty_parents,
    remove_empty_tree,
    replace_file,
    sync_directory,
    unlink_if_there,
)

Record = tuple[str, ...]
"""A verb and its fields, as in the log of pending work."""


class HeldLock:
    """A lock file of ours.

    Attributes:
        path: the public name, such as `.../refs/heads/main.lock`.
        private: the second name of the same file, empty where there are no hard links.
        identity: device and inode, as text.
    """

    def __init__(self, path: str, private: str, identity: str) -> None:
        self.path = path
        self.private = private
        self.identity = identity

    @property
    def record(self) -> Record:
        """The line of the log that names it."""
        return ("lock", self.path, self.private, self.identity)

    def is_ours(self) -> bool:
        """Return whether the file of that name is still the one that we made."""
        found = lstat_or_none(self.path)
        if found is None:
            return False
        if not self.private:
            return str(found.st_ino) == self.identity
        mine = lstat_or_none(self.private)
        return mine is not None and (mine.st_dev, mine.st_ino) == (found.st_dev, found.st_ino)

    def release(self) -> None:
        """Remove both names, if the public one is still ours."""
        if self.is_ours():
            unlink_if_there(self.path)
        if self.private:
            unlink_if_there(self.private)


def fingerprint(path: str) -> str:
    """Return a short text for what stands at a path of the working tree: `-` for nothing."""
    found = lstat_or_none(path)
    if found is None:
        return "-"
    if stat.S_ISLNK(found.st_mode):
        return "link:" + hashlib.sha256(os.fsencode(os.readlink(path))).hexdigest()
    if stat.S_ISREG(found.st_mode):
        return "file:" + hashlib.sha256(read_file(path) or b"").hexdigest()
    return "directory" if stat.S_ISDIR(found.st_mode) else "other"


def do_steps(steps: Sequence[Record]) -> list[str]:
    """Do every step; return the directories that were changed, also by an earlier attempt."""
    touched: dict[str, None] = {}
    for verb, *fields in steps:
        STEPS[verb](fields)
        touched[os.path.dirname(fields[_TARGET[verb]])] = None
    return list(touched)


def sync_directories(directories: Sequence[str]) -> None:
    """Make the entries of directories durable; those that are gone again are left out."""
    for directory in directories:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            sync_directory(directory)


# The steps. Done a second time they change nothing. Those with a guard have the fields of a
# `HeldLock` first.


def _publish(fields: Sequence[str]) -> None:
    """Give a lock file the name that it guards."""
    if HeldLock(*fields[:3]).is_ours():
        _remove_empty_directory(fields[3])
        replace_file(fields[0], fields[3])


def _install(fields: Sequence[str]) -> None:
    """Rename a finished file over another, while a lock is ours."""
    source, target = fields[3:]
    if HeldLock(*fields[:3]).is_ours() and lstat_or_none(source) is not None:
        replace_file(source, target)


def _delete(fields: Sequence[str]) -> None:
    """Remove a file, while a lock is ours."""
    if HeldLock(*fields[:3]).is_ours():
        unlink_if_there(fields[3])


def _move(fields: Sequence[str]) -> None:
    """Put a finished file into the working tree, unless it was edited in the meantime."""
    source, target, expected, top = fields
    unedited = fingerprint(target) in (expected, "-" if expected == "directory" else expected)
    if lstat_or_none(source) is not None and unedited and _is_inside(target, top):
        make_directories(os.path.dirname(target))
        _remove_empty_directory(target)
        replace_file(source, target)


def _drop(fields: Sequence[str]) -> None:
    """Remove a file of the working tree and directories left empty, unless it was edited."""
    target, expected, top = fields
    if fingerprint(target) == expected:
        unlink_if_there(target)
        remove_empty_parents(target, top)


def _is_inside(target: str, top: str) -> bool:
    """Return whether no symbolic link leads from a directory to a path below it elsewhere."""
    parent = os.path.dirname(target)
    while parent != top and parent.startswith(top):
        if os.path.islink(parent):
            return False
        parent = os.path.dirname(parent)
    return parent == top


def _remove_empty_directory(target: str) -> None:
    found = lstat_or_none(target)
    if found is not None and stat.S_ISDIR(found.st_mode) and not remove_empty_tree(target):
        raise IsADirectoryError(errno.EISDIR, "a directory is in the way", target)


STEPS: dict[str, Callable[[Sequence[str]], None]] = {
    "publish": _publish,
    "install": _install,
    "delete": _delete,
    "move": _move,
    "drop": _drop,
}
FILE_STEPS = frozenset({"move", "drop"})
"""The steps that touch files of a working tree; they come first."""

_TARGET = {"publish": 3, "install": 4, "delete": 3, "move": 1, "drop": 0}
