"""Questions to the tables of an index: keys in order, documents, counts, names."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from gitexp.errors import Conflict, GitexpError, StoreError
from gitexp.runs.filters.conditions import Condition, Field, FieldKind
from gitexp.runs.index.conditions import ALWAYS, SIDE_TABLES, Sql, candidates_of, joined, where
from gitexp.runs.index.orders import Position, Step, after, query_of
from gitexp.runs.index.writing import checksum

if TYPE_CHECKING:
    import sqlite3

_AT_ONCE = 500
_FEW = 500
_MANY = 5000
_PAGE = 1001
_NAMES = 10_000


class Choice(NamedTuple):
    """Which runs are asked for.

    Attributes:
        experiments: their names; none for all.
        lifecycle: `active`, `deleted` or `all`.
        hidden: names of experiments that are left out.
        without: ids of runs that are left out.
    """

    condition: Condition | None = None
    experiments: tuple[str, ...] = ()
    lifecycle: str = "active"
    hidden: tuple[str, ...] = ()
    without: tuple[str, ...] = ()

    def tests(self, few: Sequence[int] | None = None, *, each: bool = False) -> list[Sql]:
        """Return the choice as conditions about the run `r`.

        Args:
            few: the keys of all runs that it can be, where these are few.
            each: as for `conditions.where`.
        """
        tests = [] if few is None else [Sql(f"r.key IN ({', '.join(map(str, few))})")]
        if self.condition is not None:
            tests.append(where(self.condition, each=each or few is not None))
        if self.experiments:
            tests.append(_among("r.experiment", "IN", self.experiments))
        if self.lifecycle != "all":
            tests.append(Sql("r.lifecycle = ?", (self.lifecycle,)))
        if self.hidden:
            tests.append(_among("r.experiment", "NOT IN", self.hidden))
        if self.without:
            tests.append(_among("r.id", "NOT IN", self.without))
        return tests

    def few(self, connection: sqlite3.Connection) -> list[int] | None:
        """Return the keys of all runs that it can be, if some comparison leaves only few."""
        if self.condition is None:
            return None
        most = _most_of_few(connection)
        for query in candidates_of(self.condition):
            rows = connection.execute(f"{query.text} LIMIT {most + 1}", query.values)
            keys = {key for (key,) in rows}
            if len(keys) <= most:
                return sorted(keys)
        return None


def _most_of_few(connection: sqlite3.Connection) -> int:
    """Return how many runs are few: sorting them costs less than walking through all."""
    about = connection.execute("SELECT max(key) FROM runs").fetchone()[0] or 0
    return min(max(_FEW, about // 20), _MANY)


def _among(column: str, word: str, values: Sequence[str]) -> Sql:
    if len(values) == 1:
        return Sql(f"{column} {'=' if word == 'IN' else '!='} ?", tuple(values))
    return Sql(f"{column} {word} ({', '.join('?' * len(values))})", tuple(values))


class Place(NamedTuple):
    """A run in an ordered answer: its key in the index, and its place among all runs."""

    key: int
    position: Position


def raise_problems(connection: sqlite3.Connection, experiments: Sequence[str]) -> None:
    """Raise the first problem with a run of some experiments; of any without names.

    Raises:
        StoreError: a record is damaged; the message names it.
        Conflict: one run is recorded with two contents.
    """
    for row in connection.execute("SELECT experiment, kind, message, hint FROM problems"):
        if not experiments or row[0] in experiments:
            raise _problem(*row[1:])


def raise_problem_of(connection: sqlite3.Connection, prefix: str) -> None:
    """Raise the problem with a run whose id begins like this, if there is one.

    Raises:
        StoreError, Conflict: as for `raise_problems`.
    """
    query = "SELECT kind, message, hint FROM problems WHERE run >= ? AND run < ? LIMIT 1"
    for row in connection.execute(query, (prefix, f"{prefix}\U0010ffff")):
        raise _problem(*row)


def _problem(kind: str, message: str, hint: str | None) -> GitexpError:
    return (Conflict if kind == "conflict" else StoreError)(message, hint=hint)


def places_of(
    connection: sqlite3.Connection,
    choice: Choice,
    steps: Sequence[Step],
    *,
    behind: Position | None,
    limit: int | None,
) -> list[Place]:
    """Return the chosen runs in order: the first ones, or those behind a place."""
    few = choice.few(connection)
    # Whoever wants a page is mostly served before many runs were looked at.
    tests = choice.tests(few, each=limit is not None and limit <= _PAGE)
    found: list[Place] = []
    for number, step in enumerate(steps):
        if behind is not None and number < behind[0]:
            continue
        more = [after(step.terms, behind[1])] if behind and number == behind[0] else []
        left = None if limit is None else limit - len(found)
        query = query_of(step, [*tests, *more], left, few=few is not None)
        for row in connection.execute(query.text, query.values):
            found.append(Place(row[0], (number, row[1:])))
        if limit is not None and len(found) >= limit:
            break
    return found


def count_of(connection: sqlite3.Connection, choice: Choice) -> int:
    """Return how many runs are chosen."""
    tests = joined("AND", [ALWAYS, *choice.tests(choice.few(connection))])
    query = f"SELECT count(*) FROM runs r WHERE {tests.text}"
    number: int = connection.execute(query, tests.values).fetchone()[0]
    return number


def documents_of(connection: sqlite3.Connection, keys: Sequence[int]) -> list[dict[str, Any]]:
    """Return the documents of runs by their keys, in the order of these.

    Raises:
        sqlite3.DatabaseError: one of them is not as it was written.
    """
    import sqlite3

    texts: dict[int, str] = {}
    for start in range(0, len(keys), _AT_ONCE):
        part = keys[start : start + _AT_ONCE]
        query = f"SELECT run, text, checksum FROM documents WHERE run IN ({_marks(part)})"
        for key, text, expected in connection.execute(query, part):
            if checksum(text) != expected:
                raise sqlite3.DatabaseError("a document is damaged")
            texts[key] = text
    if len(texts) != len(set(keys)):
        raise sqlite3.DatabaseError("a document is missing")
    return [json.loads(texts[key]) for key in keys]


def _marks(values: Sequence[Any]) -> str:
    return ", ".join("?" * len(values))


def keys_of(connection: sqlite3.Connection, run_ids: Sequence[str]) -> list[int]:
    """Return the keys of those of some runs that are here."""
    keys: list[int] = []
    for start in range(0, len(run_ids), _AT_ONCE):
        part = run_ids[start : start + _AT_ONCE]
        query = f"SELECT key FROM runs WHERE id IN ({_marks(part)})"
        keys += [key for (key,) in connection.execute(query, part)]
    return keys


def ids_beginning(connection: sqlite3.Connection, prefix: str, limit: int) -> list[str]:
    """Return the first ids of runs, sorted, that begin like this."""
    query = "SELECT id FROM runs WHERE id >= ? AND id < ? ORDER BY id LIMIT ?"
    rows = connection.execute(query, (prefix, f"{prefix}\U0010ffff", limit))
    return [run_id for (run_id,) in rows]


def names_of(connection: sqlite3.Connection, kind: FieldKind) -> list[str]:
    """Return names that metrics, scores, params or tags of runs have, at most `_NAMES`."""
    query = "SELECT name FROM keys WHERE kind = ? ORDER BY name LIMIT ?"
    return [name for (name,) in connection.execute(query, (kind, _NAMES))]


def unknown_fields(connection: sqlite3.Connection, fields: Iterable[Field]) -> set[Field]:
    """Return the metrics, scores, params and tags among some fields that no run has."""
    asked = {field for field in fields if field.kind in SIDE_TABLES}
    query = "SELECT 1 FROM keys WHERE kind = ? AND name = ?"
    return {field for field in asked if connection.execute(query, field).fetchone() is None}
