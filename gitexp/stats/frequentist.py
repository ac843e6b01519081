"""Student's and the normal test of an effect, as a two-sided interval or a one-sided bound."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from gitexp.stats.checks import Alternative, check_choice, check_confidence, check_finite
from gitexp.stats.distributions import student_quantile, student_upper
from gitexp.stats.effects import Effect
from gitexp.stats.findings import agreeing, excludes
from gitexp.stats.intervals import Interval, around


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """An effect judged by Student's t with the effect's degrees of freedom, or by the normal.

    With a statistic of (value - null) / standard error, `p_value` is the probability of one at
    least as extreme under the null value, and `interval` holds the null values that are not
    rejected: all of them for a two-sided test; from the lower bound up for "greater"; up to the
    upper bound for "less". `significant`, `interval` and `p_value` say the same, to the last bit.
    """

    effect: Effect
    degrees: float
    confidence: float = 0.95
    alternative: Alternative = "two-sided"
    null: float = 0.0

    def __post_init__(self) -> None:
        check_confidence(self.confidence)
        check_choice("alternative", self.alternative, ("two-sided", "greater", "less"))
        check_finite("a null value", self.null)

    @property
    def statistic(self) -> float:
        """Return (value - null) / standard error."""
        return (self.effect.value - self.null) / self.effect.standard_error

    @property
    def interval(self) -> Interval:
        """Return the interval of the given confidence, in the unit of the effect."""
        sides = 2 if self.alternative == "two-sided" else 1
        tail = (1 - self.confidence) / sides
        margin = -student_quantile(tail, self.degrees) * self.effect.standard_error
        return around(self.effect.value, margin, self.alternative)

    @property
    def significant(self) -> bool:
        """Return whether the null value is outside the interval."""
        return excludes(self.interval, self.null)

    @property
    def p_value(self) -> float:
        """Return the p-value; it is below 1 - confidence exactly when this is significant."""
        return agreeing(self._p_value(), self.significant, confidence=self.confidence)

    def _p_value(self) -> float:
        if self.alternative == "two-sided":
            return 2 * student_upper(abs(self.statistic), self.degrees)
        sign = 1 if self.alternative == "greater" else -1
        return student_upper(sign * self.statistic, self.degrees)

    def at(self, confidence: float) -> Comparison:
        """Return the same test at another confidence."""
        return replace(self, confidence=confidence)


def t_test(
    effect: Effect,
    *,
    confidence: float = 0.95,
    alternative: Alternative = "two-sided",
    null: float = 0.0,
) -> Comparison:
    """Return Welch's t-test of an effect, with its Satterthwaite degrees of freedom.

    B. L. Welch, "The generalization of 'Student's' problem when several different population
    variances are involved", Biometrika 34 (1947) 28-35.

    Raises:
        InvalidInput: the confidence is not between 0 and 1, or the alternative is unknown.
    """
    return Comparison(
        effect=effect,
        degrees=effect.degrees,
        confidence=confidence,
        alternative=alternative,
        null=null,
    )


def z_test(
    effect: Effect,
    *,
    confidence: float = 0.95,
    alternative: Alternative = "two-sided",
    null: float = 0.0,
) -> Comparison:
    """Return the normal (Wald) test of an effect, its variance taken as known.

    A. Wald, "Tests of statistical hypotheses concerning several parameters when the number of
    observations is large", Transactions of the AMS 54 (1943) 426-482. For groups of a few dozen
    units the t-test holds its level better.

    Raises:
        InvalidInput: the confidence is not between 0 and 1, or the alternative is unknown.
    """
    return Comparison(
        effect=effect,
        degrees=math.inf,
        confidence=confidence,
        alternative=alternative,
        null=null,
    )
