"""Every method beside another implementation of it over a grid: the largest relative difference.

    python -m tests.stats.references

prints the table. What is 0 in both, or below 1e-300, counts as the same.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import statsmodels.api as sm
from scipy import integrate, optimize, stats
from statsmodels.stats import contingency_tables, multitest, proportion, rates
from statsmodels.stats.power import NormalIndPower, TTestIndPower
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW, ttost_ind

from gitexp.stats.adjustment import adjusted_effect
from gitexp.stats.bayesian import Posterior
from gitexp.stats.binomials import (
    binomial_test,
    clopper_pearson_interval,
    jeffreys_interval,
    poisson_interval,
)
from gitexp.stats.corrections import benjamini_hochberg, bonferroni, holm
from gitexp.stats.effects import Effect, effect
from gitexp.stats.frequentist import t_test, z_test
from gitexp.stats.intervals import wilson_interval
from gitexp.stats.margins import equivalence
from gitexp.stats.pairs import Pairs, mcnemar_test, paired_effect
from gitexp.stats.permutation import Shuffling, permutation_test
from gitexp.stats.planning.outcomes import Known, measured_outcome
from gitexp.stats.planning.powers import Plan
from gitexp.stats.planning.running_time import calculate_running_time, design_of
from gitexp.stats.samples import Mean, Proportion, Ratio
from gitexp.stats.sequential import always_valid
from gitexp.stats.shares import share_test
from gitexp.stats.student import t_quantile, t_upper
from gitexp.stats.tables import fisher_test, newcombe_interval, score_test

Pair = tuple[float, float]
"""Ours and theirs."""


@dataclass(frozen=True, kw_only=True)
class Reference:
    """A method, what it is compared with, and how far apart they may be."""

    method: str
    other: str
    pairs: Callable[[], Iterator[Pair]]
    most: float

    def largest(self) -> tuple[float, int]:
        """Return the largest relative difference, and how many numbers were compared."""
        apart = [_apart(ours, theirs) for ours, theirs in self.pairs()]
        return max(apart), len(apart)


def _apart(ours: float, theirs: float) -> float:
    if ours == theirs or max(abs(ours), abs(theirs)) < 1e-300:
        return 0.0
    return abs(ours - theirs) / max(abs(ours), abs(theirs))


SAMPLES = list(
    itertools.product([3, 12, 200, 5000], [2, 40, 900], [0.1, 1.0, 20.0], [0.0, 0.3, 2.0])
)
COUNTS = [
    (x, n, y, m)
    for (n, m) in ((10, 14), (40, 25), (300, 500))
    for x in sorted({1, n // 5, n // 2, n - 2})
    for y in sorted({1, m // 4, m - 3})
]
LEVELS = (0.8, 0.95, 0.999)


def groups(first: int, second: int, spread: float, shift: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng([first, second, int(10 * spread), int(10 * shift)])
    return rng.normal(10, 1, first), rng.normal(10 + shift, spread, second)


def absolute(control: np.ndarray, treatment: np.ndarray) -> Effect:
    return effect(Mean.from_values(control), Mean.from_values(treatment), scale="absolute")


def welch() -> Iterator[Pair]:
    for case in SAMPLES:
        control, treatment = groups(*case)
        theirs = stats.ttest_ind(treatment, control, equal_var=False)
        for level in LEVELS:
            ours, bounds = t_test(absolute(control, treatment), confidence=level), None
            bounds = theirs.confidence_interval(level)
            yield ours.interval.low, bounds.low
            yield ours.interval.high, bounds.high
        yield ours.p_value, theirs.pvalue
        yield ours.statistic, theirs.statistic
        yield ours.degrees, theirs.df


def normal() -> Iterator[Pair]:
    for case in SAMPLES:
        control, treatment = groups(*case)
        theirs = CompareMeans(DescrStatsW(treatment), DescrStatsW(control))
        statistic, p_value = theirs.ztest_ind(usevar="unequal")
        ours = z_test(absolute(control, treatment))
        yield from ((ours.statistic, statistic), (ours.p_value, p_value))


def tost() -> Iterator[Pair]:
    for case in SAMPLES:
        control, treatment = groups(*case)
        theirs = ttost_ind(treatment, control, -1, 1, usevar="unequal")[0]
        yield equivalence(absolute(control, treatment), low=-1, high=1).p_value, theirs


def paired() -> Iterator[Pair]:
    for size, spread, shift in itertools.product([3, 20, 900], [0.1, 1.0, 20.0], [0.01, 2.0]):
        control, treatment = groups(size, size, spread, shift)
        theirs = stats.ttest_rel(treatment, control)
        ours = t_test(paired_effect(Pairs.from_values(control, treatment)))
        bounds = theirs.confidence_interval(0.95)
        yield from (
            (ours.p_value, theirs.pvalue),
            (ours.interval.low, bounds.low),
            (ours.interval.high, bounds.high),
        )


def lifts() -> Iterator[Pair]:
    """Yield the delta method beside a numerical derivative of (T - C)/|C| over raw rows."""
    for first, second, spread, shift in SAMPLES:
        if first < 12 or second < 40:
            continue
        control, treatment = groups(first, second, min(spread, 3), shift)
        ours = effect(Mean.from_values(control), Mean.from_values(treatment))
        means = np.array([control.mean(), treatment.mean()])
        errors = [control.var(ddof=1) / first, treatment.var(ddof=1) / second]
        slopes = np.array(
            [(_lift(*(means + h)) - _lift(*(means - h))) / 2e-4 for h in np.eye(2) * 1e-4]
        )
        yield ours.value, _lift(*means)
        yield ours.variance, float(slopes**2 @ errors)


def _lift(control: float, treatment: float) -> float:
    return (treatment - control) / abs(control)


def clustered() -> Iterator[Pair]:
    """Yield a ratio's variance beside that of a regression with cluster-robust errors."""
    for clusters, seed in itertools.product([8, 40, 300], range(4)):
        rng = np.random.default_rng([clusters, seed])
        labels = np.repeat(np.arange(clusters), 1 + rng.poisson(3, clusters))
        values = 5 + rng.normal(0, 1, clusters)[labels] + rng.normal(0, 1, labels.size)
        theirs = sm.OLS(values, np.ones(labels.size)).fit(
            cov_type="cluster", cov_kwds={"groups": labels}
        )
        ours = Ratio.from_clusters(values, list(labels))
        yield from ((ours.point, theirs.params[0]), (ours.error, theirs.cov_params()[0, 0]))


