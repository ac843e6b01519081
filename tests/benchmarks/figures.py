"""Figures: readings summed up, ratios pair by pair, and whether an aim was reached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from tests.benchmarks.measuring import Reading, Readings, Subject, Unit


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Which subject is compared with which, and the ratio of their figures that is aimed at."""

    subject: str
    beside: str
    at_most: float | None = None


@dataclass(frozen=True, kw_only=True)
class Ratio:
    """How many times as long one subject took as another, or as large it was, round by round."""

    median: float
    lowest: float
    highest: float


@dataclass(frozen=True, kw_only=True)
class Compared:
    """A comparison and what came out; `ratio` is None when one of the two was not measured."""

    comparison: Comparison
    ratio: Ratio | None

    @property
    def reached(self) -> bool | None:
        """Whether the aim was reached; None without an aim or without a ratio."""
        if self.ratio is None or self.comparison.at_most is None:
            return None
        return self.ratio.median <= self.comparison.at_most

    def to_dict(self) -> dict[str, Any]:
        """Return this as JSON data."""
        ratio = self.ratio
        return {
            "subject": self.comparison.subject,
            "beside": self.comparison.beside,
            "at_most": self.comparison.at_most,
            "ratio": ratio and ratio.median,
            "lowest": ratio and ratio.lowest,
            "highest": ratio and ratio.highest,
            "reached": self.reached,
        }


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What the readings of one subject come to; the figures are None when there are none."""

    name: str
    operations: int
    missing: str
    unit: Unit
    amounts: tuple[float, ...]
    cpu_seconds: float | None
    peak_bytes: int | None

    @property
    def minimum(self) -> float | None:
        """The least figure of a process."""
        return min(self.amounts, default=None)

    @property
    def median(self) -> float | None:
        """The median figure of a process."""
        return median(self.amounts) if self.amounts else None

    @property
    def per_second(self) -> float | None:
        """How many operations a second there were, by the median; None for what is no time."""
        return self.operations / self.median if self.median and self.unit == "seconds" else None

    def to_dict(self) -> dict[str, Any]:
        """Return this as JSON data."""
        return {
            "name": self.name,
            "operations": self.operations,
            "missing": self.missing,
            "unit": self.unit,
            "amounts": list(self.amounts),
            "minimum": self.minimum,
            "median": self.median,
            "per_second": self.per_second,
            "cpu_seconds": self.cpu_seconds,
            "peak_bytes": self.peak_bytes,
        }


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What one benchmark came to; `failure` says why it has no figures."""

    name: str
    about: str
    rounds: int
    summaries: tuple[Summary, ...] = ()
    compared: tuple[Compared, ...] = ()
    failure: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return this as JSON data."""
        return {
            "name": self.name,
            "about": self.about,
            "rounds": self.rounds,
            "subjects": [summary.to_dict() for summary in self.summaries],
            "comparisons": [compared.to_dict() for compared in self.compared],
            "failure": self.failure,
        }


def summarize(subject: Subject, readings: Sequence[Reading]) -> Summary:
    """Return what readings come to: the median processor time, the highest peak of memory."""
    cpu = [reading.cpu_seconds for reading in readings if reading.cpu_seconds is not None]
    peaks = [reading.peak_bytes for reading in readings if reading.peak_bytes is not None]
    return Summary(
        name=subject.name,
        operations=subject.operations,
        missing=subject.missing,
        unit=subject.unit,
        amounts=tuple(reading.amount for reading in readings),
        cpu_seconds=median(cpu) if cpu else None,
        peak_bytes=max(peaks, default=None),
    )


def compare(
    comparison: Comparison, subjects: Mapping[str, Subject], readings: Readings
) -> Compared:
    """Return how one subject compares with another, for each operation, pair by pair."""
    ours, theirs = (
        [reading.amount / subjects[name].operations for reading in readings[name]]
        for name in (comparison.subject, comparison.beside)
    )
    ratios = [a / b for a, b in zip(ours, theirs, strict=False)]
    if not ratios:
        return Compared(comparison=comparison, ratio=None)
    ratio = Ratio(median=median(ratios), lowest=min(ratios), highest=max(ratios))
    return Compared(comparison=comparison, ratio=ratio)
