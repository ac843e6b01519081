"""Totals of a run: means, intervals, clusters, weights, several tries, and what calls took."""

from __future__ import annotations

import itertools
import json
import math
import random
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats  # type: ignore[import-untyped, unused-ignore]
from statsmodels.api import OLS, WLS  # type: ignore[import-untyped, unused-ignore]

from gitexp.runs.estimates import Estimate, Values
from gitexp.runs.repeats import Tries, pass_at, pass_hat
from gitexp.runs.rows import ResultRow, RowStatus, Score
from gitexp.runs.tallies import Tally, tally_of
from gitexp.runs.usages import Sum, UsageTally
from gitexp.stats.intervals import wilson_interval
from tests.runs.making import make_row


def row(
    sample: str, value: float | bool | str | None, *, repeat: int = 0, weight: float = 1.0
) -> ResultRow:
    """A row with one score; a verdict decides whether it passed."""
    passed = value if isinstance(value, bool) else None
    status: RowStatus = "unscored" if passed is None else "passed" if passed else "failed"
    scores = {"m": Score(value=value, passed=passed)}
    return ResultRow(sample=sample, repeat=repeat, status=status, scores=scores, weight=weight)


def numbers(rows: Iterable[ResultRow]) -> dict[str, object]:
    return tally_of(rows).scores()["m"]


def repeated(passes: Sequence[int], repeats: int) -> list[ResultRow]:
    """Rows of samples that passed so often."""
    return [
        row(f"s{number}", repeat < count, repeat=repeat)
        for number, count in enumerate(passes)
        for repeat in range(repeats)
    ]


# --- means and intervals ----------------------------------------------------------------------


def test_a_mean_of_numbers_has_the_t_interval() -> None:
    values = [0.2, 0.9, 0.4, 0.75, 0.1]
    found = numbers(row(str(n), value) for n, value in enumerate(values))
    low, high = scipy_stats.t.interval(0.95, 4, loc=np.mean(values), scale=scipy_stats.sem(values))
    assert found["mean"] == pytest.approx(np.mean(values))
    assert found["standard_error"] == pytest.approx(scipy_stats.sem(values))
    assert found["interval"] == pytest.approx([low, high])


def test_a_mean_of_verdicts_has_the_wilson_interval() -> None:
    found = numbers(row(str(n), n < 7) for n in range(10))
    wilson = wilson_interval(7, 10)
    assert wilson is not None
    assert found["mean"] == 0.7
    assert found["interval"] == [wilson.low, wilson.high]
    assert (found["pass_rate"], found["pass_rate_interval"]) == (0.7, [wilson.low, wilson.high])
    assert "samples" not in found


def test_one_value_has_no_error_and_a_share_of_one_still_an_interval() -> None:
    assert numbers([row("a", 0.5)]) == {
        "count": 1,
        "mean": 0.5,
        "passed": 0,
        "failed": 0,
        "errors": 0,
        "unscored": 1,
    }
    share = numbers([row("a", True)])
    assert "standard_error" not in share
    assert share["interval"] == [pytest.approx(0.2065, abs=1e-4), 1.0]


def test_a_grade_with_a_verdict_has_a_pass_rate_of_its_own() -> None:
    scores = [Score(value=0.25 * n, passed=n > 2) for n in range(4)]
    rows = [make_row(str(n), scores={"m": score}) for n, score in enumerate(scores)]
    found = numbers(rows)
    assert (found["mean"], found["pass_rate"]) == (0.375, 0.25)
    assert found["interval"] != found["pass_rate_interval"]


def test_labels_are_counted_and_have_no_mean() -> None:
    found = numbers([row("a", "yes"), row("b", "no"), row("c", "yes")])
    assert (found["count"], found["labels"]) == (0, {"no": 1, "yes": 2})
    assert "mean" not in found


def test_an_evaluator_that_is_missing_in_some_rows_counts_the_others_alone() -> None:
    rows = [make_row("a", scores={}), row("b", 1.0), make_row("c", scores={}), row("d", 3.0)]
    found = numbers(rows)
    assert (found["count"], found["mean"], found["unscored"]) == (2, 2.0, 2)


@pytest.mark.parametrize("value", [math.inf, math.nan, 10**400])
def test_a_value_that_is_no_finite_number_has_no_place_in_a_mean(value: float) -> None:
    assert numbers([row("a", value), row("b", 1.0)])["mean"] == 1.0


