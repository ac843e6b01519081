"""Exact and score tests of small counts against SciPy, statsmodels and published tables."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint
from statsmodels.stats.rates import confint_poisson

from gitexp.errors import InvalidInput
from gitexp.stats.binomials import (
    binomial_test,
    clopper_pearson_interval,
    jeffreys_interval,
    mid_p_interval,
    poisson_interval,
)
from gitexp.stats.pairs import mcnemar_test
from gitexp.stats.samples import Proportion
from gitexp.stats.tables import fisher_test, newcombe_interval, score_test

COUNTS = [(x, n) for n in (1, 5, 20, 113, 1000) for x in range(0, n + 1, max(1, n // 7))]
TABLES = list(itertools.product([0, 1, 4, 9, 10], [10, 37], [0, 2, 8, 12], [12, 60]))


def share(successes: int, count: int) -> Proportion:
    return Proportion(count=count, successes=successes)


@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.999])
def test_clopper_pearson_and_jeffreys_agree_with_scipy_and_statsmodels(confidence: float) -> None:
    for successes, trials in COUNTS:
        found = clopper_pearson_interval(successes, trials, confidence=confidence)
        exact = stats.binomtest(successes, trials).proportion_ci(confidence, "exact")
        assert (found.low, found.high) == pytest.approx(tuple(exact), rel=1e-9)
        if 0 < successes < trials:
            bounds = proportion_confint(successes, trials, 1 - confidence, "jeffreys")
            found = jeffreys_interval(successes, trials, confidence=confidence)
            assert (found.low, found.high) == pytest.approx(bounds, rel=1e-12)


def test_the_ends_of_exact_intervals_are_closed() -> None:
    for of in (clopper_pearson_interval, jeffreys_interval, mid_p_interval):
        assert of(0, 7).low == 0.0
        assert of(7, 7).high == 1.0
        assert of(0, 7).high == pytest.approx(1 - of(7, 7).low, rel=1e-12)


def test_exact_p_values_are_twice_the_smaller_tail_of_scipy() -> None:
    for successes, trials in COUNTS:
        tails = [
            stats.binomtest(successes, trials, 0.3, alternative=side).pvalue
            for side in ("less", "greater")
        ]
        found = binomial_test(successes, trials, null=0.3)
        assert found.p_value == pytest.approx(min(1.0, 2 * min(tails)), rel=1e-11)
        half = 0.5 * stats.binom.pmf(successes, trials, 0.3)
        expected = min(1.0, 2 * (min(tails) - half))
        found = binomial_test(successes, trials, null=0.3, method="mid-p")
        assert found.p_value == pytest.approx(expected, rel=1e-10, abs=1e-14)


def test_mid_p_interval_meets_its_published_value() -> None:
    """Newcombe, Statistics in Medicine 17 (1998) 857-872, table I, method 6."""
    for (successes, trials), bounds in {
        (81, 263): (0.2544, 0.3658),
        (15, 148): (0.0601, 0.1581),
        (0, 20): (0.0, 0.1391),
        (1, 29): (0.0017, 0.1585),
    }.items():
        found = mid_p_interval(successes, trials)
        assert (found.low, found.high) == pytest.approx(bounds, abs=6e-5)


def test_garwood_agrees_with_statsmodels() -> None:
    for events in (0, 1, 3, 20, 500):
        bounds = np.nan_to_num(confint_poisson(events, 7.5, "exact-c"))
        found = poisson_interval(events, 7.5)
        assert (found.low, found.high) == pytest.approx(tuple(bounds), rel=1e-12)


def test_fisher_agrees_with_scipy() -> None:
    for first, n, second, m in TABLES:
        if not 0 < first + second < n + m:
            continue
        found = fisher_test(share(first, n), share(second, m))
        table = [[second, m - second], [first, n - first]]
        tails = [stats.fisher_exact(table, side)[1] for side in ("less", "greater")]
        assert found.p_value == pytest.approx(min(1.0, 2 * min(tails)), rel=1e-10)
        odds = stats.contingency.odds_ratio(table)
        bounds = odds.confidence_interval(0.95)
        assert found.estimate == pytest.approx(odds.statistic, rel=1e-9)
        assert (found.interval.low, found.interval.high) == pytest.approx(tuple(bounds), rel=1e-9)


def test_fishers_tea_meets_its_published_interval() -> None:
    """R: fisher.test(TeaTasting, alternative = "greater"), one side of 95 % being two of 90 %."""
    found = fisher_test(share(1, 4), share(3, 4), confidence=0.9)
    assert found.estimate == pytest.approx(6.4083, abs=5e-5)
    assert found.interval.low == pytest.approx(0.31357, abs=1e-5)
    assert found.p_value == pytest.approx(34 / 70, rel=1e-12)


def restricted(control: Proportion, treatment: Proportion, gap: float) -> float:
    """Return the score statistic of a difference, by the roots of Miettinen's cubic."""
    total = control.count + treatment.count
    successes = control.successes + treatment.successes
    cubic = [
        total,
        (treatment.count + 2 * control.count) * gap - total - successes,
        (control.count * gap - total - 2 * control.successes) * gap + successes,
        control.successes * gap * (1 - gap),
    ]
    low, high = max(0.0, -gap), min(1.0, 1 - gap)
    roots = [min(high, max(low, root.real)) for root in np.roots(cubic) if abs(root.imag) < 1e-6]
    p = max(
        roots,
        key=lambda root: (
            stats.binom.logpmf(control.successes, control.count, root)
            + stats.binom.logpmf(treatment.successes, treatment.count, root + gap)
        ),
    )
    q = p + gap
    variance = q * (1 - q) / treatment.count + p * (1 - p) / control.count
    return (treatment.point - control.point - gap) / math.sqrt(variance * total / (total - 1))


