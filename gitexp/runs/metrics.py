"""Metrics: numbers with a step and a time, the latest of each, and how they are written.

A number is written as JSON; NaN and the infinities, which JSON does not have, as the texts `NaN`,
`Infinity` and `-Infinity`. So every float comes back as it was logged.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from itertools import repeat
from json.encoder import encode_basestring
from math import isfinite
from typing import Any, NamedTuple

from gitexp.errors import InvalidInput

MAX_MAGNITUDE = 2**63 - 1
"""Steps and times are kept within 64 bits, as everyone who reads them does."""


class MetricPoint(NamedTuple):
    """One value of a metric.

    Attributes:
        value: any float, NaN and the infinities included.
        step: where in the run it was measured; may be negative.
        timestamp: milliseconds since 1970 in UTC.
    """

    value: float
    step: int = 0
    timestamp: int = 0

    @property
    def rank(self) -> tuple[int, int, bool, float]:
        """What decides which of two points is the later one: step, then time, then value."""
        number = self.value
        return (self.step, self.timestamp, number == number, number if number == number else 0.0)

    def to_dict(self) -> dict[str, Any]:
        """Return the mapping that a run's record holds."""
        return {
            "value": plain_number(self.value),
            "step": self.step,
            "timestamp": self.timestamp,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> MetricPoint:
        """Return the point that a checked mapping describes."""
        return cls(float(data["value"]), data["step"], data["timestamp"])


NamedPoint = tuple[str, MetricPoint]
"""A point and the metric that it belongs to."""


def plain_number(value: float) -> float | str:
    """Return a float as JSON has it: itself, or `NaN`, `Infinity`, `-Infinity`."""
    if isfinite(value):
        return value
    return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"


def take_in(latest: dict[str, MetricPoint], points: Iterable[NamedPoint]) -> None:
    """Put points into a mapping that holds the latest one of every metric."""
    for name, point in points:
        known = latest.get(name)
        if known is None or point[1] > known[1] or point.rank >= known.rank:
            latest[name] = point


def in_order(points: Iterable[NamedPoint]) -> list[NamedPoint]:
    """Return points by metric, step and time, else as they came; each of them once."""
    found: dict[Any, NamedPoint] = {}
    for named in points:
        value = named[1].value
        # NaN is not equal to itself, and zero has two signs.
        key = named if value and value == value else (named[0], repr(named[1]))
        found.setdefault(key, named)
    return sorted(found.values(), key=_place)


def _place(named: NamedPoint) -> tuple[str, int, int]:
    name, point = named
    return name, point[1], point[2]


def metric_number(name: str, value: Any) -> float:
    """Return what is logged as a float.

    Raises:
        InvalidInput: it is no number (a bool is none), or too large for a float.
    """
    if isinstance(value, float):
        return float(value)
    if isinstance(value, (bool, str, bytes)) or value is None:
        raise InvalidInput(f"metric {name!r}: {value!r} is no number", hint=_HINT)
    try:
        return float(value)
    except OverflowError as exc:
        raise InvalidInput(f"metric {name!r}: {_shown(value)} is too large", hint=_HINT) from exc
    except (TypeError, ValueError) as exc:
        kind = type(value).__name__
        raise InvalidInput(f"metric {name!r}: a {kind} is no number", hint=_HINT) from exc


_HINT = "Log a number; NaN and infinities are numbers too. Log texts as params or tags."


def whole_number(what: str, value: Any) -> int:
    """Return a step or a time as an int.

    Raises:
        InvalidInput: it is no whole number or needs more than 64 bits.
    """
    try:
        number = value.__index__() if not isinstance(value, bool) else None
    except AttributeError:
        number = None
    if number is None or abs(number) > MAX_MAGNITUDE:
        raise InvalidInput(
            f"{what} {_shown(value)} is no whole number of 64 bits",
            hint=f"Give the {what} as an int.",
        )
    return int(number)


def _shown(value: Any) -> str:
    try:
        return repr(value)
    except ValueError:  # more digits than Python writes
        return f"a number of {value.bit_length()} bits"


def milliseconds(timestamp: Any) -> int:
    """Return a time, in milliseconds since 1970, as an int.

    Raises:
        InvalidInput: it is no whole number, or negative.
    """
    found = whole_number("timestamp", timestamp)
    if found < 0:
        raise InvalidInput(f"timestamp {found} is negative", hint="Give milliseconds since 1970.")
    return found


# --- lines of metrics.jsonl -----------------------------------------------------------------


def dump_points(points: Iterable[NamedPoint]) -> bytes:
    """Return points, which are in order, as the lines of `metrics.jsonl`."""
    return "".join(
        [
            f'{{"metric":{encode_basestring(name)},"value":{number_text(value)},'
            f'"step":{step},"timestamp":{timestamp}}}\n'
            for name, (value, step, timestamp) in points
        ]
    ).encode("utf-8")


def number_text(value: float) -> str:
    """Return a float as it is written in JSON."""
    return repr(value) if isfinite(value) else f'"{plain_number(value)}"'


def load_points(data: bytes) -> list[NamedPoint]:
    """Return the points in the lines of `metrics.jsonl`.

    Raises:
        ValueError, KeyError, TypeError: a line is damaged.
    """
    rows = json.loads(b"[" + b",".join(line for line in data.split(b"\n") if line) + b"]")
    return [(row["metric"], _point(row)) for row in rows]


def _point(row: Mapping[str, Any]) -> MetricPoint:
    point = MetricPoint.from_dict(row)
    if not (type(point.step) is type(point.timestamp) is int):
        raise TypeError(f"step and timestamp of {dict(row)} are no integers")
    return point


_STEP, _TIMESTAMP = b',"step":', b',"timestamp":'
_IN_NUMBERS = b"0123456789.-+eE"
_FORM = (_STEP + _TIMESTAMP).translate(None, _IN_NUMBERS)
"""What is left of a line behind its start without the letters of numbers."""


def load_history(data: bytes, metric: str) -> list[MetricPoint]:
    """Return the points of one metric in the lines of `metrics.jsonl`.

    Raises:
        ValueError, KeyError, TypeError: a line is damaged.
    """
    start = f'{{"metric":{encode_basestring(metric)},"value":'.encode()
    lines = _lines_of(data, start)
    found = _as_written(lines, start)
    if found is not None:
        return found
    return [point for name, point in load_points(lines) if name == metric]


def _lines_of(data: bytes, start: bytes) -> bytes:
    """Return the lines from the first to the last one that begin so; they stand together."""
    first = 0 if data.startswith(start) else data.find(b"\n" + start) + 1
    last = data.rfind(b"\n" + start) + 1
    if not data.startswith(start) and not first:
        return b""
    end = data.find(b"\n", max(first, last))
    return data[first:] if end < 0 else data[first : end + 1]


def _as_written(lines: bytes, start: bytes) -> list[MetricPoint] | None:
    """Return the points of lines that are exactly as `dump_points` writes them, else None.

    One list of numbers is read several times as fast as mappings.
    """
    if not lines.endswith(b"}\n"):
        return None if lines else []
    text = lines[len(start) : -2].replace(b"}\n" + start, b",")
    form = text.translate(None, _IN_NUMBERS)
    if form != b",".join([_FORM] * ((len(form) + 1) // (len(_FORM) + 1))):
        return None  # NaN, an infinity, or another hand
    text = text.replace(_STEP, b",").replace(_TIMESTAMP, b",")
    if b'"' in text:
        return None
    flat = json.loads(b"[%b]" % text)
    values, steps, times = flat[::3], flat[1::3], flat[2::3]
    if {*map(type, values)} != {float} or {*map(type, steps), *map(type, times)} != {int}:
        return None
    # Past the constructor of the named tuple, which does nothing else and takes half the time.
    return list(map(tuple.__new__, repeat(MetricPoint), zip(values, steps, times, strict=True)))
