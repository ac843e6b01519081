"""Two proportions of any size: Fisher's exact test, score tests, and Newcombe's interval."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitexp.errors import InvalidInput
from gitexp.stats.checks import Scale, check_choice, check_confidence, check_finite
from gitexp.stats.distributions import normal_quantile, normal_upper, special
from gitexp.stats.findings import Finding, finding
from gitexp.stats.intervals import Interval, wilson_interval
from gitexp.stats.roots import crossing
from gitexp.stats.samples import Proportion

if TYPE_CHECKING:
    from gitexp.stats.checks import Array

_LOG_LARGEST = 700.0  # exp of it is the largest odds or risk ratio that is looked at


def fisher_test(control: Proportion, treatment: Proportion, *, confidence: float = 0.95) -> Finding:
    """Return Fisher's exact test of the odds ratio of treatment to control, central.

    Given all four margins the treatment's successes follow the noncentral hypergeometric
    distribution; the estimate is the conditional maximum-likelihood odds ratio, the interval
    Cornfield's exact one, and the p-value twice the smaller tail, which is the one that agrees
    with it: M. P. Fay, "Confidence intervals that match Fisher's exact or Blaker's exact tests",
    Biostatistics 11 (2010) 373-374. The null value is 1; bounds may be 0 or infinite.

    Raises:
        InvalidInput: a group is empty, every unit succeeded or none did, or the confidence is not
            between 0 and 1.
    """
    check_confidence(confidence)
    _check_groups(control, treatment)
    if not 0 < control.successes + treatment.successes < control.count + treatment.count:
        raise InvalidInput(
            "the odds ratio is undefined: all units had the same outcome",
            hint="Use score_test, which compares such groups.",
        )
    table = _Table.of(control, treatment)
    tail = (1 - confidence) / 2
    interval = Interval(
        low=table.bound(lambda odds: table.tails(odds)[1] < tail) if table.below else 0.0,
        high=table.bound(lambda odds: table.tails(odds)[0] >= tail) if table.above else math.inf,
    )
    p_value = min(1.0, 2 * min(table.tails(0.0)))
    return finding(table.estimate(), interval, p_value, confidence=confidence, null=1.0)


@dataclass(frozen=True, kw_only=True)
class _Table:
    """The noncentral hypergeometric distribution of the treatment's successes."""

    counts: Array
    log_ways: Array
    observed: int

    @classmethod
    def of(cls, control: Proportion, treatment: Proportion) -> _Table:
        import numpy as np

        total = control.successes + treatment.successes
        first = max(0, total - control.count)
        counts = np.arange(first, min(total, treatment.count) + 1, dtype=np.float64)
        ways = _log_choose(treatment.count, counts) + _log_choose(control.count, total - counts)
        return cls(counts=counts, log_ways=ways, observed=treatment.successes)

    @property
    def below(self) -> bool:
        return bool(self.observed > self.counts[0])

    @property
    def above(self) -> bool:
        return bool(self.observed < self.counts[-1])

    def weights(self, log_odds: float) -> Array:
        import numpy as np

        logs = self.log_ways + self.counts * log_odds
        weights: Array = np.exp(logs - logs.max())
        weights /= weights.sum()
        return weights

    def tails(self, log_odds: float) -> tuple[float, float]:
        weights = self.weights(log_odds)
        place = int(self.observed - self.counts[0])
        return float(weights[: place + 1].sum()), float(weights[place:].sum())

    def bound(self, condition: Callable[[float], bool]) -> float:
        return math.exp(crossing(condition, -_LOG_LARGEST, _LOG_LARGEST))

    def estimate(self) -> float:
        if not self.below:
            return 0.0
        if not self.above:
            return math.inf
        return self.bound(lambda odds: float(self.weights(odds) @ self.counts) < self.observed)


def _log_choose(total: int, counts: Array) -> Array:
    gammaln = special().gammaln
    ways: Array = gammaln(total + 1) - gammaln(counts + 1) - gammaln(total - counts + 1)
    return ways


def score_test(
    control: Proportion,
    treatment: Proportion,
    *,
    scale: Scale = "absolute",
    confidence: float = 0.95,
    null: float = 0.0,
) -> Finding:
    """Return Miettinen and Nurminen's score test of two proportions, and its interval.

    Absolute: the difference T - C. Relative: the lift T/C - 1. The statistic is (T - r·C - d) over
    its standard error at the shares that are likeliest under the null value, times
    sqrt((N - 1)/N); the interval holds the null values that are not rejected: O. Miettinen and
    M. Nurminen, "Comparative analysis of two rates", Statistics in Medicine 4 (1985) 213-226. At a
    null value of 0 it is Pearson's chi-square test with N - 1 in place of N. For a one-sided test
    at α give a confidence of 1 - 2α.

    Raises:
        InvalidInput: a group is empty, the null value is impossible, the confidence is not between
            0 and 1, or the lift is asked of a control without successes.
    """
    check_choice("scale", scale, ("absolute", "relative"))
    check_confidence(confidence)
    check_finite("a null value", null)
    _check_groups(control, treatment)
    if scale == "absolute":
        return _difference(control, treatment, confidence, null)
    return _lift(control, treatment, confidence, null)


