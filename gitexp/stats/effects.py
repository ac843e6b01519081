"""Effects: how far the treatment is from the control, and how sure that is.

Every way of estimating (plain, adjusted, stratified, paired, of quantiles) ends in an `Effect`,
and every way of judging (t, z, Bayes, sequential, margins) starts from one.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from gitexp.errors import InvalidInput
from gitexp.stats.checks import Scale, check_choice, check_count, check_finite, check_positive
from gitexp.stats.samples import Proportion, Sample

FEWEST_OUTCOMES = 5
"""Successes and failures that the normal approximation of a proportion needs in each group."""

FARTHEST_FROM_ZERO = 3.0
"""Standard errors that a control must be away from 0 before anything is divided by it."""


@dataclass(frozen=True, kw_only=True)
class Effect:
    """An estimated effect with its sampling variance.

    `value` and the square root of `variance` are in the unit that `scale` names: the metric's own,
    or a share of the control's value (0.05 is a lift of 5 %). `degrees` are the degrees of freedom
    of the variance, infinite when it is taken as known. `count` is the number of units behind it.
    `control` and `treatment` are the two points.

    Raises:
        InvalidInput: the variance is not above 0, so that no interval or p-value exists.
    """

    value: float
    variance: float
    degrees: float
    count: int
    scale: Scale
    control: float
    treatment: float

    def __post_init__(self) -> None:
        check_choice("scale", self.scale, ("absolute", "relative"))
        check_finite("an effect", self.value)
        check_finite("a variance", self.variance)
        check_count("count", self.count, least=1)
        if self.variance <= 0:
            raise InvalidInput(
                "the effect has no variance, so neither an interval nor a p-value exists",
                hint="Check that the metric varies between units; wait for more of them.",
            )
        if not self.degrees > 0:
            raise InvalidInput(f"degrees of freedom must be above 0: {self.degrees!r}")

    @property
    def standard_error(self) -> float:
        """Return the square root of the variance."""
        return math.sqrt(self.variance)

    def scaled(self, factor: float) -> Effect:
        """Return the absolute effect in another unit, as its total over `factor` units.

        Raises:
            InvalidInput: the effect is relative, or the factor is not above 0.
        """
        check_positive("a factor", factor)
        if self.scale != "absolute":
            raise InvalidInput("a relative effect has no unit to scale")
        return Effect(
            value=self.value * factor,
            variance=self.variance * factor * factor,
            degrees=self.degrees,
            count=self.count,
            scale=self.scale,
            control=self.control * factor,
            treatment=self.treatment * factor,
        )


@dataclass(frozen=True, kw_only=True)
class Points:
    """Two estimates with their joint sampling variance: what an effect is computed from.

    `parts` are the independent sources of error, whose variances add up.
    """

    control: float
    treatment: float
    count: int
    parts: tuple[Part, ...]

    def effect(self, scale: Scale) -> Effect:
        """Return treatment - control, or that divided by |control|.

        The absolute value keeps the direction where the control is negative: from -10 to -5 is
        +0.5. By the delta method the relative effect has the variance of
        (treatment - r·control) / |control| with r = treatment / control: G. Casella and
        R. L. Berger, "Statistical Inference", 2nd edition 2002, section 5.5.4.

        Degrees of freedom follow Satterthwaite from the same parts that make up the variance:
        B. L. Welch, Biometrika 34 (1947) 28-35; F. E. Satterthwaite, Biometrics 2 (1946) 110-114.

        Raises:
            InvalidInput: nothing varies, or the effect is relative and the control is too near 0.
        """
        check_choice("scale", scale, ("absolute", "relative"))
        if scale == "absolute":
            return self._effect(scale, 1.0, 1.0)
        self._check_divisible()
        size = abs(self.control)
        return self._effect(scale, 1 / size, self.treatment / self.control / size)

    def _effect(self, scale: Scale, treated: float, controlled: float) -> Effect:
        shares = [part.of(controlled, treated) for part in self.parts]
        unit = 1.0 if scale == "absolute" else 1 / abs(self.control)
        return Effect(
            value=(self.treatment - self.control) * unit,
            variance=math.fsum(shares),
            degrees=_satterthwaite(shares, [part.degrees for part in self.parts]),
            count=self.count,
            scale=scale,
            control=self.control,
            treatment=self.treatment,
        )

    def _check_divisible(self) -> None:
        error = math.sqrt(math.fsum(part.of(1.0, 0.0) for part in self.parts))
        if abs(self.control) <= FARTHEST_FROM_ZERO * error or self.control == 0:
            raise InvalidInput(
                f"the control's value of {self.control:.6g} is too near 0 for a relative effect: "
                f"its standard error is {error:.3g}",
                hint='Use scale="absolute", or wait for more units.',
            )


@dataclass(frozen=True, kw_only=True)
class Part:
    """An independent source of error: its variance in each point, and between them.

    The effect a·treatment - b·control takes a²·treatment + b²·control - 2ab·between of it.
    """

    control: float = 0.0
    treatment: float = 0.0
    between: float = 0.0
    degrees: float = math.inf

    def of(self, controlled: float, treated: float) -> float:
        """Return the variance that it adds to treated·treatment - controlled·control."""
        terms = (
            treated * treated * self.treatment,
            controlled * controlled * self.control,
            -2 * treated * controlled * self.between,
        )
        total = math.fsum(terms)
        # What is nothing but the rounding of its terms is no variance.
        return total if total > 16 * sys.float_info.epsilon * max(terms) else 0.0


def effect(control: Sample, treatment: Sample, *, scale: Scale = "relative") -> Effect:
    """Return the effect of the treatment against an independent control.

    Absolute: e = T - C with variance Var(T) + Var(C). Relative, by the delta method:
    e = (T - C)/|C| with variance Var(T)/C² + T²·Var(C)/C⁴.

    Raises:
        InvalidInput: a group is too small to have a variance, nothing varies, a proportion has
            fewer than 5 successes or failures, or the control is too near 0 to divide by.
    """
    check_choice("scale", scale, ("absolute", "relative"))
    for name, sample in (("control", control), ("treatment", treatment)):
        _check_outcomes(name, sample)
    points = Points(
        control=control.point,
        treatment=treatment.point,
        count=control.count + treatment.count,
        parts=(
            Part(control=control.error, degrees=control.degrees),
            Part(treatment=treatment.error, degrees=treatment.degrees),
        ),
    )
    return points.effect(scale)


def _check_outcomes(name: str, sample: Sample) -> None:
    if not isinstance(sample, Proportion):
        return
    if min(sample.successes, sample.failures) < FEWEST_OUTCOMES:
        raise InvalidInput(
            f"the {name} has {sample.successes} successes and {sample.failures} failures, "
            f"too few for the normal approximation, which needs {FEWEST_OUTCOMES} of each",
            hint="Use score_test or fisher_test, which hold for small counts.",
        )


def _satterthwaite(shares: Sequence[float], degrees: Sequence[float]) -> float:
    total = math.fsum(shares)
    if total <= 0:
        return math.inf
    # Divided by the total first, so that tiny variances do not underflow when squared.
    spread = math.fsum(
        (share / total) ** 2 / df for share, df in zip(shares, degrees, strict=True) if share > 0
    )
    return 1 / spread if spread > 0 else math.inf
