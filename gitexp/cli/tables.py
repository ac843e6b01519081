"""Tables as a model: what the columns are and how a cell of each kind reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Any, Literal

from gitexp.cli.plain import json_line, plain

Kind = Literal[
    "text",  # as it stands
    "code",  # a name: as it stands; a code span in Markdown
    "id",  # like a name, and never cut
    "hash",  # a full object id; 10 digits where people read
    "digest",  # `sha256:` and 64 digits; 10 digits where people read
    "number",  # aligned to the right
    "percent",  # a ratio; 0.8312 reads 83.1 %
    "range",  # two ratios, low and high; reads 80.1–85.9 %
    "points",  # a difference of ratios in percentage points; reads +2.5
    "time",  # a moment; reads 2026-01-02T03:04:05Z
    "duration",  # seconds
    "latency",  # seconds that may be very short; 0.0034 reads 3.4 ms
    "names",  # a list of names; reads a, b
    "flag",  # true reads yes
    "value",  # any parameter value
]

FLEXIBLE: frozenset[Kind] = frozenset({"text", "code", "names", "value"})
"""Kinds that may be cut to fit; half a hash or half a number would mislead."""

RIGHT_ALIGNED: frozenset[Kind] = frozenset({"number", "percent", "points", "duration", "latency"})
SHORT_HASH = 10


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column.

    Attributes:
        key: the key of its value in each row.
        title: its title where people read.
        kind: the kind of its values.
        data_key: the key of the value for programs, where that is another one.
        optional: whether people are spared the column when no row has a value in it.
        spare: the higher, the sooner it is left out on a terminal that is too narrow; 0 stays.
    """

    key: str
    title: str
    kind: Kind = "text"
    data_key: str = ""
    optional: bool = False
    spare: int = 0


@dataclass(frozen=True, kw_only=True)
class Table:
    """Columns and rows; a row is a mapping that may hold more than the columns show.

    Attributes:
        note: a line for people below the table; no part of the data.
    """

    columns: Sequence[Column]
    rows: Sequence[Mapping[str, Any]]
    note: str = ""

    def for_people(self) -> Table:
        """Return the table without the optional columns in which nothing stands."""
        shown = [c for c in self.columns if not c.optional or any(r.get(c.key) for r in self.rows)]
        return replace(self, columns=shown)

    def cells(self) -> list[list[str]]:
        """Return the text of every cell as people read it; still to be made safe."""
        return [[read(row.get(c.key), c.kind) for c in self.columns] for row in self.rows]

    def data(self) -> list[list[Any]]:
        """Return every value in full, as a text or a number, for formats that programs read."""
        keys = [column.data_key or column.key for column in self.columns]
        return [[_datum(row.get(key)) for key in keys] for row in self.rows]


def columns(**kinds: Kind) -> list[Column]:
    """Return columns whose titles are their keys with spaces, as `columns(name="code")`."""
    return [Column(key=key, title=key.replace("_", " "), kind=kind) for key, kind in kinds.items()]


def read(value: Any, kind: Kind) -> str:
    """Return how a value of a kind reads in a table; nothing for no value."""
    if value is None:
        return ""
    return _READERS[kind](value)


def short_digest(digest: str) -> str:
    """Return the first digits of a digest without its algorithm."""
    return digest.partition(":")[2][:SHORT_HASH] or digest[:SHORT_HASH]


def value_text(value: Any) -> str:
    """Return a parameter value as people read it: text as it stands, anything else as JSON."""
    return value if isinstance(value, str) else json_line(value)


def tenths(number: float, *, sign: bool = False) -> str:
    """Return a number with one decimal; a half is rounded away from zero, as people do.

    Binary noise does not decide: 61.25 is 61.3 however it was computed.
    """
    from decimal import ROUND_HALF_UP, Decimal

    rounded = Decimal(repr(round(number, 9))).quantize(Decimal("0.1"), ROUND_HALF_UP)
    return f"{rounded:+}" if sign else str(rounded)


def percent(ratio: float) -> str:
    """Return a ratio in per cent."""
    return f"{tenths(100 * ratio)} %"


def _latency(seconds: float) -> str:
    if seconds < 0.9995:
        return f"{1000 * seconds:.3g} ms"
    return f"{seconds:.3g} s" if seconds < 99.95 else f"{seconds:.0f} s"


def _duration(seconds: float) -> str:
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    counted = ((*divmod(round(seconds / part), many), *units) for part, many, *units in _LONG)
    whole, rest, unit, smaller = next(found for found in counted if found[0])
    return f"{whole} {unit} {rest} {smaller}" if rest else f"{whole} {unit}"


_LONG = ((3600, 24, "d", "h"), (60, 60, "h", "min"), (1, 60, "min", "s"))


def _time(value: Any) -> str:
    if not isinstance(value, datetime):
        value = datetime.fromisoformat(str(value).replace("Z", "+00:00"))
    return str(value.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"))


def _number(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _range(value: Any) -> str:
    low, high = value
    return "" if low is None or high is None else f"{tenths(100 * low)}–{percent(high)}"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json_line(value)


_READERS = {
    "text": _text,
    "code": _text,
    "id": _text,
    "hash": lambda value: str(value)[:SHORT_HASH],
    "digest": lambda value: short_digest(str(value)),
    "number": _number,
    "percent": percent,
    "range": _range,
    "points": lambda value: tenths(value, sign=True),
    "time": _time,
    "duration": _duration,
    "latency": _latency,
    "names": lambda value: ", ".join(map(str, value)),
    "flag": lambda value: "yes" if value else "",
    "value": value_text,
}


def _datum(value: Any) -> Any:
    value = plain(value)
    if value is None:
        return ""
    if isinstance(value, (dict, list, bool)):
        return json_line(value)
    return value
