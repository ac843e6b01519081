"""Derived data by content: a small SQLite table that may be deleted at any time.

A key names immutable content (a blob or commit id and how it was read), so an entry is never stale;
the few that name the last thing looked at are only a hint where to begin. Every
value carries a checksum; a damaged file is deleted and filled again, never trusted. Whatever goes
wrong here costs time, not answers, so no error of the file leaves this module.
"""

from __future__ import annotations

import contextlib
import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import sqlite3

T = TypeVar("T")

_FILE = "cache-1.sqlite"
_FLUSH_AT = 2000

_MOST_RECENT = 16 * 2**20
"""Characters that are kept in memory, and once more of those before them."""

_MOST_BYTES = 256 * 2**20
"""A larger file is begun anew by the next process that opens it."""


class DerivedCache:
    """JSON values by key, kept in a directory, or only in memory when there is none."""

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory
        self._connection: sqlite3.Connection | None = None
        self._usable = directory is not None
        self._recent: dict[str, str] = {}
        self._before: dict[str, str] = {}
        self._size = 0
        self._pending: dict[str, str | None] = {}
        self._memo: dict[str, Any] = {}

    def get(self, key: str) -> Any | None:
        """Return the value of a key, or None; it is the caller's own, at every call."""
        text = self._recent.get(key)
        if text is None:
            text = self._before.get(key) or self._stored(key)
            if text is None:
                return None
            self._remember(key, text)
        return json.loads(text)

    def _stored(self, key: str) -> str | None:
        if key in self._pending:
            return self._pending[key]
        row = self._select(key)
        if row is None or zlib.crc32(row[0].encode()) != row[1]:
            return None
        return row[0]

    def _remember(self, key: str, text: str) -> None:
        """Keep a value in memory; what was not asked for in a long time goes, in one step."""
        self._recent[key] = text
        self._size += len(key) + len(text)
        if self._size > _MOST_RECENT:
            self._before, self._recent, self._size = self._recent, {}, 0

    def put(self, key: str, value: Any) -> None:
        """Keep a JSON value as it is now; it reaches the disk at the next `flush`."""
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        self._remember(key, text)
        if self._usable:
            self._pending[key] = text
            if len(self._pending) >= _FLUSH_AT:
                self.flush()

    def drop(self, key: str) -> None:
        """Forget a key."""
        self._recent.pop(key, None)
        self._before.pop(key, None)
        if self._usable:
            self._pending[key] = None

    def memo(self, key: str, make: Callable[[], T]) -> T:
        """Return what `make` returned for a key in this process; it is never written."""
        if key not in self._memo:
            self._memo[key] = make()
        found: T = self._memo[key]
        return found

    def flush(self) -> None:
        """Write what was put since the last time."""
        pending, self._pending = self._pending, {}
        connection = self._open(create=True) if pending else None
        if connection is None:
            return
        import sqlite3

        rows = [(k, t, zlib.crc32(t.encode())) for k, t in pending.items() if t is not None]
        gone = [(key,) for key, text in pending.items() if text is None]
        with contextlib.suppress(sqlite3.DatabaseError, UnicodeEncodeError), connection:
            connection.executemany("INSERT OR REPLACE INTO entries VALUES (?, ?, ?)", rows)
            connection.executemany("DELETE FROM entries WHERE key = ?", gone)

    def close(self) -> None:
        """Write what is pending and let go of the file."""
        self.flush()
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _select(self, key: str) -> tuple[str, int] | None:
        connection = self._open(create=False)
        if connection is None:
            return None
        import sqlite3

        try:
            row = connection.execute(
                "SELECT value, checksum FROM entries WHERE key = ?", (key,)
            ).fetchone()
        except sqlite3.OperationalError:
            return None
        except (sqlite3.DatabaseError, UnicodeDecodeError):
            self._discard()
            return None
        return row if row and isinstance(row[0], str) and isinstance(row[1], int) else None

    def _open(self, *, create: bool) -> sqlite3.Connection | None:
        if self._connection is not None or not self._usable or self._directory is None:
            return self._connection
        path = self._directory / _FILE
        if not create and not path.exists():
            return None
        if _is_too_large(path):
            _delete(path)
        self._connection = _connect(path)
        if self._connection is None:
            self._discard()
        return self._connection

    def _discard(self) -> None:
        """Delete a damaged file and do without one in this process."""
        if self._connection is not None:
            self._connection.close()
        self._connection, self._usable = None, False
        if self._directory is not None:
            _delete(self._directory / _FILE)


def _is_too_large(path: Path) -> bool:
    try:
        return path.stat().st_size > _MOST_BYTES
    except OSError:
        return False


def _delete(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        with contextlib.suppress(OSError):
            path.with_name(path.name + suffix).unlink()


def _connect(path: Path) -> sqlite3.Connection | None:
    import sqlite3

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path, timeout=1.0, check_same_thread=False)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute(
            "CREATE TABLE IF NOT EXISTS entries"
            " (key TEXT PRIMARY KEY, value TEXT NOT NULL, checksum INTEGER NOT NULL) WITHOUT ROWID"
        )
    except (sqlite3.Error, OSError):
        return None
    return connection
