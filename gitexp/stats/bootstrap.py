"""Bootstrap intervals of any statistic: of two groups, of pairs, and of clusters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from gitexp.errors import InvalidInput
from gitexp.stats.checks import (
    Scale,
    check_choice,
    check_confidence,
    check_count,
    check_same_length,
    checked_values,
)
from gitexp.stats.distributions import normal_quantile, normal_upper
from gitexp.stats.findings import excludes
from gitexp.stats.intervals import Interval

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from gitexp.stats.checks import Array, Values

Statistic = Callable[["Array"], float]
"""From the values of one group to a number: `numpy.mean`, `numpy.median` or one's own."""

Bounds = Literal["percentile", "basic", "bca"]
"""How an interval is read from the resampled values."""

FEWEST_UNITS = 5
"""Units that a group must have for its resamples to say anything."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How to resample: with which generator, how often, and how the interval is read.

    `generator` is seeded by the caller: the same seed and data give the same answer.

    Raises:
        InvalidInput: there are fewer than 100 resamples, the confidence is not between 0 and 1, or
            the bounds are of an unknown kind.
    """

    generator: np.random.Generator
    resamples: int = 2000
    confidence: float = 0.95
    bounds: Bounds = "percentile"

    def __post_init__(self) -> None:
        check_count("resamples", self.resamples, least=100)
        check_confidence(self.confidence)
        check_choice("bounds", self.bounds, ("percentile", "basic", "bca"))


@dataclass(frozen=True, kw_only=True)
class Resampled:
    """An estimate with its bootstrap interval and standard error, in the unit of `scale`."""

    estimate: float
    interval: Interval
    standard_error: float
    confidence: float
    scale: Scale

    @property
    def significant(self) -> bool:
        """Return whether 0 is outside the interval."""
        return excludes(self.interval, 0.0)


def bootstrap(
    control: Values,
    treatment: Values,
    statistic: Statistic,
    plan: Plan,
    *,
    scale: Scale = "absolute",
) -> Resampled:
    """Return the bootstrap of statistic(treatment) against statistic(control), groups independent.

    B. Efron, "Bootstrap methods: another look at the jackknife", Annals of Statistics 7 (1979)
    1-26; the bounds as in B. Efron and R. J. Tibshirani, "An Introduction to the Bootstrap",
    Chapman & Hall 1993: percentile (13.3), basic (1997, A. C. Davison and D. V. Hinkley, 5.2), or
    bias-corrected and accelerated (14.3), with the jackknife over both groups.

    Raises:
        InvalidInput: a group has fewer than 5 units, a value or a statistic is not finite, the
            resamples do not vary, or the effect is relative and a control's statistic is 0.
    """
    design = _Independent(_flat("control", control), _flat("treatment", treatment))
    return _Problem(design=design, statistic=statistic, scale=scale).resampled(plan)


def paired_bootstrap(
    control: Values,
    treatment: Values,
    statistic: Statistic,
    plan: Plan,
    *,
    scale: Scale = "absolute",
) -> Resampled:
    """Return the bootstrap of statistic(treatment) against statistic(control) over pairs.

    Units are drawn with both of their values, which are in the same order in both lists.

    Raises:
        InvalidInput: as for `bootstrap`, or the lengths differ.
    """
    first, second = _flat("control", control), _flat("treatment", treatment)
    check_same_length("control", "treatment", (first.size, second.size))
    design = _Paired(first, second)
    return _Problem(design=design, statistic=statistic, scale=scale).resampled(plan)


def clustered_bootstrap(
    control: Sequence[Values],
    treatment: Sequence[Values],
    statistic: Statistic,
    plan: Plan,
    *,
    scale: Scale = "absolute",
) -> Resampled:
    """Return the bootstrap over clusters: each item of a group holds the values of one cluster.

    Whole clusters are drawn, and the statistic is taken over all their values: A. C. Davison and
    D. V. Hinkley, "Bootstrap Methods and their Application", Cambridge 1997, section 3.8.

    Raises:
        InvalidInput: as for `bootstrap`, with at least 5 clusters in each group.
    """
    design = _Independent(_clustered("control", control), _clustered("treatment", treatment))
    return _Problem(design=design, statistic=statistic, scale=scale).resampled(plan)


class _Flat:
    """A group whose units have one value each."""

    def __init__(self, values: Array) -> None:
        self.values, self.size = values, values.size

    def whole(self) -> Array:
        return self.values

    def at(self, places: NDArray[np.int64]) -> Array:
        return self.values[places]

    def without(self, unit: int) -> Array:
        import numpy as np

        return np.delete(self.values, unit)


class _Clustered:
    """A group whose units have any number of values."""

    def __init__(self, units: list[Array]) -> None:
        self.units, self.size = units, len(units)

    def whole(self) -> Array:
        return _joined(self.units)

    def at(self, places: NDArray[np.int64]) -> Array:
        return _joined([self.units[place] for place in places])

    def without(self, unit: int) -> Array:
        return _joined(self.units[:unit] + self.units[unit + 1 :])


