"""Wilson's interval against published figures, and what it refuses."""

from __future__ import annotations

import pytest

from gitexp.errors import InvalidInput
from gitexp.stats.intervals import Interval, wilson_interval


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [
        # R 4: prop.test(x, n, correct = FALSE)$conf.int
        (15, 148, 0.0624, 0.1605),
        (81, 263, 0.2553, 0.3662),
        # R. G. Newcombe, Statistics in Medicine 17 (1998) 857-872, table I, method 3
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (29, 29, 0.8830, 1.0),
    ],
)
def test_published_intervals_are_met(successes: int, trials: int, low: float, high: float) -> None:
    interval = wilson_interval(successes, trials)
    assert interval is not None
    assert interval.low == pytest.approx(low, abs=6e-5)
    assert interval.high == pytest.approx(high, abs=6e-5)


def test_no_trials_give_no_interval() -> None:
    assert wilson_interval(0, 0) is None


def test_all_and_nothing_end_exactly_at_the_bounds() -> None:
    nothing, everything = wilson_interval(0, 7), wilson_interval(7, 7)
    assert nothing is not None
    assert everything is not None
    assert (nothing.low, everything.high) == (0.0, 1.0)
    assert nothing.high < 1
    assert everything.low > 0


def test_more_confidence_widens_the_interval() -> None:
    usual, surer = wilson_interval(8, 10), wilson_interval(8, 10, confidence=0.99)
    assert isinstance(usual, Interval)
    assert isinstance(surer, Interval)
    assert surer.low < usual.low < usual.high < surer.high


@pytest.mark.parametrize(
    ("successes", "trials", "message"),
    [
        (-1, 5, "-1 of 5 is no proportion"),
        (6, 5, "6 of 5 is no proportion"),
        (0, -1, "0 of -1 is no proportion"),
        (float("nan"), 5, "nan of 5 is no proportion: not finite"),
        (1, float("inf"), "1 of inf is no proportion: not finite"),
    ],
)
def test_what_is_no_proportion_is_refused(successes: float, trials: float, message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        wilson_interval(successes, trials)
    assert str(caught.value) == message


@pytest.mark.parametrize("confidence", [0, 1, -0.5, 95])
def test_a_confidence_is_a_probability(confidence: float) -> None:
    with pytest.raises(InvalidInput) as caught:
        wilson_interval(1, 2, confidence=confidence)
    assert str(caught.value) == f"a confidence of {confidence!r} is not between 0 and 1"