def test_the_bounds_of_a_difference_solve_the_score_equation() -> None:
    for first, n, second, m in TABLES:
        control, treatment = share(first, n), share(second, m)
        found = score_test(control, treatment).interval
        for bound, sign in ((found.low, 1), (found.high, -1)):
            if abs(bound) < 1 - 1e-9:
                statistic = restricted(control, treatment, bound)
                assert statistic == pytest.approx(sign * 1.959963984540054, rel=1e-6)


def test_score_intervals_meet_their_published_values() -> None:
    """Newcombe, Statistics in Medicine 17 (1998) 873-890, table II, methods 6 and 10."""
    likely = score_test(share(48, 80), share(56, 70)).interval
    assert (likely.low, likely.high) == pytest.approx((0.0528, 0.3382), abs=6e-5)
    for (second, m, first, n), wilson in [
        ((56, 70, 48, 80), (0.0524, 0.3339)),
        ((9, 10, 3, 10), (0.1705, 0.8090)),
        ((5, 56, 0, 29), (-0.0381, 0.1926)),
        ((10, 10, 0, 20), (0.6791, 1.0)),
    ]:
        found = newcombe_interval(share(first, n), share(second, m))
        assert (found.low, found.high) == pytest.approx(wilson, abs=6e-5)


def test_newcombe_agrees_with_statsmodels() -> None:
    for first, n, second, m in TABLES:
        bounds = confint_proportions_2indep(second, m, first, n, method="newcomb", compare="diff")
        found = newcombe_interval(share(first, n), share(second, m))
        assert (found.low, found.high) == pytest.approx(tuple(bounds), rel=1e-10, abs=1e-12)


def test_no_difference_is_tested_as_by_pearson() -> None:
    for first, n, second, m in TABLES:
        if not 0 < first + second < n + m:
            continue
        table = [[second, m - second], [first, n - first]]
        pearson = stats.chi2_contingency(table, correction=False).statistic
        expected = stats.chi2.sf(pearson * (n + m - 1) / (n + m), 1)
        assert score_test(share(first, n), share(second, m)).p_value == pytest.approx(
            expected, rel=1e-11
        )
        if first:
            lift = score_test(share(first, n), share(second, m), scale="relative")
            assert lift.p_value == pytest.approx(expected, rel=1e-9)


