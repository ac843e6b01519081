"""Bayesian judgement of an effect: a normal likelihood with a flat or a normal prior."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from gitexp.errors import InvalidInput
from gitexp.stats.checks import (
    Scale,
    check_choice,
    check_confidence,
    check_finite,
    check_positive,
)
from gitexp.stats.distributions import (
    normal_density,
    normal_quantile,
    normal_upper,
    scaled_mills,
)
from gitexp.stats.effects import Effect
from gitexp.stats.findings import excludes
from gitexp.stats.intervals import Interval

Direction = Literal["increase", "decrease"]
"""Which change of the metric is the good one."""


@dataclass(frozen=True, kw_only=True)
class Prior:
    """What is believed of the effect before the data: a normal distribution on one scale.

    Raises:
        InvalidInput: the mean is not finite or the deviation is not above 0.
    """

    mean: float = 0.0
    deviation: float
    scale: Scale = "relative"

    def __post_init__(self) -> None:
        check_choice("scale", self.scale, ("absolute", "relative"))
        check_finite("a prior's mean", self.mean)
        check_positive("a prior's deviation", self.deviation)

    def rescaled(self, scale: Scale, *, control: float) -> Prior:
        """Return the prior on the other scale: a relative effect times |control| is absolute.

        Raises:
            InvalidInput: the control is 0 or not finite.
        """
        check_finite("the control", control)
        if scale == self.scale:
            return self
        if control == 0:
            raise InvalidInput("a control of 0 has no relative scale")
        factor = abs(control) if scale == "absolute" else 1 / abs(control)
        return Prior(mean=self.mean * factor, deviation=self.deviation * factor, scale=scale)


@dataclass(frozen=True, kw_only=True)
class Posterior:
    """What is believed of the effect after the data: a normal distribution.

    `mean` and `deviation` are in the unit of the effect. `interval` is equal-tailed. The verdict
    is read from that interval: `significant` means that it does not hold 0, which is the same as
    a chance to win above (1 + confidence)/2 or below (1 - confidence)/2.
    """

    mean: float
    deviation: float
    scale: Scale
    confidence: float = 0.95
    direction: Direction = "increase"

    def __post_init__(self) -> None:
        check_confidence(self.confidence)
        check_choice("direction", self.direction, ("increase", "decrease"))
        check_finite("a posterior mean", self.mean)
        check_positive("a posterior deviation", self.deviation)

    @property
    def interval(self) -> Interval:
        """Return the equal-tailed credible interval."""
        margin = -normal_quantile((1 - self.confidence) / 2) * self.deviation
        return Interval(low=self.mean - margin, high=self.mean + margin)

    @property
    def chance_to_win(self) -> float:
        """Return the probability that the treatment changes the metric in the good direction.

        It is above (1 + confidence)/2, or below (1 - confidence)/2, exactly when the interval
        does not hold 0: rounding could part them by the last bits, and is not let.
        """
        chance, sure = normal_upper(-self._gain), (1 + self.confidence) / 2
        if not self.significant:
            return min(sure, max((1 - self.confidence) / 2, chance))
        if self._gain > 0:
            return max(chance, math.nextafter(sure, 1.0))
        return min(chance, math.nextafter((1 - self.confidence) / 2, 0.0))

    @property
    def risk_treatment(self) -> float:
        """Return the expected loss of choosing the treatment, E[max(-gain, 0)], effect's unit.

        With z = mean / deviation it is deviation · (φ(z) - z·P(Z > z)): H. Raiffa and
        R. Schlaifer, "Applied Statistical Decision Theory", Harvard 1961, section 11.6 (the unit
        normal linear-loss integral); for z > 0 through Mills' ratio, which keeps its digits.
        """
        return self.deviation * _linear_loss(self._gain)

    @property
    def risk_control(self) -> float:
        """Return the expected loss of staying with the control, E[max(gain, 0)], effect's unit."""
        return self.deviation * _linear_loss(-self._gain)

    @property
    def significant(self) -> bool:
        """Return whether 0 is outside the credible interval."""
        return excludes(self.interval, 0.0)

    @property
    def _gain(self) -> float:
        sign = 1 if self.direction == "increase" else -1
        return sign * self.mean / self.deviation


def posterior(
    effect: Effect,
    *,
    prior: Prior | None = None,
    confidence: float = 0.95,
    direction: Direction = "increase",
) -> Posterior:
    """Return the posterior of an effect; without a prior it is flat.

    Normal data with a normal prior: precisions 1/v + 1/s² add, and the mean is weighted by them.
    A. Gelman et al., "Bayesian Data Analysis", 3rd edition, CRC Press 2013, section 2.5.

    Raises:
        InvalidInput: the prior is on another scale than the effect, the confidence is not between
            0 and 1, or the direction is unknown.
    """
    if prior is None:
        mean, variance = effect.value, effect.variance
    else:
        _check_scale(prior, effect)
        # The weights, and not the precisions, are computed: they neither overflow nor cancel.
        share = effect.variance / (effect.variance + prior.deviation**2)
        mean = prior.mean * share + effect.value * (1 - share)
        variance = share * prior.deviation**2
    return Posterior(
        mean=mean,
        deviation=math.sqrt(variance),
        scale=effect.scale,
        confidence=confidence,
        direction=direction,
    )


def _check_scale(prior: Prior, effect: Effect) -> None:
    if prior.scale != effect.scale:
        raise InvalidInput(
            f"the prior is {prior.scale} and the effect is {effect.scale}",
            hint="Convert it: `prior.rescaled(effect.scale, control=effect.control)`.",
        )


def _linear_loss(z: float) -> float:
    if z <= 0:
        return normal_density(z) - z * normal_upper(z)
    return normal_density(z) * (1 - z * scaled_mills(z))
