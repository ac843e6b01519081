"""Several tests at once: adjusted p-values, and intervals that agree with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, Protocol, TypeVar

from gitexp.errors import InvalidInput
from gitexp.stats.checks import check_choice, check_confidence
from gitexp.stats.findings import agreeing
from gitexp.stats.intervals import Interval

Correction = Literal["bonferroni", "holm", "benjamini-hochberg"]
"""How several tests share their error rate: of any false finding, or of the share of false ones."""


class Judged(Protocol):
    """A test that can be repeated at another confidence: a `Comparison` or an `AlwaysValid`."""

    @property
    def p_value(self) -> float:
        """Return the p-value."""

    @property
    def interval(self) -> Interval:
        """Return the interval."""

    @property
    def significant(self) -> bool:
        """Return whether the null value is outside the interval."""

    def at(self: T, confidence: float) -> T:
        """Return the same test at another confidence."""


T = TypeVar("T", bound="Judged")


@dataclass(frozen=True, kw_only=True)
class Adjusted(Generic[T]):
    """A test among several: `test` is at the confidence that the correction left it.

    `p_value` is adjusted, to be held against 1 - `confidence`, the confidence asked for; it is
    below that exactly when the test is significant at its own.
    """

    test: T
    p_value: float
    confidence: float
    correction: Correction

    @property
    def interval(self) -> Interval:
        """Return the adjusted interval."""
        return self.test.interval

    @property
    def significant(self) -> bool:
        """Return whether the null value is outside the adjusted interval."""
        return self.test.significant


def bonferroni(p_values: Sequence[float]) -> list[float]:
    """Return min(1, m·p) for each of m p-values: the chance of any false finding is held.

    C. E. Bonferroni, 1936; O. J. Dunn, "Multiple comparisons among means", JASA 56 (1961) 52-64.

    Raises:
        InvalidInput: a p-value is not between 0 and 1.
    """
    _check_p_values(p_values)
    return [min(1.0, len(p_values) * p) for p in p_values]


def holm(p_values: Sequence[float]) -> list[float]:
    """Return Holm's step-down p-values: as safe as Bonferroni's, and never larger.

    The j-th smallest is the largest of (m - i + 1)·p_i over i <= j, at most 1: S. Holm, "A simple
    sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6 (1979)
    65-70.

    Raises:
        InvalidInput: a p-value is not between 0 and 1.
    """
    _check_p_values(p_values)
    adjusted, largest = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(_ascending(p_values)):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = largest
    return adjusted


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Return the step-up p-values that hold the expected share of false findings.

    The j-th smallest is the least of (m/i)·p_i over i >= j: Y. Benjamini and Y. Hochberg,
    "Controlling the false discovery rate", JRSS B 57 (1995) 289-300. For independent or positively
    dependent tests.

    Raises:
        InvalidInput: a p-value is not between 0 and 1.
    """
    _check_p_values(p_values)
    adjusted, least = [0.0] * len(p_values), 1.0
    for rank, place in reversed(list(enumerate(_ascending(p_values)))):
        least = min(least, len(p_values) / (rank + 1) * p_values[place])
        adjusted[place] = least
    return adjusted


_ADJUST: dict[Correction, Callable[[Sequence[float]], list[float]]] = {
    "bonferroni": bonferroni,
    "holm": holm,
    "benjamini-hochberg": benjamini_hochberg,
}


def adjust(
    tests: Sequence[T], *, correction: Correction = "holm", confidence: float = 0.95
) -> list[Adjusted[T]]:
    """Return each test with its adjusted p-value and an interval that agrees with it.

    With α = 1 - confidence, m tests and R of them found, the intervals have the level

    - Bonferroni: α/m each; together they hold their values with the confidence;
    - Holm: that of the step which decided the test, α/(m - j + 1) for the j-th smallest p-value
      found, α/(m - R) for those not found (R. C. Serlin, "Confidence intervals and the scientific
      method", Journal of Experimental Education 61 (1993) 350-360). Each agrees with its
      decision; only the decisions, not the intervals, hold all together;
    - Benjamini-Hochberg: α·R/m, or α/m where nothing was found; of the intervals of what was
      found, the expected share that misses its value is at most α (Y. Benjamini and
      D. Yekutieli, "False discovery rate-adjusted multiple confidence intervals", JASA 100 (2005)
      71-81).

    Raises:
        InvalidInput: there are no tests, the correction is unknown, or the confidence is not
            between 0 and 1.
    """
    check_choice("correction", correction, tuple(_ADJUST))
    check_confidence(confidence)
    if not tests:
        raise InvalidInput("there are no tests to correct")
    p_values = [test.p_value for test in tests]
    shares = _shares(p_values, correction, 1 - confidence)
    found = []
    for test, p_value, share in zip(tests, _ADJUST[correction](p_values), shares, strict=True):
        stricter = test.at(1 - (1 - confidence) * share)
        agreed = agreeing(p_value, stricter.significant, confidence=confidence)
        found.append(
            Adjusted(test=stricter, p_value=agreed, confidence=confidence, correction=correction)
        )
    return found


def _shares(p_values: Sequence[float], correction: Correction, alpha: float) -> list[float]:
    """Return the share of α that each test's interval is given."""
    count = len(p_values)
    if correction == "bonferroni":
        return [1 / count] * count
    adjusted = _ADJUST[correction](p_values)
    found = sum(p < alpha for p in adjusted)
    if correction == "benjamini-hochberg":
        return [max(found, 1) / count] * count
    # Equal p-values are decided together, at the first of their steps.
    smaller = [sum(other < p for other in p_values) for p in p_values]
    return [1 / (count - (rank if rank < found else found)) for rank in smaller]


def _ascending(p_values: Sequence[float]) -> list[int]:
    return sorted(range(len(p_values)), key=p_values.__getitem__)


def _check_p_values(p_values: Sequence[float]) -> None:
    for place, p in enumerate(p_values):
        if not 0 <= p <= 1:
            raise InvalidInput(f"p_values[{place}] is no probability: {p!r}")
