"""Power, smallest effects and curves: against statsmodels, against each other, by simulation."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.power import NormalIndPower, TTestIndPower

from gitexp.errors import InvalidInput
from gitexp.stats.effects import Effect, effect
from gitexp.stats.frequentist import t_test
from gitexp.stats.planning.curves import power_over_effects, power_over_sizes
from gitexp.stats.planning.designs import Design
from gitexp.stats.planning.outcomes import Known, Outcome, measured_outcome
from gitexp.stats.planning.peeking import (
    Look,
    always_valid_edge,
    course,
    expected_share,
    shares_seen,
)
from gitexp.stats.planning.powers import Plan
from gitexp.stats.planning.running_time import Sized, design_of
from gitexp.stats.planning.sizes import detectable_lift, smallest_sizes, whole_sizes
from gitexp.stats.samples import Mean, Proportion
from gitexp.stats.sequential import always_valid


def mean_of(baseline: float, variance: float) -> Outcome:
    return measured_outcome(
        Known(metric_type="mean_sum_or_avg", baseline_value=baseline, variance=variance)
    )


def share_of(baseline: float) -> Outcome:
    return measured_outcome(Known(metric_type="funnel", baseline_value=baseline))


@pytest.mark.parametrize("size", [10, 60, 500, 20_000])
@pytest.mark.parametrize("ratio", [1, 3])
@pytest.mark.parametrize("alternative, sides", [("two-sided", 2), ("larger", 1)])
@pytest.mark.parametrize("alpha", [0.05, 0.001])
def test_the_power_of_equal_groups_is_that_of_statsmodels(
    size: int, ratio: int, alternative: str, sides: Any, alpha: float
) -> None:
    gap = 2.8 / (size / 2) ** 0.5
    outcome = mean_of(10, 1)
    design = design_of(difference="absolute", sides=sides, alpha=alpha, allocation=(1, ratio))
    plan = Plan(outcome=outcome, design=design, lift=gap / 10)
    shown = plan.effect((size, ratio * size))
    assert shown is not None
    theirs = TTestIndPower().power(
        gap, size, alpha, ratio=ratio, df=shown.degrees, alternative=alternative
    )
    assert plan.power((size, ratio * size)) == pytest.approx(theirs, rel=1e-7)


def test_large_groups_have_the_power_of_the_normal() -> None:
    plan = Plan(outcome=mean_of(10, 1), design=design_of(difference="absolute"), lift=0.0003)
    theirs = NormalIndPower().power(0.003, 2_000_000, 0.05)
    assert plan.power((2_000_000, 2_000_000)) == pytest.approx(theirs, rel=1e-5)


@settings(max_examples=25)
@given(
    st.sampled_from(["mean", "share"]),
    st.floats(0.05, 0.5),
    st.integers(2000, 10**6),
    st.sampled_from(["increase", "decrease"]),
    st.sampled_from(["relative", "absolute"]),
)
def test_the_smallest_effect_has_just_the_power(
    kind: str, baseline: float, size: int, direction: Any, difference: Any
) -> None:
    outcome = share_of(baseline) if kind == "share" else mean_of(baseline, baseline)
    design = design_of(direction=direction, difference=difference)
    sizes = whole_sizes(size, design.shares)
    lift = detectable_lift(outcome, design, sizes)
    plan = Plan(outcome=outcome, design=design, lift=lift)
    assert plan.power(sizes) == pytest.approx(0.8, rel=1e-6)
    assert sum(smallest_sizes(plan)) == pytest.approx(size, abs=3)


def test_the_strictest_alpha_is_planned_for_too() -> None:
    plan = Plan(outcome=share_of(0.1), design=design_of(alpha=1e-40), lift=0.05)
    size = smallest_sizes(plan)[0]
    textbook = (NormalDist().inv_cdf(1 - 0.2) + 13.3626) ** 2 * 0.1947 / 0.005**2
    assert size == pytest.approx(textbook, rel=0.06)


def test_a_size_that_can_find_nothing_is_refused() -> None:
    with pytest.raises(InvalidInput) as refused:
        Sized.of(share_of(0.5), design_of(), 20).with_smallest_effect()
    assert refused.value.message == "no effect is found with a power of 0.8 by 20 units"
    with pytest.raises(InvalidInput, match="no effect is found"):
        Sized.of(share_of(0.5), design_of(), 1).with_smallest_effect()


@pytest.mark.parametrize("kind, lift", [("share", 0.8), ("mean", 1.0)])
def test_results_that_refuse_to_be_judged_find_nothing(kind: str, lift: float) -> None:
    """A fall to few successes, and a control that is not far from 0, as often as they come."""
    outcome = share_of(0.2) if kind == "share" else mean_of(10, 400)
    design = design_of(direction="decrease")
    sizes = smallest_sizes(Plan(outcome=outcome, design=design, lift=lift))
    rng = np.random.default_rng(34)
    found = 0
    for _ in range(2000):
        with suppress(InvalidInput):
            found += t_test(draws(rng, kind, sizes[0], -lift, "relative", 20)).significant
    assert found / 2000 == pytest.approx(0.8, abs=0.03)


def test_an_effect_is_found_short_of_where_results_refuse() -> None:
    outcome, design = share_of(0.3), design_of(direction="decrease")
    lift = detectable_lift(outcome, design, (200, 200))
    assert Plan(outcome=outcome, design=design, lift=lift).power((200, 200)) == pytest.approx(0.8)
    # With fewer units there is a window of effects alone, between too small and too few left.
    lift = detectable_lift(outcome, design, (95, 95))
    plan = Plan(outcome=outcome, design=design, lift=lift)
    assert plan.power((95, 95)) == pytest.approx(0.8)
    assert replace(plan, lift=0.8).power((95, 95)) < 0.8


def test_a_size_is_split_without_losing_a_unit() -> None:
    design = design_of(3, allocation=(50, 30, 20))
    assert whole_sizes(11, design.shares) == (6, 3, 2)
    assert whole_sizes(100, design_of(3).shares) == (34, 33, 33)


@pytest.mark.parametrize(
    "settings_, message",
    [
        ({"alpha": 5}, "alpha of 5 is not between 0 and 1"),
        ({"power": 80}, "power of 80 is not between 0 and 1"),
        ({"power": 0.01}, "a power of 0.01 is no more than alpha, 0.05"),
        ({"sides": 3}, "a test has 1 or 2 sides, and not 3"),
        ({"correction": "sidak"}, "correction 'sidak' is unknown"),
        ({"metrics": 0}, "metrics must be a whole number of at least 1: 0"),
        ({"allocation": (1, 0)}, "a part of the allocation must be above 0: 0.0"),
        ({"number_of_variants": 3, "allocation": (1, 1)},
         "the allocation has 2 parts, and there are 3 variants"),
        ({"number_of_variants": 2, "allocation": (2, 1, 1)},
         "the allocation has 3 parts, and there are 2 variants"),
        ({"sequential": True, "looks": 401}, "401 looks are more than 400"),
        ({"sequential": True, "looks": 0}, "looks must be a whole number of at least 1: 0"),
    ],
)  # fmt: skip
def test_a_design_out_of_range_is_refused(settings_: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        design_of(**settings_)
    assert refused.value.message == message


def test_the_curve_over_sizes_rises_through_the_power_asked_for() -> None:
    plan = Plan(outcome=share_of(0.1), design=design_of(), lift=0.05)
    points = power_over_sizes(plan, points=20)
    powers = [point.power for point in points]
    assert powers == sorted(powers)
    assert points[9].power == pytest.approx(0.8, abs=1e-4)
    assert points[-1].sample_size == 2 * sum(smallest_sizes(plan))


def test_the_curve_over_effects_ends_where_shares_do() -> None:
    plan = Plan(outcome=share_of(0.6), design=design_of(), lift=0.05)
    points = power_over_effects(plan, sample_size=200, points=10, most=100)
    assert points[-1].effect == pytest.approx(100 * 0.4 / 0.6)
    assert points[-1].power == 0.0  # nobody fails, which results refuse to judge
    assert points[6].power > 0.9


def draws(
    rng: np.random.Generator, kind: str, size: int, lift: float, scale: Any, deviation: float = 5
) -> Effect:
    if kind == "share":
        counts = rng.binomial(size, [0.2, 0.2 * (1 + lift)])
        groups = [Proportion(count=size, successes=int(count)) for count in counts]
        return effect(*groups, scale=scale)
    values = [rng.normal(10, deviation, size), rng.normal(10 * (1 + lift), deviation, size)]
    return effect(*(Mean.from_values(each) for each in values), scale=scale)


@pytest.mark.parametrize("difference", ["relative", "absolute"])
@pytest.mark.parametrize(
    "kind, lift", [("share", 0.3), ("share", -0.4), ("mean", 0.4), ("mean", -0.3)]
)
def test_results_find_the_effect_as_often_as_was_planned(
    kind: str, lift: float, difference: Any
) -> None:
    outcome = share_of(0.2) if kind == "share" else mean_of(10, 25)
    design = design_of(difference=difference, direction="increase" if lift > 0 else "decrease")
    sizes = smallest_sizes(Plan(outcome=outcome, design=design, lift=abs(lift)))
    rng = np.random.default_rng(30)
    found = sum(
        t_test(draws(rng, kind, sizes[0], lift, difference)).significant for _ in range(3000)
    )
    assert found / 3000 == pytest.approx(0.8, abs=0.022)


@pytest.mark.parametrize("alternative, sides", [("two-sided", 2), ("greater", 1)])
@pytest.mark.parametrize("lift, distance", [(0.0, 0.0), (0.34, 3.4)])
def test_looks_find_the_effect_as_often_and_as_early_as_was_planned(
    alternative: Any, sides: Any, lift: float, distance: float
) -> None:
    units, looks = 2000, 8
    design = design_of(sides=sides, sequential=True, looks=looks, tuned_for=units)
    planned = course(distance, even_looks(units, design))
    rng = np.random.default_rng(31)
    stops = []
    for _ in range(1500):
        # The effect's sums at the looks: its standard error at the full size is a tenth.
        path = np.cumsum(rng.normal(lift * 100 / looks, 10 / looks**0.5, looks))
        stops.append(_first(path, units, looks, alternative))
    found = [stop for stop in stops if stop]
    assert len(found) / 1500 == pytest.approx(planned.power, abs=0.035)
    used = sum((stop or looks) / looks for stop in stops) / 1500
    assert used == pytest.approx(expected_share([planned], [0.5]), abs=0.02)


def even_looks(units: int, design: Design) -> list[Look]:
    assert design.peeking is not None
    edges = [
        (float(share), always_valid_edge(int(units * share), design))
        for share in shares_seen(design.peeking)
    ]
    return [
        Look(time=time, high=edge, low=-edge if design.sides == 2 else -np.inf)
        for time, edge in edges
    ]


def _first(path: np.ndarray, units: int, looks: int, alternative: Any) -> int | None:
    for look in range(1, looks + 1):
        share = look / looks
        shown = Effect(
            value=float(path[look - 1]) / (100 * share),
            variance=0.01 / share,
            degrees=float("inf"),
            count=units * look // looks,
            scale="absolute",
            control=1.0,
            treatment=1.0,
        )
        if always_valid(shown, alternative=alternative, tuned_for=units).significant:
            return look
    return None


def test_results_that_are_looked_at_end_as_early_as_was_planned() -> None:
    outcome = mean_of(10, 25)
    design = design_of(sequential=True, looks=10, tuned_for=500)
    plan = Plan(outcome=outcome, design=design, lift=0.3)
    size = smallest_sizes(plan)[0]
    rng, times = np.random.default_rng(32), 500
    stops = [_stop(rng, size, 0.3) for _ in range(times)]
    assert sum(stop > 0 for stop in stops) / times == pytest.approx(
        plan.power((size, size)), abs=0.055
    )
    used = sum((stop or 10) / 10 for stop in stops) / times
    assert used == pytest.approx(plan.expected_share((size, size)), abs=0.03)
    false = [_stop(rng, size, 0.0) for _ in range(times)]
    assert sum(stop > 0 for stop in false) / times <= 0.05


def test_treatments_that_share_a_control_are_waited_for_together() -> None:
    allocation, looks = (2, 1, 1, 2), 10
    design = design_of(4, sequential=True, looks=looks, tuned_for=2000, allocation=allocation)
    plan = Plan(outcome=mean_of(10, 100), design=design, lift=0.2)
    sizes = smallest_sizes(plan)
    rng = np.random.default_rng(33)
    stops = [_last_stop(rng, sizes, looks) / looks for _ in range(800)]
    found = plan.expected_share(sizes)
    assert found is not None
    assert sum(stops) / 800 == pytest.approx(found, abs=0.03)
    alone = plan.expected_share((sizes[0], sizes[1]))
    assert alone is not None
    assert found > alone + 0.05


def _last_stop(rng: np.random.Generator, sizes: tuple[int, ...], looks: int) -> int:
    """Return the look at which the last treatment is found, the last one where one is not."""
    control, *treated = (
        rng.normal(mean, 10, size) for mean, size in zip((10, 12, 12, 12), sizes, strict=True)
    )
    stops = []
    for values in treated:
        for look in range(1, looks + 1):
            groups = [each[: -(-each.size * look // looks)] for each in (control, values)]
            shown = effect(*(Mean.from_values(group) for group in groups))
            if always_valid(shown, tuned_for=2000).significant or look == looks:
                stops.append(look)
                break
    return max(stops)


def _stop(rng: np.random.Generator, size: int, lift: float) -> int:
    values = [rng.normal(10, 5, size), rng.normal(10 * (1 + lift), 5, size)]
    for look in range(1, 11):
        seen = -(-size * look // 10)
        shown = effect(*(Mean.from_values(each[:seen]) for each in values))
        if always_valid(shown, tuned_for=500).significant:
            return look
    return 0


def test_one_look_is_the_normal_test_at_its_boundary() -> None:
    found = course(4.0, even_looks(5000, design_of(sequential=True, looks=1)))
    shown = Effect(
        value=4.0, variance=1.0, degrees=float("inf"), count=5000, scale="absolute",
        control=1.0, treatment=5.0,
    )  # fmt: skip
    edge = 4.0 - always_valid(shown).interval.low
    from scipy import stats

    assert found.power == pytest.approx(stats.norm.sf(edge - 4) + stats.norm.cdf(-edge - 4))
    assert expected_share([found], [0.5]) == pytest.approx(1.0)