def test_values_as_large_as_floats_become_have_a_mean() -> None:
    found = numbers([row("a", 1.7e308), row("b", 1.7e308), row("c", -1.7e308)])
    assert found["mean"] == pytest.approx(1.7e308 / 3)
    assert json.loads(json.dumps(found, allow_nan=False)) == found


# --- samples that come again, and weights ------------------------------------------------------


@given(
    st.lists(st.lists(st.floats(-5, 5), min_size=1, max_size=4), min_size=2, max_size=8),
    st.randoms(use_true_random=False),
)
def test_the_error_of_repeated_samples_is_clustered(
    clusters: list[list[float]], shuffled: random.Random
) -> None:
    rows = [
        row(f"s{number}", value, repeat=repeat)
        for number, cluster in enumerate(clusters)
        for repeat, value in enumerate(cluster)
    ]
    expected = None
    if any(len(cluster) > 1 for cluster in clusters):
        values = list(itertools.chain(*clusters))
        groups = [n for n, cluster in enumerate(clusters) for _ in cluster]
        fit = OLS(values, np.ones(len(values))).fit(
            cov_type="cluster", cov_kwds={"groups": np.array(groups)}
        )
        expected = float(fit.bse[0])
    found = tally_of(rows).totals()
    if expected is not None:
        assert found["scores"]["m"]["samples"] == len(clusters)
        error = found["scores"]["m"]["standard_error"]
        assert error == pytest.approx(expected, rel=1e-6, abs=1e-9)
    shuffled.shuffle(rows)
    assert tally_of(rows).totals() == found


def test_weighted_means_are_those_of_weighted_least_squares() -> None:
    values, weights = [1.0, 2.0, 5.0, 4.0], [1.0, 3.0, 0.5, 2.0]
    rows = [row(str(n), v, weight=w) for n, (v, w) in enumerate(zip(values, weights, strict=True))]
    fit = WLS(values, np.ones(4), weights=weights).fit(cov_type="HC1")
    found = numbers(rows)
    assert found["mean"] == pytest.approx(np.average(values, weights=weights))
    assert found["standard_error"] == pytest.approx(float(fit.bse[0]))


def test_weights_change_no_count_and_no_rate_of_rows() -> None:
    rows = [row("a", True, weight=9.0), row("b", False), row("c", False)]
    tally = tally_of(rows)
    assert tally.scores()["m"]["mean"] == 9 / 11
    assert tally.stats.pass_rate == 1 / 3
    assert tally.rates()["pass_rate"]["mean"] == pytest.approx(1 / 3)


def test_samples_that_weigh_nothing_have_no_mean() -> None:
    rows = [row("a", 1.0, weight=0.0), row("b", 2.0, weight=0.0)]
    assert numbers(rows)["count"] == 0
    assert numbers([*rows, row("c", 3.0, weight=1e-200)])["mean"] == 3.0


def test_passes_that_agree_count_as_one() -> None:
    once = tally_of(repeated([1, 1, 0, 1], 1)).rates()["pass_rate"]
    agreed = tally_of(repeated([5, 5, 0, 5], 5)).rates()["pass_rate"]
    assert agreed["interval"] == pytest.approx(once["interval"])
    assert (agreed["count"], agreed["samples"]) == (20, 4)


def test_passes_over_one_sample_say_no_more_than_that_sample() -> None:
    rate = tally_of(repeated([3], 5)).rates()["pass_rate"]
    wilson = wilson_interval(0.6, 1)
    assert wilson is not None
    assert rate["interval"] == pytest.approx([wilson.low, wilson.high])
    assert "standard_error" not in rate


@given(st.lists(st.integers(0, 4), min_size=2, max_size=30))
def test_an_interval_of_repeats_lies_between_those_of_agreeing_and_of_independent_passes(
    passes: list[int],
) -> None:
    rate = tally_of(repeated(passes, 4)).rates()["pass_rate"]
    share = rate["mean"]
    widest = wilson_interval(share * len(passes), len(passes))
    narrowest = wilson_interval(share * 4 * len(passes), 4 * len(passes))
    assert widest is not None
    assert narrowest is not None
    low, high = rate["interval"]
    assert widest.low - 1e-9 <= low <= narrowest.low + 1e-9
    assert narrowest.high - 1e-9 <= high <= widest.high + 1e-9


