"""Opening the index: a file beside the journals, or memory where there is no such place.

A connection lives for one question, so threads and forks share none. What goes wrong with the
file costs time, not answers: one that is damaged is deleted and built again, and where none can
be kept (a read-only or full disk), one in memory answers.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from gitexp.errors import RepositoryBusy
from gitexp.project.workspace import Workspace
from gitexp.runs.index.following import follow, is_current
from gitexp.runs.index.schema import FORMAT, create

if TYPE_CHECKING:
    import sqlite3

_STEP_SECONDS = 1.0
_MOST_STEPS = 300
_MOST_UPDATES = 5
_PAGES_IN_MEMORY_KIB = 65_536

T = TypeVar("T")


def index_path(workspace: Workspace) -> Path | None:
    """Return the file of the project's index, which need not exist; None for a store in memory."""
    directory = workspace.store.private_dir
    return directory / f"index-1-{workspace.project_id}.sqlite" if directory else None


def ask(workspace: Workspace, work: Callable[[sqlite3.Connection], T]) -> T:
    """Return what `work` makes of the index, once that has seen the tips of all branches.

    All that `work` reads is of one moment. It may be called again, with an index built anew.

    Raises:
        RepositoryBusy: another process was updating the index for longer than the wait.
        MissingObject, DamagedObject: something of a branch is not here, or damaged.
    """
    import sqlite3

    path = index_path(workspace)
    if path is None:
        with _in_memory(workspace) as connection:
            return _answer(workspace, connection, work)
    for _ in range(2):
        try:
            return _ask_file(workspace, path, work)
        except sqlite3.OperationalError as exc:
            if _is_out_of_reach(exc):
                break
        except (sqlite3.DatabaseError, UnicodeDecodeError):
            # The latter where SQLite names what is damaged, in bytes of the damage.
            pass
        discard(path)
    with contextlib.closing(connected(":memory:")) as connection:
        return _answer(workspace, connection, work)


def _ask_file(workspace: Workspace, path: Path, work: Callable[[sqlite3.Connection], T]) -> T:
    import sqlite3

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise sqlite3.OperationalError("unable to open database file") from exc
    with contextlib.closing(connected(path)) as connection:
        return _answer(workspace, connection, work)


def _is_out_of_reach(error: sqlite3.OperationalError) -> bool:
    """Return whether a file cannot be used however it was; another process at work is told.

    Raises:
        RepositoryBusy: the file was locked for longer than the wait.
    """
    text = str(error)
    if _is_locked(error):
        raise RepositoryBusy(
            "another process is still updating the index of runs",
            hint="Wait for it, or end it; `gitexp index status` says whether the index is current.",
        ) from error
    return any(word in text for word in ("unable to open", "readonly", "full", "I/O"))


def _is_locked(error: sqlite3.OperationalError) -> bool:
    return "locked" in str(error) or "busy" in str(error)


def discard(path: Path) -> None:
    """Delete the file of an index; one that another process keeps open may stay on Windows."""
    for suffix in ("", "-wal", "-shm"):
        with contextlib.suppress(OSError):
            path.with_name(path.name + suffix).unlink()


def connected(path: Path | str) -> sqlite3.Connection:
    """Return a connection to an index with its tables, which are made where they are missing.

    Raises:
        sqlite3.DatabaseError: the file is damaged, or cannot be used.
    """
    import sqlite3

    connection = sqlite3.connect(
        path, timeout=_STEP_SECONDS, isolation_level=None, check_same_thread=False
    )
    try:
        _prepare(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection) -> None:
    connection.create_function("casefold", 1, _casefold, deterministic=True)
    connection.execute("PRAGMA journal_mode = WAL")
    # In this mode a power cut loses what was written last, and breaks nothing.
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute(f"PRAGMA cache_size = -{_PAGES_IN_MEMORY_KIB}")
    if _format_of(connection) != FORMAT:
        with writing(connection):
            if _format_of(connection) != FORMAT:
                create(connection)


def _casefold(text: Any) -> Any:
    return text.casefold() if isinstance(text, str) else text


def _format_of(connection: sqlite3.Connection) -> int:
    number: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return number


@contextlib.contextmanager
def writing(connection: sqlite3.Connection) -> Iterator[None]:
    """Hold a transaction that may write; all of it is kept, or nothing."""
    _begin_writing(connection)
    with _ended(connection):
        yield


def _begin_writing(connection: sqlite3.Connection) -> None:
    """Wait for whoever writes, in steps, so that a signal is answered meanwhile."""
    import sqlite3

    for step in range(1, _MOST_STEPS + 1):
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as exc:
            if step == _MOST_STEPS or not _is_locked(exc):
                raise
        else:
            return


@contextlib.contextmanager
def _reading(connection: sqlite3.Connection) -> Iterator[None]:
    """Hold a transaction in which everything is of one moment."""
    connection.execute("BEGIN")
    with _ended(connection):
        yield


@contextlib.contextmanager
def _ended(connection: sqlite3.Connection) -> Iterator[None]:
    try:
        yield
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _answer(
    workspace: Workspace, connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], T]
) -> T:
    for attempt in range(_MOST_UPDATES):
        with _reading(connection):
            # A branch that never rests is answered as it was a moment ago.
            if attempt == _MOST_UPDATES - 1 or is_current(workspace, connection):
                return work(connection)
        with writing(connection):
            if not is_current(workspace, connection):
                follow(workspace, connection)
    raise AssertionError("the last attempt answers")


# --- in memory ------------------------------------------------------------------------------


class _Memory:
    """The index of a store in memory, which one thread at a time may use."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.connection = connected(":memory:")


@contextlib.contextmanager
def _in_memory(workspace: Workspace) -> Iterator[sqlite3.Connection]:
    memory = workspace.cache.memo(f"runs/index/{workspace.project_id}", _Memory)
    with memory.lock:
        yield memory.connection
