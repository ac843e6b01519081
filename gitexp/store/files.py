"""Operations on files that are either done or an `OSError`, and their failures as `StoreError`.

Every call goes through a function of `os`, unbuffered, so that the order of writes and fsyncs on
the disk is the order in the source, and so that each of them can be made to fail in a test.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
import time
from collections.abc import Iterable
from types import TracebackType

from gitexp.errors import StoreError

_PLATFORM_FLAGS = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_READ = os.O_RDONLY | _PLATFORM_FLAGS
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | _PLATFORM_FLAGS
_CHUNK = 1 << 20
_MOST_PARTS = 5
_NO_SPACE = frozenset({errno.ENOSPC, errno.EFBIG} | {getattr(errno, "EDQUOT", errno.ENOSPC)})
_NO_DIRECTORY_SYNC = frozenset({errno.EINVAL, errno.ENOTSUP, errno.EBADF})


def read_file(path: str) -> bytes | None:
    """Return the bytes of a file, or None when there is none.

    Raises:
        OSError: it cannot be read; `IsADirectoryError` when it is a directory.
    """
    try:
        return read_present(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except PermissionError as exc:
        if os.path.isdir(path):
            raise IsADirectoryError(errno.EISDIR, "is a directory", path) from exc
        raise


def read_present(path: str, size: int | None = None) -> bytes:
    """Return the bytes of a file that is there, or only the first `size` of them."""
    descriptor = os.open(path, _READ)
    try:
        return read_all(descriptor) if size is None else os.read(descriptor, size)
    finally:
        os.close(descriptor)


def read_all(descriptor: int) -> bytes:
    """Return what is left to read of an open file."""
    parts = []
    size = os.fstat(descriptor).st_size + 1
    while part := os.read(descriptor, min(max(size, 4096), _CHUNK)):
        parts.append(part)
    return b"".join(parts)


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of the bytes, however few of them one call takes."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def append_line(descriptor: int, line: bytes) -> None:
    """Append a line by one call, or say why not.

    What is left of a line could come behind what others append meanwhile: all of it is repeated.

    Raises:
        OSError: it cannot be written, or only in parts.
    """
    for _ in range(_MOST_PARTS):
        if os.write(descriptor, line) == len(line):
            return
    raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))


def create_file(path: str, parts: Iterable[bytes], *, mode: int = 0o666, sync: bool = True) -> None:
    """Create a file that must not exist, with its bytes on the disk; on failure it is gone again.

    A descriptor whose fsync failed is not tried a second time: the kernel may have dropped the
    pages and would answer yes.
    """
    descriptor = os.open(path, _CREATE, mode)
    try:
        try:
            for part in parts:
                write_all(descriptor, part)
            if sync:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except BaseException:
        remove_file(path)
        raise


def remove_file(path: str) -> None:
    """Remove a file if that can be done; a failure leaves it to the next clearing."""
    with contextlib.suppress(OSError):
        os.unlink(path)


def unlink_if_there(path: str) -> None:
    """Remove a file that may be gone already."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        os.unlink(path)


def replace_file(source: str, target: str) -> None:
    """Rename a file over another; where Windows says that a reader has it open, wait a little."""
    attempts = 20 if sys.platform == "win32" else 1
    for attempt in range(attempts):
        try:
            os.replace(source, target)
        except PermissionError:
            if attempt == attempts - 1:
                raise
            time.sleep(0.01 * (attempt + 1))
        else:
            return


def sync_file(path: str) -> None:
    """Make the bytes of an existing file durable."""
    descriptor = os.open(path, _READ)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_directory(path: str) -> None:
    """Make the entries of a directory durable, where the system has a way to do it."""
    if sys.platform == "win32":
        return
    descriptor = os.open(path, _READ | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as exc:
        if exc.errno not in _NO_DIRECTORY_SYNC:
            raise
    finally:
        os.close(descriptor)


def make_directories(path: str) -> list[str]:
    """Make a directory and its parents; return those that were made, the outermost first."""
    try:
        os.mkdir(path)
    except FileExistsError:
        if not os.path.isdir(path):
            raise
        return []
    except FileNotFoundError:
        made = make_directories(os.path.dirname(path))
        with contextlib.suppress(FileExistsError):
            os.mkdir(path)
        return [*made, path]
    return [path]


def remove_empty_parents(path: str, top: str) -> None:
    """Remove the directories above a path that are empty, up to `top`, which stays."""
    parent = os.path.dirname(path)
    with contextlib.suppress(OSError):
        while parent != top and parent.startswith(top + os.sep):
            os.rmdir(parent)
            parent = os.path.dirname(parent)


def remove_empty_tree(path: str) -> bool:
    """Remove a directory that holds nothing but empty directories; return whether it is gone."""
    try:
        for entry in list(os.scandir(path)):
            if not entry.is_dir(follow_symlinks=False) or not remove_empty_tree(entry.path):
                return False
        os.rmdir(path)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def lstat_or_none(path: str) -> os.stat_result | None:
    """Return what stands at a path, links not followed, or None."""
    try:
        return os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def is_real_directory(path: str) -> bool:
    """Return whether a path is a directory itself, and no symbolic link to one."""
    found = lstat_or_none(path)
    return found is not None and stat.S_ISDIR(found.st_mode)


class _WriteErrors:
    """The block of `write_errors`; as a generator it would make `log_metric` a tenth slower."""

    def __init__(self, outcome: str) -> None:
        self._outcome = outcome

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if isinstance(exc, OSError):
            raise _write_error(exc, self._outcome) from exc


def write_errors(outcome: str = "nothing was saved") -> _WriteErrors:
    """Raise a `StoreError` for every `OSError` of a write, saying what came of it."""
    return _WriteErrors(outcome)


def _write_error(exc: OSError, outcome: str) -> StoreError:
    if exc.errno in _NO_SPACE:
        return StoreError(
            f"no space left on the disk; {outcome}",
            hint="Free some space (`df -h .` shows how much there is) and run the command again.",
        )
    reason = exc.strerror or str(exc) or type(exc).__name__
    where = f" {_shown(exc.filename)}" if exc.filename else " to the repository"
    hint = "Check the disk and the permissions of the repository, then run the command again."
    return StoreError(f"cannot write{where}: {reason}; {outcome}", hint=hint)


def read_error(exc: OSError, path: str) -> StoreError:
    """Return the error for a file of the repository that cannot be read."""
    reason = exc.strerror or str(exc) or type(exc).__name__
    return StoreError(
        f"cannot read {_shown(path)}: {reason}",
        hint="Check the permissions of the repository with `ls -l`, and the disk.",
    )


def _shown(path: object) -> str:
    return os.fsdecode(path) if isinstance(path, (str, bytes)) else str(path)
