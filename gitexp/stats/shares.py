"""Sample-ratio mismatch: whether the variants got the shares of units that they should have."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from gitexp.errors import InvalidInput
from gitexp.stats.checks import check_count, check_finite
from gitexp.stats.distributions import chi_square_upper

FEWEST_EXPECTED = 5.0
"""Units that every variant must be expected to have for the chi-square approximation."""


@dataclass(frozen=True, kw_only=True)
class ShareTest:
    """How the observed counts compare with the expected ones.

    `statistic` is Pearson's chi-square with `degrees` degrees of freedom, or for the sequential
    test the logarithm of the Bayes factor against the shares, with 0 degrees.
    """

    observed: tuple[int, ...]
    expected: tuple[float, ...]
    statistic: float
    degrees: int
    p_value: float
    threshold: float

    @property
    def mismatch(self) -> bool:
        """Return whether the p-value is below the threshold."""
        return self.p_value < self.threshold


def share_test(
    observed: Sequence[int], weights: Sequence[float], *, threshold: float = 0.001
) -> ShareTest:
    """Return Pearson's chi-square test that units were split by the weights.

    K. Pearson, Philosophical Magazine 50 (1900) 157-175: Σ (o - e)²/e with k - 1 degrees of
    freedom. The threshold is low because a mismatch invalidates the experiment: A. Fabijan et
    al., "Diagnosing sample ratio mismatch in online controlled experiments", KDD 2019. For one
    look; see `sequential_share_test` for many. A variant of weight 0 must be left out, with its
    units.

    Raises:
        InvalidInput: there are fewer than 2 variants, a count is negative, a weight is not above
            0, or a variant is expected to have fewer than 5 units.
    """
    expected = _expected(observed, weights, threshold)
    if min(expected) < FEWEST_EXPECTED:
        raise InvalidInput(
            f"a variant is expected to have {min(expected):.3g} units, "
            f"too few for the chi-square test, which needs {FEWEST_EXPECTED:g}",
            hint="Wait for more units, or use sequential_share_test, which is exact.",
        )
    statistic = math.fsum((o - e) ** 2 / e for o, e in zip(observed, expected, strict=True))
    degrees = len(observed) - 1
    return ShareTest(
        observed=tuple(observed),
        expected=expected,
        statistic=statistic,
        degrees=degrees,
        p_value=chi_square_upper(statistic, degrees),
        threshold=threshold,
    )


def sequential_share_test(
    observed: Sequence[int],
    weights: Sequence[float],
    *,
    threshold: float = 0.001,
    concentration: float = 100.0,
) -> ShareTest:
    """Return a test of the split that may be repeated after every unit.

    The Bayes factor of a Dirichlet prior around the weights against the weights themselves is a
    martingale under them, so its inverse is an always-valid p-value, exact for any number of
    units: M. Lindon and A. Malek, "Anytime-valid inference for multinomial count data", NeurIPS
    2022. `concentration` is the number of units that the prior is worth: large finds small
    mismatches late, small finds large ones early. It must be fixed before the first look.

    Raises:
        InvalidInput: there are fewer than 2 variants, a count is negative, or a weight or the
            concentration is not above 0.
    """
    expected = _expected(observed, weights, threshold)
    check_finite("a concentration", concentration)
    if concentration <= 0:
        raise InvalidInput(f"a concentration must be above 0: {concentration!r}")
    shares = [weight / math.fsum(weights) for weight in weights]
    evidence = math.lgamma(concentration) - math.lgamma(concentration + sum(observed))
    for count, share in zip(observed, shares, strict=True):
        prior = concentration * share
        evidence += math.lgamma(prior + count) - math.lgamma(prior) - count * math.log(share)
    return ShareTest(
        observed=tuple(observed),
        expected=expected,
        statistic=evidence,
        degrees=0,
        p_value=min(1.0, math.exp(min(0.0, -evidence))),
        threshold=threshold,
    )


def _expected(
    observed: Sequence[int], weights: Sequence[float], threshold: float
) -> tuple[float, ...]:
    if len(observed) != len(weights):
        raise InvalidInput(f"{len(observed)} counts do not match {len(weights)} weights")
    if len(observed) < 2:
        raise InvalidInput("a split needs at least 2 variants")
    if not 0 < threshold < 1:
        raise InvalidInput(f"a threshold of {threshold!r} is not between 0 and 1")
    for place, count in enumerate(observed):
        check_count(f"observed[{place}]", count)
    for place, weight in enumerate(weights):
        check_finite(f"weights[{place}]", weight)
        if weight <= 0:
            raise InvalidInput(
                f"weights[{place}] must be above 0: {weight!r}",
                hint="Leave out the variants that should get no units.",
            )
    total, units = math.fsum(weights), sum(observed)
    return tuple(units * weight / total for weight in weights)
