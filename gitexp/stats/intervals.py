"""Confidence intervals of proportions."""

from __future__ import annotations

import math
from dataclasses import dataclass

from gitexp.errors import InvalidInput
from gitexp.stats.checks import Alternative


@dataclass(frozen=True, kw_only=True)
class Interval:
    """The bounds of an interval, both inside it."""

    low: float
    high: float


def around(value: float, margin: float, alternative: Alternative) -> Interval:
    """Return the interval of a test around its value, open where one side is not tested."""
    return Interval(
        low=-math.inf if alternative == "less" else value - margin,
        high=math.inf if alternative == "greater" else value + margin,
    )


def wilson_interval(
    successes: float, trials: float, *, confidence: float = 0.95
) -> Interval | None:
    """Return the Wilson score interval of a proportion, or None when there was no trial.

    With p = successes / trials, n = trials and z the normal quantile of (1 + confidence) / 2:

        (p + z²/2n ± z·sqrt(p(1 - p)/n + z²/4n²)) / (1 + z²/n)

    It is the score interval without continuity correction: E. B. Wilson, "Probable inference,
    the law of succession, and statistical inference", JASA 22 (1927) 209-212; recommended for
    small counts by Brown, Cai and DasGupta, Statistical Science 16 (2001) 101-133. It stays
    within 0 and 1, and is no single point when every trial succeeded or failed.

    Counts may be fractions, as when several passes over the same samples count as one.

    Raises:
        InvalidInput: a count is negative or not finite, there are more successes than trials, or
            the confidence is not between 0 and 1.
    """
    _check(successes, trials, confidence)
    if trials == 0:
        return None
    z = _normal_quantile((1 + confidence) / 2)
    rate, spread = successes / trials, z * z / trials
    center = (rate + spread / 2) / (1 + spread)
    margin = math.sqrt(rate * (1 - rate) * spread + spread * spread / 4) / (1 + spread)
    # At the ends the formula gives 0 and 1 exactly, and floating point nearly so.
    return Interval(
        low=0.0 if successes == 0 else max(0.0, min(center - margin, rate)),
        high=1.0 if successes == trials else min(1.0, max(center + margin, rate)),
    )


def _normal_quantile(probability: float) -> float:
    from statistics import NormalDist  # 10 ms, and most commands have no interval to show

    return NormalDist().inv_cdf(probability)


def _check(successes: float, trials: float, confidence: float) -> None:
    if not (math.isfinite(successes) and math.isfinite(trials)):
        raise InvalidInput(f"{successes!r} of {trials!r} is no proportion: not finite")
    if not 0 <= successes <= trials:
        raise InvalidInput(f"{successes!r} of {trials!r} is no proportion")
    if not 0 < confidence < 1:
        raise InvalidInput(f"a confidence of {confidence!r} is not between 0 and 1")
