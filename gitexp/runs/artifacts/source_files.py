"""Files that become artifacts: opened without surprises, found without leaving their directory."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from gitexp.documents.problems import MAX_PATH, shown
from gitexp.errors import InvalidInput, NotFound

_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
    # A pipe without a writer would be waited for.
    | getattr(os, "O_NONBLOCK", 0)
)


def open_source(path: Path) -> BinaryIO:
    """Return a file that was opened for reading, and is nothing but a file.

    Raises:
        NotFound: it is not there.
        InvalidInput: it is a directory, a pipe or a device, or cannot be read.
    """
    try:
        descriptor = os.open(path, _FLAGS)
    except FileNotFoundError as exc:
        raise NotFound(f"{shown(str(path), MAX_PATH)} is not there", hint="Name a file.") from exc
    except OSError as exc:
        raise unreadable(path, exc) from exc
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise InvalidInput(
            f"{shown(str(path), MAX_PATH)} is no file",
            hint="For a directory, use log_artifacts; pipes and devices cannot be kept.",
        )
    return os.fdopen(descriptor, "rb")


def files_below(directory: Path) -> Iterator[tuple[str, Path]]:
    """Yield every file below a directory with its relative path, sorted.

    A link that stays inside the directory counts as what it leads to.

    Raises:
        NotFound: there is no such directory.
        InvalidInput: a link leads out of the directory or in a circle, something is neither file
            nor directory, or a directory cannot be read.
    """
    if not directory.is_dir():
        place = shown(str(directory), MAX_PATH)
        raise NotFound(f"{place} is no directory", hint="Name a directory.")
    top = directory.resolve()
    yield from _walked(top, top, "", (top,))


def unreadable(path: Path, exc: OSError) -> InvalidInput:
    """Return the error for a file of the user that cannot be read."""
    reason = (exc.strerror or str(exc)).lower()
    return InvalidInput(
        f"{shown(str(path), MAX_PATH)} cannot be read: {reason}", hint="Check it with `ls -l`."
    )


def _walked(
    top: Path, place: Path, prefix: str, above: tuple[Path, ...]
) -> Iterator[tuple[str, Path]]:
    try:
        names = sorted(os.listdir(place))
    except OSError as exc:
        raise unreadable(place, exc) from exc
    for name in names:
        path = _followed(top, place / name)
        kind = path.lstat().st_mode
        if stat.S_ISDIR(kind):
            if path in above:
                raise _refused(place / name, "is a link that leads in a circle")
            yield from _walked(top, path, f"{prefix}{name}/", (*above, path))
        elif stat.S_ISREG(kind):
            yield f"{prefix}{name}", path
        else:
            raise _refused(place / name, "is neither a file nor a directory")


def _followed(top: Path, path: Path) -> Path:
    """Return a path, or where it leads when it is a link."""
    if not path.is_symlink():
        return path
    try:
        target = path.resolve(strict=True)
    except (OSError, RuntimeError) as exc:
        circle = isinstance(exc, RuntimeError) or getattr(exc, "errno", 0) == errno.ELOOP
        how = "leads in a circle" if circle else "leads nowhere"
        raise _refused(path, f"is a link that {how}") from exc
    if not target.is_relative_to(top):
        raise _refused(path, "is a link that leads out of the directory")
    return target


def _refused(path: Path, how: str) -> InvalidInput:
    return InvalidInput(
        f"{shown(str(path), MAX_PATH)} {how}; nothing was kept",
        hint="Copy what is meant into the directory, or log the files one by one.",
    )
