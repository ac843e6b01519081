"""Journals: what a running run has so far, safe from the death of its process.

A journal is a file under `.git/gitexp/journals/`, a line an event, each with a checksum. A line
is appended by one system call, so what was appended survives the process; it is fsynced within a
second, so a power cut costs at most that. Several threads and processes append to one journal.
Every line begins with a line break as well: what a failed write left of a line cannot spoil the
next one.

The process that began a run holds a lock on its journal, which the kernel frees with the process
however that dies; so whether a run was left behind is never a guess. A run that no process holds,
as one of a shell script, has a lease instead: every event renews it.

Whoever appends without being the holder takes the journal's gate, and so does whoever ends the run,
who shuts it before the last event. The holder appends without it and looks afterwards whether it
was shut meanwhile. So what was acknowledged stands before the end, and what came later was refused.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from gitexp.errors import NotAllowed, StoreError
from gitexp.project.workspace import Workspace
from gitexp.runs.events import Event
from gitexp.runs.journalling import gates, syncing
from gitexp.runs.journalling.contents import Contents as Contents
from gitexp.runs.journalling.contents import begun, encoded, line_of
from gitexp.runs.journalling.contents import contents_of as contents_of
from gitexp.runs.journalling.contents import contents_or_error as contents_or_error
from gitexp.runs.journalling.contents import entries as entries
from gitexp.runs.journalling.contents import is_damaged as is_damaged
from gitexp.runs.journalling.contents import run_at_first as run_at_first
from gitexp.runs.journalling.files import OPEN as OPEN
from gitexp.runs.journalling.files import directory_of as directory_of
from gitexp.runs.journalling.files import events_of as events_of
from gitexp.runs.journalling.files import is_current as is_current
from gitexp.runs.journalling.files import paths_of as paths_of
from gitexp.runs.journalling.files import read_journal as read_journal
from gitexp.runs.journalling.files import remove as remove
from gitexp.runs.journalling.files import sweep as sweep
from gitexp.runs.journalling.files import unreadable as unreadable
from gitexp.runs.journalling.side_files import Sides
from gitexp.runs.journalling.standing import Standing as Standing
from gitexp.runs.journalling.standing import live as live
from gitexp.runs.journalling.standing import standing_at as standing_at
from gitexp.store.filelocks import lock_file_now
from gitexp.store.files import append_line, make_directories, sync_directory, write_errors
from gitexp.store.sharing import Sharing

_FLAGS = os.O_RDWR | os.O_APPEND | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_APPENDS_AT_ONCE = sys.platform != "win32"
"""Whether finding the end of a file and writing there is one step for all processes."""


class Journal:
    """The journal of one run, open in this process.

    Attributes:
        name: the run's id, and what else tells its journal from others of the same run.
        path: the file, or None where the repository has no private directory: then the journal
            is in memory, and gone with the process.
        sides: what stands beside it.
    """

    def __init__(
        self,
        name: str,
        path: Path | None,
        descriptor: int | None,
        *,
        held: bool,
        gate: int | None = None,
    ) -> None:
        self.name = name
        self.path = path
        self.sides = Sides(path)
        self._descriptor = descriptor
        self._gate = gate
        self._memory = bytearray()
        self._held = held
        self._closed = False
        self._lock = threading.Lock()
        self._reading = threading.Lock()
        self._contents: Contents | None = None
        self._generation = syncing.generation()
        self._ticking = False
        self._is_entered = held is False
        self._known = 0
        self._unsafe: StoreError | None = None
        syncing.remember(self)

    @property
    def is_open(self) -> bool:
        """Whether something can be appended."""
        return not self._closed

    @property
    def is_held(self) -> bool:
        """Whether the run began in this process or one that this was forked from."""
        return self._held

    @property
    def is_mine(self) -> bool:
        """Whether the run began in this very process."""
        return self._held and self._generation == syncing.generation()

    def begin(self, first: Mapping[str, Any]) -> None:
        """Append the first event, and open the journal to others after that.

        Raises:
            StoreError: it cannot be written.
        """
        with self._lock:
            self._put(line_of(encoded(first)))
            if self.path is not None:
                with write_errors("the run did not begin"):
                    self._gate = gates.make_gate(self.path)

    def append(self, event: Mapping[str, Any]) -> None:
        """Append an event, which then survives the death of this process.

        Raises:
            StoreError: it cannot be written, for example because the disk is full.
            NotAllowed: the run is over.
        """
        self.write(encoded(event))

    def write(self, payload: bytes) -> None:
        """Append an event that is encoded already; see `append`."""
        line = line_of(payload)
        with self._lock:
            if self._closed:
                raise _is_over(self.name)
            if self.is_mine and _APPENDS_AT_ONCE:
                self._put(line)
                if self._gate is not None and not gates.is_open(self._gate):
                    raise self._found_over()
            else:
                with self._at_the_gate():
                    self._put(line)

    def append_checked(
        self, event: Mapping[str, Any], check: Callable[[bytes | None], None]
    ) -> None:
        """Append an event unless a check raises, as one step for everybody.

        Args:
            check: called with the whole journal, or with None where nobody else has appended
                anything since the last time.

        Raises:
            StoreError, NotAllowed: as `append`.
        """
        with self._lock:
            if self._closed:
                raise _is_over(self.name)
            with self._at_the_gate():
                known = self._known == self._size()
                check(None if known else self.read())
                self._known = self._size()
                self._put(line_of(encoded(event)))

    def _size(self) -> int:
        if self._descriptor is None:
            return len(self._memory)
        with write_errors("nothing was logged"):
            return os.fstat(self._descriptor).st_size

    def _put(self, line: bytes) -> None:
        if self._descriptor is None:
            self._memory += line
            self._known += len(line)
            return
        known, self._known = self._known, -1  # whoever checks has to look again if this fails
        with write_errors("what was logged last is lost"):
            append_line(self._descriptor, line)
        self._known = known + len(line) if known >= 0 else known
        if not self._ticking:
            self._ticking = True
            syncing.sync_soon(self)

    def sync(self) -> None:
        """Make what was appended safe from a power cut as well.

        Raises:
            StoreError: that cannot be done now, or something before could not be made safe.
        """
        self._ticking = False
        descriptor = self._descriptor
        if descriptor is None or self.path is None:
            return
        try:
            with write_errors("the last second of the run may be lost"):
                os.fsync(descriptor)
                if not self._is_entered:
                    sync_directory(str(self.path.parent))
                    self._is_entered = True
        except StoreError as exc:
            # Asked again, the kernel may say yes: it has forgotten what it could not write.
            self._unsafe = exc
        if self._unsafe is not None:
            raise self._unsafe

    def read(self, start: int = 0) -> bytes:
        """Return all of it, or the rest of it.

        Raises:
            NotAllowed: the run was ended elsewhere, and its journal is gone.
            StoreError: it cannot be read.
        """
        if self.path is None:
            return bytes(self._memory[start:])
        data = read_journal(self.path, start)
        if data is None:
            raise _is_over(self.name)
        return data

    @contextlib.contextmanager
    def contents(self) -> Iterator[Contents]:
        """Hold what it says now; only what is new since the last time is read.

        Raises:
            NotAllowed: the run was ended elsewhere, and its journal is gone.
            StoreError: it cannot be read.
        """
        with self._reading:
            known = self._contents.end if self._contents is not None else 0
            data = self.read(known)
            if self._contents is None:
                self._contents = begun(data, self._between, self.name)
            # A line that is being written just now is read the next time.
            self._contents.take(data[: data.rfind(b"\n") + 1])
            yield self._contents

    def _between(self, start: int, end: int) -> bytes:
        return self.read(start)[: end - start]

    def end(self, event: Event | Callable[[], Event]) -> bytes:
        """Append the last event and return the whole journal; nobody can append after that.

        Args:
            event: the event, or what returns it when nobody else can append any more.

        Raises:
            NotAllowed: the run was ended elsewhere.
            StoreError: it cannot be written, and the run goes on; or it cannot be read.
        """
        with self._lock:
            if self._closed:
                raise _is_over(self.name)
            with self._at_the_gate() as gate:
                if gate is None or self._descriptor is None:
                    self._put(line_of(encoded(event() if callable(event) else event)))
                    self._closed = True
                    return self.read()
                with gates.shut(gate):
                    self._put(line_of(encoded(event() if callable(event) else event)))
                self._closed = True
                with write_errors("the run is recorded later"):
                    os.ftruncate(gate, self._size())
                return self.read()

    def forked(self) -> None:
        """Take note that this process was forked, perhaps while another thread was appending."""
        self._lock = threading.Lock()
        self._reading = threading.Lock()
        self._contents = None
        self._ticking = False

    @contextlib.contextmanager
    def _at_the_gate(self) -> Iterator[int | None]:
        """Hold the gate, and find the journal still open; yields the gate where there is one."""
        if self.path is None:
            yield None
            return
        with gates.gate_of(self.path) as gate:
            if (
                gate is None
                or not gates.is_open(gate)
                or self._descriptor is None
                or not is_current(self.path, self._descriptor)
            ):
                raise self._found_over()
            yield gate

    def _found_over(self) -> NotAllowed:
        """Return the error for a run that was ended elsewhere, after letting go of its journal."""
        self._let_go()
        return _is_over(self.name)

    def discard(self) -> None:
        """Remove the journal: its run is recorded."""
        self._ticking = False
        self.close()
        if self.path is not None:
            remove(self.path)

    def close(self) -> None:
        """Let go of the journal and leave it where it is, safe from a power cut."""
        with self._lock:
            if self._ticking:
                with contextlib.suppress(StoreError):
                    self.sync()
            self._let_go()

    def _let_go(self) -> None:
        self._closed = True
        mine, self._descriptor, self._gate = (self._descriptor, self._gate), None, None
        for descriptor in mine:
            if descriptor is not None:
                os.close(descriptor)


def _is_over(name: str) -> NotAllowed:
    return NotAllowed(
        f"run {name.partition('+')[0]} is over: nothing can be added to it",
        hint="Start another run; a run's tags can still be changed with `gitexp run tag`.",
    )


def create_journal(workspace: Workspace, name: str, first: Mapping[str, Any]) -> Journal:
    """Return a new journal with its first event, held by this process.

    Raises:
        StoreError: it cannot be made.
    """
    directory = directory_of(workspace)
    if directory is None:
        journal = Journal(name, None, None, held=True)
    else:
        path = directory / f"{name}{OPEN}"
        # Those who share the repository may log to the run, and record it when it is left behind.
        sharing = Sharing.configured(workspace.store.config("core.sharedRepository"))
        with write_errors("the run did not begin"):
            descriptor = _create(path, sharing)
        journal = Journal(name, path, descriptor, held=True)
    try:
        journal.begin(first)
        if journal.path is not None:
            sharing.adjust(str(journal.path.with_suffix(gates.SUFFIX)))
    except BaseException:
        journal.discard()
        raise
    return journal


def _create(path: Path, sharing: Sharing) -> int:
    """Return the descriptor of a new file that is locked and still has its name.

    Between its creation and its lock, somebody who reaps may take it for a dead one and remove it.
    """
    while True:
        try:
            descriptor = os.open(path, _FLAGS | os.O_CREAT, 0o666)
        except FileNotFoundError:
            for made in make_directories(str(path.parent)):
                sharing.adjust(made)
                sync_directory(os.path.dirname(made))
            continue
        try:
            if lock_file_now(descriptor) and is_current(path, descriptor):
                sharing.adjust(str(path))
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def open_journal(path: Path) -> Journal | None:
    """Return the journal of a run that is going on, to append to; None when there is none.

    Raises:
        StoreError: it cannot be opened.
    """
    with write_errors("nothing was logged"):
        try:
            descriptor = os.open(path, _FLAGS)
        except FileNotFoundError:
            return None
    try:
        is_shut = gates.is_shut(path)
    except OSError as exc:
        os.close(descriptor)
        raise unreadable(path, exc) from exc
    if not is_shut:
        return Journal(path.stem, path, descriptor, held=False)
    os.close(descriptor)
    return None
