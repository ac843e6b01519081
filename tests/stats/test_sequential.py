"""Confidence sequences: the published formula, its p-value, and what it costs."""

from __future__ import annotations

import math

import pytest

from gitexp.errors import InvalidInput
from gitexp.stats.checks import Alternative
from gitexp.stats.effects import Effect
from gitexp.stats.frequentist import z_test
from gitexp.stats.sequential import AlwaysValid, always_valid


def observed(value: float, count: int) -> Effect:
    return Effect(
        value=value, variance=4 / count, degrees=math.inf, count=count, scale="absolute",
        control=1.0, treatment=1.0 + value,
    )  # fmt: skip


def test_the_half_width_follows_the_formula() -> None:
    alpha, n, wanted = 0.05, 3000, 5000
    rho = math.sqrt((-2 * math.log(alpha) + math.log(-2 * math.log(alpha) + 1)) / wanted)
    growth = n * rho**2
    half = 2 * math.sqrt(
        2 * (growth + 1) * math.log(math.sqrt(growth + 1) / alpha) / (n * rho) ** 2
    )
    found = always_valid(observed(0.2, n))
    assert found.interval.high - 0.2 == pytest.approx(half, rel=1e-12)
    assert 0.2 - found.interval.low == pytest.approx(half, rel=1e-12)


@pytest.mark.parametrize("alternative", ["two-sided", "greater", "less"])
def test_the_p_value_is_the_level_whose_bound_meets_the_null(alternative: Alternative) -> None:
    for value in (0.12, 0.13, 0.15):
        signed = -value if alternative == "less" else value
        found = always_valid(observed(signed, 3000), alternative=alternative)
        at = found.at(1 - found.p_value).interval
        bound = at.high if signed < 0 else at.low
        assert bound == pytest.approx(0.0, abs=1e-9)


def test_the_sequence_is_narrowest_where_it_is_tuned() -> None:
    def half(tuned_for: int) -> float:
        found = always_valid(observed(0.0, 5000), tuned_for=tuned_for)
        return found.interval.high

    assert half(5000) < half(500)
    assert half(5000) < half(50_000)


def test_one_side_is_the_tighter_bound() -> None:
    both = always_valid(observed(0.2, 5000))
    above = always_valid(observed(0.2, 5000), alternative="greater")
    assert above.interval.low > both.interval.low
    assert above.interval.high == math.inf


def test_looking_often_costs_width() -> None:
    for count in (100, 1000, 100_000):
        one_look = z_test(observed(0.1, count)).interval
        any_look = always_valid(observed(0.1, count)).interval
        assert any_look.low < one_look.low
        assert any_look.high > one_look.high


def test_evidence_the_wrong_way_has_a_p_value_of_one() -> None:
    found = always_valid(observed(-0.5, 3000), alternative="greater")
    assert (found.p_value, found.significant) == (1.0, False)
    assert always_valid(observed(0.0, 3000)).p_value == 1.0


def test_overwhelming_evidence_does_not_overflow() -> None:
    for alternative in ("two-sided", "greater"):
        found = always_valid(observed(1e6, 3000), alternative=alternative)
        assert found.p_value == 0.0
        assert found.significant


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(InvalidInput, match="tuned_for must be a whole number of at least 1: 0"):
        always_valid(observed(0, 10), tuned_for=0)
    with pytest.raises(InvalidInput, match=r"a confidence above 0\.5: 0\.5"):
        always_valid(observed(0, 10), alternative="less", confidence=0.5)
    with pytest.raises(InvalidInput, match="alternative 'more' is unknown"):
        AlwaysValid(effect=observed(0, 10), tuning=1.0, alternative="more")  # type: ignore[arg-type]