def cuped() -> Iterator[Pair]:
    """Yield the adjusted difference beside the coefficient of the analysis of covariance."""
    for size, covariates, seed in itertools.product([30, 400], [1, 3], range(5)):
        rng = np.random.default_rng([size, covariates, seed])
        before = rng.normal(3, 1, (2 * size, covariates))
        treated = np.arange(2 * size) < size
        after = 10 + before.sum(axis=1) + 0.5 * treated + rng.normal(0, 1, 2 * size)
        design = np.column_stack([np.ones(2 * size), treated, before])
        theirs = sm.OLS(after, design).fit().params[1]
        ours = adjusted_effect(
            *(Mean.from_values(after[rows], *before[rows].T) for rows in (~treated, treated)),
            scale="absolute",
        )
        yield ours.value, theirs


def corrections() -> Iterator[Pair]:
    rng = np.random.default_rng(1)
    for size, power in itertools.product([1, 4, 30], [1.0, 3.0]):
        p_values = list(rng.random(size) ** power)
        for ours, name in (
            (bonferroni, "bonferroni"),
            (holm, "holm"),
            (benjamini_hochberg, "fdr_bh"),
        ):
            yield from zip(
                ours(p_values), multitest.multipletests(p_values, method=name)[1], strict=True
            )


def splits() -> Iterator[Pair]:
    for observed in ([480, 520], [5100, 4900], [3300, 3350, 3500], [50010, 24500, 25490]):
        for weights in ([1.0] * len(observed), [2.0] + [1.0] * (len(observed) - 1)):
            expected = np.array(weights) / sum(weights) * sum(observed)
            ours = share_test(observed, weights)
            theirs = stats.chisquare(observed, expected)
            yield from ((ours.statistic, theirs.statistic), (ours.p_value, theirs.pvalue))


