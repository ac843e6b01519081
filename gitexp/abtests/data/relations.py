"""Relations: sources that are open, as rows of units, moments and numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any, Literal

from gitexp.abtests.data.quoting import identifier, literal, missing_column
from gitexp.abtests.sources import Column, Source
from gitexp.errors import InvalidInput

UnitType = Literal["BIGINT", "VARCHAR"]

_WHOLE = frozenset(
    ["TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"]
)
_EXACT = _WHOLE | {"UBIGINT", "HUGEINT", "UHUGEINT", "BOOLEAN"}
_FLOATS = frozenset(["FLOAT", "DOUBLE"])
# pandas before 3 writes nanoseconds; DuckDB compares them with nothing but nanoseconds.
_AWARE = {"TIMESTAMP WITH TIME ZONE": "TIMESTAMPTZ", "TIMESTAMPTZ_NS": "TIMESTAMPTZ_NS"}
_NAIVE = frozenset(["TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "DATE"])
_DAY = timedelta(days=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True, kw_only=True)
class Relation:
    """The rows of a source.

    Attributes:
        name: the name that they have in SQL.
        title: what they are called in messages.
        source: which column is what.
        types: the type of each column.
        zone: the zone of times that name none.
        identity: what tells these rows from others, as far as that is known without reading them.
    """

    name: str
    title: str
    source: Source
    types: Mapping[str, str]
    zone: str = "UTC"
    identity: Mapping[str, Any] = field(default_factory=dict)

    def has(self, thing: Column) -> bool:
        """Return whether there is a column for a thing."""
        return self.source.column(thing) in self.types

    def column(self, thing: Column) -> str:
        """Return the name of the column of a thing.

        Raises:
            InvalidInput: there is no such column.
        """
        return self.checked(self.source.column(thing))

    def checked(self, column: str) -> str:
        """Return the name of a column that is there.

        Raises:
            InvalidInput: it is not there.
        """
        if column not in self.types:
            raise missing_column(column, self.types, self.title)
        return column

    @property
    def unit_type(self) -> UnitType:
        """The type that units of this source have by themselves.

        Raises:
            InvalidInput: they are numbers with a point, which identify nothing, or no column.
        """
        column = self.column("unit")
        kind = self.types[column]
        if kind in _FLOATS or kind.startswith("DECIMAL"):
            raise InvalidInput(
                f"column {column!r} of {self.title} holds numbers with a point ({kind}), "
                "which identify no unit",
                hint="Write identifiers as text or as whole numbers without gaps.",
            )
        return "BIGINT" if kind in _WHOLE else "VARCHAR"

    def unit(self, kind: UnitType) -> str:
        """Return the unit of a row, in SQL."""
        return f"CAST({identifier(self.column('unit'))} AS {kind})"

    def time(self) -> str:
        """Return the moment of a row in SQL: microseconds since 1970.

        Raises:
            InvalidInput: the column holds no moments.
        """
        column = self.column("time")
        name, kind = identifier(column), self.types[column]
        if kind in _AWARE:
            return f"epoch_us(CAST({name} AS TIMESTAMPTZ))"
        if kind in _NAIVE:
            return self._of_naive(f"CAST({name} AS TIMESTAMP)")
        if kind == "VARCHAR":
            naive = self._of_naive(f"TRY_CAST({name} AS TIMESTAMP)")
            aware = f"WHEN {name} LIKE '%:%' THEN epoch_us(TRY_CAST({name} AS TIMESTAMPTZ))"
            return f"CASE WHEN {_names_no_zone(name)} THEN {naive} {aware} END"
        raise InvalidInput(
            f"column {column!r} of {self.title} is no time: it is {kind}",
            hint="Write times as ISO-8601, or make them in a query: `to_timestamp(seconds)`.",
        )

    def _of_naive(self, moment: str) -> str:
        if self.zone == "UTC":
            return f"epoch_us({moment})"
        return f"epoch_us(timezone({literal(self.zone)}, {moment}))"

    def between(self, low: datetime | None, high: datetime) -> list[str]:
        """Return that a row's moment is from `low` on and before `high`, as predicates.

        They are put so that a reader of files can skip what is not asked for.
        """
        column = self.column("time")
        name, kind = identifier(column), self.types[column]
        exact = _bounds(self.time(), low, high, lambda m: str(microseconds(m)))
        if kind in _AWARE:
            return _bounds(name, low, high, lambda m: f"{_AWARE[kind]} '{_text(m)}+00'")
        if kind not in _NAIVE:
            return exact
        if self.zone == "UTC" and kind != "DATE":
            return _bounds(name, low, high, lambda m: f"TIMESTAMP '{_text(m)}'")
        wide = (low - _DAY if low else None, high + _DAY)
        return exact + _bounds(name, *wide, lambda m: f"TIMESTAMP '{_text(m)}'")

    def unreadable_time(self) -> str | None:
        """Return a query for a time that is none, or None where there cannot be one."""
        column = self.column("time")
        if self.types[column] != "VARCHAR":
            return None
        name = identifier(column)
        return (
            f"SELECT {name} FROM {self.name} WHERE {name} IS NOT NULL AND {self.time()} IS NULL "
            "LIMIT 1"
        )

    def number(self, column: str) -> str:
        """Return the number in a column, in SQL; NULL where it is none.

        Raises:
            InvalidInput: the column cannot hold numbers.
        """
        name, kind = identifier(self.checked(column)), self.types[column]
        if kind in _EXACT or kind.startswith("DECIMAL"):
            return f"CAST({name} AS DOUBLE)"
        if kind in _FLOATS:
            return f"CASE WHEN isfinite({name}) THEN CAST({name} AS DOUBLE) END"
        if kind == "VARCHAR":
            cast = f"TRY_CAST({name} AS DOUBLE)"
            return f"CASE WHEN isfinite({cast}) THEN {cast} END"
        raise InvalidInput(f"column {column!r} of {self.title} holds no numbers: it is {kind}")

    def wrong_number(self, column: str) -> str | None:
        """Return the condition that a cell holds something that is no number, None if it cannot."""
        if self.types[self.checked(column)] not in (_FLOATS | {"VARCHAR"}):
            return None
        return f"({identifier(column)} IS NOT NULL AND ({self.number(column)}) IS NULL)"

    def no_number(self, column: str, cell: str) -> str:
        """Return what is wrong with such a cell."""
        return f"column {column!r} of {self.title} holds {cell!r}, which is no finite number"


def unit_type_of(relations: Iterable[Relation]) -> UnitType:
    """Return the type in which the units of several sources can be compared."""
    return "BIGINT" if {each.unit_type for each in relations} == {"BIGINT"} else "VARCHAR"


def microseconds(moment: datetime) -> int:
    """Return the microseconds since 1970 of a moment."""
    passed = moment - _EPOCH
    return (passed.days * 86_400 + passed.seconds) * 1_000_000 + passed.microseconds


def span(length: timedelta) -> int:
    """Return the microseconds of a length of time."""
    return (length.days * 86_400 + length.seconds) * 1_000_000 + length.microseconds


def _bounds(value: str, low: datetime | None, high: datetime, text: Any) -> list[str]:
    least = [f"{value} >= {text(low)}"] if low is not None else []
    return [*least, f"{value} < {text(high)}"]


def _text(moment: datetime) -> str:
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%d %H:%M:%S.%f")


def _names_no_zone(name: str) -> str:
    # A cast to a moment without a zone would pass over any zone that is there.
    date = r"[0-9]+[-/\\ ][0-9]+[-/\\ ][0-9]+"
    return f"regexp_full_match({name}, '\\s*{date}([T\\s]+[0-9:.]*)?\\s*')"