def test_intervals_of_shares_cover_as_often_as_they_say() -> None:
    drawn = random.Random(7)
    covered, runs = 0, 400
    for _ in range(runs):
        chances = [drawn.betavariate(1.2, 0.8) for _ in range(30)]
        passes = [sum(drawn.random() < chance for _ in range(5)) for chance in chances]
        low, high = tally_of(repeated(passes, 5)).rates()["pass_rate"]["interval"]
        covered += low <= 0.6 <= high
    assert 0.92 <= covered / runs <= 0.98


# --- rates of rows ----------------------------------------------------------------------------


def test_errors_count_against_the_pass_rate_and_not_against_the_scored_one() -> None:
    counts: dict[RowStatus, int] = {"passed": 6, "failed": 2, "error": 2, "unscored": 1}
    statuses = [status for status, count in counts.items() for _ in range(count)]
    tally = tally_of(make_row(str(n), status) for n, status in enumerate(statuses))
    rates = tally.rates()
    assert (rates["pass_rate"]["mean"], rates["pass_rate"]["count"]) == (0.6, 10)
    assert (rates["scored_pass_rate"]["mean"], rates["scored_pass_rate"]["count"]) == (0.75, 8)
    error_rate, unscored_rate = tally.rate("error_rate"), tally.rate("unscored_rate")
    assert error_rate is not None
    assert unscored_rate is not None
    assert error_rate.mean == 0.2
    assert unscored_rate.mean == pytest.approx(1 / 11)


def test_a_run_without_rows_has_no_rates() -> None:
    assert Tally().totals() == {
        "stats": {"total": 0, "passed": 0, "failed": 0, "errors": 0, "unscored": 0},
        "rates": {},
        "scores": {},
        "usage": {},
    }
    assert Tally().rate("pass_rate") is None


def test_a_higher_confidence_makes_wider_intervals() -> None:
    rows = [row(str(n), n % 3 > 0) for n in range(30)]
    (low, high), (lower, higher) = (
        tally_of(rows, confidence=confidence).rates()["pass_rate"]["interval"]
        for confidence in (0.9, 0.99)
    )
    assert lower < low < high < higher


# --- several tries ------------------------------------------------------------------------------


@pytest.mark.parametrize(("tries", "passes"), [(5, 0), (5, 2), (5, 5), (6, 3), (1, 1)])
def test_tries_are_estimated_as_if_all_choices_were_drawn(tries: int, passes: int) -> None:
    outcomes = [True] * passes + [False] * (tries - passes)
    for k in range(1, tries + 1):
        draws = list(itertools.combinations(outcomes, k))
        assert pass_at(k, tries, passes) == pytest.approx(sum(map(any, draws)) / len(draws))
        assert pass_hat(k, tries, passes) == pytest.approx(sum(map(all, draws)) / len(draws))


def test_tries_are_counted_up_to_the_number_of_repeats() -> None:
    found = numbers(repeated([3, 1, 0, 2], 3))
    assert found["pass_at"] == {"1": 0.5, "2": pytest.approx((1 + 2 / 3 + 1) / 4), "3": 0.75}
    assert found["pass_hat"] == {"1": 0.5, "2": pytest.approx((1 + 1 / 3) / 4), "3": 0.25}
    assert tally_of(repeated([3, 1, 0, 2], 3)).rates()["pass_at"] == found["pass_at"]


def test_a_sample_with_too_few_tries_has_no_part_in_larger_ones() -> None:
    tries = Tries()
    for passed in (True, False, True):
        tries.add(1, passed=passed)
    tries.add(2, passed=False)
    found = tries.numbers()
    assert found["pass_hat"] == {"1": pytest.approx(1 / 3), "2": pytest.approx(1 / 3), "3": 0.0}


def test_errors_of_the_evaluator_are_no_tries_and_errors_of_the_row_are() -> None:
    broken = make_row("a", "error", repeat=1, scores={"m": Score(error="ValueError: no")})
    tally = tally_of([row("a", True), broken])
    assert tally.scores()["m"]["pass_at"] == {"1": 1.0}
    assert tally.rates()["pass_at"] == {"1": 0.5, "2": 1.0}


def test_a_run_without_repeats_says_nothing_of_tries() -> None:
    totals = tally_of([row("a", True), row("b", False)]).totals()
    assert "pass_at" not in totals["scores"]["m"]
    assert "pass_at" not in totals["rates"]


