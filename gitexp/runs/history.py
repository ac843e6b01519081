"""The points of a run that is being recorded: 24 bytes for each, however many they are."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from itertools import pairwise, repeat
from typing import NamedTuple

from gitexp.runs.metrics import MetricPoint, NamedPoint, dump_points, in_order

_AT_ONCE = 10_000


class _Series(NamedTuple):
    """The points of one metric, a column for each part."""

    values: array[float]
    steps: array[int]
    timestamps: array[int]


class History:
    """Points of any number of metrics, in the order in which they were logged."""

    def __init__(self) -> None:
        self._series: dict[str, _Series] = {}

    def add(self, name: str, point: MetricPoint) -> None:
        """Add a point of a metric, behind those that are there."""
        series = self._series.get(name)
        if series is None:
            series = self._series[name] = _Series(array("d"), array("q"), array("q"))
        series.values.append(point[0])
        series.steps.append(point[1])
        series.timestamps.append(point[2])

    def clear(self) -> None:
        """Forget all points."""
        self._series.clear()

    def dump(self) -> bytes:
        """Return the lines of `metrics.jsonl`: by metric, step and time, each point once."""
        named = sorted(self._series.items())
        return b"".join(part for name, series in named for part in _parts(name, series))


def _parts(name: str, series: _Series) -> Iterator[bytes]:
    if _is_in_order(series):
        for start in range(0, len(series.steps), _AT_ONCE):
            yield dump_points(_points(name, series, slice(start, start + _AT_ONCE)))
    else:
        yield dump_points(in_order(_points(name, series, slice(None))))


def _is_in_order(series: _Series) -> bool:
    """Return whether each point comes after the one before, so that none is there twice."""
    moments = zip(series.steps, series.timestamps, strict=True)
    return all(before < after for before, after in pairwise(moments))


def _points(name: str, series: _Series, part: slice) -> Iterator[NamedPoint]:
    columns = [column[part] for column in series]
    return zip(repeat(name), map(MetricPoint._make, zip(*columns, strict=True)))
