"""Lock files whose makers are dead, and writes that were cut short."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from gitexp.review.verifying.mending.ailments import Ailment
from gitexp.store.damages import lock_files
from gitexp.store.disk import DiskStore
from gitexp.store.filelocks import lock_file_now, unlock_file
from gitexp.store.files import unlink_if_there
from gitexp.store.locks import is_older_than_boot

_OLD = 600.0
"""Seconds after which a lock file that nobody seems to use may be looked at as left behind."""

_PROCESSES = "/proc"


def write_ailments(store: DiskStore) -> Iterator[Ailment]:
    """Yield the write that a dead gitexp process left half done, if there is one."""
    if not (store.private_dir / "pending").exists() or not _is_nobody_writing(store):
        return

    def mend() -> str:
        with store.exclusive():
            return "finished or taken back, whichever it was decided to be"

    yield Ailment(
        kind="write",
        what="a write of gitexp's was cut short, because its process died",
        means="Locks of it may be in the way of Git; gitexp finishes it with its next write.",
        lost="Nothing that was acknowledged.",
        mend="It is finished if it was decided, and taken back if it was not.",
        remedy=mend,
    )


def lock_ailments(store: DiskStore) -> Iterator[Ailment]:
    """Yield the lock files that are old; those that nobody can be using can be removed."""
    for path in lock_files(store):
        found = _age(path)
        if found is None or found < _OLD:
            continue
        yield _left(store, path) if _is_abandoned(store, path) else _doubtful(path, found)


def _left(store: DiskStore, path: Path) -> Ailment:
    def mend() -> str:
        with store.exclusive():
            if path.exists() and not _is_abandoned(store, path, locked=True):
                return "left alone: somebody has begun to use it"
            unlink_if_there(str(path))
        return "removed"

    return Ailment(
        kind="lock",
        what=f"{path} was left behind by a process that is gone",
        means=f"Nobody can write {_locked(path)} as long as it is there.",
        lost="What that process was about to write; it was never acknowledged.",
        mend="The file is removed.",
        remedy=mend,
    )


def _doubtful(path: Path, age: float) -> Ailment:
    return Ailment(
        kind="lock",
        what=f"{path} is {age / 60:.0f} minutes old",
        means=f"Nobody can write {_locked(path)} as long as it is there. It may belong to a Git "
        "process that still runs, here or on another machine.",
        lost="Nothing yet.",
        mend=f"If no Git process works in this repository, remove it: `rm {path}`.",
    )


def _locked(path: Path) -> str:
    return path.name.removesuffix(".lock")


def _age(path: Path) -> float | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return time.time() - max(found.st_mtime, found.st_ctime if sys.platform == "win32" else 0)


def _is_abandoned(store: DiskStore, path: Path, *, locked: bool = False) -> bool:
    """Return whether nobody can be using a lock file; where that cannot be told, somebody may."""
    if is_older_than_boot(str(path)):
        return True
    if not locked and not _is_nobody_writing(store):
        return False
    return _is_nobody_there(store, path)


def _is_nobody_writing(store: DiskStore) -> bool:
    """Return whether no gitexp process holds the repository's lock."""
    try:
        descriptor = os.open(store.private_dir / "lock", os.O_RDWR)
    except OSError:
        return True
    try:
        if not lock_file_now(descriptor):
            return False
        unlock_file(descriptor)
        return True
    finally:
        os.close(descriptor)


def _is_nobody_there(store: DiskStore, path: Path) -> bool:
    """Return whether no Git process works in the repository and nobody has the file open.

    Only Linux tells; elsewhere, and where another one's process cannot be looked at, the answer
    is that somebody may be there.
    """
    tops = [str(top) for top in (store.worktree, store.git_dir, store.common_dir) if top]
    try:
        processes = [name for name in os.listdir(_PROCESSES) if name.isdigit()]
        return all(_is_elsewhere(os.path.join(_PROCESSES, n), tops, str(path)) for n in processes)
    except OSError:
        return False


def _is_elsewhere(process: str, tops: list[str], path: str) -> bool:
    try:
        with open(os.path.join(process, "comm"), encoding="utf-8", errors="replace") as file:
            is_git = file.read().startswith("git")
        if is_git:
            directory = os.path.realpath(os.path.join(process, "cwd"), strict=True)
            if any(directory == top or directory.startswith(top + os.sep) for top in tops):
                return False
        opened = os.path.join(process, "fd")
        return not any(
            os.path.realpath(os.path.join(opened, number)) == path for number in os.listdir(opened)
        )
    except FileNotFoundError:
        return True  # it has ended
    except PermissionError:
        return not is_git
