"""The files of journals: where they lie, and what all of them say."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from gitexp.errors import StoreError
from gitexp.ids import RunId
from gitexp.project.workspace import Workspace
from gitexp.runs.events import Event
from gitexp.runs.journalling import gates
from gitexp.runs.journalling.contents import entries
from gitexp.runs.journalling.side_files import SUFFIXES, Sides
from gitexp.store.files import read_all, read_file

OPEN = ".journal"

_READ = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


def directory_of(workspace: Workspace) -> Path | None:
    """Return the directory of the journals of a repository, whether or not it is there."""
    private = workspace.store.private_dir
    return private / "journals" if private is not None else None


def read_journal(path: Path, start: int = 0) -> bytes | None:
    """Return what counts of a journal, or of the rest of it; None when there is none.

    Raises:
        StoreError: it cannot be read.
    """
    try:
        data = _read_from(path, start)
        return None if data is None else data[: gates.counted(path, start + len(data)) - start]
    except OSError as exc:
        raise unreadable(path, exc) from exc


def _read_from(path: Path, start: int) -> bytes | None:
    if not start:
        return read_file(str(path))
    try:
        descriptor = os.open(path, _READ)
    except FileNotFoundError:
        return None
    try:
        os.lseek(descriptor, start, os.SEEK_SET)
        return read_all(descriptor)
    finally:
        os.close(descriptor)


def unreadable(path: Path, exc: OSError) -> StoreError:
    """Return the error for a journal, or the directory of them, that cannot be read."""
    return StoreError(
        f"{path} cannot be read: {exc.strerror or exc}",
        hint="See who may read it, or move it away if it is not needed.",
    )


def is_current(path: Path, descriptor: int) -> bool:
    """Return whether a name still stands for the file that is open.

    Raises:
        StoreError: nobody can say.
    """
    try:
        found, mine = os.lstat(path), os.fstat(descriptor)
    except FileNotFoundError:
        return False
    except OSError as exc:
        raise unreadable(path, exc) from exc
    return (found.st_dev, found.st_ino) == (mine.st_dev, mine.st_ino)


def remove(path: Path) -> None:
    """Remove a journal, its gate and what stands beside; what is left is removed by `reap`."""
    for gone in (path.with_suffix(gates.SUFFIX), path):
        with contextlib.suppress(OSError):
            gone.unlink()
    Sides(path).remove()


def paths_of(workspace: Workspace, run_id: RunId | None = None) -> list[Path]:
    """Return the journals in a repository, or those of one run.

    Those of runs that ended and are not recorded yet are among them.

    Raises:
        StoreError: the directory cannot be read.
    """
    start = run_id or ""
    return [path for path in _files_of(workspace, OPEN) if path.name.startswith(start)]


def _files_of(workspace: Workspace, *suffixes: str) -> list[Path]:
    directory = directory_of(workspace)
    if directory is None:
        return []
    try:
        names = sorted(os.listdir(directory))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as exc:
        raise unreadable(directory, exc) from exc
    return [directory / name for name in names if name.endswith(suffixes)]


def sweep(workspace: Workspace) -> None:
    """Remove what stood beside journals that are gone; its removal was cut short."""
    for beside in _files_of(workspace, gates.SUFFIX, *SUFFIXES):
        if _is_gone(beside.with_suffix(OPEN)):
            remove(beside.with_suffix(OPEN))


def _is_gone(path: Path) -> bool:
    """Return whether a file is certainly not there."""
    try:
        os.lstat(path)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return False


def events_of(workspace: Workspace, run_id: RunId, *, holding: bytes = b"") -> Iterator[Event]:
    """Yield what was added to a run that goes on on this machine and is not recorded yet.

    Args:
        holding: leaves out the events whose JSON does not hold these bytes.
    """
    for path in paths_of(workspace, run_id):
        yield from entries(read_journal(path) or b"", holding=holding)