def one_share() -> Iterator[Pair]:
    methods = {
        "beta": clopper_pearson_interval,
        "jeffreys": jeffreys_interval,
        "wilson": wilson_interval,
    }
    for (name, ours), level in itertools.product(methods.items(), LEVELS):
        for x, n, _, _ in COUNTS:
            low, high = proportion.proportion_confint(x, n, 1 - level, method=name)
            found = ours(x, n, confidence=level)
            assert found is not None
            yield from ((found.low, low), (found.high, high))


def binomial() -> Iterator[Pair]:
    for (x, n, _, _), null in itertools.product(COUNTS, (0.1, 0.5)):
        tails = [stats.binomtest(x, n, null, alternative=a).pvalue for a in ("less", "greater")]
        yield binomial_test(x, n, null=null).p_value, min(1.0, 2 * min(tails))


def poisson() -> Iterator[Pair]:
    for events, exposure, level in itertools.product([1, 7, 60, 900], [0.5, 12.0], LEVELS):
        low, high = rates.confint_poisson(events, exposure, method="exact-c", alpha=1 - level)
        found = poisson_interval(events, exposure, confidence=level)
        yield from ((found.low, low), (found.high, high))


def two(x: int, n: int, y: int, m: int) -> tuple[Proportion, Proportion]:
    return Proportion(count=n, successes=x), Proportion(count=m, successes=y)


def fisher() -> Iterator[Pair]:
    for x, n, y, m in COUNTS:
        table = [[y, m - y], [x, n - x]]
        theirs = stats.contingency.odds_ratio(table)
        ours, bounds = fisher_test(*two(x, n, y, m)), theirs.confidence_interval(0.95)
        tails = [stats.fisher_exact(table, alternative=a).pvalue for a in ("less", "greater")]
        yield from (
            (ours.estimate, theirs.statistic),
            (ours.interval.low, bounds.low),
            (ours.interval.high, bounds.high),
            (ours.p_value, min(1.0, 2 * min(tails))),
        )


def newcombe() -> Iterator[Pair]:
    for x, n, y, m in COUNTS:
        low, high = proportion.confint_proportions_2indep(y, m, x, n, method="newcomb")
        ours = newcombe_interval(*two(x, n, y, m))
        yield from ((ours.low, low), (ours.high, high))


def score_ratio() -> Iterator[Pair]:
    """Yield p-values of null values beside statsmodels', whose bounds have few digits."""
    for x, n, y, m in COUNTS:
        for null in (-0.3, 0.0, 0.2):
            theirs = proportion.test_proportions_2indep(
                y, m, x, n, value=1 + null, compare="ratio", method="score", correction=True
            )
            ours = score_test(*two(x, n, y, m), scale="relative", null=null)
            yield ours.p_value, float(theirs.pvalue)


def score_difference() -> Iterator[Pair]:
    """Yield p-values beside those at the shares where SciPy finds the likelihood's slope 0.

    statsmodels' closed form of these shares does not maximise the likelihood but at no difference.
    """
    for (x, n, y, m), null in itertools.product(COUNTS, (-0.3, 0.0, 0.2)):

        def slope(
            p: float, x: int = x, n: int = n, y: int = y, m: int = m, d: float = null
        ) -> float:
            q = p + d
            return x / p - (n - x) / (1 - p) + y / q - (m - y) / (1 - q)

        ends = max(0.0, -null) + 1e-12, min(1.0, 1 - null) - 1e-12
        p = optimize.brentq(slope, *ends, xtol=1e-15, rtol=1e-14)
        q = p + null
        variance = (q * (1 - q) / m + p * (1 - p) / n) * (n + m) / (n + m - 1)
        statistic = (y / m - x / n - null) / math.sqrt(variance)
        yield (
            score_test(*two(x, n, y, m), null=null).p_value,
            float(2 * stats.norm.sf(abs(statistic))),
        )


