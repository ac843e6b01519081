"""The repository lock, and lock files that do not outlive their holder.

Two kinds of exclusion meet here.

Among gitexp processes there is one lock for each repository, `flock` on `.git/gitexp/lock` (a
byte range on Windows). The kernel frees it with the process, however that dies, so it is never
stale. Threads exclude each other too, a child process made by `fork` does not inherit it, and a
thread that asks for it twice is told so instead of waiting for itself. Who wants it first takes
the lock `turn`, and gives that back with the other one in hand; so a process that saves in a loop
cannot keep out one that waits, because it has to queue behind it.

Towards Git there are Git's own lock files: `refs/heads/x.lock` is made with exclusive creation,
and whoever made it may write `refs/heads/x`. Such a file stays behind when its maker is killed and
then blocks that reference for ever, so a dead gitexp's lock files must be removed, and a live
Git's must not be, however old they are: `git commit` holds `index.lock` while its author looks
for words. Age cannot tell them apart; identity can. A lock file is made under a private name in
`.git/gitexp/held/`, its target is written to the log of pending work (see `pending`), and only then
it gets its public name as a second hard link, which is atomic and fails when the name is taken.
Whoever holds the repository lock later finds the private name and compares inodes: the same inode
is ours and its maker is dead, since it would hold the repository lock otherwise; another inode
belongs to somebody else and is left alone.

File systems without hard links get the lock file by exclusive creation, and its inode is logged
right afterwards; a process killed between these two system calls leaves a lock that has to be
removed by hand, as one of Git's own.

A power cut also loses the log, so one more rule holds: a lock file that was last changed before
this machine started has no living maker. Clocks that are corrected while a machine starts are the
reason for the margin of `_BOOT_MARGIN` seconds.
"""

from __future__ import annotations

import contextlib
import errno
import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from gitexp.errors import RepositoryBusy
from gitexp.store.filelocks import lock_file_now, unlock_file
from gitexp.store.files import (
    create_file,
    lstat_or_none,
    make_directories,
    write_all,
    write_errors,
)
from gitexp.store.sharing import PRIVATE, Sharing

T = TypeVar("T")

LOCK_WAIT = 30.0
"""Seconds to wait for another gitexp process."""

GIT_WAIT = 3.0
"""Seconds to wait for a lock file that a live Git process holds."""

_LONGEST_PAUSE = 0.02
_NEXT_PAUSE = 0.002
_BOOT_MARGIN = 120.0

_FLAGS = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
_NO_LINKS = frozenset({errno.EPERM, errno.EXDEV, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK})

_holders: dict[str, int] = {}
_descriptors: set[int] = set()


def _forget_after_fork() -> None:
    """Let go of the parent's locks in a child; the parent keeps them."""
    for descriptor in _descriptors:
        with contextlib.suppress(OSError):
            os.close(descriptor)
    _descriptors.clear()
    _holders.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)