def _difference(
    control: Proportion, treatment: Proportion, confidence: float, null: float
) -> Finding:
    if not -1 < null < 1:
        raise InvalidInput(f"a null difference of {null!r} is not between -1 and 1")
    gap, z = treatment.point - control.point, normal_quantile((1 + confidence) / 2)

    def statistic(value: float) -> float:
        return _score(control, treatment, shift=value, factor=1.0)

    interval = Interval(
        low=-1.0 if gap == -1 else crossing(lambda value: statistic(value) > z, -1.0, gap),
        high=1.0 if gap == 1 else crossing(lambda value: statistic(value) >= -z, gap, 1.0),
    )
    p_value = 2 * normal_upper(abs(statistic(null)))
    return finding(gap, interval, p_value, confidence=confidence, null=null)


def _lift(control: Proportion, treatment: Proportion, confidence: float, null: float) -> Finding:
    if null <= -1:
        raise InvalidInput(f"a null lift of {null!r} is not above -1")
    if control.successes == 0:
        raise InvalidInput(
            "the control has no successes, so there is no lift", hint='Use scale="absolute".'
        )
    z, ratio = normal_quantile((1 + confidence) / 2), treatment.point / control.point
    center = math.log(ratio) if ratio else -_LOG_LARGEST

    def statistic(log_ratio: float) -> float:
        return _score(control, treatment, shift=0.0, factor=math.exp(log_ratio))

    low = crossing(lambda value: statistic(value) > z, -_LOG_LARGEST, center)
    high = crossing(lambda value: statistic(value) >= -z, center, _LOG_LARGEST)
    return finding(
        ratio - 1,
        Interval(low=math.expm1(low) if ratio else -1.0, high=math.expm1(high)),
        2 * normal_upper(abs(statistic(math.log1p(null)))),
        confidence=confidence,
        null=null,
    )


def _score(control: Proportion, treatment: Proportion, *, shift: float, factor: float) -> float:
    """Return the statistic of T = shift + factor·C, with the likeliest shares under it."""
    p = _likeliest(control, treatment, shift, factor)
    q = min(1.0, max(0.0, shift + factor * p))
    total = control.count + treatment.count
    variance = q * (1 - q) / treatment.count + factor * factor * p * (1 - p) / control.count
    gap = treatment.point - shift - factor * control.point
    if gap == 0:
        return 0.0
    if variance <= 0:
        return math.copysign(math.inf, gap)
    return gap / math.sqrt(variance * total / (total - 1))


def _likeliest(control: Proportion, treatment: Proportion, shift: float, factor: float) -> float:
    """Return the control's share that makes both counts likeliest: the score falls through 0."""

    def rising(p: float) -> bool:
        q = shift + factor * p
        slope = _slope(control, p) + factor * _slope(treatment, q)
        return slope > 0

    return crossing(rising, max(0.0, -shift / factor), min(1.0, (1 - shift) / factor))


def _slope(group: Proportion, share: float) -> float:
    if not 0 < share < 1:  # rounding took the other share to its end
        return math.inf if share <= 0 else -math.inf
    return group.successes / share - group.failures / (1 - share)


def newcombe_interval(
    control: Proportion, treatment: Proportion, *, confidence: float = 0.95
) -> Interval:
    """Return the interval of the difference T - C made of the two Wilson intervals.

    R. G. Newcombe, "Interval estimation for the difference between independent proportions",
    Statistics in Medicine 17 (1998) 873-890, method 10.

    Raises:
        InvalidInput: a group is empty, or the confidence is not between 0 and 1.
    """
    _check_groups(control, treatment)
    first = wilson_interval(control.successes, control.count, confidence=confidence)
    second = wilson_interval(treatment.successes, treatment.count, confidence=confidence)
    if first is None or second is None:
        raise InvalidInput("a group has no units")
    gap = treatment.point - control.point
    below = math.hypot(treatment.point - second.low, first.high - control.point)
    above = math.hypot(second.high - treatment.point, control.point - first.low)
    return Interval(low=gap - below, high=gap + above)


def _check_groups(control: Proportion, treatment: Proportion) -> None:
    for name, group in (("control", control), ("treatment", treatment)):
        if group.count == 0:
            raise InvalidInput(f"the {name} has no units", hint="Wait for units.")