def mcnemar() -> Iterator[Pair]:
    for only, other in itertools.product([0, 1, 7, 60], [2, 9, 80]):
        theirs = contingency_tables.mcnemar([[5, only], [other, 5]], exact=True)
        yield mcnemar_test(only, other).p_value, float(theirs.pvalue)


def posteriors() -> Iterator[Pair]:
    for z, deviation in itertools.product([-3.0, -0.5, 0.0, 1.2, 2.5], [0.01, 4.0]):
        ours = Posterior(mean=z * deviation, deviation=deviation, scale="absolute")
        theirs = stats.norm(z * deviation, deviation)
        low, high = theirs.interval(0.95)
        for sign, risk in ((1, ours.risk_control), (-1, ours.risk_treatment)):
            loss = integrate.quad(
                lambda u, s=sign, z=z: max(s * (z + u), 0.0) * stats.norm.pdf(u),
                -z,
                40.0 if sign > 0 else -40.0,
                epsabs=0,
                epsrel=1e-12,
            )[0]
            yield risk, abs(loss) * deviation
        yield ours.chance_to_win, theirs.sf(0)
        yield from ((ours.interval.low, low), (ours.interval.high, high))


def sequences() -> Iterator[Pair]:
    """Yield the sequence beside its formula as others write it, with n and rho apart."""
    for n, z, level in itertools.product([100, 5000, 10**6], [0.5, 3.0, 6.0], LEVELS):
        alpha, variance = 1 - level, 0.04 / n
        rho = math.sqrt((-2 * math.log(alpha) + math.log(-2 * math.log(alpha) + 1)) / 5000)
        inner = n * rho**2 + 1
        width = math.sqrt(n * variance) * math.sqrt(
            2 * inner * math.log(math.sqrt(inner) / alpha) / (n * rho) ** 2
        )
        value = z * math.sqrt(variance)
        p_value = min(
            1.0, math.sqrt(inner) * math.exp(-(rho**2) * value**2 * n / (2 * variance * inner))
        )
        shown = Effect(
            value=value, variance=variance, degrees=math.inf, count=n, scale="absolute",
            control=1.0, treatment=1.0 + value,
        )  # fmt: skip
        ours = always_valid(shown, confidence=level)
        yield (ours.interval.high - ours.interval.low) / 2, width
        yield ours.p_value, p_value


def permutations() -> Iterator[Pair]:
    for first, second, seed in itertools.product([3, 5], [4, 6], range(3)):
        rng = np.random.default_rng([first, second, seed])
        control, treatment = rng.normal(0, 1, first), rng.normal(0.5, 1, second)
        theirs = stats.permutation_test(
            (treatment, control), lambda a, b: np.mean(a) - np.mean(b), n_resamples=np.inf
        )
        shuffling = Shuffling(generator=rng, permutations=10**5)
        yield permutation_test(control, treatment, np.mean, shuffling).p_value, theirs.pvalue


def students() -> Iterator[Pair]:
    for degrees, tail in itertools.product([1, 2, 5, 30, 199, 201, 5000], [0.2, 0.025, 0.0005]):
        theirs = stats.t.isf(tail, degrees)
        yield from ((t_quantile(1 - tail, degrees), theirs), (t_upper(theirs, degrees), tail))


def powers() -> Iterator[Pair]:
    for size, ratio, alpha, sides in itertools.product(
        [10, 60, 500, 20_000], [1, 3], [0.05, 0.001], [1, 2]
    ):
        for distance in (0.5, 2.8, 4.5):
            gap = distance / (size / 2) ** 0.5
            known = Known(metric_type="mean_count", baseline_value=10, variance=1)
            design = design_of(
                difference="absolute",
                sides=sides,
                alpha=alpha,
                allocation=(1, ratio),  # type: ignore[arg-type]
            )
            plan = Plan(outcome=measured_outcome(known), design=design, lift=gap / 10)
            shown = plan.effect((size, ratio * size))
            assert shown is not None
            theirs = TTestIndPower().power(
                gap, size, alpha, ratio=ratio, df=shown.degrees,
                alternative="two-sided" if sides == 2 else "larger",
            )  # fmt: skip
            yield plan.power((size, ratio * size)), float(theirs)


