"""Exact tests and intervals of one proportion and of one rate, for any count however small."""

from __future__ import annotations

import math
from typing import Literal

from gitexp.errors import InvalidInput
from gitexp.stats.checks import (
    check_choice,
    check_confidence,
    check_count,
    check_finite,
    check_positive,
)
from gitexp.stats.distributions import beta_lower, beta_quantile, beta_upper, gamma_quantile
from gitexp.stats.findings import Finding, finding
from gitexp.stats.intervals import Interval
from gitexp.stats.roots import crossing

Exactness = Literal["exact", "mid-p"]
"""Whether the observed count counts whole in both tails (never too many findings), or half."""


def clopper_pearson_interval(successes: int, trials: int, *, confidence: float = 0.95) -> Interval:
    """Return the exact central interval of a proportion; it covers at least as often as it says.

    C. J. Clopper and E. S. Pearson, "The use of confidence or fiducial limits illustrated in the
    case of the binomial", Biometrika 26 (1934) 404-413, as quantiles of beta distributions.

    Raises:
        InvalidInput: the counts are no proportion, there were no trials, or the confidence is not
            between 0 and 1.
    """
    _check(successes, trials, confidence)
    tail, failures = (1 - confidence) / 2, trials - successes
    return Interval(
        low=beta_quantile(tail, successes, failures + 1) if successes else 0.0,
        # Mirrored, because a quantile near 1 loses what it lacks of 1.
        high=1 - beta_quantile(tail, failures, successes + 1) if failures else 1.0,
    )


def jeffreys_interval(successes: int, trials: int, *, confidence: float = 0.95) -> Interval:
    """Return the equal-tailed interval of Jeffreys' prior, Beta(1/2, 1/2).

    Its bound is 0 without successes and 1 without failures, as L. D. Brown, T. T. Cai and
    A. DasGupta advise, "Interval estimation for a binomial proportion", Statistical Science 16
    (2001) 101-133, section 3.1.2.

    Raises:
        InvalidInput: the counts are no proportion, there were no trials, or the confidence is not
            between 0 and 1.
    """
    _check(successes, trials, confidence)
    tail, failures = (1 - confidence) / 2, trials - successes
    return Interval(
        low=beta_quantile(tail, successes + 0.5, failures + 0.5) if successes else 0.0,
        high=1 - beta_quantile(tail, failures + 0.5, successes + 0.5) if failures else 1.0,
    )


def mid_p_interval(successes: int, trials: int, *, confidence: float = 0.95) -> Interval:
    """Return the interval of the mid-p test: shorter than the exact one, right on average.

    G. Berry and P. Armitage, "Mid-P confidence intervals: a brief review", The Statistician 44
    (1995) 417-423.

    Raises:
        InvalidInput: the counts are no proportion, there were no trials, or the confidence is not
            between 0 and 1.
    """
    _check(successes, trials, confidence)
    tail = (1 - confidence) / 2
    share = successes / trials

    def surely_below(p: float) -> bool:
        return _tails(successes, trials, p, "mid-p")[1] < tail

    def not_yet_above(p: float) -> bool:
        return _tails(successes, trials, p, "mid-p")[0] >= tail

    return Interval(
        low=crossing(surely_below, 0.0, share) if successes else 0.0,
        high=crossing(not_yet_above, share, 1.0) if successes < trials else 1.0,
    )


def binomial_test(
    successes: int,
    trials: int,
    *,
    null: float = 0.5,
    confidence: float = 0.95,
    method: Exactness = "exact",
) -> Finding:
    """Return the exact or the mid-p test of a proportion against a null share, both sides.

    The p-value is twice the smaller tail, at most 1: the one that agrees with the central
    interval, Clopper and Pearson's or that of mid-p. (Adding up all less likely counts, as
    R's `binom.test` does, contradicts the interval it prints.)

    Raises:
        InvalidInput: the counts are no proportion, there were no trials, the null share or the
            confidence is not between 0 and 1, or the method is unknown.
    """
    _check(successes, trials, confidence)
    check_choice("method", method, ("exact", "mid-p"))
    if not 0 < null < 1:
        raise InvalidInput(f"a null share of {null!r} is not between 0 and 1")
    interval_of = clopper_pearson_interval if method == "exact" else mid_p_interval
    return finding(
        successes / trials,
        interval_of(successes, trials, confidence=confidence),
        min(1.0, 2 * min(_tails(successes, trials, null, method))),
        confidence=confidence,
        null=null,
    )


def poisson_interval(events: int, exposure: float, *, confidence: float = 0.95) -> Interval:
    """Return the exact central interval of a rate: events for each unit of exposure.

    F. Garwood, "Fiducial limits for the Poisson distribution", Biometrika 28 (1936) 437-442, as
    quantiles of gamma distributions.

    Raises:
        InvalidInput: the number of events is negative or no whole number, the exposure is not
            above 0, or the confidence is not between 0 and 1.
    """
    check_count("events", events)
    check_positive("an exposure", exposure)
    check_confidence(confidence)
    tail = (1 - confidence) / 2
    low = gamma_quantile(tail, events) if events else 0.0
    return Interval(low=low / exposure, high=gamma_quantile(1 - tail, events + 1) / exposure)


def _tails(successes: int, trials: int, p: float, method: Exactness) -> tuple[float, float]:
    """Return P(X <= successes) and P(X >= successes), with half the count itself for mid-p."""
    failures = trials - successes
    lower = beta_upper(p, successes + 1, failures) if failures else 1.0
    upper = beta_lower(p, successes, failures + 1) if successes else 1.0
    if method == "exact":
        return lower, upper
    half = 0.5 * math.exp(_log_probability(successes, trials, p))
    return lower - half, upper - half


def _log_probability(successes: int, trials: int, p: float) -> float:
    failures = trials - successes
    ways = math.lgamma(trials + 1) - math.lgamma(successes + 1) - math.lgamma(failures + 1)
    return ways + successes * math.log(p) + failures * math.log1p(-p)


def _check(successes: int, trials: int, confidence: float) -> None:
    check_count("successes", successes)
    check_count("trials", trials, least=1)
    check_finite("a confidence", confidence)
    check_confidence(confidence)
    if successes > trials:
        raise InvalidInput(f"{successes} of {trials} is no proportion")
