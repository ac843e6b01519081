"""What a test found: estimate, interval and p-value that cannot contradict each other."""

from __future__ import annotations

import math
from dataclasses import dataclass

from gitexp.errors import InvalidInput
from gitexp.stats.intervals import Interval


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The estimate, its interval, and the p-value of the null value.

    `significant` is read from the interval, and `p_value` is below 1 - confidence exactly then.
    """

    estimate: float
    interval: Interval
    p_value: float
    confidence: float
    null: float

    @property
    def significant(self) -> bool:
        """Return whether the null value is outside the interval."""
        return excludes(self.interval, self.null)


def finding(
    estimate: float, interval: Interval, p_value: float, *, confidence: float, null: float
) -> Finding:
    """Return the finding, the p-value agreeing with the interval."""
    agreed = agreeing(p_value, excludes(interval, null), confidence=confidence)
    return Finding(
        estimate=estimate, interval=interval, p_value=agreed, confidence=confidence, null=null
    )


def excludes(interval: Interval, null: float) -> bool:
    """Return whether the value is outside the interval."""
    return not interval.low <= null <= interval.high


def agreeing(p_value: float, significant: bool, *, confidence: float) -> float:
    """Return the p-value, moved onto the side of 1 - confidence that the interval is on.

    Both come from one statistic, so only rounding can part them, by the last few bits.

    Raises:
        InvalidInput: it is no probability.
    """
    if not 0 <= p_value <= 1 + 1e-9:
        raise InvalidInput(f"a p-value of {p_value!r} is no probability")
    alpha = 1 - confidence
    if (p_value < alpha) == significant:
        return min(p_value, 1.0)
    return math.nextafter(alpha, 0.0) if significant else alpha