def sizes() -> Iterator[Pair]:
    """Yield sizes beside statsmodels', rounded up, and large ones beside the normal's."""
    for gap, power, alpha in itertools.product([0.8, 0.2, 0.05], [0.5, 0.8, 0.95], [0.05, 0.01]):
        found = calculate_running_time(
            "mean_count", 100 * gap / 10, baseline_value=10, variance=1, alpha=alpha, power=power,
            difference="absolute",
        )  # fmt: skip
        theirs = TTestIndPower().solve_power(gap, alpha=alpha, power=power)
        yield found.sample_sizes[0], math.ceil(theirs)


def large_sizes() -> Iterator[Pair]:
    for gap, power in itertools.product([0.002, 0.005], [0.8, 0.9]):
        found = calculate_running_time(
            "mean_count", 100 * gap / 10, baseline_value=10, variance=1, power=power,
            difference="absolute",
        )  # fmt: skip
        yield found.sample_sizes[0], NormalIndPower().solve_power(gap, alpha=0.05, power=power)


REFERENCES = (
    Reference(method="Welch's t: p, interval, df", other="scipy", pairs=welch, most=1e-9),
    Reference(method="z: statistic, p", other="statsmodels", pairs=normal, most=1e-9),
    Reference(method="equivalence (TOST): p", other="statsmodels", pairs=tost, most=1e-8),
    Reference(method="paired t: p, interval", other="scipy", pairs=paired, most=1e-8),
    Reference(method="relative lift: variance", other="derivative", pairs=lifts, most=1e-8),
    Reference(method="ratio, clusters: variance", other="statsmodels", pairs=clustered, most=1e-10),
    Reference(method="CUPED: difference", other="statsmodels OLS", pairs=cuped, most=1e-9),
    Reference(method="Bonferroni, Holm, B-H", other="statsmodels", pairs=corrections, most=1e-12),
    Reference(method="sample-ratio mismatch", other="scipy", pairs=splits, most=1e-9),
    Reference(method="one share: 3 intervals", other="statsmodels", pairs=one_share, most=1e-9),
    Reference(method="binomial: p", other="scipy", pairs=binomial, most=1e-9),
    Reference(method="rate: exact interval", other="statsmodels", pairs=poisson, most=1e-9),
    Reference(method="Fisher: odds, interval, p", other="scipy", pairs=fisher, most=1e-7),
    Reference(method="Newcombe: interval", other="statsmodels", pairs=newcombe, most=1e-8),
    Reference(
        method="score, difference: p", other="scipy optimize", pairs=score_difference, most=1e-7
    ),
    Reference(method="score, ratio: p", other="statsmodels", pairs=score_ratio, most=1e-9),
    Reference(method="McNemar: p", other="statsmodels", pairs=mcnemar, most=1e-10),
    Reference(method="Bayes: chance, risks, interval", other="scipy", pairs=posteriors, most=1e-9),
    Reference(method="always valid: width, p", other="formula", pairs=sequences, most=1e-10),
    Reference(method="permutation, every one: p", other="scipy", pairs=permutations, most=1e-12),
    Reference(method="Student's t without SciPy", other="scipy", pairs=students, most=1e-9),
    Reference(method="power", other="statsmodels", pairs=powers, most=1e-8),
    Reference(method="size, rounded up", other="statsmodels", pairs=sizes, most=0.0),
    Reference(method="size, large", other="statsmodels z", pairs=large_sizes, most=1e-5),
)


def main(references: Sequence[Reference] = REFERENCES) -> None:
    """Print the table."""
    print(f"{'method':<34}{'beside':<18}{'numbers':>8}  largest relative difference")
    for reference in references:
        largest, numbers = reference.largest()
        print(f"{reference.method:<34}{reference.other:<18}{numbers:>8}  {largest:.1e}")


if __name__ == "__main__":
    main()
