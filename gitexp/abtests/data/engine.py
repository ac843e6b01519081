"""The engine: DuckDB, which reads the files it is told to and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gitexp.abtests.data.quoting import identifier, literal, literals
from gitexp.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    import duckdb

MEMORY_LIMIT = "1GB"
"""What DuckDB may hold in memory; what is more goes to disk meanwhile."""

_MEMORY = re.compile(r"[0-9]+(?:\.[0-9]+)?(?:[KMGT]i?B)\Z")
_BROKEN = ("Corrupt database file", "Could not read enough bytes")
_LACKING = re.compile(r"INSTALL (\w+)")
_SETTINGS = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "python_enable_replacements": "false",
}


class DamagedTotals(InvalidInput):
    """The file of a database cannot be read; where it holds totals, they are made again."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a calculation may take of the machine.

    Attributes:
        memory: as DuckDB writes it, such as `1GB`.
        threads: how many; None for one for each processor.
    """

    memory: str = MEMORY_LIMIT
    threads: int | None = None

    def __post_init__(self) -> None:
        if not _MEMORY.match(self.memory):
            raise InvalidInput(
                f"{self.memory!r} is no amount of memory", hint="Write it as `1GB`, or `500MB`."
            )


class Engine:
    """A database that is open."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    @classmethod
    def open(cls, path: Path | None, *, limits: Limits, scratch: Path) -> Engine:
        """Return a database, that of a file or one in memory.

        Args:
            scratch: the directory for what does not fit into memory.

        Raises:
            InvalidInput: DuckDB is not installed.
        """
        duckdb = _duckdb()
        settings = {
            **_SETTINGS,
            "memory_limit": limits.memory,
            "temp_directory": str(scratch),
            **({"threads": str(limits.threads)} if limits.threads else {}),
        }
        with translated():
            made = duckdb.connect(str(path) if path else ":memory:", config=settings)
        engine = cls(made)
        engine.run("SET TimeZone = 'UTC'")
        engine.run("SET preserve_insertion_order = false")
        return engine

    def close(self) -> None:
        """Let go of the database."""
        self._connection.close()

    def attach(self, name: str, place: str) -> None:
        """Attach a database under a name, for reading only."""
        kind = "" if not _is_sqlite(place) else ", TYPE sqlite"
        if kind:
            self.run("LOAD sqlite")
        self.run(f"ATTACH {literal(place)} AS {identifier(name)} (READ_ONLY{kind})")

    def confine(self, paths: Iterable[Path]) -> None:
        """Let nothing but these files be read from now on, and no setting be changed."""
        self.run(f"SET allowed_paths = {literals(map(str, paths))}")
        self.run("SET enable_external_access = false")
        self.run("SET lock_configuration = true")

    def register(self, name: str, table: Any) -> None:
        """Give a table of this process, such as a DataFrame, a name.

        Raises:
            InvalidInput: it is none that DuckDB can read.
        """
        try:
            self._connection.register(name, table)
        except (_duckdb().Error, TypeError) as exc:
            raise InvalidInput(
                f"rows cannot be read from a {type(table).__name__}",
                hint="Give a DataFrame, or a table of Arrow.",
            ) from exc

    def run(self, sql: str) -> None:
        """Carry a statement out.

        Raises:
            InvalidInput: DuckDB refuses it; the message is DuckDB's.
        """
        with translated():
            self._connection.execute(sql)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query.

        Raises:
            InvalidInput: DuckDB refuses it; the message is DuckDB's.
        """
        with translated():
            return self._connection.execute(sql).fetchall()

    def row(self, sql: str) -> tuple[Any, ...]:
        """Return the only row of a query."""
        return self.rows(sql)[0]

    def statements(self, sql: str) -> list[str]:
        """Return the kind of each statement of a text, such as `SELECT`."""
        with translated():
            return [each.type.name for each in self._connection.extract_statements(sql)]

    def has(self, table: str) -> bool:
        """Return whether there is a table of this name."""
        return table in self.tables(table)

    def tables(self, beginning: str = "") -> list[str]:
        """Return the names of its own tables that begin so."""
        rows = self.rows(
            f"SELECT table_name FROM duckdb_tables() WHERE NOT temporary "
            f"AND database_name = current_database() "
            f"AND starts_with(table_name, {literal(beginning)})"
        )
        return [name for (name,) in rows]

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Do what happens inside as one step, or not at all where it raises."""
        self.run("BEGIN TRANSACTION")
        try:
            yield
        except BaseException:
            self.run("ROLLBACK")
            raise
        self.run("COMMIT")

    @contextmanager
    def provisionally(self) -> Iterator[None]:
        """Take back what happens inside when it is over."""
        self.run("BEGIN TRANSACTION")
        try:
            yield
        finally:
            self.run("ROLLBACK")


@contextmanager
def translated() -> Iterator[None]:
    """Raise InvalidInput for what DuckDB raises.

    Raises:
        NotFound: a file is not there.
        DamagedTotals: the file of a database is broken.
        InvalidInput: for everything else.
    """
    duckdb = _duckdb()
    try:
        yield
    except duckdb.Error as exc:
        said = " ".join(str(exc).split("\n\n")[0].split())
        if "No files found" in said:
            raise NotFound(said) from exc
        if lacking := _LACKING.search(str(exc)):
            raise InvalidInput(
                f"the data needs the extension {lacking[1]} of DuckDB, which is not installed",
                hint=f"Install it once: `python -c \"import duckdb; duckdb.sql('{lacking[0]}')\"`.",
            ) from exc
        broken = isinstance(exc, duckdb.FatalException) or any(sign in said for sign in _BROKEN)
        kind = DamagedTotals if broken else InvalidInput
        raise kind(f"the data cannot be read: {said}") from exc


def _duckdb() -> Any:
    try:
        import duckdb
    except ImportError as exc:
        raise InvalidInput(
            "data of A/B tests needs duckdb, which is not installed",
            hint="Install it: `pip install 'gitexp[abtests]'`.",
        ) from exc
    return duckdb


def _is_sqlite(place: str) -> bool:
    try:
        with open(place, "rb") as file:
            return file.read(15) == b"SQLite format 3"
    except OSError:
        return False
