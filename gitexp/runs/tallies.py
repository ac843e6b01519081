"""Totals of a run, always counted from its rows."""

from __future__ import annotations

import math
import sys
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from gitexp.runs.estimates import CONFIDENCE, Estimate, Values
from gitexp.runs.repeats import Tries
from gitexp.runs.rows import ResultRow, Score
from gitexp.runs.usages import Sum, UsageTally


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
    """Everything that is counted over the rows of a run, row by row, a few bytes for each.

    What it says depends on which rows were added, and not on their order. Counts and pass rates
    are of rows, whatever they weigh; the numbers of evaluators are weighted where samples have
    weights.
    """

    def __init__(self, *, confidence: float = CONFIDENCE) -> None:
        self._confidence = confidence
        self._rows = Rows()
        self._verdicts: Counter[str] = Counter()
        self._statuses = bytearray()
        self._scores: dict[str, ScoreTally] = {}
        self._usage = UsageTally()

    def add(self, row: ResultRow) -> None:
        """Count one more row."""
        self._verdicts[row.status] += 1
        self._statuses.append(_STATUSES[row.status])
        for name, score in row.scores.items():
            tally = self._scores.get(name)
            if tally is None:
                tally = self._scores[name] = ScoreTally(self._rows)
            tally.add(score)
        self._rows.add(row)
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
        """Tokens and cost so far, the evaluators' own among them, as far as they are known.

        It is cheap to ask for after every row.
        """
        return self._usage.totals

    def rate(self, name: RateName) -> Estimate | None:
        """Return a rate of rows with its interval; None where it is a part of nothing.

        `pass_rate` is the part of the total that passed, `scored_pass_rate` that of those that
        passed or failed, `error_rate` the part of the total that broke, and `unscored_rate` the
        part of all rows that could not be scored.
        """
        wanted, of = _RATES[name]
        chosen = [number for number in self._rows.together() if self._statuses[number] in of]
        values = [float(self._statuses[number] in wanted) for number in chosen]
        return self._rows.values(values, chosen, weighted=False).share(confidence=self._confidence)

    def rates(self) -> dict[str, Any]:
        """Return the rates of rows as a run's document has them.

        They are `pass_rate` and `scored_pass_rate`, each with `count`, `samples`, `mean`,
        `standard_error` and `interval`, and where samples were repeated `pass_at` and `pass_hat`
        over the total, see `Tries.numbers`.
        """
        passed = self.rate("pass_rate")
        scored = self.rate("scored_pass_rate") if self._verdicts["error"] else passed
        found = {"pass_rate": passed, "scored_pass_rate": scored}
        rates: dict[str, Any] = {name: e.to_dict() for name, e in found.items() if e is not None}
        return rates | self._rows.at_k(self._statuses, _TOTAL, weighted=False)

    def estimate(self, evaluator: str, *, of_verdicts: bool = False) -> Estimate | None:
        """Return the mean of an evaluator's values, or its pass rate, with its interval."""
        tally = self._scores.get(evaluator)
        if tally is None:
            return None
        return tally.pass_rate(self._confidence) if of_verdicts else tally.mean(self._confidence)

    def latency_interval(self, part: str) -> tuple[float, float] | None:
        """Return the interval of a percentile of the latency, such as `p95`, or of its mean."""
        return self._usage.latency_interval(part, self._confidence)

    def scores(self) -> dict[str, dict[str, Any]]:
        """Return the numbers of each evaluator, see `ScoreTally.numbers`."""
        return {name: self._scores[name].numbers(self._confidence) for name in sorted(self._scores)}

    def usage(self) -> dict[str, Any]:
        """Return what the calls took, see `UsageTally.numbers`."""
        return self._usage.numbers()

    def so_far(self) -> dict[str, Any]:
        """Return the fields of a run's document while rows are still coming, without intervals."""
        return {
            "stats": self.stats.to_dict(),
            "scores": {name: self._scores[name].so_far() for name in sorted(self._scores)},
            "usage": self.usage(),
        }

    def totals(self) -> dict[str, Any]:
        """Return the fields of a run's document that are counted over its rows."""
        return {
            "stats": self.stats.to_dict(),
            "rates": self.rates(),
            "scores": self.scores(),
            "usage": self.usage(),
        }


