"""CUPED against the analysis of covariance and by its variance; strata against their formulas."""

from __future__ import annotations

import math

import numpy as np
import pytest
import statsmodels.api as sm

from gitexp.errors import InvalidInput
from gitexp.stats.adjustment import adjusted_effect, covariate_weights
from gitexp.stats.effects import effect
from gitexp.stats.quantiles import quantile
from gitexp.stats.samples import Mean, Proportion, Ratio
from gitexp.stats.strata import Stratum, stratified_effect


def drawn(count: int, lift: float, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    before, other = rng.gamma(2, 2, count), rng.normal(0, 1, count)
    return 5 + 0.8 * before + 0.3 * other + rng.normal(lift, 1, count), before, other


def test_the_adjusted_difference_is_that_of_the_analysis_of_covariance() -> None:
    first, second = drawn(300, 0.0, 1), drawn(500, 0.2, 2)
    treated = np.r_[np.zeros(300), np.ones(500)]
    covariates = np.column_stack([np.r_[first[i], second[i]] for i in (1, 2)])
    design = np.column_stack([np.ones(800), treated, covariates])
    fitted = sm.OLS(np.r_[first[0], second[0]], design).fit(cov_type="HC1")
    control, treatment = Mean.from_values(*first), Mean.from_values(*second)
    found = adjusted_effect(control, treatment, scale="absolute")
    assert found.value == pytest.approx(fitted.params[1], rel=1e-10)
    assert covariate_weights(control, treatment) == pytest.approx(fitted.params[2:], rel=1e-10)
    assert found.standard_error == pytest.approx(fitted.bse[1], rel=0.01)


def test_the_variance_shrinks_by_the_squared_correlation() -> None:
    first, second = drawn(2000, 0.0, 1), drawn(2000, 0.2, 2)
    plain = effect(Mean.from_values(first[0]), Mean.from_values(second[0]), scale="absolute")
    one = adjusted_effect(
        Mean.from_values(*first[:2]), Mean.from_values(*second[:2]), scale="absolute"
    )
    correlation = np.corrcoef(np.r_[first[0], second[0] - 0.2], np.r_[first[1], second[1]])[0, 1]
    assert one.variance / plain.variance == pytest.approx(1 - correlation**2, rel=0.01)


def test_a_covariate_without_variation_changes_nothing() -> None:
    first, second = drawn(50, 0.0, 1)[0], drawn(60, 0.2, 2)[0]
    for scale in ("absolute", "relative"):
        plain = effect(Mean.from_values(first), Mean.from_values(second), scale=scale)
        control = Mean.from_values(first, np.full(50, 3.3))
        found = adjusted_effect(control, Mean.from_values(second, np.full(60, 3.3)), scale=scale)
        assert (found.value, found.variance) == pytest.approx(
            (plain.value, plain.variance), rel=1e-12
        )
        assert found.degrees == pytest.approx(plain.degrees, rel=1e-9)


def test_a_covariate_given_twice_counts_once() -> None:
    first, second = drawn(300, 0.0, 1), drawn(300, 0.2, 2)
    once = adjusted_effect(Mean.from_values(*first[:2]), Mean.from_values(*second[:2]))
    twice = adjusted_effect(
        Mean.from_values(*first[:2], 7 * first[1]), Mean.from_values(*second[:2], 7 * second[1])
    )
    assert (twice.value, twice.variance) == pytest.approx((once.value, once.variance), rel=1e-8)


def test_the_relative_effect_divides_by_the_adjusted_control() -> None:
    first, second = drawn(300, 0.0, 1), drawn(500, 0.2, 2)
    control, treatment = Mean.from_values(*first[:2]), Mean.from_values(*second[:2])
    (weight,) = covariate_weights(control, treatment)
    middle = np.r_[first[1], second[1]].mean()
    c = first[0].mean() - weight * (first[1].mean() - middle)
    t = second[0].mean() - weight * (second[1].mean() - middle)
    found = adjusted_effect(control, treatment)
    assert (found.control, found.treatment) == pytest.approx((c, t), rel=1e-12)
    assert found.value == pytest.approx(t / c - 1, rel=1e-10)
    # Each unit's influence on (T - r·C)/C, with the covariate's mean shared by both points.
    shared = weight * (1 - t / c)
    of_control = (-t / c) * (first[0] - weight * first[1]) + shared * first[1] * 300 / 800
    of_treated = (second[0] - weight * second[1]) + shared * second[1] * 500 / 800
    expected = of_control.var(ddof=1) / 300 + of_treated.var(ddof=1) / 500
    assert found.variance == pytest.approx(expected / c**2, rel=1e-10)


def test_a_ratio_is_adjusted_through_its_linearised_values() -> None:
    def ratio(seed: int, lift: float) -> tuple[Ratio, Mean]:
        rng = np.random.default_rng(seed)
        before = rng.poisson(5, 800) + 1.0
        visits = rng.poisson(before) + 1.0
        spend = visits * (2 + lift) + before + rng.normal(0, 1, 800)
        found = Ratio.from_values(spend, visits, before)
        residual = found.point + (spend - found.point * visits) / visits.mean()
        return found, Mean.from_values(residual, before)

    (control, first), (treatment, second) = ratio(1, 0.0), ratio(2, 0.1)
    for scale in ("absolute", "relative"):
        found = adjusted_effect(control, treatment, scale=scale)
        same = adjusted_effect(first, second, scale=scale)
        assert (found.value, found.variance) == pytest.approx((same.value, same.variance), rel=1e-9)
        assert found.variance < effect(control, treatment, scale=scale).variance


def test_groups_without_the_same_covariates_are_refused() -> None:
    plain, with_one = Mean.from_values([1.0, 2.0]), Mean.from_values([1.0, 2.0], [0.0, 1.0])
    with pytest.raises(InvalidInput) as caught:
        adjusted_effect(plain, with_one)
    assert str(caught.value) == "the control has 0 covariates and the treatment 1"
    with pytest.raises(InvalidInput, match="one group is a mean and the other is a ratio"):
        adjusted_effect(with_one, Ratio.from_values([1.0, 2.0], [1.0, 1.0]))


def strata(weights: tuple[float | None, float | None]) -> list[Stratum]:
    found = []
    for place, (center, sizes) in enumerate([(5.0, (100, 130)), (20.0, (60, 40))]):
        rng = np.random.default_rng(place)
        found.append(
            Stratum(
                name=f"s{place}",
                control=Mean.from_values(rng.normal(center, 1, sizes[0])),
                treatment=Mean.from_values(rng.normal(center + 1, 2, sizes[1])),
                weight=weights[place],
            )
        )
    return found


def test_given_weights_make_a_weighted_difference() -> None:
    both = strata((3.0, 1.0))
    found = stratified_effect(both, scale="absolute")
    shares = (0.75, 0.25)
    value = sum(
        w * (s.treatment.point - s.control.point) for w, s in zip(shares, both, strict=True)
    )
    error = sum(
        w**2 * (s.treatment.error + s.control.error) for w, s in zip(shares, both, strict=True)
    )
    assert found.value == pytest.approx(value, rel=1e-12)
    assert found.variance == pytest.approx(error, rel=1e-12)


def test_observed_weights_add_the_variance_of_the_shares() -> None:
    both = strata((None, None))
    found = stratified_effect(both, scale="absolute")
    shares = [230 / 330, 100 / 330]
    fixed = stratified_effect(strata((230.0, 100.0)), scale="absolute")
    gaps = [s.treatment.point - s.control.point for s in both]
    spread = np.dot(shares, np.square(gaps)) - np.dot(shares, gaps) ** 2
    assert found.value == pytest.approx(fixed.value, rel=1e-12)
    assert found.variance == pytest.approx(fixed.variance + spread / 330, rel=1e-10)


def test_one_stratum_is_the_plain_effect() -> None:
    rng = np.random.default_rng(4)
    control = Ratio.from_values(rng.normal(9, 1, 50), rng.normal(3, 0.2, 50))
    treatment = Ratio.from_values(rng.normal(10, 1, 70), rng.normal(3, 0.2, 70))
    found = stratified_effect([Stratum(name="all", control=control, treatment=treatment)])
    plain = effect(control, treatment)
    assert (found.value, found.variance, found.degrees) == pytest.approx(
        (plain.value, plain.variance, plain.degrees), rel=1e-10
    )


def test_strata_take_out_what_differs_between_them() -> None:
    both = strata((None, None))
    pooled = effect(
        both[0].control + both[1].control, both[0].treatment + both[1].treatment, scale="absolute"
    )
    assert stratified_effect(both, scale="absolute").variance < 0.2 * pooled.variance


def test_strata_that_do_not_fit_are_refused() -> None:
    both, some = strata((None, None)), strata((None, 1.0))
    with pytest.raises(InvalidInput, match="there are no strata"):
        stratified_effect([])
    with pytest.raises(InvalidInput, match="stratum 's0' is given twice"):
        stratified_effect([both[0], both[0]])
    with pytest.raises(InvalidInput, match="some strata have a weight and some have none"):
        stratified_effect(some)
    with pytest.raises(InvalidInput) as caught:
        Stratum(
            name="few",
            control=Proportion(count=1, successes=0),
            treatment=Proportion(count=9, successes=1),
        )
    assert str(caught.value) == "stratum 'few' has 1 units in the control, and needs at least 2"
    assert caught.value.hint == "Join it with another stratum."
    with pytest.raises(InvalidInput, match="stratum 'x' compares groups of different kinds"):
        Stratum(name="x", control=both[0].control, treatment=Proportion(count=9, successes=1))


def test_a_quantile_has_woodruffs_standard_error() -> None:
    values = np.random.default_rng(1).normal(0, 1, 4001)
    found = quantile(values, 0.5)
    assert found.point == pytest.approx(float(np.median(values)))
    assert math.sqrt(found.error) == pytest.approx(math.sqrt(math.pi / 2 / 4001), rel=0.1)
    margin = 1.959963984540054 * math.sqrt(0.25 / 4001)
    low, high = np.quantile(values, [0.5 - margin, 0.5 + margin])
    assert found.error == pytest.approx(((high - low) / (2 * 1.959963984540054)) ** 2, rel=0.01)


def test_a_quantile_of_values_that_repeat_is_as_unsure_as_their_steps() -> None:
    values = [1.0] * 30 + [2.0] * 100 + [5.0] * 30
    found = quantile(values, 0.5)  # its bounds are both 2
    assert (found.point, found.error) == pytest.approx((2, (4 / (2 * 1.959963984540054)) ** 2))
    at_the_end = quantile([0.0] * 100 + [1.0] * 30, 0.5)
    assert at_the_end.error == pytest.approx((1 / (2 * 1.959963984540054)) ** 2)
    assert quantile([3.0] * 100, 0.5).error == 0


def test_alike_values_within_clusters_widen_a_quantile() -> None:
    rng = np.random.default_rng(2)
    centers = rng.normal(0, 1, 200)
    values = np.repeat(centers, 20) + rng.normal(0, 0.1, 4000)
    clusters = list(np.repeat(np.arange(200), 20))
    apart, together = quantile(values, 0.5), quantile(values, 0.5, clusters=clusters)
    assert (apart.count, together.count) == (4000, 200)
    assert together.error == pytest.approx(20 * apart.error, rel=0.4)


def test_clusters_of_one_value_are_no_clusters() -> None:
    values = np.random.default_rng(3).normal(0, 1, 3000)
    found = quantile(values, 0.9, clusters=list(range(3000)))
    assert found.error == pytest.approx(quantile(values, 0.9).error, rel=0.01)


def test_a_quantile_beyond_the_values_is_refused() -> None:
    with pytest.raises(InvalidInput) as caught:
        quantile(np.arange(100.0), 0.99)
    assert str(caught.value) == "100 values are too few for a quantile at 0.99"
    with pytest.raises(InvalidInput, match="a level of 99 is not between 0 and 1"):
        quantile(np.arange(100.0), 99)