# --- what calls took ------------------------------------------------------------------------------


def test_percentiles_leave_out_what_came_from_the_cache() -> None:
    tally = UsageTally()
    for seconds in range(1, 101):
        tally.add(make_row(str(seconds), duration_seconds=float(seconds)))
    tally.add(make_row("c", duration_seconds=0.0, cached=True))
    spread = tally.numbers()["latency_seconds"]
    assert spread == {
        "mean": 50.5,
        "p50": 50.5,
        "p90": 90.1,
        "p95": 95.05,
        "p99": 99.01,
        "max": 100.0,
    }
    assert tally.numbers()["cached"] == 1


def test_an_interval_of_a_percentile_stands_between_two_calls() -> None:
    tally = UsageTally()
    assert tally.percentile_interval(0.5, 0.95) is None
    for seconds in range(1, 101):
        tally.add(make_row(str(seconds), duration_seconds=float(seconds)))
    assert tally.percentile_interval(0.5, 0.95) == (40.0, 61.0)
    assert tally.percentile_interval(0.99, 0.95) == (97.0, math.inf)


def test_what_evaluators_use_up_is_their_own_and_counts_towards_limits() -> None:
    judged = Score(value=True, passed=True, usage={"input_tokens": 7, "cost": 0.5})
    tally = tally_of(
        make_row(str(n), scores={"m": judged}, usage={"input_tokens": 3, "cost": 0.25})
        for n in range(2)
    )
    assert tally.usage() == {"cost": 0.5, "input_tokens": 6}
    assert tally.scores()["m"]["usage"] == {"cost": 1.0, "input_tokens": 14}
    assert tally.usage_so_far == {"input_tokens": 20, "cost": 1.5}


@given(st.lists(st.floats(-1e300, 1e300) | st.integers(-(2**40), 2**40)), st.randoms())
def test_a_sum_is_exact_in_any_order(amounts: list[float], shuffled: random.Random) -> None:
    def total(of: Iterable[float]) -> float:
        found = Sum()
        for amount in of:
            found.add(amount)
        return found.total

    expected = total(amounts)
    assert expected == math.fsum(amounts)
    shuffled.shuffle(amounts)
    assert total(amounts) == expected


def test_whole_amounts_stay_whole_and_endless_ones_are_left_out() -> None:
    amounts = Sum()
    for amount in (1, 2, math.inf, math.nan):
        amounts.add(amount)
    assert (amounts.total, type(amounts.total)) == (3, int)


def test_rows_with_numbers_beyond_all_measure_are_counted_without_them() -> None:
    huge = {"cost": 1.7e308, "input_tokens": 10**400}
    rows = [
        make_row(str(number), usage=usage, duration_seconds=seconds)
        for number, (usage, seconds) in enumerate([(huge, 1.7e308)] * 2 + [({"cost": 0.5}, 2.0)])
    ]
    tally = tally_of(rows)
    assert tally.usage_so_far == {"cost": 0.5}
    assert (tally.usage()["cost"], tally.usage()["input_tokens"]) == (0.5, 0)
    assert tally.usage()["latency_seconds"]["max"] == 2.0


# --- while rows are still coming -----------------------------------------------------------------


def test_what_is_said_meanwhile_agrees_with_the_end() -> None:
    tally = tally_of(repeated([2, 0, 1], 2))
    meanwhile, end = tally.so_far(), tally.totals()
    assert meanwhile["stats"] == end["stats"]
    said = meanwhile["scores"]["m"]
    assert said == {"count": 6, "mean": 0.5, "passed": 3, "failed": 3, "errors": 0, "unscored": 0}
    assert said.items() <= end["scores"]["m"].items()


def test_an_estimate_reads_as_plain_numbers() -> None:
    found = Values(values=[1.0, 3.0]).mean()
    assert isinstance(found, Estimate)
    assert list(found.to_dict()) == ["count", "samples", "mean", "standard_error", "interval"]
    assert Values(values=[]).mean() is None
    assert Values(values=[]).share() is None
    assert Values(values=[]).plain_mean() is None


def test_usage_that_is_no_number_is_left_out() -> None:
    from gitexp.runs.usages import UsageTally

    tally = UsageTally()
    tally.add(replace(row("a", True), usage={"cost": "much", "input_tokens": 3}))
    assert tally.numbers()["input_tokens"] == 3
    assert tally.totals == {"input_tokens": 3}
