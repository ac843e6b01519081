"""Paired designs: each unit under both conditions, as numbers or as successes."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitexp.errors import InvalidInput
from gitexp.stats.binomials import Exactness, binomial_test
from gitexp.stats.checks import Scale, check_count, check_same_length, checked_values
from gitexp.stats.effects import Effect, Part, Points
from gitexp.stats.findings import Finding, finding
from gitexp.stats.intervals import Interval
from gitexp.stats.moments import Moments

if TYPE_CHECKING:
    from gitexp.stats.checks import Values


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """Two values of each unit: under the control (column 0) and the treatment (column 1).

    Adding two gives the pairs of all their units.
    """

    moments: Moments

    def __post_init__(self) -> None:
        if self.moments.columns != 2:
            raise InvalidInput(f"pairs have 2 columns, and not {self.moments.columns}")

    @classmethod
    def from_values(cls, control: Values, treatment: Values) -> Pairs:
        """Return the pairs of two lists of values in the same order of units.

        Raises:
            InvalidInput: a value is not finite, or the lengths differ.
        """
        columns = [
            checked_values("control", control, least=0),
            checked_values("treatment", treatment, least=0),
        ]
        check_same_length("control", "treatment", (columns[0].size, columns[1].size))
        return cls(moments=Moments.from_columns(columns))

    def __add__(self, other: Pairs) -> Pairs:
        if not isinstance(other, Pairs):
            return NotImplemented
        return Pairs(moments=self.moments + other.moments)


def paired_effect(pairs: Pairs, *, scale: Scale = "absolute") -> Effect:
    """Return the effect within units, for the paired t-test: `t_test(paired_effect(pairs))`.

    Absolute: the mean difference, whose variance is that of the differences over n, with n - 1
    degrees of freedom: Student, "The probable error of a mean", Biometrika 6 (1908) 1-25.
    Relative: the ratio of the means less 1, by the delta method with the pairs' covariance.

    Raises:
        InvalidInput: there are fewer than 2 pairs, the differences do not vary by more than the
            rounding of the values, or the effect is relative and the control is too near 0 to
            divide by.
    """
    moments = pairs.moments
    _check_varied(moments)
    part = Part(
        control=moments.covariance(0, 0) / moments.count,
        treatment=moments.covariance(1, 1) / moments.count,
        between=moments.covariance(0, 1) / moments.count,
        degrees=moments.count - 1,
    )
    control, treatment = moments.means
    points = Points(control=control, treatment=treatment, count=moments.count, parts=(part,))
    return points.effect(scale)


def _check_varied(moments: Moments) -> None:
    """Refuse differences that are the same but for the rounding of the values they are between."""
    spread = moments.combined([[-1.0, 1.0]]).covariance(0, 0)
    shift = 32 * sys.float_info.epsilon * max(map(abs, moments.means))
    level = 64 * sys.float_info.epsilon * max(moments.covariance(0, 0), moments.covariance(1, 1))
    if spread <= shift * shift + level:
        raise InvalidInput(
            "every pair has the same difference, so neither an interval nor a p-value exists",
            hint="Check that the two columns are what they should be; compare the means by eye.",
        )


def mcnemar_test(
    only_control: int,
    only_treatment: int,
    *,
    confidence: float = 0.95,
    method: Exactness = "exact",
) -> Finding:
    """Return McNemar's test of pairs of which one alone succeeded, exact or mid-p.

    The pairs in which both or neither succeeded say nothing about the difference. Of the others a
    share of 1/2 is expected to be the treatment's; the estimate and the interval are the odds,
    only_treatment / only_control, whose null value is 1. Q. McNemar, Psychometrika 12 (1947)
    153-157; M. W. Fagerland, S. Lydersen and P. Laake, "The McNemar test for binary matched-pairs
    data: mid-p and asymptotic are better than exact conditional", BMC Medical Research
    Methodology 13 (2013) 91.

    Raises:
        InvalidInput: a count is negative or no whole number, no pair differs, the method is
            unknown, or the confidence is not between 0 and 1.
    """
    check_count("only_control", only_control)
    check_count("only_treatment", only_treatment)
    trials = only_control + only_treatment
    if trials == 0:
        raise InvalidInput(
            "no pair differs, so there is nothing to test",
            hint="Give the pairs in which one condition alone succeeded.",
        )
    found = binomial_test(only_treatment, trials, confidence=confidence, method=method)
    return finding(
        _odds(found.estimate),
        Interval(low=_odds(found.interval.low), high=_odds(found.interval.high)),
        found.p_value,
        confidence=confidence,
        null=1.0,
    )


def _odds(share: float) -> float:
    return math.inf if share == 1 else share / (1 - share)
