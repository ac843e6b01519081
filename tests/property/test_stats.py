"""Laws of the statistics: sums, symmetry, units, and verdicts that agree with intervals."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gitexp.stats.adjustment import adjusted_effect
from gitexp.stats.bayesian import Posterior, Prior, posterior
from gitexp.stats.binomials import binomial_test
from gitexp.stats.checks import Alternative
from gitexp.stats.corrections import Correction, adjust, benjamini_hochberg, bonferroni, holm
from gitexp.stats.effects import Effect, effect
from gitexp.stats.frequentist import t_test
from gitexp.stats.margins import equivalence
from gitexp.stats.moments import Moments
from gitexp.stats.pairs import Pairs, mcnemar_test
from gitexp.stats.samples import Mean, Proportion, Ratio
from gitexp.stats.sequential import always_valid
from gitexp.stats.shares import share_test
from gitexp.stats.tables import fisher_test, score_test

numbers = st.floats(-1e6, 1e6).map(lambda value: round(value, 3))
lists = st.lists(numbers, min_size=0, max_size=30)
rows = st.lists(st.tuples(numbers, numbers), min_size=0, max_size=20)
alternatives = st.sampled_from(["two-sided", "greater", "less"])
confidences = st.floats(0.51, 0.9999)
p_values = st.lists(st.floats(0, 1), min_size=1, max_size=12)


def near(first: Moments, second: Moments) -> None:
    assert first.count == second.count
    scale = 1e6
    assert first.means == pytest.approx(second.means, rel=1e-9, abs=1e-9 * scale)
    for mine, theirs in zip(first.products, second.products, strict=True):
        assert mine == pytest.approx(theirs, rel=1e-9, abs=1e-9 * scale * scale)


@given(lists, lists)
def test_statistics_of_means_add(first: list[float], second: list[float]) -> None:
    whole = Mean.from_values(first + second)
    near((Mean.from_values(first) + Mean.from_values(second)).moments, whole.moments)


@given(rows, rows)
def test_statistics_of_ratios_and_of_pairs_add(
    first: list[tuple[float, float]], second: list[tuple[float, float]]
) -> None:
    for kind in (Ratio, Pairs):
        parts = [kind.from_values(*columns(part)) for part in (first, second)]
        near((parts[0] + parts[1]).moments, kind.from_values(*columns(first + second)).moments)


def columns(pairs: list[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [a for a, _ in pairs], [b for _, b in pairs]


@given(st.lists(st.booleans()), st.lists(st.booleans()))
def test_proportions_add(first: list[bool], second: list[bool]) -> None:
    def of(outcomes: list[bool]) -> Proportion:
        return Proportion(count=len(outcomes), successes=sum(outcomes))

    assert of(first) + of(second) == of(first + second)
    near(of(first).as_mean().moments, Mean.from_values([float(b) for b in first]).moments)


@given(lists, lists, lists)
def test_the_order_of_adding_does_not_matter(
    a: list[float], b: list[float], c: list[float]
) -> None:
    first, second, third = Mean.from_values(a), Mean.from_values(b), Mean.from_values(c)
    near(((first + second) + third).moments, (third + (second + first)).moments)


def varied(values: list[float]) -> bool:
    return len(values) > 1 and float(np.ptp(values)) > 1e-2


def absolute(control: list[float], treatment: list[float]) -> Effect:
    return effect(Mean.from_values(control), Mean.from_values(treatment), scale="absolute")


@given(lists.filter(varied), lists.filter(varied))
def test_exchanging_the_groups_mirrors_the_effect(
    control: list[float], treatment: list[float]
) -> None:
    here, there = t_test(absolute(control, treatment)), t_test(absolute(treatment, control))
    assert here.effect.value == -there.effect.value
    assert (here.interval.low, here.interval.high) == pytest.approx(
        (-there.interval.high, -there.interval.low), rel=1e-12
    )
    assert here.p_value == pytest.approx(there.p_value, rel=1e-9)


@given(lists.filter(varied), lists.filter(varied), st.sampled_from([0.125, 2.0, 1024.0]))
def test_another_unit_changes_no_verdict(
    control: list[float], treatment: list[float], factor: float
) -> None:
    here = t_test(absolute(control, treatment))
    scaled = absolute([factor * x for x in control], [factor * x for x in treatment])
    there = t_test(scaled)
    assert there.effect.value == pytest.approx(factor * here.effect.value, rel=1e-12)
    assert there.p_value == pytest.approx(here.p_value, rel=1e-9)
    assert there.degrees == pytest.approx(here.degrees, rel=1e-9)


@given(st.floats(1, 1e3), st.floats(-0.9, 9), st.floats(0.1, 1e3))
def test_a_relative_effect_has_no_unit(level: float, lift: float, factor: float) -> None:
    noise = np.linspace(-0.5, 0.5, 60)
    control, treatment = level * (1 + noise), level * (1 + lift + noise)
    here = effect(Mean.from_values(control), Mean.from_values(treatment))
    there = effect(Mean.from_values(factor * control), Mean.from_values(factor * treatment))
    assert here.value == pytest.approx(lift, rel=1e-9, abs=1e-12)
    assert there.value == pytest.approx(here.value, rel=1e-9, abs=1e-12)
    assert there.variance == pytest.approx(here.variance, rel=1e-9)


effects = st.builds(
    lambda value, error, degrees, count: Effect(
        value=value, variance=error * error, degrees=degrees, count=count, scale="absolute",
        control=1.0, treatment=1.0 + value,
    ),
    value=st.floats(-10, 10),
    error=st.floats(1e-3, 1e3),
    degrees=st.one_of(st.floats(1, 1e12), st.just(math.inf)),
    count=st.integers(2, 10**8),
)  # fmt: skip


@given(effects, confidences, alternatives, st.floats(-10, 10))
def test_verdict_interval_and_p_value_never_contradict(
    shown: Effect, confidence: float, alternative: Alternative, null: float
) -> None:
    asked = {"confidence": confidence, "alternative": alternative, "null": null}
    for found in (t_test(shown, **asked), always_valid(shown, **asked)):  # type: ignore[arg-type]
        inside = found.interval.low <= null <= found.interval.high
        assert found.significant == (not inside) == (found.p_value < 1 - confidence)


@given(effects, confidences, alternatives)
def test_the_verdict_turns_at_the_bounds_of_the_interval(
    shown: Effect, confidence: float, alternative: Alternative
) -> None:
    found = t_test(shown, confidence=confidence, alternative=alternative)
    for bound in (found.interval.low, found.interval.high):
        if math.isfinite(bound):
            at = t_test(shown, confidence=confidence, alternative=alternative, null=bound)
            assert not at.significant
            assert at.p_value >= 1 - confidence


@given(effects, confidences, st.floats(0.01, 20))
def test_equivalence_is_its_interval_inside_the_margins(
    shown: Effect, confidence: float, margin: float
) -> None:
    found = equivalence(shown, low=-margin, high=margin, confidence=confidence)
    inside = -margin < found.interval.low and found.interval.high < margin
    assert found.equivalent == inside == (found.p_value < 1 - confidence)


@given(effects, st.floats(0.5, 0.999), st.one_of(st.none(), st.floats(1e-3, 1e3)))
def test_a_posterior_has_one_verdict_and_lies_between_prior_and_data(
    shown: Effect, confidence: float, deviation: float | None
) -> None:
    prior = None if deviation is None else Prior(deviation=deviation, scale="absolute")
    found = posterior(shown, prior=prior, confidence=confidence)
    assert found.significant == (not found.interval.low <= 0 <= found.interval.high)
    assert abs(found.mean) <= abs(shown.value)
    assert found.deviation <= shown.standard_error * (1 + 1e-12)
    assert found.risk_control >= 0
    assert found.risk_treatment >= 0


@given(st.floats(-30, 30), st.floats(1e-3, 1e3))
def test_the_risks_differ_by_the_mean(z: float, deviation: float) -> None:
    found = Posterior(mean=z * deviation, deviation=deviation, scale="absolute")
    gap = found.risk_control - found.risk_treatment
    assert gap == pytest.approx(found.mean, rel=1e-12, abs=1e-12 * deviation)


@given(st.integers(0, 2**32), st.sampled_from(["absolute", "relative"]))
def test_an_uncorrelated_covariate_changes_nothing(seed: int, scale: str) -> None:
    rng = np.random.default_rng(seed)
    groups = []
    for size in (20, 31):
        values = rng.normal(10, 1, size)
        basis = np.column_stack([np.ones(size), values])
        noise = rng.normal(0, 1, size)
        # What is left of the noise after a regression on the values is uncorrelated with them.
        groups.append((values, noise - basis @ np.linalg.lstsq(basis, noise, rcond=None)[0]))
    plain = effect(*(Mean.from_values(values) for values, _ in groups), scale=scale)  # type: ignore[arg-type]
    found = adjusted_effect(*(Mean.from_values(*group) for group in groups), scale=scale)  # type: ignore[arg-type]
    assert (found.value, found.variance) == pytest.approx((plain.value, plain.variance), rel=1e-9)


@given(st.integers(0, 2**32), st.floats(-100, 100), st.floats(0.01, 100))
def test_shifting_and_scaling_a_covariate_changes_nothing(
    seed: int, shift: float, factor: float
) -> None:
    rng = np.random.default_rng(seed)
    before = rng.normal(0, 1, 60)
    after = 10 + before + rng.normal(0, 1, 60)

    def of(covariate: np.ndarray) -> Effect:
        return adjusted_effect(
            Mean.from_values(after[:25], covariate[:25]),
            Mean.from_values(after[25:], covariate[25:]),
        )

    here, there = of(before), of(shift + factor * before)
    assert (there.value, there.variance) == pytest.approx((here.value, here.variance), rel=1e-6)


@given(p_values)
def test_corrections_keep_the_order_and_never_help(values: list[float]) -> None:
    for adjusted in (bonferroni(values), holm(values), benjamini_hochberg(values)):
        assert all(a >= p for a, p in zip(adjusted, values, strict=True))
        order = np.argsort(values, kind="stable")
        assert list(np.diff(np.array(adjusted)[order]) >= 0) == [True] * (len(values) - 1)
    for step, single in zip(holm(values), bonferroni(values), strict=True):
        assert step <= single
    for rate, step in zip(benjamini_hochberg(values), holm(values), strict=True):
        assert rate <= step * (1 + 1e-12)


@given(
    st.lists(effects, min_size=1, max_size=8),
    st.sampled_from(["bonferroni", "holm", "benjamini-hochberg"]),
    confidences,
)
def test_adjusted_verdicts_and_intervals_never_contradict(
    shown: list[Effect], correction: Correction, confidence: float
) -> None:
    for found in adjust([t_test(e) for e in shown], correction=correction, confidence=confidence):
        inside = found.interval.low <= 0 <= found.interval.high
        assert found.significant == (not inside) == (found.p_value < 1 - confidence)


counts = st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(counts, counts, confidences)
def test_exact_and_score_tests_mirror_and_agree_with_their_intervals(
    first: tuple[int, int], second: tuple[int, int], confidence: float
) -> None:
    control, treatment = (Proportion(count=n, successes=x) for x, n in (first, second))
    here = score_test(control, treatment, confidence=confidence)
    there = score_test(treatment, control, confidence=confidence)
    assert here.interval.low == pytest.approx(-there.interval.high, abs=1e-9)
    assert here.significant == (here.p_value < 1 - confidence)
    assert here.interval.low <= here.estimate <= here.interval.high
    assume(0 < first[0] + second[0] < first[1] + second[1])
    exact = fisher_test(control, treatment, confidence=confidence)
    assert exact.significant == (exact.p_value < 1 - confidence)
    assert exact.interval.low <= exact.estimate <= exact.interval.high


@given(counts, st.floats(0.01, 0.99), confidences)
def test_failures_mirror_successes(count: tuple[int, int], null: float, sure: float) -> None:
    successes, trials = count
    here = binomial_test(successes, trials, null=null, confidence=sure)
    there = binomial_test(trials - successes, trials, null=1 - null, confidence=sure)
    assert here.p_value == pytest.approx(there.p_value, rel=1e-6)
    assert here.interval.low == pytest.approx(1 - there.interval.high, abs=1e-9)


@given(st.integers(0, 40), st.integers(1, 40))
def test_mcnemar_mirrors(first: int, second: int) -> None:
    here, there = mcnemar_test(first, second), mcnemar_test(second, first)
    assert here.p_value == pytest.approx(there.p_value, rel=1e-12)


@given(st.lists(st.integers(50, 500), min_size=2, max_size=5), st.floats(0.1, 10))
def test_only_the_proportions_of_the_weights_count(observed: list[int], factor: float) -> None:
    weights = [float(1 + place) for place in range(len(observed))]
    assume(sum(observed) / sum(weights) >= 6)
    here = share_test(observed, weights)
    there = share_test(observed, [factor * weight for weight in weights])
    assert here.p_value == pytest.approx(there.p_value, rel=1e-6, abs=1e-300)