def test_a_lift_agrees_with_statsmodels() -> None:
    for first, n, second, m in [(4, 37, 12, 60), (9, 37, 8, 60), (48, 80, 56, 70), (20, 90, 9, 60)]:
        bounds = confint_proportions_2indep(
            second, m, first, n, method="score", compare="ratio", correction=True
        )
        found = score_test(share(first, n), share(second, m), scale="relative").interval
        assert (1 + found.low, 1 + found.high) == pytest.approx(tuple(bounds), rel=1e-8)


def test_empty_cells_have_open_ends() -> None:
    nothing = score_test(share(0, 30), share(0, 40))
    assert nothing.p_value == 1.0
    assert nothing.interval.low < 0 < nothing.interval.high
    assert score_test(share(5, 30), share(0, 40), scale="relative").interval.low == -1.0
    assert fisher_test(share(0, 9), share(3, 9)).interval.high == math.inf


def test_mcnemar_agrees_with_statsmodels() -> None:
    for first, second in itertools.product(range(0, 30, 3), range(0, 30, 4)):
        if first + second == 0:
            continue
        expected = mcnemar([[5, first], [second, 5]], exact=True).pvalue
        assert mcnemar_test(first, second).p_value == pytest.approx(expected, rel=1e-11)
        found = mcnemar_test(first, second, method="mid-p")
        count, least = first + second, min(first, second)
        expected = 2 * stats.binom.cdf(least, count, 0.5) - stats.binom.pmf(least, count, 0.5)
        assert found.p_value == pytest.approx(min(1.0, expected), rel=1e-10)


def test_mcnemar_meets_its_published_values() -> None:
    """Fagerland, Lydersen and Laake 2013, table 1: 1 against 7 discordant pairs."""
    assert mcnemar_test(7, 1).p_value == pytest.approx(0.0703, abs=5e-5)
    assert mcnemar_test(7, 1, method="mid-p").p_value == pytest.approx(0.0391, abs=5e-5)
    assert mcnemar_test(7, 1).estimate == pytest.approx(1 / 7, rel=1e-12)


@pytest.mark.parametrize("method", ["exact", "mid-p"])
def test_an_exact_p_value_and_its_interval_agree(method: str) -> None:
    for successes, trials in COUNTS:
        for null in np.linspace(0.01, 0.99, 21):
            found = binomial_test(successes, trials, null=float(null), method=method)  # type: ignore[arg-type]
            assert found.significant == (found.p_value < 1 - found.confidence)


def test_what_cannot_be_answered_is_refused() -> None:
    with pytest.raises(InvalidInput, match="no pair differs, so there is nothing to test"):
        mcnemar_test(0, 0)
    with pytest.raises(InvalidInput, match="6 of 5 is no proportion"):
        clopper_pearson_interval(6, 5)
    with pytest.raises(InvalidInput, match="trials must be a whole number of at least 1: 0"):
        jeffreys_interval(0, 0)
    with pytest.raises(InvalidInput, match="the odds ratio is undefined"):
        fisher_test(share(0, 5), share(0, 6))
    with pytest.raises(InvalidInput, match="the control has no units"):
        score_test(share(0, 0), share(1, 6))
    with pytest.raises(InvalidInput, match="the control has no successes, so there is no lift"):
        score_test(share(0, 5), share(1, 6), scale="relative")
    with pytest.raises(InvalidInput, match="a null difference of 1 is not between -1 and 1"):
        score_test(share(1, 5), share(1, 6), null=1)
    with pytest.raises(InvalidInput, match="a null share of 0 is not between 0 and 1"):
        binomial_test(1, 5, null=0)
    with pytest.raises(InvalidInput, match="an exposure must be above 0: 0"):
        poisson_interval(1, 0)