class RepositoryLock:
    """The lock of one repository, as seen by one store."""

    def __init__(
        self, directory: Path, *, wait: float = LOCK_WAIT, sharing: Sharing = PRIVATE
    ) -> None:
        self._path = str(directory / "lock")
        self._turn = str(directory / "turn")
        self._sharing = sharing
        self._key = os.path.realpath(self._path)
        self._wait = wait

    @property
    def is_mine(self) -> bool:
        """Whether the calling thread holds it."""
        return _holders.get(self._key) == threading.get_ident()

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Hold the lock.

        Raises:
            RepositoryBusy: another process or thread held it for longer than the wait, or this
                very thread holds it already.
            StoreError: the lock file cannot be made.
        """
        if self.is_mine:
            raise RepositoryBusy("this thread holds the lock of the repository already")
        descriptor, process = self._acquire(), os.getpid()
        _descriptors.add(descriptor)
        _holders[self._key] = threading.get_ident()
        try:
            yield
        finally:
            # A child made by fork in the meantime has let go of it and must not free the parent's.
            if os.getpid() == process:
                del _holders[self._key]
                _descriptors.discard(descriptor)
                _release(descriptor)

    def _acquire(self) -> int:
        deadline = time.monotonic() + self._wait
        with write_errors():
            self._make_directory()
            turn = wait_until(lambda: self._try(self._turn), self._wait)
            if turn is not None:
                _descriptors.add(turn)
                try:
                    left = deadline - time.monotonic()
                    descriptor = wait_until(
                        lambda: self._try(self._path), left, longest_pause=_NEXT_PAUSE
                    )
                finally:
                    _descriptors.discard(turn)
                    _release(turn)
                if descriptor is not None:
                    self._sign(descriptor)
                    return descriptor
        raise RepositoryBusy(
            f"another gitexp process has held {self._path} for {self._wait:g} s{self._who()}",
            hint="Wait until it has finished and run the command again.",
        )

    def _make_directory(self) -> None:
        if lstat_or_none(self._path) is not None:
            return
        for directory in make_directories(os.path.dirname(self._path)):
            self._sharing.adjust(directory)
        for path in (self._turn, self._path):
            with contextlib.suppress(FileExistsError):
                create_file(path, (), sync=False)
                self._sharing.adjust(path)

    def _try(self, path: str) -> int | None:
        """Return the descriptor of a file that is now locked, or None."""
        descriptor = os.open(path, _FLAGS, 0o666)
        try:
            if lock_file_now(descriptor) and _is_current(descriptor, path):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
        return None

    def _sign(self, descriptor: int) -> None:
        # Only for the message to those who wait, so a full disk must not stop anything here.
        # The text has always the same length, so nothing has to be cut off, which costs an
        # allocation on some file systems.
        with contextlib.suppress(OSError):
            write_all(descriptor, b"%20d\n" % os.getpid())

    def _who(self) -> str:
        try:
            with open(self._path, "rb") as file:
                text = file.read(21).strip().decode("ascii", "replace")
        except OSError:
            return ""
        return f" (process {text})" if text.isdigit() else ""


def _is_current(descriptor: int, path: str) -> bool:
    """Return whether an open file still has its name; somebody may have deleted it."""
    found = lstat_or_none(path)
    mine = os.fstat(descriptor)
    return found is not None and (found.st_dev, found.st_ino) == (mine.st_dev, mine.st_ino)


def _release(descriptor: int) -> None:
    """Unlock a file and close it; closing alone waits for a child that is about to start."""
    try:
        with contextlib.suppress(OSError):
            unlock_file(descriptor)
    finally:
        os.close(descriptor)


def wait_until(
    attempt: Callable[[], T | None], seconds: float, *, longest_pause: float = _LONGEST_PAUSE
) -> T | None:
    """Return what `attempt` returns once that is not None; None when the time is over."""
    deadline = time.monotonic() + seconds
    pause = 0.001
    while True:
        result = attempt()
        if result is not None or time.monotonic() >= deadline:
            return result
        left = max(deadline - time.monotonic(), 0)
        time.sleep(min(pause * random.uniform(0.5, 1.0), left))
        pause = min(pause * 1.5, longest_pause)


def link_exclusively(source: str, target: str) -> bool | None:
    """Return whether a file got a second name that was free; None when there are no hard links."""
    try:
        os.link(source, target)
    except FileExistsError:
        return False
    except OSError as exc:
        if exc.errno in _NO_LINKS:
            return None
        raise
    return True


def remove_if_older_than_boot(path: str) -> bool:
    """Return whether a lock file was there from before the machine started, and is removed."""
    if not is_older_than_boot(path):
        return False
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    return True


def is_older_than_boot(path: str) -> bool:
    """Return whether a lock file was there from before the machine started."""
    found, booted = lstat_or_none(path), _boot_time()
    if found is None or booted is None:
        return False
    return max(found.st_mtime, found.st_ctime) < booted - _BOOT_MARGIN


def held_by_git(path: str, seconds: float) -> RepositoryBusy:
    """Return the error for a lock file that somebody else did not give back in time."""
    return RepositoryBusy(
        f"another Git process has held {path} for {seconds:g} s",
        hint="Wait until it has finished and run the command again; if no Git process is "
        f"running, it was killed, and the file can be deleted: `rm {path}`.",
    )


def _boot_time() -> float | None:
    """Return when this machine started, in seconds since 1970, where the system tells."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    if clock is None:
        return None
    return time.time() - time.clock_gettime(clock)
