"""Locks on open files that the kernel frees with the process: `flock` and its Windows counterpart.

The lock belongs to the open file, so a process that was forked holds it as well, and closing the
last descriptor of it lets it go.
"""

from __future__ import annotations

import os
import sys

from gitexp.errors import StoreError

_LOCKED_BYTE = 0x7FFFFFFE
"""Windows locks bytes, and keeps others from reading them; nobody writes that far out."""

if sys.platform == "win32":
    import msvcrt

    def lock_file_now(descriptor: int) -> bool:
        """Return whether an open file is locked now, until it is closed."""
        try:
            os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
            os.lseek(descriptor, 0, os.SEEK_SET)
        except OSError:
            return False
        return True

    def lock_file(descriptor: int) -> None:
        """Lock an open file, waiting for whoever has it locked."""
        os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
        while True:
            try:
                msvcrt.locking(descriptor, msvcrt.LK_LOCK, 1)
            except OSError:
                continue  # it gives up after ten seconds
            return

    def unlock_file(descriptor: int) -> None:
        """Let go of the lock of an open file."""
        os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def lock_file_now(descriptor: int) -> bool:
        """Return whether an open file is locked now, until it is closed.

        Raises:
            StoreError: the file system has no locks.
        """
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as exc:
            raise _no_locks(exc) from exc
        return True

    def lock_file(descriptor: int) -> None:
        """Lock an open file, waiting for whoever has it locked.

        Raises:
            StoreError: the file system has no locks.
        """
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError as exc:
            raise _no_locks(exc) from exc

    def unlock_file(descriptor: int) -> None:
        """Let go of the lock of an open file."""
        fcntl.flock(descriptor, fcntl.LOCK_UN)


def _no_locks(exc: OSError) -> StoreError:
    return StoreError(
        f"the file system of the repository cannot lock files: {exc.strerror}",
        hint="Keep the repository on a local disk, or mount it with locking enabled.",
    )