RateName = Literal["pass_rate", "scored_pass_rate", "error_rate", "unscored_rate"]

_FAILED, _PASSED, _ERROR, _UNSCORED, _NONE = range(5)
_STATUSES = {"failed": _FAILED, "passed": _PASSED, "error": _ERROR, "unscored": _UNSCORED}
_TOTAL = frozenset({_PASSED, _FAILED, _ERROR})
_JUDGED = frozenset({_PASSED, _FAILED})
_RATES: Mapping[RateName, tuple[frozenset[int], frozenset[int]]] = {
    "pass_rate": (frozenset({_PASSED}), _TOTAL),
    "scored_pass_rate": (frozenset({_PASSED}), _JUDGED),
    "error_rate": (frozenset({_ERROR}), _TOTAL),
    "unscored_rate": (frozenset({_UNSCORED}), _TOTAL | {_UNSCORED}),
}


def tally_of(rows: Iterable[ResultRow], *, confidence: float = CONFIDENCE) -> Tally:
    """Return what is counted over rows, with intervals of a confidence."""
    tally = Tally(confidence=confidence)
    for row in rows:
        tally.add(row)
    return tally


def count_rows(rows: Iterable[ResultRow]) -> Stats:
    """Return how many of the rows passed, failed, broke or were not scored."""
    return tally_of(rows).stats


def score_numbers(rows: Iterable[ResultRow]) -> dict[str, dict[str, Any]]:
    """Return the numbers of each evaluator over all rows, see `ScoreTally.numbers`."""
    return tally_of(rows).scores()


class Rows:
    """What all evaluators share of the rows: which sample each is of, and what it weighs."""

    def __init__(self) -> None:
        self.count = 0
        self.repeated = False
        self._keys = array("q")
        self._weights = array("d")
        self._together: Sequence[int] = ()

    def add(self, row: ResultRow) -> None:
        """Take in one more row."""
        self._keys.append(hash(row.sample))
        self.repeated = self.repeated or row.repeat > 0
        if row.weight != 1.0 and not self._weights:
            self._weights.extend([1.0] * self.count)
        if row.weight != 1.0 or self._weights:
            self._weights.append(row.weight)
        self.count += 1

    def together(self) -> Sequence[int]:
        """Return the numbers of all rows, those of the same sample next to each other."""
        if not self.repeated:
            return range(self.count)
        if len(self._together) < self.count:
            self._together = sorted(range(self.count), key=self._keys.__getitem__)
        return self._together

    def values(
        self, values: Sequence[float], numbers: Sequence[int], *, weighted: bool = True
    ) -> Values:
        """Return values of the rows with these numbers, which are in the order of `together`."""
        return Values(
            values=values,
            keys=[self._keys[number] for number in numbers] if self.repeated else (),
            weights=self._weights_of(numbers) if weighted else (),
        )

    def _weights_of(self, numbers: Sequence[int]) -> Sequence[float]:
        return [self._weights[number] for number in numbers] if self._weights else ()

    def at_k(
        self, outcomes: Sequence[int], of: frozenset[int], *, weighted: bool = True
    ) -> dict[str, Any]:
        """Return `pass_at` and `pass_hat` where samples were repeated."""
        if not self.repeated:
            return {}
        weights = self._weights if weighted else ()
        tries = Tries()
        for number, outcome in enumerate(outcomes):
            if outcome in of:
                weight = weights[number] if weights else 1.0
                tries.add(self._keys[number], passed=outcome == _PASSED, weight=weight)
        return tries.numbers()


