"""Totals of a run, always counted from its rows."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
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


def count_rows(rows: Iterable[ResultRow]) -> Stats:
    """Return how many of the rows passed, failed, broke or were not scored."""
    counts = Counter(row.status for row in rows)
    return Stats(
        passed=counts["passed"],
        failed=counts["failed"],
        errors=counts["error"],
        unscored=counts["unscored"],
    )


def score_numbers(rows: Iterable[ResultRow]) -> dict[str, dict[str, float]]:
    """Return the numbers of each evaluator over all rows.

    They are `count` (scores with a number or a verdict as their value), `mean` and
    `standard_error` of those values (true is 1), and how often the evaluator said `passed`,
    `failed`, `errors` and `unscored`. A mean over nothing is left out, and so is a standard
    error over fewer than two values.
    """
    by_evaluator: dict[str, list[Score]] = {}
    for row in rows:
        for name, score in row.scores.items():
            by_evaluator.setdefault(name, []).append(score)
    return {name: _metrics(scores) for name, scores in sorted(by_evaluator.items())}


def _metrics(scores: list[Score]) -> dict[str, float]:
    values = [float(score.value) for score in scores if isinstance(score.value, (bool, int, float))]
    verdicts = Counter("errors" if score.error else score.passed for score in scores)
    numbers: dict[str, float] = {"count": len(values)}
    if values:
        numbers["mean"] = math.fsum(values) / len(values)
    if len(values) > 1:
        numbers["standard_error"] = _standard_error(values, numbers["mean"])
    numbers |= {"passed": verdicts[True], "failed": verdicts[False]}
    return numbers | {"errors": verdicts["errors"], "unscored": verdicts[None]}


def _standard_error(values: list[float], mean: float) -> float:
    """Return s / sqrt(n), with s the sample's standard deviation (divisor n - 1)."""
    variance = math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)
    return math.sqrt(variance / len(values))
