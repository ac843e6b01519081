"""Journals: what a running run has so far, safe from the death of its process.

A journal is a file under `.git/gitexp/journals/`, a line for the run and a line for each finished
row, each with a checksum. A line is appended by one system call, so what was appended survives
the process; it is fsynced at least once a second, so a power cut costs at most that. When the
run ends it becomes a commit on the runs branch, and the journal goes.

The process that writes a journal holds a lock on it, which the kernel frees with the process
however that dies. So whether a journal was left behind is never a guess: `reap` can lock it.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from gitexp.errors import StoreError
from gitexp.project.workspace import Workspace
from gitexp.runs import ledger
from gitexp.runs.rows import Failure, ResultRow, RowKey
from gitexp.runs.run import Run
from gitexp.store.files import make_directories, read_all, sync_directory, write_all, write_errors
from gitexp.store.model import Signature

_SUFFIX = ".journal"
_FLAGS = os.O_RDWR | os.O_APPEND | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_NOT_CLOSED = Failure(
    type="Killed", message="the process ended without closing the run; its finished rows are here"
)


class Journal:
    """The journal of one running run, held by this process; without a directory it keeps nothing.

    Attributes:
        path: the file, or None where the repository has no private directory.
    """

    def __init__(self, path: Path | None, descriptor: int | None) -> None:
        self.path = path
        self._descriptor = descriptor
        self._unsynced = False

    def add(self, position: int, row: ResultRow) -> None:
        """Append a finished row, which then survives the death of this process.

        Args:
            position: the place of the row among all rows of the run.

        Raises:
            StoreError: it cannot be written, for example because the disk is full.
        """
        if self._descriptor is not None:
            self._write({"position": position, "row": row.to_dict()})

    def end(self, run: Run) -> None:
        """Write down how the run ended, so that a death before it is recorded changes nothing.

        Raises:
            StoreError: it cannot be written.
        """
        if self._descriptor is not None:
            self._write({"run": run.to_dict()})
            self.sync()

    def sync(self) -> None:
        """Make what was added safe from a power cut as well."""
        if self._descriptor is not None and self._unsynced:
            self._unsynced = False
            with write_errors("the run's last second may be lost"):
                os.fsync(self._descriptor)

    def discard(self) -> None:
        """Remove the journal: its run is recorded."""
        self.close()
        if self.path is not None:
            _remove(self.path)

    def close(self) -> None:
        """Let go of the journal and leave it where it is, for `reap`."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def begin(self, run: Run) -> None:
        """Write the first line, the run itself, and make it durable.

        Raises:
            StoreError: it cannot be written.
        """
        if self._descriptor is not None and self.path is not None:
            self._write({"run": run.to_dict()})
            self.sync()
            with write_errors():
                sync_directory(str(self.path.parent))

    def _write(self, entry: Mapping[str, Any]) -> None:
        assert self._descriptor is not None
        with write_errors("the row is lost"):
            write_all(self._descriptor, _encode(entry))
        self._unsynced = True


def open_journal(workspace: Workspace, run: Run) -> Journal:
    """Return the new journal of a run that begins, held by this process.

    Raises:
        StoreError: it cannot be made.
    """
    directory = _directory(workspace)
    if directory is None:
        return Journal(None, None)
    path = directory / f"{run.id}{_SUFFIX}"
    with write_errors("the run did not begin"):
        make_directories(str(directory))
        descriptor = _create(path)
    journal = Journal(path, descriptor)
    journal.begin(run)
    return journal


def _directory(workspace: Workspace) -> Path | None:
    private = workspace.store.private_dir
    return private / "journals" if private is not None else None


def _create(path: Path) -> int:
    """Return the descriptor of a new file that is locked and still has its name.

    Between its creation and its lock, somebody who reaps may take it for a dead one and remove it.
    """
    while True:
        descriptor = os.open(path, _FLAGS | os.O_CREAT, 0o666)
        if _lock(descriptor) and _is_current(path, descriptor):
            return descriptor
        os.close(descriptor)


# --- what was left behind -------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class LeftJournal:
    """What the journal of a dead process says: the run as it was last, and its finished rows."""

    run: Run
    rows: tuple[ResultRow, ...]

    def closed(self) -> Run:
        """Return the run as it ended; if it did not, as killed when its last row was finished."""
        if self.run.is_over:
            return self.run
        began = self.run.started_at or self.run.created_at
        ended = max((_finished_at(row, began) for row in self.rows), default=began)
        seconds = max((ended - began).total_seconds(), 0.0)
        return self.run.ended("killed", ended, duration_seconds=seconds, error=_NOT_CLOSED)


