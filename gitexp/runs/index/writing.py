"""Writing to the tables of the index, many rows at a time."""

from __future__ import annotations

import json
import zlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from gitexp.errors import Conflict, GitexpError
from gitexp.runs.index.entries import Entry, entry_of
from gitexp.runs.index.schema import SUBJECT_COLUMNS

if TYPE_CHECKING:
    import sqlite3

Known = tuple[int, str, str]
"""A run that the index has: its key, what its content follows from, and its experiment."""

_FLUSH_AT = 1000
_KEY_COLUMNS = ("kind", "name")


class Writer:
    """Collects rows and writes them table by table.

    The key of a name and the number of a subject are looked up once. All of them are never read:
    where every run has values of its own there are as many subjects as runs.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._keys = _Numbers(connection, "keys", "key", _KEY_COLUMNS)
        self._subjects = _Numbers(connection, "subjects", "subject", SUBJECT_COLUMNS)
        self._next_run = 1 + _largest(connection, "runs", "key")
        self._pending: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
        self._runs = 0
        self._troubled = {run_id for (run_id,) in self._rows("SELECT run FROM problems")}

    def _rows(self, query: str) -> list[Any]:
        return self._connection.execute(query).fetchall()

    # --- what is there ----------------------------------------------------------------------

    def known(self, run_ids: Iterable[str]) -> dict[str, Known]:
        """Return those of some runs that the index has."""
        self.flush()
        self._choose(run_ids)
        # SQLite reads what stands before CROSS JOIN first: the few, not all that there are.
        rows = self._rows(
            "SELECT r.id, r.key, r.state, r.experiment"
            " FROM chosen c CROSS JOIN runs r ON r.id = c.run"
        )
        return {row[0]: row[1:] for row in rows}

    def places(self, run_ids: Iterable[str]) -> list[tuple[str, int, Any, Any]]:
        """Return where some runs stand, as the index has it: run, branch, record, beside."""
        self._choose(run_ids)
        return self._rows(
            "SELECT p.run, p.branch, p.record, p.beside"
            " FROM chosen c CROSS JOIN places p ON p.run = c.run"
        )

    def _choose(self, run_ids: Iterable[str]) -> None:
        self._connection.execute("CREATE TEMP TABLE IF NOT EXISTS chosen (run TEXT PRIMARY KEY)")
        self._connection.execute("DELETE FROM chosen")
        self._connection.executemany("INSERT INTO chosen VALUES (?)", [(r,) for r in run_ids])

    # --- changes ----------------------------------------------------------------------------

    def add(self, entry: Entry, state: str, experiment: str) -> None:
        """Add a run that the index does not have."""
        run, self._next_run = self._next_run, self._next_run + 1
        key, put = self._keys.of, self._pending
        subject = self._subjects.of(entry.subject)
        row = (run, entry.id, state, experiment, *entry.attributes, subject)
        put["runs"].append((*row, *entry.counts))
        put["documents"].append((run, entry.document, checksum(entry.document)))
        put["metrics"] += [(key((kind, name)), run, value) for kind, name, value in entry.metrics]
        put["params"] += [(key(("param", name)), run, *rest) for name, *rest in entry.params]
        put["tags"] += [(key(("tag", name)), run, text) for name, text in entry.tags]
        put["datasets"] += [(run, place, *used) for place, used in enumerate(entry.datasets)]
        put["texts"] += entry.texts.items()
        self._runs += 1
        if self._runs >= _FLUSH_AT:
            self.flush()

    def flush(self) -> None:
        """Write what was collected."""
        pending, self._pending, self._runs = self._pending, defaultdict(list), 0
        for numbers in (self._keys, self._subjects):
            pending[numbers.table] += numbers.new()
        for table, rows in pending.items():
            if not rows:
                continue
            marks = ", ".join("?" * len(rows[0]))
            rows.sort(key=_first_two)
            verb = "INSERT OR IGNORE" if table == "texts" else "INSERT"
            self._connection.executemany(f"{verb} INTO {table} VALUES ({marks})", rows)

    def move(self, run: int, experiment: str) -> None:
        """Make a run one of another experiment: its branch has another name now."""
        self._connection.execute("UPDATE runs SET experiment = ? WHERE key = ?", (experiment, run))

    def forget(self, known: Known | None) -> None:
        """Remove a run, if the index has it."""
        if known is None:
            return
        run = known[0]
        select = "SELECT text FROM documents WHERE run = ?"
        entry = entry_of(json.loads(self._connection.execute(select, (run,)).fetchone()[0]))
        self._delete("metrics", run, [(kind, name) for kind, name, _ in entry.metrics])
        self._delete("params", run, [("param", name) for name, _, _ in entry.params])
        self._delete("tags", run, [("tag", name) for name, _ in entry.tags])
        for table, column in (("datasets", "run"), ("documents", "run"), ("runs", "key")):
            self._connection.execute(f"DELETE FROM {table} WHERE {column} = ?", (run,))

    def _delete(self, table: str, run: int, names: list[tuple[str, str]]) -> None:
        rows = [(self._keys.of(name), run) for name in names]
        self._connection.executemany(f"DELETE FROM {table} WHERE key = ? AND run = ?", rows)

    # --- problems ---------------------------------------------------------------------------

    def tell(self, run_id: str, experiments: Iterable[str], problem: GitexpError) -> None:
        """Remember that a run cannot be read, and why."""
        kind = "conflict" if isinstance(problem, Conflict) else "damage"
        self._troubled.add(run_id)
        rows = [(run_id, name, kind, problem.message, problem.hint) for name in experiments]
        self._connection.executemany("INSERT INTO problems VALUES (?, ?, ?, ?, ?)", rows)

    def solve(self, run_id: str) -> None:
        """Forget that a run could not be read."""
        if run_id in self._troubled:
            self._troubled.discard(run_id)
            self._connection.execute("DELETE FROM problems WHERE run = ?", (run_id,))


class _Numbers:
    """The numbers that a table gives to rows of some columns, each looked up when it is needed."""

    def __init__(
        self, connection: sqlite3.Connection, table: str, number: str, columns: Sequence[str]
    ) -> None:
        self.table = table
        self._connection = connection
        # IS finds NULL as well, with the same index as =.
        tests = " AND ".join(f"{column} IS ?" for column in columns)
        self._query = f"SELECT {number} FROM {table} WHERE {tests}"
        self._next = 1 + _largest(connection, table, number)
        self._is_empty = self._next == 1
        self._known: dict[tuple[Any, ...], int] = {}
        self._new: list[tuple[Any, ...]] = []

    def of(self, row: tuple[Any, ...]) -> int:
        """Return the number of a row, a new one where the table does not have it."""
        number = self._known.get(row)
        if number is None:
            number = self._known[row] = self._there(row) or self._add(row)
        return number

    def _there(self, row: tuple[Any, ...]) -> int | None:
        if self._is_empty:
            return None
        found = self._connection.execute(self._query, row).fetchone()
        return found[0] if found else None

    def _add(self, row: tuple[Any, ...]) -> int:
        number, self._next = self._next, self._next + 1
        self._new.append((number, *row))
        return number

    def new(self) -> list[tuple[Any, ...]]:
        """Return the rows, behind their numbers, that are still to be written."""
        new, self._new = self._new, []
        return new


def _largest(connection: sqlite3.Connection, table: str, number: str) -> int:
    found = connection.execute(f"SELECT max({number}) FROM {table}").fetchone()
    return found[0] or 0


def _first_two(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return row[:2]


def checksum(text: str) -> int:
    """Return what shows that a document is as it was written."""
    return zlib.crc32(text.encode("utf-8"))
