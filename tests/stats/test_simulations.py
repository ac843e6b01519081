"""By simulation: how often a test finds nothing's effect, how often an interval holds the truth.

Every bound is several standard errors of the simulation wide, and the seeds are fixed.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from gitexp.stats.adjustment import adjusted_effect
from gitexp.stats.bayesian import Prior, posterior
from gitexp.stats.corrections import adjust
from gitexp.stats.effects import Effect, effect
from gitexp.stats.frequentist import t_test
from gitexp.stats.intervals import Interval
from gitexp.stats.margins import equivalence, noninferiority
from gitexp.stats.quantiles import quantile
from gitexp.stats.samples import Mean, Proportion, Ratio
from gitexp.stats.sequential import always_valid
from gitexp.stats.strata import Stratum, stratified_effect
from gitexp.stats.tables import score_test

Draw = Callable[[np.random.Generator], Effect]
TIMES = 800


def mean(rng: np.random.Generator) -> Effect:
    return effect(
        Mean.from_values(rng.gamma(4, 5, 150)), Mean.from_values(1.1 * rng.gamma(4, 5, 250))
    )


def proportion(rng: np.random.Generator) -> Effect:
    counts = rng.binomial([800, 1200], [0.1, 0.11])
    return effect(
        Proportion(count=800, successes=int(counts[0])),
        Proportion(count=1200, successes=int(counts[1])),
    )


def per_session(rng: np.random.Generator, lift: float, size: int) -> Ratio:
    visits = 1.0 + rng.poisson(3, size)
    level = rng.gamma(4, 0.25, size)
    return Ratio.from_values(rng.poisson(2 * lift * level * visits), visits)


def ratio(rng: np.random.Generator) -> Effect:
    return effect(per_session(rng, 1.0, 400), per_session(rng, 1.1, 400))


def cuped(rng: np.random.Generator, lift: float = 1.1) -> Effect:
    before = rng.gamma(4, 5, 500)
    after = (before + rng.normal(10, 4, 500)) * np.where(np.arange(500) < 200, 1.0, lift)
    return adjusted_effect(
        Mean.from_values(after[:200], before[:200]), Mean.from_values(after[200:], before[200:])
    )


def stratified(rng: np.random.Generator) -> Effect:
    kinds, treated = rng.integers(0, 3, 600), rng.random(600) < 0.5
    values = (10.0 + 10 * kinds + rng.normal(0, 3, 600)) * np.where(treated, 1.1, 1.0)
    strata = [
        Stratum(
            name=str(kind),
            control=Mean.from_values(values[(kinds == kind) & ~treated]),
            treatment=Mean.from_values(values[(kinds == kind) & treated]),
        )
        for kind in range(3)
    ]
    return stratified_effect(strata)


def ninetieth(rng: np.random.Generator) -> Effect:
    return effect(quantile(rng.gamma(4, 5, 600), 0.9), quantile(1.1 * rng.gamma(4, 5, 600), 0.9))


@pytest.mark.parametrize("draw", [mean, proportion, ratio, cuped, stratified, ninetieth])
def test_the_interval_holds_a_lift_of_a_tenth_as_often_as_it_says(draw: Draw) -> None:
    rng = np.random.default_rng(20)
    held = sum(holds(t_test(draw(rng)).interval, 0.1) for _ in range(TIMES))
    assert 0.925 < held / TIMES < 0.975


def holds(interval: Interval, value: float) -> bool:
    return interval.low <= value <= interval.high


@pytest.mark.parametrize("mean_count", [0.7, 20.0, 160.0])
def test_medians_of_counts_differ_no_more_often_than_they_should(mean_count: float) -> None:
    rng = np.random.default_rng(29)
    found = 0
    for _ in range(TIMES):
        groups = [quantile(rng.poisson(mean_count, 300), 0.5) for _ in range(2)]
        found += t_test(effect(*groups, scale="absolute")).significant
    assert found / TIMES < 0.07


def nothing(rng: np.random.Generator, size: int = 12) -> Effect:
    return effect(
        Mean.from_values(rng.normal(0, 1, size)),
        Mean.from_values(rng.normal(0, 3, 2 * size)),
        scale="absolute",
    )


def test_nothing_is_found_where_there_is_nothing_one_time_in_twenty() -> None:
    rng = np.random.default_rng(21)
    found = sum(t_test(nothing(rng)).significant for _ in range(2000))
    assert 0.038 < found / 2000 < 0.064


def test_the_power_is_that_of_the_noncentral_t() -> None:
    rng = np.random.default_rng(22)
    found = sum(
        t_test(
            effect(
                Mean.from_values(rng.normal(0, 1, 64)),
                Mean.from_values(rng.normal(0.5, 1, 64)),
                scale="absolute",
            )
        ).significant
        for _ in range(1500)
    )
    critical, shift = stats.t.ppf(0.975, 126), 0.5 * 32**0.5
    power = stats.nct.sf(critical, 126, shift) + stats.nct.cdf(-critical, 126, shift)
    assert found / 1500 == pytest.approx(power, abs=0.04)


def test_peeking_misleads_the_t_test_and_not_the_sequence() -> None:
    rng = np.random.default_rng(23)
    peeked = sequence = 0
    for _ in range(150):
        looks = growing(rng)
        peeked += any(t_test(look).significant for look in looks)
        sequence += any(always_valid(look, tuned_for=2000).significant for look in looks)
    assert peeked / 150 > 0.15
    assert sequence / 150 <= 0.05


def growing(rng: np.random.Generator) -> list[Effect]:
    control, treatment = Mean.from_values([]), Mean.from_values([])
    looks = []
    for _ in range(20):
        control += Mean.from_values(rng.normal(5, 1, 100))
        treatment += Mean.from_values(rng.normal(5, 1, 100))
        looks.append(effect(control, treatment, scale="absolute"))
    return looks


def test_a_prior_that_is_true_makes_the_chance_to_win_true() -> None:
    rng = np.random.default_rng(24)
    true = Prior(deviation=0.5, scale="absolute")
    won, claimed = 0, 0.0
    for _ in range(TIMES):
        lift = rng.normal(0, 0.5)
        shown = effect(
            Mean.from_values(rng.normal(0, 1, 20)),
            Mean.from_values(rng.normal(lift, 1, 20)),
            scale="absolute",
        )
        chance = posterior(shown, prior=true).chance_to_win
        if chance > 0.5:
            claimed += chance
            won += lift > 0
    assert won / claimed == pytest.approx(1.0, abs=0.05)


def test_holm_keeps_ten_metrics_to_one_false_finding_in_twenty() -> None:
    rng = np.random.default_rng(25)
    plain = corrected = 0
    for _ in range(200):
        tests = [t_test(nothing(rng, 30)) for _ in range(10)]
        plain += any(test.significant for test in tests)
        corrected += any(test.significant for test in adjust(tests))
    assert plain / 200 > 0.3
    assert corrected / 200 < 0.1


def test_margins_are_crossed_one_time_in_twenty_at_their_edge() -> None:
    rng = np.random.default_rng(26)
    safe = same = 0
    for _ in range(1500):
        shown = effect(
            Mean.from_values(rng.normal(0, 1, 60)),
            Mean.from_values(rng.normal(-0.5, 1, 60)),
            scale="absolute",
        )
        safe += noninferiority(shown, margin=0.5).significant
        same += equivalence(shown, low=-0.5, high=0.5).equivalent
    assert 0.03 < safe / 1500 < 0.07
    assert same <= safe


def test_score_intervals_hold_small_differences() -> None:
    rng = np.random.default_rng(27)
    held = 0
    for _ in range(150):
        counts = rng.binomial([25, 20], [0.05, 0.25])
        found = score_test(
            Proportion(count=25, successes=int(counts[0])),
            Proportion(count=20, successes=int(counts[1])),
        )
        held += holds(found.interval, 0.2)
    assert held / 150 > 0.89


def test_cuped_finds_what_the_plain_test_misses() -> None:
    rng = np.random.default_rng(28)
    adjusted = sum(t_test(cuped(rng, 1.04)).significant for _ in range(300))
    rng = np.random.default_rng(28)
    plain = 0
    for _ in range(300):
        values = rng.gamma(4, 5, 500) + rng.normal(10, 4, 500)
        shown = effect(Mean.from_values(values[:200]), Mean.from_values(1.04 * values[200:]))
        plain += t_test(shown).significant
    assert adjusted > 1.7 * plain
