"""The size and the time of an experiment, by the rule and exactly."""

from __future__ import annotations

import math
from fractions import Fraction
from statistics import NormalDist
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.power import TTestIndPower

import gitexp
from gitexp.errors import InvalidInput
from gitexp.stats.planning.outcomes import BaselineStats, Known, measured_outcome
from gitexp.stats.planning.powers import Plan
from gitexp.stats.planning.running_time import (
    RunningTime,
    calculate_running_time,
    days_for,
    remaining_days,
)

_OF_RATIOS = (
    "Ratio and retention metrics require baseline_stats, or both baseline_value and variance."
)
SUMS = {
    "number_of_samples": 4,
    "sum": 10,
    "sum_squares": 30,
    "denominator_sum": 20,
    "denominator_sum_squares": 108,
    "numerator_denominator_sum_product": 55,
}


def lehr(metric_type: Any, effect: float = 5, **given: Any) -> RunningTime:
    return calculate_running_time(metric_type, effect, method="lehr", **given)


@pytest.mark.parametrize(
    "metric_type, baseline, variance, size",
    [
        ("mean_count", 4, 8.0, 6400),
        ("mean_sum_or_avg", 50, 625.0, 3200),
        ("funnel", 0.1, None, 115200),
        ("funnel", 0.5, None, 12800),
    ],
)
def test_the_rule_has_the_numbers_of_the_endpoint(
    metric_type: str, baseline: float, variance: float | None, size: int
) -> None:
    found = lehr(metric_type, baseline_value=baseline, exposure_rate_per_day=1000)
    answer = found.to_dict()
    assert list(answer)[:4] == [
        "baseline_value",
        "variance",
        "recommended_sample_size",
        "recommended_running_time_days",
    ]
    assert answer["baseline_value"] == baseline
    assert answer["variance"] == variance
    assert answer["recommended_sample_size"] == size
    assert answer["recommended_running_time_days"] == math.ceil(size / 1000)


def test_the_rule_multiplies_by_the_variants() -> None:
    assert (
        lehr("mean_count", number_of_variants=3, baseline_value=4).recommended_sample_size == 9600
    )


def test_the_rule_sizes_ratios_by_moments_over_n() -> None:
    found = lehr("ratio", 10, baseline_stats=SUMS)
    top, bottom = Fraction(10, 4), Fraction(5)
    of_top, of_bottom = Fraction(30, 4) - top**2, Fraction(108, 4) - bottom**2
    both = Fraction(55, 4) - top * bottom
    expected = of_top / bottom**2 + top**2 * of_bottom / bottom**4 - 2 * top * both / bottom**3
    assert found.baseline_value == 0.5
    assert found.variance == float(expected)
    assert found.recommended_sample_size == math.ceil(16 * expected / Fraction(1, 20) ** 2 * 2)


def test_the_rule_ignores_the_measured_variance_of_a_mean() -> None:
    stats = {"number_of_samples": 100, "sum": 400, "sum_squares": 99999}
    assert lehr("mean_count", baseline_stats=stats).variance == 8


def test_a_funnel_is_measured_at_its_last_step() -> None:
    stats = BaselineStats(number_of_samples=200, sum=150, step_counts=(200, 120, 30))
    assert lehr("funnel", baseline_stats=stats).baseline_value == 0.15
    stats = BaselineStats(number_of_samples=200, sum=150)
    assert lehr("funnel", baseline_stats=stats).baseline_value == 0.75


