"""Margins: showing that the treatment is not worse by more than a margin, or not different."""

from __future__ import annotations

from dataclasses import dataclass

from gitexp.errors import InvalidInput
from gitexp.stats.bayesian import Direction
from gitexp.stats.checks import check_choice, check_confidence, check_finite, check_positive
from gitexp.stats.effects import Effect
from gitexp.stats.findings import agreeing
from gitexp.stats.frequentist import Comparison, t_test
from gitexp.stats.intervals import Interval


def noninferiority(
    effect: Effect, *, margin: float, confidence: float = 0.95, direction: Direction = "increase"
) -> Comparison:
    """Return the one-sided test that the treatment is not worse by the margin or more.

    Where an increase is good, the null value is -margin and the interval a lower bound; where a
    decrease is good, it is +margin and an upper bound. `significant` means non-inferior. The
    margin is in the unit of the effect: 0.01 of a relative effect is 1 %. G. Piaggio et al.,
    "Reporting of noninferiority and equivalence randomized trials", JAMA 308 (2012) 2594-2604.

    Raises:
        InvalidInput: the margin is not above 0, the confidence is not between 0 and 1, or the
            direction is unknown.
    """
    check_positive("a margin", margin)
    check_choice("direction", direction, ("increase", "decrease"))
    if direction == "increase":
        return t_test(effect, confidence=confidence, alternative="greater", null=-margin)
    return t_test(effect, confidence=confidence, alternative="less", null=margin)


@dataclass(frozen=True, kw_only=True)
class Equivalence:
    """Two one-sided tests that an effect lies between two margins.

    `interval` has the confidence 1 - 2α, the one whose place inside the margins is the same
    decision: D. J. Schuirmann, "A comparison of the two one-sided tests procedure and the power
    approach", Journal of Pharmacokinetics and Biopharmaceutics 15 (1987) 657-680.
    """

    above: Comparison
    below: Comparison

    @property
    def confidence(self) -> float:
        """Return 1 - α, the confidence of each of the two tests."""
        return self.above.confidence

    @property
    def interval(self) -> Interval:
        """Return the interval between the bounds of the two tests, of confidence 1 - 2α."""
        return Interval(low=self.above.interval.low, high=self.below.interval.high)

    @property
    def equivalent(self) -> bool:
        """Return whether the interval lies inside the margins, so that both tests reject."""
        return self.above.significant and self.below.significant

    @property
    def p_value(self) -> float:
        """Return the larger of the two p-values."""
        larger = max(self.above.p_value, self.below.p_value)
        return agreeing(larger, self.equivalent, confidence=self.confidence)


def equivalence(
    effect: Effect, *, low: float, high: float, confidence: float = 0.95
) -> Equivalence:
    """Return the two one-sided t-tests (TOST) that the effect lies between low and high.

    The margins are in the unit of the effect.

    Raises:
        InvalidInput: low is not below high, a margin is not finite, or the confidence is not
            between 0.5 and 1.
    """
    check_finite("a margin", low, high)
    check_confidence(confidence)
    if low >= high:
        raise InvalidInput(f"margins of {low!r} and {high!r} leave nothing between them")
    if confidence <= 0.5:
        raise InvalidInput(f"equivalence needs a confidence above 0.5: {confidence!r}")
    return Equivalence(
        above=t_test(effect, confidence=confidence, alternative="greater", null=low),
        below=t_test(effect, confidence=confidence, alternative="less", null=high),
    )
