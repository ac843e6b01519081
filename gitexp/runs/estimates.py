"""Means over rows with the interval that they leave open, whatever hangs together among the rows.

Several passes over one sample are not independent, so they count as one cluster. With weights w,
values x, their weighted mean m and the rows of a cluster c, the variance of the mean is

    G / (G - 1) · Σ_c (Σ_{i in c} w_i (x_i - m))² / (Σ w)²

over G clusters: the linearised ratio estimator of W. G. Cochran, "Sampling Techniques" (3rd ed.
1977), sections 6.4 and 9A.2, which is the clustered standard error of E. Miller, "Adding error
bars to evals", arXiv:2411.00640 (2024), with the correction for few clusters. Without weights and
repeats it is s²/n. Every sum is exactly rounded, so that the order of the rows changes nothing.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any

from gitexp.stats.intervals import wilson_interval
from gitexp.stats.student import t_quantile

CONFIDENCE = 0.95
_LARGE = 1e100


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A mean, and how sure it is.

    Attributes:
        mean: weighted, where samples have weights.
        standard_error: None for a single sample.
        interval: its bounds at the confidence that was asked for; None for a single sample, except
            for a share.
        count: how many values there are.
        samples: how many different samples they are of.
    """

    mean: float
    standard_error: float | None
    interval: tuple[float, float] | None
    count: int
    samples: int

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers as JSON has them; what is None is left out."""
        data: dict[str, Any] = {"count": self.count, "samples": self.samples, "mean": self.mean}
        if self.standard_error is not None:
            data["standard_error"] = self.standard_error
        return data | ({"interval": list(self.interval)} if self.interval else {})


@dataclass(frozen=True, kw_only=True)
class Values:
    """Values of rows.

    Attributes:
        keys: for each value what tells its sample from others, the values of a sample next to each
            other; empty where no sample comes twice.
        weights: for each value how much it counts; empty where all count 1.
    """

    values: Sequence[float]
    keys: Sequence[int] = ()
    weights: Sequence[float] = ()

    def plain_mean(self) -> float | None:
        """Return the mean without regard to weights; None where there is no value."""
        if not self.values:
            return None
        unit = _unit(max(map(abs, self.values)))
        return math.fsum(v / unit for v in self.values) / len(self.values) * unit

    def mean(self, *, confidence: float = CONFIDENCE) -> Estimate | None:
        """Return the mean with its interval by Student's t with G - 1 degrees of freedom.

        None where there is no value, or none that has a weight.
        """
        spread = _Spread.of(self)
        if spread is None:
            return None
        return spread.estimate(_t_interval(spread, confidence), len(self.values))

    def share(self, *, confidence: float = CONFIDENCE) -> Estimate | None:
        """Return the mean of values that are 0 or 1, with its Wilson interval.

        With repeats or weights it is taken over the effective number of samples p (1 - p) / V, V
        being the variance of the mean, adjusted for few clusters by (t_{n-1} / t_{G-1})²: E. L.
        Korn and B. I. Graubard, Survey Methodology 24 (1998) 193-201. It is at least what it were
        if all passes over a sample agreed, and at most what it were if they were independent.
        """
        spread = _Spread.of(self)
        if spread is None:
            return None
        trials = _effective(spread, len(self.values), confidence)
        found = wilson_interval(spread.mean * trials, trials, confidence=confidence)
        interval = (found.low, found.high) if found else None
        return spread.estimate(interval, len(self.values))


@dataclass(frozen=True, kw_only=True)
class _Spread:
    """A mean and how the clusters lie around it.

    Attributes:
        error: the standard error of the mean, without the correction for few clusters.
        clusters: how many have a weight.
        least, most: the effective numbers of values by Kish's formula (Σ w)² / Σ w², if all
            values of a cluster agree, and if they are independent.
    """

    mean: float
    error: float
    clusters: int
    least: float
    most: float

    @classmethod
    def of(cls, given: Values) -> _Spread | None:
        values, weights = given.values, _scaled(given.weights)
        total = math.fsum(weights) if weights else float(len(values))
        if not total > 0:
            return None
        # Sums of very large values would not fit into a float; they are taken in their own unit.
        unit = _unit(max(map(abs, values)))
        mean = math.fsum(v / unit * w for v, w in _weighted(values, weights)) / total
        parts = [w * (v / unit - mean) for v, w in _weighted(values, weights)]
        sums = list(_by_cluster(parts, given.keys))
        sizes = _sizes(weights, given.keys) if weights or given.keys else [1.0] * len(values)
        alone = math.fsum(w * w for w in weights) if weights else total
        return cls(
            mean=mean * unit,
            error=math.sqrt(math.fsum(s * s for s in sums)) / total * unit,
            clusters=sum(1 for size in sizes if size > 0),
            least=total**2 / math.fsum(size * size for size in sizes),
            most=total**2 / alone,
        )

    @property
    def standard_error(self) -> float | None:
        """The standard error with that correction; None for a single cluster."""
        if self.clusters < 2:
            return None
        return self.error * math.sqrt(self.clusters / (self.clusters - 1))

    def estimate(self, interval: tuple[float, float] | None, count: int) -> Estimate:
        """Return this as an estimate with an interval."""
        return Estimate(
            mean=self.mean,
            standard_error=self.standard_error,
            interval=interval,
            count=count,
            samples=self.clusters,
        )


def _unit(largest: float) -> float:
    return largest if largest > _LARGE or 0 < largest < 1 / _LARGE else 1.0


def _scaled(weights: Sequence[float]) -> Sequence[float]:
    unit = _unit(max(weights, default=1.0))
    return weights if unit == 1 else [weight / unit for weight in weights]


def _weighted(values: Sequence[float], weights: Sequence[float]) -> Iterable[tuple[float, float]]:
    return zip(values, weights or [1.0] * len(values), strict=True)


def _sizes(weights: Sequence[float], keys: Sequence[int]) -> Sequence[float]:
    """Return what the values of each cluster weigh together."""
    return list(_by_cluster(weights, keys)) if weights else list(Counter(keys).values())


def _by_cluster(parts: Sequence[float], keys: Sequence[int]) -> Iterable[float]:
    """Yield the sum of the parts of each cluster."""
    if not keys:
        return parts
    together = groupby(zip(keys, parts, strict=True), itemgetter(0))
    return (math.fsum(map(itemgetter(1), pairs)) for _, pairs in together)


def _t_interval(spread: _Spread, confidence: float) -> tuple[float, float] | None:
    error = spread.standard_error
    if error is None:
        return None
    margin = t_quantile((1 + confidence) / 2, spread.clusters - 1) * error
    low, high = spread.mean - margin, spread.mean + margin
    return (low, high) if math.isfinite(low) and math.isfinite(high) else None


def _effective(spread: _Spread, count: int, confidence: float) -> float:
    """Return how many independent values say as much about a share as these do."""
    rate, error = spread.mean, spread.error
    if spread.least == spread.most or spread.clusters < 2 or not error:
        return spread.least
    probability = (1 + confidence) / 2
    ratio = t_quantile(probability, count - 1) / t_quantile(probability, spread.clusters - 1)
    return min(spread.most, max(spread.least, rate * (1 - rate) / error**2 * ratio**2))