class ScoreTally:
    """What one evaluator made of the rows: a value and an outcome for each, in their order."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._values = array("d")
        self._outcomes = bytearray()
        self._labels: Counter[str] = Counter()
        self._are_verdicts = True
        self._say_what_passed = True
        self._used: dict[str, Sum] = {}

    def add(self, score: Score) -> None:
        """Count the score of the row that is being added."""
        self._fill(self._rows.count)
        self._outcomes.append(_ERROR if score.error else _OUTCOMES[score.passed])
        self._values.append(self._number(score.value))
        self._say_what_passed = self._say_what_passed and score.value is score.passed
        if score.usage:
            for name, amount in score.usage.items():
                self._used.setdefault(name, Sum()).add(amount)

    def _number(self, value: float | bool | str | None) -> float:
        """Return a value as a number; NaN for what has no place in a mean."""
        if isinstance(value, str):
            # As it stands in the row once that is recorded: without halves of surrogate pairs.
            self._labels[value.encode("utf-8", "replace").decode("utf-8")] += 1
            return math.nan
        if value is None:
            return math.nan
        self._are_verdicts = self._are_verdicts and isinstance(value, bool)
        return value if -_LARGEST <= value <= _LARGEST else math.nan

    def _fill(self, count: int) -> None:
        """Note that the evaluator said nothing about the rows up to here."""
        missing = count - len(self._outcomes)
        if missing:
            self._outcomes.extend([_NONE] * missing)
            self._values.extend([math.nan] * missing)

    def mean(self, confidence: float) -> Estimate | None:
        """Return the mean of the values that are numbers or verdicts; true is 1."""
        self._fill(self._rows.count)
        found, together = self._values, self._rows.together()
        numbers = [number for number in together if found[number] == found[number]]
        values = self._rows.values([found[number] for number in numbers], numbers)
        share = self._are_verdicts
        return values.share(confidence=confidence) if share else values.mean(confidence=confidence)

    def pass_rate(self, confidence: float) -> Estimate | None:
        """Return the part that passed of those that passed or failed."""
        if self._say_what_passed:
            return self.mean(confidence)
        self._fill(self._rows.count)
        found, together = self._outcomes, self._rows.together()
        numbers = [number for number in together if found[number] in _JUDGED]
        passed = [float(found[number] == _PASSED) for number in numbers]
        return self._rows.values(passed, numbers).share(confidence=confidence)

    def numbers(self, confidence: float = CONFIDENCE) -> dict[str, Any]:
        """Return the numbers of the evaluator.

        They are `count` (scores with a number or a verdict as their value), the `mean` of those
        values (true is 1) with its `standard_error` and 95 % `interval`, how often the evaluator
        said `passed`, `failed`, `errors` and `unscored`, and `pass_rate`, the part that passed of
        those that passed or failed, with its `pass_rate_interval`. `samples` says how many samples
        stand behind the mean where they were repeated, and `pass_at` and `pass_hat` what several
        tries are worth, see `Tries.numbers`; `labels` how often each label was given, and `usage`
        what the evaluator itself used up. What there is nothing to say about is left out.
        """
        found = self._mean_numbers(confidence)
        found |= self._counts() | self._pass_numbers(confidence)
        if self._labels:
            found["labels"] = dict(sorted(self._labels.items()))
        if self._used:
            found["usage"] = {name: self._used[name].total for name in sorted(self._used)}
        return found

    def so_far(self) -> dict[str, Any]:
        """Return `count`, `mean` and what the evaluator said, without intervals and weights."""
        values = [value for value in self._values if value == value]
        mean = Values(values=values).plain_mean()
        found: dict[str, Any] = {"count": len(values)} | ({} if mean is None else {"mean": mean})
        return found | self._counts()

    def _counts(self) -> dict[str, int]:
        counts = Counter(self._outcomes)
        return {name: counts[outcome] for name, outcome in _COUNTED.items()}

    def _mean_numbers(self, confidence: float) -> dict[str, Any]:
        mean = self.mean(confidence)
        if mean is None:
            return {"count": 0}
        found = mean.to_dict()
        if not self._rows.repeated:
            del found["samples"]
        return found

    def _pass_numbers(self, confidence: float) -> dict[str, Any]:
        rate = self.pass_rate(confidence)
        if rate is None:
            return {}
        found: dict[str, Any] = {"pass_rate": rate.mean}
        if rate.interval:
            found["pass_rate_interval"] = list(rate.interval)
        return found | self._rows.at_k(self._outcomes, _JUDGED)


_COUNTED = {"passed": _PASSED, "failed": _FAILED, "errors": _ERROR, "unscored": _UNSCORED}
_OUTCOMES = {True: _PASSED, False: _FAILED, None: _UNSCORED}
_LARGEST = sys.float_info.max
