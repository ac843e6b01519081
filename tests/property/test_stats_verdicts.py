"""One law over every method: significant, interval and p-value never contradict each other."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from gitexp.stats.adjustment import adjusted_effect
from gitexp.stats.bayesian import Direction, Prior, posterior
from gitexp.stats.binomials import binomial_test
from gitexp.stats.bootstrap import Plan, bootstrap, clustered_bootstrap, paired_bootstrap
from gitexp.stats.checks import Alternative
from gitexp.stats.corrections import Correction, adjust
from gitexp.stats.effects import Effect, effect
from gitexp.stats.frequentist import t_test, z_test
from gitexp.stats.margins import noninferiority
from gitexp.stats.pairs import Pairs, mcnemar_test, paired_effect
from gitexp.stats.quantiles import quantile
from gitexp.stats.samples import Mean, Proportion, Ratio
from gitexp.stats.sequential import always_valid
from gitexp.stats.strata import Stratum, stratified_effect
from gitexp.stats.tables import fisher_test, score_test

alternatives = st.sampled_from(["two-sided", "greater", "less"])
confidences = st.one_of(st.sampled_from([0.9, 0.95, 0.99]), st.floats(0.51, 0.9999))
scales = st.sampled_from(["absolute", "relative"])


def agrees(found: Any, null: float, confidence: float) -> None:
    inside = found.interval.low <= null <= found.interval.high
    assert found.significant == (not inside) == (found.p_value < 1 - confidence)


def effects_of(seed: int, shift: float, scale: Any) -> Iterator[Effect]:
    """Return an effect of every way of estimating one, near the edge of being found."""
    rng = np.random.default_rng(seed)
    first, second = 5 + rng.normal(0, 1, 60), 5 + shift + rng.normal(0, 1, 60)
    before = rng.normal(0, 1, (2, 60))
    bottom = 1.0 + rng.poisson(2, (2, 60))
    yield effect(Mean.from_values(first), Mean.from_values(second), scale=scale)
    yield effect(
        Ratio.from_values(first, bottom[0]), Ratio.from_values(second, bottom[1]), scale=scale
    )
    yield adjusted_effect(
        Mean.from_values(first + before[0], before[0]),
        Mean.from_values(second + before[1], before[1]),
        scale=scale,
    )
    yield adjusted_effect(
        Ratio.from_values(first, bottom[0], before[0]),
        Ratio.from_values(second, bottom[1], before[1]),
        scale=scale,
    )
    yield stratified_effect(
        [
            Stratum(name=name, control=Mean.from_values(a), treatment=Mean.from_values(b))
            for name, a, b in (("one", first[:30], second[:25]), ("two", first[30:], second[25:]))
        ],
        scale=scale,
    )
    yield effect(quantile(first, 0.5), quantile(second, 0.5), scale=scale)
    yield paired_effect(Pairs.from_values(first, second), scale=scale)
    shares = [int(count) for count in rng.binomial(60, [0.4, min(0.8, 0.4 + shift / 2)])]
    groups = [Proportion(count=60, successes=min(50, max(8, x))) for x in shares]
    yield effect(groups[0], groups[1], scale=scale)


@given(st.integers(0, 2**32), st.floats(0, 0.8), scales, confidences, alternatives)
def test_every_estimate_judged_in_every_way_has_one_verdict(
    seed: int, shift: float, scale: Any, confidence: float, alternative: Alternative
) -> None:
    for shown in effects_of(seed, shift, scale):
        for test in (t_test, z_test, always_valid):
            found = test(shown, confidence=confidence, alternative=alternative)
            agrees(found, 0.0, confidence)
            # The harshest place: the null value on the bound itself, and next to it.
            for bound in (found.interval.low, found.interval.high):
                if math.isfinite(bound):
                    for null in (bound, math.nextafter(bound, 9e9), math.nextafter(bound, -9e9)):
                        at = test(shown, confidence=confidence, alternative=alternative, null=null)
                        agrees(at, null, confidence)


@given(
    st.integers(0, 2**32), st.floats(0, 0.8), confidences, st.sampled_from(["increase", "decrease"])
)
def test_margins_and_posteriors_have_one_verdict(
    seed: int, shift: float, confidence: float, direction: Direction
) -> None:
    for shown in effects_of(seed, shift, "relative"):
        null = -0.05 if direction == "increase" else 0.05
        found = noninferiority(shown, margin=0.05, confidence=confidence, direction=direction)
        agrees(found, null, confidence)
        for prior in (None, Prior(deviation=0.1)):
            believed = posterior(shown, prior=prior, confidence=confidence, direction=direction)
            inside = believed.interval.low <= 0 <= believed.interval.high
            sure = (1 + confidence) / 2
            chance = believed.chance_to_win
            assert believed.significant == (not inside)
            assert believed.significant == (chance > sure or chance < (1 - confidence) / 2)


@given(st.floats(-8, 8), confidences)
def test_the_chance_to_win_turns_with_the_interval(z: float, confidence: float) -> None:
    edge = -z_test(unit(0.0), confidence=confidence).interval.low
    for value in (z, edge, math.nextafter(edge, 9), math.nextafter(edge, -9), -edge):
        found = posterior(unit(value), confidence=confidence)
        chance, rest = found.chance_to_win, (1 - confidence) / 2
        assert found.significant == (chance > (1 + confidence) / 2 or chance < rest)


def unit(value: float) -> Effect:
    return Effect(
        value=value, variance=1.0, degrees=math.inf, count=100, scale="absolute",
        control=1.0, treatment=1.0 + value,
    )  # fmt: skip


@given(
    st.lists(st.tuples(st.floats(-5, 5), st.sampled_from([t_test, z_test, always_valid])),
             min_size=1, max_size=8),
    st.sampled_from(["bonferroni", "holm", "benjamini-hochberg"]),
    confidences,
    alternatives,
)  # fmt: skip
def test_corrected_tests_of_every_kind_have_one_verdict(
    asked: list[tuple[float, Any]], correction: Correction, confidence: float, side: Alternative
) -> None:
    tests: list[Any] = [
        test(unit(value), confidence=confidence, alternative=side) for value, test in asked
    ]
    for found in adjust(tests, correction=correction, confidence=confidence):
        agrees(found, 0.0, confidence)


counts = st.integers(1, 40).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(counts, counts, confidences, st.sampled_from([0.5, 0.2]))
def test_tests_of_counts_have_one_verdict(
    first: tuple[int, int], second: tuple[int, int], confidence: float, share: float
) -> None:
    groups = [Proportion(count=n, successes=x) for x, n in (first, second)]
    for kind in ("exact", "mid-p"):
        found = binomial_test(*first, null=share, confidence=confidence, method=kind)  # type: ignore[arg-type]
        agrees(found, share, confidence)
        if first[0] + second[0]:
            found = mcnemar_test(first[0], second[0], confidence=confidence, method=kind)  # type: ignore[arg-type]
            agrees(found, 1.0, confidence)
    agrees(score_test(*groups, confidence=confidence), 0.0, confidence)
    if first[0]:
        agrees(score_test(*groups, scale="relative", confidence=confidence), 0.0, confidence)
    if 0 < first[0] + second[0] < first[1] + second[1]:
        agrees(fisher_test(*groups, confidence=confidence), 1.0, confidence)


@settings(max_examples=10)
@given(st.integers(0, 2**32), st.sampled_from(["percentile", "basic", "bca"]), confidences)
def test_resampled_verdicts_are_those_of_their_intervals(
    seed: int, bounds: Any, confidence: float
) -> None:
    rng = np.random.default_rng(seed)
    first, second = rng.normal(5, 1, 20), rng.normal(5.5, 1, 20)
    plan = Plan(generator=rng, resamples=200, confidence=confidence, bounds=bounds)
    for found in (
        bootstrap(first, second, np.mean, plan),
        paired_bootstrap(first, second, np.mean, plan, scale="relative"),
        clustered_bootstrap(np.split(first, 5), np.split(second, 5), np.mean, plan),
    ):
        assert found.significant == (not found.interval.low <= 0 <= found.interval.high)
