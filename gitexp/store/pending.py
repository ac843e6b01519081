"""Pending work: a write is prepared, decided once, and then finished whatever happens.

A write that moves several things (references, the index, files of the working tree) makes
everything ready first: new contents stand complete in lock files and temporary files. The log
`.git/gitexp/pending` names each of them before it is made. Then the write is decided by one line in
the log, and what is left are renames and removals, every one of which may be repeated.

So whoever holds the repository lock next and finds a log finishes a write that was decided and
removes what is left of one that was not. Nothing is taken from others by it: a step is repeated
only while the lock file that guards it is still the very file that the log names.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable, Iterator, Sequence

from gitexp.store.files import (
    create_file,
    make_directories,
    read_file,
    remove_file,
    sync_directory,
    unlink_if_there,
    write_all,
    write_errors,
)
from gitexp.store.locks import (
    GIT_WAIT,
    held_by_git,
    link_exclusively,
    remove_if_older_than_boot,
    wait_until,
)
from gitexp.store.sharing import PRIVATE, Sharing
from gitexp.store.steps import FILE_STEPS, STEPS, HeldLock, Record, do_steps, sync_directories

_APPEND = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_CLOEXEC", 0)
_DECIDED = ("decided",)
_LENGTHS = {"decided": 1, "temp": 2, "drop": 4, "lock": 4, "move": 5} | {
    "publish": 5,
    "delete": 5,
    "install": 6,
}
_RELATIVE = "@"
_ESCAPED = (("%", "%25"), ("\t", "%09"), ("\n", "%0A"))
_NEXT = "the next gitexp command that writes here finishes it"
_UNSURE = "the change was made, but the disk may not have kept it"


class Pending:
    """The work of one write, while the repository lock is held.

    Attributes:
        token: random text for the names of temporary files.
    """

    def __init__(
        self,
        directory: str,
        *,
        root: str,
        wait: float = GIT_WAIT,
        sharing: Sharing = PRIVATE,
    ) -> None:
        self.token = secrets.token_hex(6)
        self._directory = directory
        self._root = root
        self._wait = wait
        self._sharing = sharing
        self._log: int | None = None
        self._locks: list[HeldLock] = []
        self._temporary: list[str] = []
        self._steps: list[Record] = []
        self._after_files: list[Callable[[], None]] = []

    def temporary(self, *paths: str) -> None:
        """Log paths of files to remove at the end, if they are there; call before making them."""
        self._write([("temp", path) for path in paths])
        self._temporary.extend(paths)

    def lock(self, path: str, content: bytes = b"") -> HeldLock:
        """Return a lock file, made with this content on the disk.

        Raises:
            RepositoryBusy: somebody else holds it for longer than the wait.
        """
        return self.take(self.draft(path, content))

    def draft(self, path: str, content: bytes = b"") -> HeldLock:
        """Return a lock file that has its content and its private name, but not its public one."""
        self._open()
        lock = self._make_private(path, content)
        self._locks.append(lock)
        self._write([lock.record])
        return lock

    def take(self, lock: HeldLock) -> HeldLock:
        """Return a lock file once it has its public name, so that others keep out.

        Raises:
            RepositoryBusy: somebody else holds it for longer than the wait.
            FileNotFoundError: its directory is gone.
        """
        taken = wait_until(lambda: self._try(lock), self._wait)
        if taken is None and remove_if_older_than_boot(lock.path):
            taken = self._try(lock)
        if taken is None:
            raise held_by_git(lock.path, self._wait)
        return lock

    def anchor(self) -> None:
        """Make the name of the log durable, before others wait for locks that are taken."""
        self._open()
        sync_directory(self._directory)

    def step(self, verb: str, *fields: str) -> None:
        """Add something to do once the write is decided."""
        self._steps.append((verb, *fields))

    def guarded(self, verb: str, held: HeldLock, *paths: str) -> None:
        """Add a step that is only done while a lock is ours."""
        self._steps.append((verb, held.path, held.private, held.identity, *paths))

    def after_files(self, work: Callable[[], None]) -> None:
        """Add what is done once the files of a working tree are in place, if that can be."""
        self._after_files.append(work)

    def decide(self) -> None:
        """Do all steps; from here on the write happens, if need be when the next one begins.

        Raises:
            OSError: before the decision; nothing was moved.
            StoreError: after it; the message says what stands.
        """
        if not self._steps:
            return
        self._write_decision()
        changed = self._do_twice()
        with write_errors(_UNSURE):
            sync_directories(changed)

    def close(self) -> None:
        """Remove locks, temporary files and the log; what cannot be removed is left to the next."""
        with contextlib.suppress(OSError):
            for held in self._locks:
                held.release()
            for path in self._temporary:
                unlink_if_there(path)
            if self._log is not None:
                unlink_if_there(_log_path(self._directory))
        self._leave()

    def _write_decision(self) -> None:
        """Write the steps and the line that decides; more than one step needs a durable log.

        It is one fsync and no more, because Git may be waiting for the locks by now.
        """
        log = self._open()
        length = os.fstat(log).st_size
        try:
            self._write([*self._steps, _DECIDED])
            if len(self._steps) > 1:
                os.fsync(log)
        except BaseException:
            os.ftruncate(log, length)
            raise

    def _do_twice(self) -> list[str]:
        """Do the steps, again if one fails; after that leave everything to the next holder."""
        try:
            with contextlib.suppress(OSError):
                return self._do()
            with write_errors(_NEXT):
                return self._do()
        except BaseException:
            self._locks, self._temporary = [], []
            self._leave()
            raise

    def _do(self) -> list[str]:
        files = [step for step in self._steps if step[0] in FILE_STEPS]
        others = [step for step in self._steps if step[0] not in FILE_STEPS]
        touched = do_steps(files)
        with contextlib.suppress(OSError):
            for work in self._after_files:
                work()
        return [*touched, *do_steps(others)]

    def _leave(self) -> None:
        descriptor, self._log = self._log, None
        if descriptor is not None:
            os.close(descriptor)

    def _try(self, lock: HeldLock) -> bool | None:
        """Return True once a lock file has its public name, None while that is taken."""
        linked = link_exclusively(lock.private, lock.path)
        return self._create(lock) if linked is None else (linked or None)

    def _make_private(self, path: str, content: bytes) -> HeldLock:
        directory = os.path.join(self._directory, "held")
        private = os.path.join(directory, f"{self.token}-{len(self._locks)}")
        for made in make_directories(directory):
            self._sharing.adjust(made)
        create_file(private, [content], sync=bool(content))
        self._sharing.adjust(private)
        return HeldLock(path, private, str(os.lstat(private).st_ino))

    def _create(self, lock: HeldLock) -> bool | None:
        """Make the lock file of its own, where there are no hard links."""
        content = read_file(lock.private) or b""
        try:
            create_file(lock.path, [content], sync=bool(content))
        except FileExistsError:
            return None
        remove_file(lock.private)
        lock.private, lock.identity = "", str(os.lstat(lock.path).st_ino)
        self._write([lock.record])
        return True

    def _write(self, records: Sequence[Record]) -> None:
        write_all(self._open(), b"".join(_encode(record, self._root) for record in records))

    def _open(self) -> int:
        if self._log is None:
            self._log = os.open(_log_path(self._directory), _APPEND, 0o666)
        return self._log


def recover(directory: str, *, root: str) -> None:
    """Finish or clear what a dead process left; the caller holds the repository lock.

    Raises:
        OSError: something cannot be removed or renamed; it can be tried again.
    """
    data = read_file(_log_path(directory))
    if data is None:
        return
    records = list(_decode(data, root))
    if records and records[-1] == _DECIDED:
        for record in records:
            _redo(record)
    for verb, *fields in records:
        if verb == "lock":
            HeldLock(*fields).release()
        elif verb == "temp":
            unlink_if_there(fields[0])
    _clear_held(os.path.join(directory, "held"))
    unlink_if_there(_log_path(directory))


def _clear_held(directory: str) -> None:
    """Remove private names that never got a public one; only their maker could know them."""
    with contextlib.suppress(FileNotFoundError):
        for name in os.listdir(directory):
            unlink_if_there(os.path.join(directory, name))


def _redo(record: Record) -> None:
    """Do one step of a dead process, unless a file or a directory took its place since."""
    if record[0] in STEPS:
        with contextlib.suppress(IsADirectoryError, NotADirectoryError, FileExistsError):
            sync_directories(do_steps([record]))


def _log_path(directory: str) -> str:
    return os.path.join(directory, "pending")


def _encode(record: Record, root: str) -> bytes:
    """Return a line; paths are relative to the repository, which may be moved."""
    return os.fsencode("\t".join(_escape(_relative(field, root)) for field in record)) + b"\n"


def _decode(data: bytes, root: str) -> Iterator[Record]:
    """Yield the records of complete lines; what is no record is left out."""
    for line in data.replace(b"\0", b"").split(b"\n")[:-1]:
        fields = [_unescape(field) for field in os.fsdecode(line).split("\t")]
        if len(fields) == _LENGTHS.get(fields[0]):
            yield tuple(_absolute(field, root) for field in fields)


def _relative(field: str, root: str) -> str:
    if not os.path.isabs(field):
        return field
    if field.startswith(root + os.sep):
        return _RELATIVE + field[len(root) + 1 :]
    try:
        return _RELATIVE + os.path.relpath(field, root)
    except ValueError:
        return field


def _absolute(field: str, root: str) -> str:
    if not field.startswith(_RELATIVE):
        return field
    return os.path.normpath(os.path.join(root, field[len(_RELATIVE) :]))


def _escape(field: str) -> str:
    for char, escaped in _ESCAPED:
        field = field.replace(char, escaped)
    return field


def _unescape(field: str) -> str:
    for char, escaped in reversed(_ESCAPED):
        field = field.replace(escaped, char)
    return field
