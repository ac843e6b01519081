"""Always-valid judgement: look at the effect as often as you like, at the same error rate."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from gitexp.errors import InvalidInput
from gitexp.stats.checks import Alternative, check_choice, check_confidence, check_count
from gitexp.stats.effects import Effect
from gitexp.stats.findings import agreeing, excludes
from gitexp.stats.intervals import Interval, around

TUNED_FOR = 5000
"""Units at which the sequence is narrowest, unless told otherwise."""


@dataclass(frozen=True, kw_only=True)
class AlwaysValid:
    """An effect judged by an asymptotic confidence sequence at one look of many.

    I. Waudby-Smith, D. Arbour, R. Sinha, E. H. Kennedy and A. Ramdas, "Time-uniform central limit
    theory and asymptotic confidence sequences", Annals of Statistics 52 (2024) 2613-2640
    (arXiv:2103.06476): theorem 2.2 with the ρ of section B.2, and B.1 for one side. With n units,
    variance v of the effect, ρ from `tuning`, u = nρ² and α = 1 - confidence:

        two-sided:  e ± sqrt(v·2(u + 1)/u · ln(sqrt(u + 1)/α))
        one-sided:  e ∓ sqrt(v·2(u + 1)/u · ln(1 + sqrt(u + 1)/(2α)))

    `p_value` is the smallest α whose interval excludes the null value, with the same ρ. The
    guarantee is asymptotic: have a few hundred units before the first look. Degrees of freedom
    play no part.
    """

    effect: Effect
    tuning: float
    confidence: float = 0.95
    alternative: Alternative = "two-sided"
    null: float = 0.0

    def __post_init__(self) -> None:
        check_confidence(self.confidence)
        check_choice("alternative", self.alternative, ("two-sided", "greater", "less"))

    @property
    def _growth(self) -> float:
        return self.effect.count * self.tuning * self.tuning

    @property
    def interval(self) -> Interval:
        """Return the interval at this look, in the unit of the effect."""
        sides = 2 if self.alternative == "two-sided" else 1
        margin = self.effect.standard_error * boundary(
            self._growth, 1 - self.confidence, sides=sides
        )
        return around(self.effect.value, margin, self.alternative)

    @property
    def significant(self) -> bool:
        """Return whether the null value is outside the interval."""
        return excludes(self.interval, self.null)

    @property
    def p_value(self) -> float:
        """Return the always-valid p-value; it may be compared at every look, and minimised."""
        return agreeing(self._p_value(), self.significant, confidence=self.confidence)

    def _p_value(self) -> float:
        gap, u = self.effect.value - self.null, self._growth
        exponent = gap * gap / self.effect.variance * u / (2 * (u + 1))
        if self.alternative == "two-sided":
            return min(1.0, math.exp(0.5 * math.log1p(u) - exponent))
        if (gap > 0) != (self.alternative == "greater") or exponent == 0:
            return 1.0
        # exp(-x) / (1 - exp(-x)) is 1 / (exp(x) - 1), without its overflow.
        return min(1.0, math.sqrt(u + 1) / 2 * math.exp(-exponent) / -math.expm1(-exponent))

    def at(self, confidence: float) -> AlwaysValid:
        """Return the same look at another confidence, with the same tuning."""
        return replace(self, confidence=confidence)


def always_valid(
    effect: Effect,
    *,
    confidence: float = 0.95,
    alternative: Alternative = "two-sided",
    null: float = 0.0,
    tuned_for: int = TUNED_FOR,
) -> AlwaysValid:
    """Return the effect judged so that looking at it again and again stays honest.

    `tuned_for` is the number of units N at which the interval is narrowest, about the number
    expected when the decision falls. It must be fixed before the first look, and
    ρ = sqrt((-2·ln α + ln(-2·ln α + 1)) / N), with 2α in place of α for one side.

    Raises:
        InvalidInput: the confidence is not between 0 and 1 (above 0.5 for one side), the
            alternative is unknown, or `tuned_for` is no whole number of at least 1.
    """
    check_confidence(confidence)
    check_choice("alternative", alternative, ("two-sided", "greater", "less"))
    check_count("tuned_for", tuned_for, least=1)
    return AlwaysValid(
        effect=effect,
        tuning=tuning(
            1 - confidence, sides=2 if alternative == "two-sided" else 1, tuned_for=tuned_for
        ),
        confidence=confidence,
        alternative=alternative,
        null=null,
    )


def tuning(alpha: float, *, sides: int, tuned_for: int) -> float:
    """Return ρ, with which the sequence is narrowest at so many units.

    Raises:
        InvalidInput: alpha is half or more, and there is one side.
    """
    shared = alpha * (3 - sides)
    if shared >= 1:
        raise InvalidInput(f"a one-sided sequence needs a confidence above 0.5: {1 - alpha!r}")
    evidence = -2 * math.log(shared)
    return math.sqrt((evidence + math.log1p(evidence)) / tuned_for)


def boundary(growth: float, alpha: float, *, sides: int) -> float:
    """Return how many standard errors from the null value an effect must be, at u = nρ²."""
    if sides == 2:
        evidence = math.log(math.sqrt(growth + 1) / alpha)
    else:
        evidence = math.log1p(math.sqrt(growth + 1) / (2 * alpha))
    return math.sqrt(2 * (growth + 1) / growth * evidence)
