"""What the calls of a run took: time, tokens and cost."""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from gitexp.runs.estimates import Values
from gitexp.runs.rows import ResultRow

_LARGEST = 1e300
"""Numbers beyond it are left out, so that no sum of rows is more than a float can be."""

_SHARES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}


class Sum:
    """A sum that no order of its parts changes; whole numbers stay whole.

    The parts that rounding would lose are kept: J. R. Shewchuk, "Adaptive precision floating-point
    arithmetic", Discrete & Computational Geometry 18 (1997) 305-363. A number that is not finite,
    or larger than any amount can be, is left out.
    """

    def __init__(self) -> None:
        self._whole = 0
        self._parts: list[float] = []

    def add(self, amount: float) -> None:
        """Add one more number."""
        if not _is_amount(amount):
            return
        if isinstance(amount, int):
            self._whole += amount
        else:
            self._parts = _expanded(self._parts, amount)

    @property
    def total(self) -> float:
        """The sum so far, rounded once."""
        return math.fsum([*self._parts, self._whole]) if self._parts else self._whole


def _is_amount(number: object) -> bool:
    """Return whether something is a number that can be added, which older records may not be."""
    return isinstance(number, (int, float)) and -_LARGEST <= number <= _LARGEST


def _expanded(parts: Sequence[float], amount: float) -> list[float]:
    """Return numbers that do not overlap, and whose sum is exactly that of others."""
    kept = []
    for part in parts:
        large, small = (amount, part) if abs(amount) >= abs(part) else (part, amount)
        amount = large + small
        lost = small - (amount - large)
        if lost:
            kept.append(lost)
    return [*kept, amount]


class UsageTally:
    """What the calls of the rows took."""

    def __init__(self) -> None:
        self._seconds = array("d")
        self._sums: dict[str, Sum] = {}
        self._so_far: dict[str, Any] = {}
        self._more: Counter[str] = Counter()

    @property
    def totals(self) -> Mapping[str, Any]:
        """Tokens and cost, those of the evaluators too, as far as they are known."""
        return self._so_far

    def add(self, row: ResultRow) -> None:
        """Count what one row took."""
        seconds = row.duration_seconds
        if seconds is not None and not row.cached and _is_amount(seconds):
            self._seconds.append(seconds)
        for name, value in row.usage.items():
            self._sums.setdefault(name, Sum()).add(value)
            self._count(name, value)
        for score in row.scores.values():
            for name, value in (score.usage or {}).items():
                self._count(name, value)
        if row.attempts > 1:
            self._more["retries"] += row.attempts - 1
        if row.cached:
            self._more["cached"] += 1

    def _count(self, name: str, value: Any) -> None:
        if _is_amount(value):
            self._so_far[name] = self._so_far.get(name, 0) + value

    def numbers(self) -> dict[str, Any]:
        """Return what the calls took.

        `latency_seconds` has `mean`, `p50`, `p90`, `p95`, `p99` and `max` over the rows that
        were not answered from the cache, by linear interpolation between ranks; beside it are
        `input_tokens`, `output_tokens`, `cost`, `retries` and `cached` where there are any. What
        evaluators used up is among their own numbers.
        """
        found: dict[str, Any] = {}
        if self._seconds:
            found["latency_seconds"] = _spread(self._seconds)
        sums = {name: self._sums[name].total for name in sorted(self._sums)}
        return found | sums | dict(self._more)

    def latency_interval(self, part: str, confidence: float) -> tuple[float, float] | None:
        """Return the interval of a percentile such as `p95`, or of the `mean`; else None."""
        if part in _SHARES:
            return self.percentile_interval(_SHARES[part], confidence)
        mean = Values(values=self._seconds).mean(confidence=confidence) if part == "mean" else None
        return mean.interval if mean is not None else None

    def percentile_interval(self, share: float, confidence: float) -> tuple[float, float] | None:
        """Return an interval of a percentile of the latency; None where there are no calls.

        Its ends are the latencies of the ranks n q ± z √(n q (1 - q)), whatever the distribution:
        W. J. Conover, "Practical Nonparametric Statistics" (3rd ed. 1999), section 3.2. Where such
        a rank lies beyond the slowest call, nothing bounds the percentile from above.
        """
        from statistics import NormalDist

        count = len(self._seconds)
        if not count:
            return None
        ranked = sorted(self._seconds)
        margin = NormalDist().inv_cdf((1 + confidence) / 2) * math.sqrt(count * share * (1 - share))
        low, high = math.floor(count * share - margin), math.ceil(count * share + margin)
        return ranked[max(low, 1) - 1], ranked[high] if high < count else math.inf


def _spread(values: Sequence[float]) -> dict[str, float]:
    ranked = sorted(values)
    found = {"mean": math.fsum(ranked) / len(ranked)}
    found |= {name: percentile(ranked, share) for name, share in _SHARES.items()}
    return {name: round(value, 6) for name, value in (found | {"max": ranked[-1]}).items()}


def percentile(ranked: Sequence[float], share: float) -> float:
    """Return a quantile by linear interpolation (type 7 of Hyndman and Fan, 1996)."""
    place = share * (len(ranked) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ranked) - 1)
    return ranked[low] + (ranked[high] - ranked[low]) * (place - low)