@pytest.mark.parametrize("method", ["lehr", "exact"])
@pytest.mark.parametrize(
    "request_, message",
    [
        ({"metric_type": "funnel", "minimum_detectable_effect": 0, "baseline_value": 0.1},
         "minimum_detectable_effect: Must be greater than 0."),
        ({"metric_type": "funnel", "minimum_detectable_effect": 5},
         "Provide either baseline_value or baseline_stats."),
        ({"metric_type": "ratio", "minimum_detectable_effect": 5, "baseline_value": 0.5},
         _OF_RATIOS),
        ({"metric_type": "retention", "minimum_detectable_effect": 5,
          "baseline_stats": {"number_of_samples": 3, "sum": 2}},
         "baseline_stats.denominator_sum: Required to size ratio and retention metrics."),
        ({"metric_type": "funnel", "minimum_detectable_effect": 5, "baseline_value": 0.1,
          "number_of_variants": 1},
         "number_of_variants: Ensure this value is greater than or equal to 2."),
        ({"metric_type": "funnel", "minimum_detectable_effect": 5, "baseline_value": 0.1,
          "exposure_rate_per_day": -1},
         "exposure_rate_per_day: Ensure this value is greater than or equal to 0."),
        ({"metric_type": "clicks", "minimum_detectable_effect": 5, "baseline_value": 0.1},
         "metric_type 'clicks' is unknown"),
        ({"metric_type": "funnel", "minimum_detectable_effect": 5, "baseline_value": 5},
         "the baseline of a funnel is a share between 0 and 1: 5"),
        ({"metric_type": "funnel", "minimum_detectable_effect": 5,
          "baseline_stats": {"number_of_sample": 3}},
         "baseline_stats.number_of_sample is unknown"),
        ({"metric_type": "funnel", "minimum_detectable_effect": 5,
          "baseline_stats": {"number_of_samples": "3"}},
         "baseline_stats holds something that is no number"),
        ({"metric_type": "funnel", "minimum_detectable_effect": 5,
          "baseline_stats": {"number_of_samples": -3}},
         "baseline_stats.number_of_samples must be a whole number of at least 0: -3"),
    ],
)  # fmt: skip
def test_a_request_that_cannot_be_sized_is_refused(
    method: Any, request_: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        calculate_running_time(**request_, method=method)
    assert refused.value.message == message


@pytest.mark.parametrize("method", ["lehr", "exact"])
@pytest.mark.parametrize(
    "known, note",
    [
        ({"baseline_value": 0}, "the baseline is 0, so no effect is a share of it"),
        ({"baseline_stats": {"number_of_samples": 0}},
         "the baseline holds no units, so it has no value"),
    ],
)  # fmt: skip
def test_no_answer_is_none_and_says_why(method: Any, known: dict[str, Any], note: str) -> None:
    found = calculate_running_time("mean_count", 5, method=method, exposure_rate_per_day=9, **known)
    assert found.recommended_sample_size is None
    assert found.recommended_running_time_days is None
    assert found.note == note


@pytest.mark.parametrize("method", ["lehr", "exact"])
def test_a_count_below_zero_has_no_variance_of_its_own(method: Any) -> None:
    found = calculate_running_time("mean_count", 5, method=method, baseline_value=-4)
    assert (found.variance, found.recommended_sample_size) == (None, None)
    assert found.note == "the variance of the metric is unknown"


@pytest.mark.parametrize("baseline", [1e200, 1e-200])
def test_amounts_beyond_arithmetic_are_refused(baseline: float) -> None:
    with pytest.raises(InvalidInput) as refused:
        calculate_running_time("mean_sum_or_avg", 5, baseline_value=baseline)
    assert refused.value.message == "the baseline is too large or too small to plan with"


def test_sums_beyond_arithmetic_are_refused() -> None:
    with pytest.raises(InvalidInput, match="number_of_samples is more than"):
        lehr("funnel", baseline_stats={"number_of_samples": 10**400})
    with pytest.raises(InvalidInput, match="sum is not finite: 1000"):
        lehr("funnel", baseline_stats={"number_of_samples": 10, "sum": 10**400})


@pytest.mark.parametrize("given", [{"power": 0.9}, {"alpha": 0.01}, {"sides": 1}])
def test_the_rule_says_what_it_does_not_size_for(given: dict[str, Any]) -> None:
    plain = lehr("mean_count", baseline_value=4)
    found = lehr("mean_count", baseline_value=4, **given)
    assert found.recommended_sample_size == plain.recommended_sample_size
    sized = "sizes for a power of 0.8 at an alpha of 0.05 on two sides alone"
    assert (plain.note, found.note) == ("", f'method="lehr" {sized}')
    both = lehr("mean_count", baseline_value=4, variance=9, **given)
    assert both.note == f'method="lehr" has its own variance of a mean_count and {sized}'


def test_the_last_bit_of_a_float_adds_no_unit() -> None:
    assert math.ceil(16 * 0.01 * (1 - 0.01) / (5 / 100 * 0.01) ** 2 * 2) == 1267201
    assert lehr("funnel", baseline_value=0.01).recommended_sample_size == 1267200


@pytest.mark.parametrize("level, deviation, published", [(4, 8**0.5, 3141), (50, 25, 1571)])
def test_absolute_means_are_those_of_the_noncentral_t(
    level: float, deviation: float, published: int
) -> None:
    kind: Any = "mean_count" if level == 4 else "mean_sum_or_avg"
    found = calculate_running_time(kind, 5, baseline_value=level, difference="absolute")
    theirs = TTestIndPower().solve_power(
        effect_size=0.05 * level / deviation, alpha=0.05, power=0.8
    )
    assert found.sample_sizes == (published, published) == (math.ceil(theirs),) * 2


def test_shares_are_near_the_textbook() -> None:
    z = NormalDist()
    for baseline, effect in ((0.1, 5), (0.5, 2), (0.01, 20)):
        treated = baseline * (1 + effect / 100)
        spread = baseline * (1 - baseline) + treated * (1 - treated)
        gap = treated - baseline
        textbook = (z.inv_cdf(0.975) + z.inv_cdf(0.8)) ** 2 * spread / gap**2
        found = calculate_running_time(
            "funnel", effect, baseline_value=baseline, difference="absolute"
        )
        # The textbook has the variance of the effect planned for, results have their own.
        assert found.sample_sizes[0] == pytest.approx(textbook, rel=0.03)


def test_lifts_take_more_units_than_differences_and_drops_take_fewer() -> None:
    def size(difference: Any, direction: Any) -> int:
        found = calculate_running_time(
            "mean_count", 20, baseline_value=4, difference=difference, direction=direction
        )
        return sum(found.sample_sizes)

    same = size("absolute", "increase")
    assert same == size("absolute", "decrease")
    assert size("relative", "decrease") < same < size("relative", "increase") < 1.22 * same


def test_an_allocation_is_kept_and_every_variant_has_its_power() -> None:
    found = calculate_running_time(
        "mean_count", 5, 3, baseline_value=4, allocation=[50, 30, 20], exposure_rate_per_day=1000
    )
    shares = [size / sum(found.sample_sizes) for size in found.sample_sizes]
    assert shares == pytest.approx([0.5, 0.3, 0.2], abs=1e-3)
    assert found.achieved_power is not None
    assert found.achieved_power >= 0.8


def test_a_correction_asks_each_comparison_for_its_share_of_alpha() -> None:
    corrected = calculate_running_time(
        "mean_count", 5, 3, baseline_value=4, correction="holm", metrics=2
    )
    strict = calculate_running_time("mean_count", 5, 3, baseline_value=4, alpha=0.05 / 4)
    assert corrected.design.comparisons == 4
    assert corrected.sample_sizes == strict.sample_sizes


def test_a_measured_variance_is_used() -> None:
    stats = {"number_of_samples": 5, "sum": 20, "sum_squares": 112}
    found = calculate_running_time("mean_count", 5, baseline_stats=stats)
    assert (found.variance, found.variance_source) == (8.0, "measured")
    assert (
        found.sample_sizes == calculate_running_time("mean_count", 5, baseline_value=4).sample_sizes
    )


def test_a_ratio_is_not_guessed_from_half_its_sums() -> None:
    sums = {name: value for name, value in SUMS.items() if "product" not in name}
    with pytest.raises(InvalidInput, match="the variance of a ratio needs"):
        calculate_running_time("ratio", 5, baseline_stats=sums)
    assert calculate_running_time("ratio", 5, baseline_stats=SUMS).variance_source == "measured"


def test_sums_may_be_written_as_json_writes_them() -> None:
    plain = lehr("funnel", baseline_stats={"number_of_samples": 200, "step_counts": [200, 30]})
    found = lehr(
        "funnel",
        baseline_stats={"number_of_samples": 200.0, "sum": None, "step_counts": [200.0, 30.0]},
    )
    assert found == plain
    with pytest.raises(InvalidInput, match="number_of_samples is required"):
        lehr("funnel", baseline_stats={"number_of_samples": None})


def test_an_effect_beyond_a_whole_share_is_refused() -> None:
    with pytest.raises(InvalidInput) as refused:
        calculate_running_time("funnel", 50, baseline_value=0.8)
    assert refused.value.message == (
        "an effect of 50 % takes the baseline of 0.8 to 1.2, which is no share"
    )
    with pytest.raises(InvalidInput) as refused:
        calculate_running_time("funnel", 100, baseline_value=0.02, direction="decrease")
    assert refused.value.message == (
        "an effect of 100 % takes the baseline of 0.02 to 0, where no unit differs"
    )


def test_sizes_too_small_for_results_are_not_recommended() -> None:
    found = calculate_running_time("funnel", 900, baseline_value=0.05)
    control, treatment = found.sample_sizes
    assert control * 0.05 >= 5
    assert treatment * 0.5 >= 5


def test_looking_early_costs_at_most_and_spares_on_average() -> None:
    once = calculate_running_time("mean_count", 5, baseline_value=4)
    many = calculate_running_time("mean_count", 5, baseline_value=4, sequential=True)
    assert once.recommended_sample_size is not None
    assert many.recommended_sample_size is not None
    assert many.expected_sample_size is not None
    assert once.recommended_sample_size < many.recommended_sample_size
    assert many.expected_sample_size < 0.7 * many.recommended_sample_size
    assert many.achieved_power == pytest.approx(0.8, abs=1e-3)


@given(
    st.sampled_from(["mean_count", "mean_sum_or_avg", "funnel"]),
    st.floats(0.02, 0.6),
    st.floats(2, 60),
    st.sampled_from([(1, 1), (2, 1), (1, 3), (1, 1, 1), (5, 3, 2)]),
    st.floats(0.5, 0.95),
    st.sampled_from([1, 2]),
    st.sampled_from(["relative", "absolute"]),
)
def test_the_sizes_have_the_power_and_fewer_have_not(
    metric_type: Any,
    baseline: float,
    effect: float,
    allocation: tuple[int, ...],
    power: float,
    sides: Any,
    difference: Any,
) -> None:
    settings: Any = {
        "baseline_value": baseline,
        "allocation": allocation,
        "power": power,
        "sides": sides,
        "difference": difference,
    }
    found = calculate_running_time(metric_type, effect, len(allocation), **settings)
    assert found.achieved_power is not None
    assert found.achieved_power >= power
    assert found.recommended_sample_size == sum(found.sample_sizes)
    outcome = measured_outcome(Known(metric_type=metric_type, baseline_value=baseline))
    plan = Plan(outcome=outcome, design=found.design, lift=effect / 100)
    assert plan.power([size - 1 for size in found.sample_sizes]) < power


def test_very_uneven_groups_have_the_power_of_the_smaller_one() -> None:
    for allocation in ((1, 99), (99, 1), (1, 999_999)):
        found = calculate_running_time(
            "mean_sum_or_avg", 20, baseline_value=10, variance=900, allocation=allocation
        )
        few = min(found.sample_sizes)
        alone = (1.96 + 0.8416) ** 2 * 900 / 4
        assert few == pytest.approx(alone, rel=0.25)


def test_days_are_whole_and_unknown_without_a_rate() -> None:
    assert days_for(3, 0.1) == 30
    assert days_for(31, 0.3) == 104
    assert days_for(100, None) is None
    assert days_for(100, 0) is None
    assert days_for(0, 10) is None


def test_the_remaining_days_are_not_rounded() -> None:
    assert remaining_days(1000, 250, 500) == 1.5
    assert remaining_days(1000, 2500, 500) == 0.0
    assert remaining_days(1000, 0, 500) is None
    assert remaining_days(None, 10, 500) is None
    assert remaining_days(1000, 10, None) is None


def test_the_library_plans_without_a_repository() -> None:
    assert gitexp.calculate_running_time is calculate_running_time