class _Independent:
    """Two groups, drawn apart."""

    def __init__(self, control: _Flat | _Clustered, treatment: _Flat | _Clustered) -> None:
        self.control, self.treatment = control, treatment

    def draws(self, generator: np.random.Generator) -> tuple[Array, Array]:
        return _drawn(self.control, generator), _drawn(self.treatment, generator)

    def left_out(self) -> Iterator[Iterator[tuple[Array, Array]]]:
        control, treatment = self.control.whole(), self.treatment.whole()
        yield ((self.control.without(unit), treatment) for unit in range(self.control.size))
        yield ((control, self.treatment.without(unit)) for unit in range(self.treatment.size))


class _Paired:
    """Two groups of the same units, drawn together."""

    def __init__(self, control: _Flat, treatment: _Flat) -> None:
        self.control, self.treatment = control, treatment

    def draws(self, generator: np.random.Generator) -> tuple[Array, Array]:
        places = generator.integers(0, self.control.size, self.control.size)
        return self.control.at(places), self.treatment.at(places)

    def left_out(self) -> Iterator[Iterator[tuple[Array, Array]]]:
        yield (
            (self.control.without(unit), self.treatment.without(unit))
            for unit in range(self.control.size)
        )


@dataclass(frozen=True, kw_only=True)
class _Problem:
    """A design, and what is computed from each of its resamples."""

    design: _Independent | _Paired
    statistic: Statistic
    scale: Scale

    def of(self, control: Array, treatment: Array) -> float:
        return contrast(self.statistic, control, treatment, self.scale)

    def resampled(self, plan: Plan) -> Resampled:
        import numpy as np

        check_choice("scale", self.scale, ("absolute", "relative"))
        design = self.design
        estimate = self.of(design.control.whole(), design.treatment.whole())
        drawn = np.array([self.of(*design.draws(plan.generator)) for _ in range(plan.resamples)])
        if np.ptp(drawn) == 0:
            raise InvalidInput(
                "every resample gives the same value, so there is no interval",
                hint="Check that the metric varies between units.",
            )
        return Resampled(
            estimate=estimate,
            interval=self._interval(plan, estimate, drawn),
            standard_error=float(drawn.std(ddof=1)),
            confidence=plan.confidence,
            scale=self.scale,
        )

    def _interval(self, plan: Plan, estimate: float, drawn: Array) -> Interval:
        import numpy as np

        levels = [(1 - plan.confidence) / 2, (1 + plan.confidence) / 2]
        if plan.bounds == "bca":
            levels = _corrected(levels, estimate, drawn, self._acceleration())
        low, high = (float(bound) for bound in np.quantile(drawn, levels))
        if plan.bounds == "basic":
            low, high = 2 * estimate - high, 2 * estimate - low
        return Interval(low=low, high=high)

    def _acceleration(self) -> float:
        """Return the skewness of the jackknife's influences over 6, over all groups."""
        import numpy as np

        influences = []
        for units in self.design.left_out():
            values = np.array([self.of(*groups) for groups in units])
            influences.append((values.mean() - values) * (values.size - 1) / values.size)
        every = np.concatenate(influences)
        spread = float((every**2).sum()) ** 1.5
        return float((every**3).sum()) / (6 * spread) if spread > 0 else 0.0


def contrast(statistic: Statistic, control: Array, treatment: Array, scale: Scale) -> float:
    """Return statistic(treatment) - statistic(control), or that divided by |the latter|.

    Raises:
        InvalidInput: the statistic is not finite, or the effect is relative and the control's 0.
    """
    first, second = float(statistic(control)), float(statistic(treatment))
    gap = second - first
    if scale == "relative":
        if first == 0:
            raise InvalidInput(
                "a control's statistic is 0, so there is no relative effect",
                hint='Use scale="absolute".',
            )
        gap /= abs(first)
    if not abs(gap) < float("inf"):
        raise InvalidInput(f"the statistic of a resample is not finite: {gap!r}")
    return gap


def _corrected(
    levels: list[float], estimate: float, drawn: Array, acceleration: float
) -> list[float]:
    """Return the levels of the BCa bounds; values equal to the estimate count half."""
    below = (float((drawn < estimate).mean()) + float((drawn <= estimate).mean())) / 2
    if not 0 < below < 1:
        raise InvalidInput(
            "the estimate lies outside its resamples, so their bias cannot be corrected",
            hint='Use bounds="percentile", or a smoother statistic.',
        )
    bias = normal_quantile(below)
    corrected = []
    for level in levels:
        z = bias + normal_quantile(level)
        corrected.append(1 - normal_upper(bias + z / (1 - acceleration * z)))
    return corrected


def _joined(units: Sequence[Array]) -> Array:
    import numpy as np

    return np.concatenate(units)


def _drawn(group: _Flat | _Clustered, generator: np.random.Generator) -> Array:
    return group.at(generator.integers(0, group.size, group.size))


def _flat(name: str, values: Values) -> _Flat:
    array = checked_values(name, values)
    _check_units(name, array.size)
    return _Flat(array)


def _clustered(name: str, clusters: Sequence[Values]) -> _Clustered:
    _check_units(name, len(clusters))
    units = [checked_values(f"{name}[{place}]", values) for place, values in enumerate(clusters)]
    return _Clustered(units)


def _check_units(name: str, count: int) -> None:
    if count < FEWEST_UNITS:
        raise InvalidInput(
            f"{name} has {count} units, too few to resample, which needs {FEWEST_UNITS}",
            hint="Wait for more units, or use a permutation test.",
        )
