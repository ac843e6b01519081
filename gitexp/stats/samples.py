"""Sufficient statistics of one group: proportions, means and ratios, with covariates, that add.

Each has `count` (units), `point` (what is estimated), `variance` (of one unit's contribution) and
`error` (the variance of the point, `variance / count`). Adding two gives the statistic of all
their units, so a day's statistics are computed once and summed ever after.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from gitexp.errors import InvalidInput
from gitexp.stats.checks import check_count, check_same_length, checked_values
from gitexp.stats.moments import Moments

if TYPE_CHECKING:
    from gitexp.stats.checks import Array, Values


class Sample(Protocol):
    """What an effect needs to know of one group."""

    @property
    def count(self) -> int:
        """Return the number of units."""

    @property
    def point(self) -> float:
        """Return the estimate."""

    @property
    def error(self) -> float:
        """Return the sampling variance of the estimate, the square of its standard error."""

    @property
    def degrees(self) -> float:
        """Return the degrees of freedom of `error`, infinite when it is taken as known."""


@dataclass(frozen=True, kw_only=True)
class Proportion:
    """How many of the units succeeded.

    Raises:
        InvalidInput: a count is negative or no whole number, or more succeeded than there are.
    """

    count: int
    successes: int

    def __post_init__(self) -> None:
        check_count("count", self.count)
        check_count("successes", self.successes)
        if self.successes > self.count:
            raise InvalidInput(f"{self.successes} of {self.count} is no proportion")

    def __add__(self, other: Proportion) -> Proportion:
        if not isinstance(other, Proportion):
            return NotImplemented
        return Proportion(
            count=self.count + other.count, successes=self.successes + other.successes
        )

    @property
    def failures(self) -> int:
        """Return how many units did not succeed."""
        return self.count - self.successes

    @property
    def point(self) -> float:
        """Return the share of successes, x / n."""
        _check_units(self.count, 1)
        return self.successes / self.count

    @property
    def variance(self) -> float:
        """Return p(1 - p), the binomial variance of one unit at the observed share."""
        return self.point * (self.failures / self.count)

    @property
    def error(self) -> float:
        """Return p(1 - p) / n."""
        return self.variance / self.count

    @property
    def degrees(self) -> float:
        """Return n - 1."""
        return self.count - 1

    def as_mean(self) -> Mean:
        """Return the same units as the mean of zeros and ones, whose variance divides by n - 1."""
        squares = self.count * self.variance if self.count else 0.0
        point = self.point if self.count else 0.0
        return Mean(moments=Moments(count=self.count, means=(point,), products=((squares,),)))


@dataclass(frozen=True, kw_only=True)
class Mean:
    """A value for each unit, and any number of covariates known from before the experiment.

    Column 0 of `moments` is the value, the others are the covariates.
    """

    moments: Moments

    @classmethod
    def from_values(cls, values: Values, *covariates: Values) -> Mean:
        """Return the statistic of a value for each unit, and of covariates of the same units.

        Raises:
            InvalidInput: a value is not finite, or the lengths differ.
        """
        return cls(moments=Moments.from_columns(_columns(["values"], [values], covariates)))

    @classmethod
    def from_sums(cls, count: int, total: float, squares: float) -> Mean:
        """Return the statistic from n, Σy and Σy².

        Raises:
            InvalidInput: the sums contradict each other, or have lost the variance to rounding.
        """
        return cls(moments=Moments.from_sums(count, [total], [(squares,)]))

    def __add__(self, other: Mean) -> Mean:
        if not isinstance(other, Mean):
            return NotImplemented
        return Mean(moments=self.moments + other.moments)

    @property
    def count(self) -> int:
        """Return the number of units."""
        return self.moments.count

    @property
    def point(self) -> float:
        """Return the mean."""
        _check_units(self.count, 1)
        return self.moments.means[0]

    @property
    def variance(self) -> float:
        """Return the sample variance of the values, which divides by n - 1."""
        return self.moments.covariance(0, 0)

    @property
    def error(self) -> float:
        """Return the variance of the mean."""
        return self.variance / self.count

    @property
    def degrees(self) -> float:
        """Return n - 1."""
        return self.count - 1

    def linearised(self) -> Moments:
        """Return the moments of each unit's contribution and of the covariates: its own."""
        return self.moments


