"""Places on an axis: round, in order, inside, no more than fit."""

from __future__ import annotations

from datetime import datetime, timezone
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitexp.results.ticks import (
    day_of,
    number_texts,
    number_ticks,
    power_ticks,
    time_texts,
    time_ticks,
)

NOON = datetime(2026, 1, 2, 12, tzinfo=timezone.utc).timestamp()


@pytest.mark.parametrize(
    ("low", "high", "most", "texts"),
    [
        (0, 299, 6, ["0", "50", "100", "150", "200", "250"]),
        (0.11, 2.54, 5, ["0.5", "1.0", "1.5", "2.0", "2.5"]),
        (-1, 1, 5, ["-1.0", "-0.5", "0.0", "0.5", "1.0"]),
        (0.90001, 0.90005, 5, ["0.90001", "0.90002", "0.90003", "0.90004", "0.90005"]),
        (0, 1e6, 5, ["0", "250000", "500000", "750000", "1000000"]),
        (0, 3e-7, 4, ["0", "1e-7", "2e-7", "3e-7"]),
    ],
)
def test_ticks_are_round_numbers(low: float, high: float, most: int, texts: list[str]) -> None:
    assert number_texts(number_ticks(low, high, most=most)) == texts


def test_whole_numbers_alone() -> None:
    assert number_ticks(0, 3, most=8, whole=True) == [0, 1, 2, 3]


def test_one_number_is_one_tick() -> None:
    assert number_ticks(5, 5, most=4) == [5]


finite = st.floats(allow_nan=False, allow_infinity=False)


@given(finite, finite, st.integers(2, 12))
def test_ticks_lie_on_the_axis_in_order(one: float, other: float, most: int) -> None:
    low, high = min(one, other), max(one, other)
    ticks = number_ticks(low, high, most=most)
    assert 1 <= len(ticks) <= most
    assert all(before < after for before, after in pairwise(ticks))
    hair = (high - low) * 1e-6 if high - low < 1e300 else 1e294
    assert all(low - hair <= tick <= high + hair for tick in ticks)
    assert len(number_texts(ticks)) == len(ticks)


@given(st.floats(1e-300, 1e300), st.floats(1e-300, 1e300), st.integers(2, 12))
def test_ticks_of_powers_lie_on_the_axis_in_order(one: float, other: float, most: int) -> None:
    low, high = min(one, other), max(one, other)
    ticks = power_ticks(low, high, most=most)
    assert len(ticks) <= most
    assert all(before <= after for before, after in pairwise(ticks))
    assert all(low <= tick <= high for tick in ticks)


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0.1, 2.5, [0.1, 0.2, 0.5, 1, 2]),
        (1e-3, 1, [0.001, 0.01, 0.1, 1]),
        (1e-12, 1, [1e-12, 1e-9, 1e-6, 1e-3, 1]),
    ],
)
def test_powers_of_ten_thin_out(low: float, high: float, ticks: list[float]) -> None:
    assert power_ticks(low, high, most=5) == ticks


@pytest.mark.parametrize(
    ("span", "texts"),
    [
        (4, ["12:00:00", "12:00:02", "12:00:04"]),
        (600, ["12:00", "12:05", "12:10"]),
        (86400, ["01-02 12:00", "01-03 00:00", "01-03 12:00"]),
        (5 * 86400, ["2026-01-03", "2026-01-05", "2026-01-07"]),
    ],
)
def test_moments_are_as_fine_as_their_distance(span: float, texts: list[str]) -> None:
    assert time_texts(time_ticks(NOON, NOON + span, most=3)) == texts


@given(st.integers(-(2**63), 2**63), st.integers(-(2**63), 2**63))
def test_moments_that_no_calendar_has_are_numbers(one: int, other: int) -> None:
    low, high = sorted((one / 1000, other / 1000))
    ticks = time_ticks(low, high, most=5)
    assert 1 <= len(time_texts(ticks)) <= 5
    assert isinstance(day_of(low, high), str)