def reap(workspace: Workspace) -> list[Run]:
    """Return the runs of this project whose processes died, now recorded with their rows.

    They are killed runs, unless a run had ended and its process died before it was recorded.

    It costs nothing where no journal was left behind.

    Raises:
        StoreError: a run cannot be recorded; its journal stays.
    """
    directory = _directory(workspace)
    if directory is None or not directory.is_dir():
        return []
    found = [_reap_one(workspace, path) for path in sorted(directory.glob(f"*{_SUFFIX}"))]
    return [run for run in found if run is not None]


def _reap_one(workspace: Workspace, path: Path) -> Run | None:
    with _held(path) as descriptor:
        if descriptor is None:
            return None
        left = _read_left(path, descriptor)
        if left is None or left.run.project != workspace.project_id:
            return None
        run = left.closed()
        # A process that died after it had recorded the run left only its journal.
        known = ledger.has(workspace, run.experiment, run.id)
        if not known:
            record = ledger.record_of(run, left.rows)
            ledger.append(workspace, run.experiment, [record], author=_author(run))
            run = record.run
    _remove(path)
    return None if known else run


def _author(run: Run) -> Signature | None:
    """Return whoever started the run: closing it needs no identity of its own."""
    name, _, email = run.who.rpartition(" <")
    if not name or run.ended_at is None:
        return None
    return Signature(name=name, email=email.removesuffix(">"), when=run.ended_at)


@contextlib.contextmanager
def _held(path: Path) -> Iterator[int | None]:
    """Yield the descriptor of a journal that no process holds; None for any other."""
    try:
        descriptor = os.open(path, _FLAGS)
    except (FileNotFoundError, PermissionError):
        yield None
        return
    try:
        held = _lock(descriptor) and _is_current(path, descriptor)
        yield descriptor if held else None
    finally:
        os.close(descriptor)


def _read_left(path: Path, descriptor: int) -> LeftJournal | None:
    """Return what a journal says; one that says nothing is put out of the way.

    The first line was durable before the run began. So a journal without one is of a process that
    died before that, or was damaged; what else it holds is kept for a person to look at.
    """
    os.lseek(descriptor, 0, os.SEEK_SET)
    data = read_all(descriptor)
    entries = list(_entries(data))
    if entries and "run" in entries[0]:
        runs = [entry["run"] for entry in entries if "run" in entry]
        return LeftJournal(run=Run.from_dict(runs[-1]), rows=_rows(entries))
    if b"\n" in data:
        with contextlib.suppress(PermissionError):
            path.replace(path.with_suffix(".damaged"))
    else:
        _remove(path)
    return None


def _rows(entries: list[dict[str, Any]]) -> tuple[ResultRow, ...]:
    """Return the rows in the order of the dataset; of several for one sample, the first."""
    rows: dict[RowKey, tuple[int, ResultRow]] = {}
    for entry in (entry for entry in entries if "row" in entry):
        row = ResultRow.from_dict(entry["row"])
        rows.setdefault(row.key, (entry["position"], row))
    in_order = sorted(rows.values(), key=lambda found: (found[0], found[1].repeat))
    return tuple(row for _, row in in_order)


def _entries(data: bytes) -> Iterator[dict[str, Any]]:
    """Yield the entries up to the first line that is torn or damaged."""
    for line in data.split(b"\n")[:-1]:
        payload = line[9:]
        if line[:9] != _checksum(payload):
            return
        yield json.loads(payload)


def _encode(entry: Mapping[str, Any]) -> bytes:
    payload = json.dumps(entry, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    return _checksum(payload) + payload + b"\n"


def _checksum(payload: bytes) -> bytes:
    return b"%08x " % zlib.crc32(payload)


def _finished_at(row: ResultRow, began: datetime) -> datetime:
    return (row.started_at or began) + timedelta(seconds=row.duration_seconds or 0.0)


def _is_current(path: Path, descriptor: int) -> bool:
    try:
        found, mine = path.lstat(), os.fstat(descriptor)
    except FileNotFoundError:
        return False
    return (found.st_dev, found.st_ino) == (mine.st_dev, mine.st_ino)


def _remove(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError, PermissionError):
        path.unlink()


if sys.platform == "win32":

    def _lock(descriptor: int) -> bool:
        """Return whether the file is locked now; nobody writes that far out."""
        import msvcrt

        try:
            os.lseek(descriptor, 0x7FFFFFFE, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:

    def _lock(descriptor: int) -> bool:
        """Return whether the file is locked now, until the descriptor or the process ends."""
        import fcntl

        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as exc:
            raise StoreError(
                f"the file system of the repository cannot lock files: {exc.strerror}",
                hint="Keep the repository on a local disk, or mount it with locking enabled.",
            ) from exc
        return True
