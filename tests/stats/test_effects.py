"""Effects and their tests against SciPy, statsmodels and formulas, and what they refuse."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW, ttost_ind

from gitexp.errors import InvalidInput
from gitexp.stats.checks import Alternative
from gitexp.stats.effects import Effect, effect
from gitexp.stats.frequentist import t_test, z_test
from gitexp.stats.margins import equivalence, noninferiority
from gitexp.stats.pairs import Pairs, paired_effect
from gitexp.stats.samples import Mean, Proportion, Ratio

GRID = list(itertools.product([2, 5, 40, 900], [3, 12, 400], [0.1, 1.0, 50.0], [0.0, 0.5, 3.0]))
ALTERNATIVES: tuple[Alternative, ...] = ("two-sided", "greater", "less")


def groups(sizes: tuple[int, int], spread: float, shift: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng([*sizes, int(10 * spread), int(10 * shift)])
    return rng.normal(10, 1, sizes[0]), rng.normal(10 + shift, spread, sizes[1])


def absolute(control: np.ndarray, treatment: np.ndarray) -> Effect:
    return effect(Mean.from_values(control), Mean.from_values(treatment), scale="absolute")


@pytest.mark.parametrize("alternative", ALTERNATIVES)
def test_welch_agrees_with_scipy(alternative: Alternative) -> None:
    for first, second, spread, shift in GRID:
        control, treatment = groups((first, second), spread, shift)
        expected = stats.ttest_ind(treatment, control, equal_var=False, alternative=alternative)
        found = t_test(absolute(control, treatment), alternative=alternative)
        bounds = expected.confidence_interval(0.95)
        assert found.statistic == pytest.approx(expected.statistic, rel=1e-11)
        assert found.degrees == pytest.approx(expected.df, rel=1e-11)
        assert found.p_value == pytest.approx(expected.pvalue, rel=1e-10)
        assert found.interval.low == pytest.approx(bounds.low, rel=1e-10)
        assert found.interval.high == pytest.approx(bounds.high, rel=1e-10)


def test_the_normal_test_and_the_two_one_sided_tests_agree_with_statsmodels() -> None:
    for first, second, spread, shift in GRID:
        control, treatment = groups((first, second), spread, shift)
        means = CompareMeans(DescrStatsW(treatment), DescrStatsW(control))
        found = absolute(control, treatment)
        expected = means.ztest_ind(usevar="unequal")[1]
        assert z_test(found).p_value == pytest.approx(expected, rel=1e-9, abs=1e-15)
        p_value = ttost_ind(treatment, control, -1, 1, usevar="unequal")[0]
        assert equivalence(found, low=-1, high=1).p_value == pytest.approx(p_value, rel=1e-9)


def test_welch_published_example() -> None:
    """Student's sleep data in R: t.test(extra ~ group, data = sleep)."""
    first = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
    second = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]
    found = t_test(absolute(np.array(second), np.array(first)))
    assert found.statistic == pytest.approx(-1.8608, abs=5e-5)
    assert found.degrees == pytest.approx(17.776, abs=5e-4)
    assert found.p_value == pytest.approx(0.07939, abs=5e-6)
    assert found.interval.low == pytest.approx(-3.3654832, abs=5e-8)
    assert found.interval.high == pytest.approx(0.2054832, abs=5e-8)
    paired = t_test(paired_effect(Pairs.from_values(second, first)))
    assert paired.statistic == pytest.approx(-4.0621, abs=5e-5)
    assert paired.p_value == pytest.approx(0.002833, abs=5e-7)


def test_the_relative_effect_follows_the_delta_method() -> None:
    control, treatment = groups((400, 900), 2.0, 0.5)
    found = effect(Mean.from_values(control), Mean.from_values(treatment))
    c, t = control.mean(), treatment.mean()
    errors = control.var(ddof=1) / 400, treatment.var(ddof=1) / 900
    assert found.value == pytest.approx(t / c - 1, rel=1e-12)
    expected = errors[1] / c**2 + t**2 * errors[0] / c**4
    assert found.variance == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("control", "treatment", "value"), [(10, 15, 0.5), (-10, -5, 0.5), (-2, 3, 2.5)]
)
def test_a_negative_control_keeps_the_direction(
    control: float, treatment: float, value: float
) -> None:
    noise = np.linspace(-0.1, 0.1, 50)
    found = effect(Mean.from_values(control + noise), Mean.from_values(treatment + noise))
    assert found.value == pytest.approx(value, rel=1e-12)
    assert found.variance > 0


def test_proportions_and_ratios_are_compared_alike() -> None:
    found = effect(
        Proportion(count=1000, successes=100),
        Proportion(count=1000, successes=130),
        scale="absolute",
    )
    assert found.value == pytest.approx(0.03, rel=1e-12)
    assert found.variance == pytest.approx(0.1 * 0.9 / 1000 + 0.13 * 0.87 / 1000, rel=1e-12)
    d = np.arange(1.0, 101.0)
    first, second = Ratio.from_values(2 * d + np.sin(d), d), Ratio.from_values(3 * d + np.cos(d), d)
    ratio = effect(first, second, scale="absolute")
    assert ratio.value == pytest.approx(second.point - first.point, rel=1e-12)
    assert ratio.variance == pytest.approx(first.error + second.error, rel=1e-12)


