"""Laws of Wilson's interval."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gitexp.stats.intervals import Interval, wilson_interval

counts = st.integers(1, 10**6).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


def interval_of(successes: float, trials: float) -> Interval:
    interval = wilson_interval(successes, trials)
    assert interval is not None
    return interval


@given(counts)
def test_the_rate_is_inside_and_the_interval_inside_0_and_1(count: tuple[int, int]) -> None:
    successes, trials = count
    interval = interval_of(successes, trials)
    assert 0 <= interval.low <= successes / trials <= interval.high <= 1
    assert interval.low < interval.high


@given(counts)
def test_failures_mirror_successes(count: tuple[int, int]) -> None:
    successes, trials = count
    one, other = interval_of(successes, trials), interval_of(trials - successes, trials)
    assert abs(one.low - (1 - other.high)) < 1e-12
    assert abs(one.high - (1 - other.low)) < 1e-12


@given(counts, st.integers(2, 50))
def test_more_trials_at_the_same_rate_narrow_it(count: tuple[int, int], times: int) -> None:
    successes, trials = count
    few, many = interval_of(successes, trials), interval_of(successes * times, trials * times)
    assert many.high - many.low < few.high - few.low


@given(counts)
def test_one_more_success_moves_it_up(count: tuple[int, int]) -> None:
    successes, trials = count
    here, there = interval_of(successes, trials + 1), interval_of(successes + 1, trials + 1)
    assert here.low <= there.low
    assert here.high <= there.high


@given(counts)
def test_the_bounds_solve_the_equation_of_the_score_test(count: tuple[int, int]) -> None:
    """A bound b satisfies n * (p - b)**2 = z**2 * b * (1 - b), by the interval's definition."""
    successes, trials = count
    z, rate = 1.959963984540054, successes / trials
    interval = interval_of(successes, trials)
    for bound in (interval.low, interval.high):
        left, right = (rate - bound) ** 2, z * z * bound * (1 - bound) / trials
        assert abs(left - right) < 1e-9
