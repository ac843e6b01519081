"""Bootstrap and permutation: against SciPy and each other, seeded, paired and clustered."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from gitexp.errors import InvalidInput
from gitexp.stats.bootstrap import (
    Bounds,
    Plan,
    bootstrap,
    clustered_bootstrap,
    paired_bootstrap,
)
from gitexp.stats.checks import Alternative
from gitexp.stats.permutation import (
    Shuffling,
    clustered_permutation_test,
    paired_permutation_test,
    permutation_test,
)

RNG = np.random.default_rng(11)
CONTROL, TREATMENT = RNG.gamma(2, 2, 60), RNG.gamma(2, 2, 45) + 1
GAP = float(TREATMENT.mean() - CONTROL.mean())


def plan(bounds: Bounds = "percentile", resamples: int = 3000) -> Plan:
    return Plan(generator=np.random.default_rng(1), resamples=resamples, bounds=bounds)


def shuffling(alternative: Alternative = "two-sided", permutations: int = 3000) -> Shuffling:
    return Shuffling(
        generator=np.random.default_rng(1), permutations=permutations, alternative=alternative
    )


def gap(treatment: np.ndarray, control: np.ndarray, axis: int = -1) -> np.ndarray:
    return np.mean(treatment, axis=axis) - np.mean(control, axis=axis)


@pytest.mark.parametrize(
    ("bounds", "name"), [("percentile", "percentile"), ("basic", "basic"), ("bca", "BCa")]
)
def test_bootstrap_bounds_agree_with_scipy(bounds: Bounds, name: str) -> None:
    found = bootstrap(CONTROL, TREATMENT, np.mean, plan(bounds))
    expected = stats.bootstrap(
        (TREATMENT, CONTROL), gap, n_resamples=20_000, method=name, rng=np.random.default_rng(2)
    )
    assert found.estimate == pytest.approx(GAP, rel=1e-12)
    # Two draws of resamples differ by a few per cent of a standard error.
    slack = 0.12 * expected.standard_error
    assert found.interval.low == pytest.approx(expected.confidence_interval.low, abs=slack)
    assert found.interval.high == pytest.approx(expected.confidence_interval.high, abs=slack)
    assert found.standard_error == pytest.approx(expected.standard_error, rel=0.05)


def test_the_acceleration_of_skewed_values_agrees_with_scipy() -> None:
    rng = np.random.default_rng(6)
    control, treatment = np.ones(5) + rng.normal(0, 0.01, 5), rng.lognormal(0, 1.5, 12)
    found = bootstrap(control, treatment, np.mean, plan("bca", 20_000))
    expected = stats.bootstrap(
        (treatment, control), gap, n_resamples=20_000, method="BCa", rng=np.random.default_rng(2)
    )
    bounds = expected.confidence_interval
    slack = 0.06 * expected.standard_error
    assert found.interval.low == pytest.approx(bounds.low, abs=slack)
    assert found.interval.high == pytest.approx(bounds.high, abs=2 * slack)


def test_the_same_seed_gives_the_same_answer() -> None:
    one = bootstrap(CONTROL, TREATMENT, np.median, plan(resamples=200))
    assert one == bootstrap(CONTROL, TREATMENT, np.median, plan(resamples=200))


def test_a_relative_bootstrap_is_that_of_the_lift() -> None:
    found = bootstrap(CONTROL, TREATMENT, np.mean, plan(resamples=500), scale="relative")
    assert found.estimate == pytest.approx(GAP / CONTROL.mean(), rel=1e-12)
    assert found.interval.low < found.estimate < found.interval.high


def test_pairs_take_out_what_differs_between_units() -> None:
    rng = np.random.default_rng(3)
    before = rng.normal(50, 10, 80)
    after = before + rng.normal(1, 1, 80)
    paired = paired_bootstrap(before, after, np.mean, plan(resamples=1000))
    apart = bootstrap(before, after, np.mean, plan(resamples=1000))
    assert paired.standard_error == pytest.approx(np.std(after - before) / 80**0.5, rel=0.1)
    assert paired.standard_error < apart.standard_error / 5
    assert paired.significant
    assert not apart.significant
    corrected = paired_bootstrap(before, after, np.mean, plan("bca", 1000))
    assert corrected.interval.low == pytest.approx(paired.interval.low, abs=0.05)


def test_clusters_are_drawn_whole() -> None:
    rng = np.random.default_rng(4)
    control = [center + rng.normal(0, 0.1, 20) for center in rng.normal(0, 1, 30)]
    treatment = [center + rng.normal(0, 0.1, 20) for center in rng.normal(0, 1, 30)]
    whole = clustered_bootstrap(control, treatment, np.mean, plan(resamples=500))
    apart = bootstrap(
        np.concatenate(control), np.concatenate(treatment), np.mean, plan(resamples=500)
    )
    assert whole.standard_error == pytest.approx(apart.standard_error * 20**0.5, rel=0.2)
    same = clustered_bootstrap(
        [[value] for value in CONTROL], [[value] for value in TREATMENT], np.mean, plan("bca", 500)
    )
    assert same == bootstrap(CONTROL, TREATMENT, np.mean, plan("bca", 500))


@pytest.mark.parametrize("alternative", ["two-sided", "greater", "less"])
def test_every_arrangement_agrees_with_scipy(alternative: Alternative) -> None:
    control, treatment = CONTROL[:5].round(1), TREATMENT[:5].round(1)
    expected = stats.permutation_test(
        (treatment, control), gap, n_resamples=np.inf, alternative=alternative
    )
    found = permutation_test(control, treatment, np.mean, shuffling(alternative))
    assert (found.exact, found.arrangements) == (True, 252)
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-12)
    pairs = stats.permutation_test(
        (treatment, control),
        gap,
        permutation_type="samples",
        n_resamples=np.inf,
        alternative=alternative,
    )
    swapped = paired_permutation_test(control, treatment, np.mean, shuffling(alternative))
    assert (swapped.exact, swapped.arrangements) == (True, 32)
    assert swapped.p_value == pytest.approx(pairs.pvalue, rel=1e-12)


def test_drawn_permutations_approach_the_t_test() -> None:
    found = permutation_test(CONTROL[:30], TREATMENT[:30], np.mean, shuffling())
    expected = stats.ttest_ind(TREATMENT[:30], CONTROL[:30]).pvalue
    assert not found.exact
    assert found.p_value == pytest.approx(expected, abs=0.02)


def test_a_drawn_p_value_is_never_zero() -> None:
    found = permutation_test(CONTROL, TREATMENT + 100, np.mean, shuffling(permutations=100))
    assert found.p_value == pytest.approx(2 / 101)
    assert found.significant


def test_labels_of_clusters_are_permuted_whole() -> None:
    control, treatment = [[0.0, 0.1], [0.2], [0.1]], [[5.0], [5.1, 5.2], [5.3]]
    found = clustered_permutation_test(control, treatment, np.mean, shuffling())
    assert (found.exact, found.arrangements) == (True, 20)
    assert found.p_value == pytest.approx(2 / 20)


def test_many_pairs_are_drawn() -> None:
    pairs = np.arange(5000.0)
    found = paired_permutation_test(pairs, pairs + 1, np.mean, shuffling(permutations=100))
    assert (found.exact, found.arrangements) == (False, 100)


def test_many_units_are_drawn_without_counting_their_arrangements() -> None:
    units = np.zeros(200_000)  # the number of arrangements has 120 411 digits
    found = permutation_test(units, units, np.mean, shuffling(permutations=100))
    assert (found.exact, found.arrangements) == (False, 100)


def test_what_cannot_be_resampled_is_refused() -> None:
    with pytest.raises(InvalidInput) as caught:
        bootstrap([1.0, 2.0], TREATMENT, np.mean, plan())
    assert str(caught.value) == "control has 2 units, too few to resample, which needs 5"
    with pytest.raises(InvalidInput, match="every resample gives the same value"):
        bootstrap([1.0] * 9, [2.0] * 9, np.mean, plan(resamples=100))
    with pytest.raises(InvalidInput, match="resamples must be a whole number of at least 100: 10"):
        plan(resamples=10)
    with pytest.raises(InvalidInput, match="control has 5 values and treatment has 6"):
        paired_bootstrap([1.0] * 5, [1.0] * 6, np.mean, plan())
    with pytest.raises(InvalidInput, match="control has no clusters"):
        clustered_permutation_test([], [[1.0]], np.mean, shuffling())
    with pytest.raises(InvalidInput, match="a control's statistic is 0"):
        bootstrap([0.0] * 9, TREATMENT, np.mean, plan(), scale="relative")
    with pytest.raises(InvalidInput, match="treatment has 0 values, and at least 1 are needed"):
        permutation_test([1.0], [], np.mean, shuffling())