@dataclass(frozen=True, kw_only=True)
class Ratio:
    """A numerator and a denominator for each unit; what counts is the ratio of their sums.

    Columns 0 and 1 of `moments` are numerator and denominator, the others are covariates.
    Retention is such a ratio: those who came back over those who started.
    """

    moments: Moments

    def __post_init__(self) -> None:
        if self.moments.columns < 2:
            raise InvalidInput("a ratio needs a numerator and a denominator for each unit")

    @classmethod
    def from_values(cls, numerator: Values, denominator: Values, *covariates: Values) -> Ratio:
        """Return the statistic of a numerator, a denominator and covariates for each unit.

        Raises:
            InvalidInput: a value is not finite, or the lengths differ.
        """
        names = ["numerator", "denominator"]
        columns = _columns(names, [numerator, denominator], covariates)
        return cls(moments=Moments.from_columns(columns))

    @classmethod
    def from_sums(
        cls, count: int, sums: tuple[float, float], squares: tuple[float, float], cross: float
    ) -> Ratio:
        """Return the statistic from n, (Σm, Σd), (Σm², Σd²) and Σmd.

        Raises:
            InvalidInput: the sums contradict each other, or have lost the variance to rounding.
        """
        rows = [(squares[0], cross), (cross, squares[1])]
        return cls(moments=Moments.from_sums(count, sums, rows))

    @classmethod
    def from_clusters(cls, values: Values, clusters: Sequence[Hashable]) -> Ratio:
        """Return the mean of values whose unit of randomisation is a cluster of them.

        It is the ratio of a cluster's sum to its size, whose delta-method variance allows for the
        likeness of values within a cluster: A. Deng, U. Knoblich and J. Lu, "Applying the delta
        method in metric analytics", KDD 2018, section 3. `count` is the number of clusters.

        Raises:
            InvalidInput: a value is not finite, or the lengths differ.
        """
        import numpy as np

        array = checked_values("values", values)
        check_same_length("values", "clusters", (array.size, len(clusters)))
        labels: dict[Hashable, int] = {}
        places = np.array([labels.setdefault(label, len(labels)) for label in clusters])
        return cls.from_values(np.bincount(places, weights=array), np.bincount(places))

    def __add__(self, other: Ratio) -> Ratio:
        if not isinstance(other, Ratio):
            return NotImplemented
        return Ratio(moments=self.moments + other.moments)

    @property
    def count(self) -> int:
        """Return the number of units."""
        return self.moments.count

    @property
    def point(self) -> float:
        """Return R = Σm / Σd.

        Raises:
            InvalidInput: there are no units, or their denominators add to 0.
        """
        return self.moments.means[0] / self.denominator

    @property
    def denominator(self) -> float:
        """Return the mean of the denominators, D.

        Raises:
            InvalidInput: there are no units, or their denominators add to 0.
        """
        _check_units(self.count, 1)
        if self.moments.means[1] == 0:
            raise InvalidInput(
                "a ratio has a denominator of 0", hint="Wait for units that have a denominator."
            )
        return self.moments.means[1]

    @property
    def variance(self) -> float:
        """Return the variance of (m - R·d) / D, the delta method's contribution of one unit.

        Equal to Var(m)/D² + R²·Var(d)/D² - 2R·Cov(m, d)/D², with variances that divide by n - 1.
        """
        return self.linearised().covariance(0, 0)

    @property
    def error(self) -> float:
        """Return the variance of the ratio by the delta method."""
        return self.variance / self.count

    @property
    def degrees(self) -> float:
        """Return n - 1."""
        return self.count - 1

    def linearised(self) -> Moments:
        """Return the moments of R + (m - R·d) / D, followed by the covariates.

        W. G. Cochran, "Sampling Techniques", 3rd edition, Wiley 1977, section 6.4.
        """
        scale, ratio, columns = 1 / self.denominator, self.point, self.moments.columns
        value = [scale, -ratio * scale] + [0.0] * (columns - 2)
        rest = [[float(i == j) for j in range(columns)] for i in range(2, columns)]
        moments = self.moments.combined([value, *rest])
        # Centred, the contribution is 0 up to rounding; its point is the ratio.
        means = (ratio, *moments.means[1:])
        return Moments(count=moments.count, means=means, products=moments.products)


def _columns(names: list[str], own: Sequence[Values], covariates: Sequence[Values]) -> list[Array]:
    every = names + [f"covariate {i + 1}" for i in range(len(covariates))]
    arrays = [
        checked_values(name, column, least=0)
        for name, column in zip(every, [*own, *covariates], strict=True)
    ]
    for name, array in zip(every[1:], arrays[1:], strict=True):
        check_same_length(every[0], name, (arrays[0].size, array.size))
    return arrays


def _check_units(count: int, least: int) -> None:
    if count < least:
        raise InvalidInput(
            f"a group of {count} units has no estimate", hint="Wait for units, or leave it out."
        )
