"""Totals of a run, always counted from its rows."""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gitexp.runs.rows import ResultRow, Score


@dataclass(frozen=True, kw_only=True)
class Stats:
    """How many samples passed, failed and broke.

    `total` is `passed + failed + errors`. A sample that could not be scored, because it expects
    nothing, counts in `unscored` alone: it is neither good nor bad, so it changes no rate.
    """

    passed: int = 0
    failed: int = 0
    errors: int = 0
    unscored: int = 0

    @property
    def total(self) -> int:
        """The samples that were judged or broke."""
        return self.passed + self.failed + self.errors

    @property
    def rows(self) -> int:
        """All samples, the unscored ones too."""
        return self.total + self.unscored

    @property
    def pass_rate(self) -> float | None:
        """The part of `total` that passed; None when it is 0."""
        return self.passed / self.total if self.total else None

    @property
    def scored_pass_rate(self) -> float | None:
        """The part that passed of those that passed or failed; None when there are none."""
        scored = self.passed + self.failed
        return self.passed / scored if scored else None

    def __add__(self, other: Stats) -> Stats:
        return Stats(
            passed=self.passed + other.passed,
            failed=self.failed + other.failed,
            errors=self.errors + other.errors,
            unscored=self.unscored + other.unscored,
        )

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Stats:
        """Return the stats that a checked mapping describes."""
        counts = {name: data.get(name, 0) for name in ("passed", "failed", "errors", "unscored")}
        return cls(**counts)

    def to_dict(self) -> dict[str, int]:
        """Return the counts, `total` first."""
        return {
            "total": self.total,
            "passed": self.passed,
            "failed": self.failed,
            "errors": self.errors,
            "unscored": self.unscored,
        }


class Tally:
    """Everything that is counted over the rows of a run, row by row, a few bytes for each."""

    def __init__(self) -> None:
        self._verdicts: Counter[str] = Counter()
        self._scores: dict[str, ScoreTally] = {}
        self._usage = UsageTally()

    def add(self, row: ResultRow) -> None:
        """Count one more row."""
        self._verdicts[row.status] += 1
        for name, score in row.scores.items():
            tally = self._scores.get(name)
            if tally is None:
                tally = self._scores[name] = ScoreTally()
            tally.add(row, score)
        self._usage.add(row)

    @property
    def rows(self) -> int:
        """How many rows were counted."""
        return self._verdicts.total()

    @property
    def stats(self) -> Stats:
        """How many of the rows passed, failed, broke or were not scored."""
        counts = self._verdicts
        return Stats(
            passed=counts["passed"],
            failed=counts["failed"],
            errors=counts["error"],
            unscored=counts["unscored"],
        )

    @property
    def usage_so_far(self) -> Mapping[str, Any]:
        """Tokens and cost so far, as far as they are known; cheap to ask for after every row."""
        return self._usage.totals

    def scores(self) -> dict[str, dict[str, Any]]:
        """Return the numbers of each evaluator, see `ScoreTally.numbers`."""
        return {name: self._scores[name].numbers() for name in sorted(self._scores)}

    def usage(self) -> dict[str, Any]:
        """Return what the calls took, see `UsageTally.numbers`."""
        return self._usage.numbers()


def tally_of(rows: Iterable[ResultRow]) -> Tally:
    """Return what is counted over rows."""
    tally = Tally()
    for row in rows:
        tally.add(row)
    return tally


def count_rows(rows: Iterable[ResultRow]) -> Stats:
    """Return how many of the rows passed, failed, broke or were not scored."""
    return tally_of(rows).stats


def score_numbers(rows: Iterable[ResultRow]) -> dict[str, dict[str, Any]]:
    """Return the numbers of each evaluator over all rows, see `ScoreTally.numbers`."""
    return tally_of(rows).scores()


class ScoreTally:
    """What one evaluator made of the rows."""

    def __init__(self) -> None:
        self._verdicts: Counter[str | bool | None] = Counter()
        self._labels: Counter[str] = Counter()
        self._values = array("d")

    def add(self, row: ResultRow, score: Score) -> None:
        """Count the score of one row."""
        self._verdicts["errors" if score.error else score.passed] += 1
        if isinstance(score.value, str):
            self._labels[score.value] += 1
        elif score.value is not None:
            self._values.append(score.value)

    def numbers(self) -> dict[str, Any]:
        """Return the numbers of the evaluator.

        They are `count` (scores with a number or a verdict as their value), `mean` and
        `standard_error` of those values (true is 1), and how often the evaluator said `passed`,
        `failed`, `errors` and `unscored`; `labels` where it gave some: how often each. A mean
        over nothing is left out, and so is a standard error over fewer than two values.
        """
        values, verdicts = self._values, self._verdicts
        numbers: dict[str, Any] = {"count": len(values)}
        if values:
            numbers["mean"] = math.fsum(values) / len(values)
        if len(values) > 1:
            numbers["standard_error"] = _standard_error(values, numbers["mean"])
        numbers |= {"passed": verdicts[True], "failed": verdicts[False]}
        numbers |= {"errors": verdicts["errors"], "unscored": verdicts[None]}
        return numbers | ({"labels": dict(sorted(self._labels.items()))} if self._labels else {})


def _standard_error(values: Sequence[float], mean: float) -> float:
    """Return s / sqrt(n), with s the sample's standard deviation (divisor n - 1)."""
    variance = math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)
    return math.sqrt(variance / len(values))


class UsageTally:
    """What the calls of the rows took."""

    def __init__(self) -> None:
        self._seconds = array("d")
        self._totals: dict[str, Any] = {}
        self._more: Counter[str] = Counter()

    @property
    def totals(self) -> Mapping[str, Any]:
        """Tokens and cost, as far as they are known."""
        return self._totals

    def add(self, row: ResultRow) -> None:
        """Count what one row took."""
        if row.duration_seconds is not None and not row.cached:
            self._seconds.append(row.duration_seconds)
        for name, value in row.usage.items():
            self._totals[name] = self._totals.get(name, 0) + value
        if row.attempts > 1:
            self._more["retries"] += row.attempts - 1
        if row.cached:
            self._more["cached"] += 1

    def numbers(self) -> dict[str, Any]:
        """Return what the calls took.

        `latency_seconds` has `mean`, `p50`, `p90`, `p95`, `p99` and `max` over the rows that
        were not answered from the cache, by linear interpolation between ranks; beside it are
        `input_tokens`, `output_tokens`, `cost`, `retries` and `cached` where there are any.
        """
        found: dict[str, Any] = {}
        if self._seconds:
            found["latency_seconds"] = _spread(self._seconds)
        return found | self._totals | dict(self._more)


_PERCENTILES = (50, 90, 95, 99)


def _spread(values: Sequence[float]) -> dict[str, float]:
    ranked = sorted(values)
    found = {"mean": math.fsum(ranked) / len(ranked)}
    found |= {f"p{part}": _percentile(ranked, part / 100) for part in _PERCENTILES}
    return {name: round(value, 6) for name, value in (found | {"max": ranked[-1]}).items()}


def _percentile(ranked: Sequence[float], share: float) -> float:
    """Return a quantile by linear interpolation (type 7 of Hyndman and Fan, 1996)."""
    place = share * (len(ranked) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ranked) - 1)
    return ranked[low] + (ranked[high] - ranked[low]) * (place - low)