def test_the_relative_paired_effect_uses_the_covariance() -> None:
    rng = np.random.default_rng(5)
    before = rng.normal(20, 4, 300)
    after = 1.1 * before + rng.normal(0, 1, 300)
    found = paired_effect(Pairs.from_values(before, after), scale="relative")
    ratio = after.mean() / before.mean()
    residual = (after - ratio * before) / before.mean()
    assert found.value == pytest.approx(ratio - 1, rel=1e-12)
    assert found.variance == pytest.approx(residual.var(ddof=1) / 300, rel=1e-9)


def test_a_total_is_the_effect_times_its_units() -> None:
    control, treatment = groups((40, 50), 1.0, 0.5)
    found = absolute(control, treatment)
    total = found.scaled(1e6)
    assert total.value == pytest.approx(1e6 * found.value)
    assert t_test(total).p_value == pytest.approx(t_test(found).p_value, rel=1e-12)


def test_a_guardrail_holds_by_its_bound() -> None:
    control, treatment = groups((900, 900), 1.0, 0.0)
    found = absolute(control, treatment)
    up = noninferiority(found, margin=0.3)
    down = noninferiority(found, margin=0.3, direction="decrease")
    assert up.significant
    assert up.interval.low > -0.3
    assert up.interval.high == math.inf
    assert down.significant
    assert down.interval.high < 0.3
    assert not noninferiority(found, margin=1e-6).significant


def test_equivalence_is_the_narrower_interval_inside_the_margins() -> None:
    control, treatment = groups((900, 900), 1.0, 0.0)
    found = absolute(control, treatment)
    wide = t_test(found, confidence=0.9).interval
    both = equivalence(found, low=-0.3, high=0.3)
    assert (both.interval.low, both.interval.high) == pytest.approx(
        (wide.low, wide.high), rel=1e-12
    )
    assert both.equivalent
    assert both.p_value < 1 - both.confidence
    assert not equivalence(found, low=wide.low + 1e-9, high=0.3).equivalent


def test_a_control_near_zero_has_no_relative_effect() -> None:
    noise = np.linspace(-1, 1, 100)
    with pytest.raises(InvalidInput) as caught:
        effect(Mean.from_values(0.1 + noise), Mean.from_values(1 + noise))
    assert str(caught.value) == (
        "the control's value of 0.1 is too near 0 for a relative effect: "
        "its standard error is 0.0586"
    )
    assert caught.value.hint == 'Use scale="absolute", or wait for more units.'


def test_groups_without_variation_are_refused() -> None:
    with pytest.raises(InvalidInput) as caught:
        effect(Mean.from_values([1.0, 1.0]), Mean.from_values([2.0, 2.0]))
    assert str(caught.value) == (
        "the effect has no variance, so neither an interval nor a p-value exists"
    )


def test_too_few_successes_are_sent_to_the_exact_tests() -> None:
    with pytest.raises(InvalidInput) as caught:
        effect(Proportion(count=100, successes=4), Proportion(count=100, successes=20))
    assert str(caught.value) == (
        "the control has 4 successes and 96 failures, too few for the normal approximation, "
        "which needs 5 of each"
    )
    assert caught.value.hint == "Use score_test or fisher_test, which hold for small counts."


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"confidence": 95}, "a confidence of 95 is not between 0 and 1"),
        ({"alternative": "larger"}, "alternative 'larger' is unknown"),
        ({"null": math.nan}, "a null value is not finite: nan"),
    ],
)
def test_arguments_out_of_range_are_refused(arguments: dict[str, object], message: str) -> None:
    found = absolute(np.arange(5.0), np.arange(6.0))
    with pytest.raises(InvalidInput) as caught:
        t_test(found, **arguments)  # type: ignore[arg-type]
    assert str(caught.value) == message


def test_margins_out_of_range_are_refused() -> None:
    found = absolute(np.arange(5.0), np.arange(6.0))
    with pytest.raises(InvalidInput, match="a margin must be above 0: 0"):
        noninferiority(found, margin=0)
    with pytest.raises(InvalidInput, match="margins of 1 and 1 leave nothing between them"):
        equivalence(found, low=1, high=1)
    with pytest.raises(InvalidInput, match=r"equivalence needs a confidence above 0\.5: 0\.4"):
        equivalence(found, low=-1, high=1, confidence=0.4)
    with pytest.raises(InvalidInput, match="scale 'percent' is unknown"):
        effect(Mean.from_values([1, 2]), Mean.from_values([1, 2]), scale="percent")  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [2, 100, 10_000])
@pytest.mark.parametrize("level, spread", [(0.0, 1.0), (1e6, 1e-3), (1e9, 1.0)])
@pytest.mark.parametrize("step", [0.1, 7.0])
def test_pairs_with_one_difference_are_refused(
    size: int, level: float, spread: float, step: float
) -> None:
    control = level + spread * np.random.default_rng(40).normal(size=size)
    treatment = control + step * spread
    halves = (slice(None, size // 2), slice(size // 2, None))
    for pairs in (
        Pairs.from_values(control, treatment),
        Pairs.from_values(control[halves[0]], treatment[halves[0]])
        + Pairs.from_values(control[halves[1]], treatment[halves[1]]),
    ):
        with pytest.raises(InvalidInput, match="every pair has the same difference"):
            paired_effect(pairs)


def test_pairs_that_nearly_agree_are_still_told_apart() -> None:
    control = 1000.0 + np.random.default_rng(41).normal(size=50)
    treatment = control + 1e-5 + 1e-6 * np.random.default_rng(42).normal(size=50)
    found = t_test(paired_effect(Pairs.from_values(control, treatment)))
    assert found.p_value == pytest.approx(stats.ttest_rel(treatment, control).pvalue, rel=1e-4)
