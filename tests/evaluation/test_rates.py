"""Rates: so many calls and tokens in a minute, whoever asks."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from gitexp.evaluation.running.rates import Rate
from tests.evaluation.clocks import WaitingClock, in_no_time, waiting


@pytest.fixture
def clock() -> Iterator[WaitingClock]:
    with waiting() as clock:
        yield clock


def moments(clock: WaitingClock, rate: Rate, calls: int, *, tokens: int = 0) -> list[float]:
    """Return when each of some calls was let through that come all at once."""
    found: list[float] = []

    async def call() -> None:
        await rate.admit()
        found.append(round(clock.seconds, 6))
        rate.used(tokens)

    async def main() -> None:
        await asyncio.gather(*(call() for _ in range(calls)))

    in_no_time(main(), clock)
    return found


def test_calls_are_spaced_evenly(clock: WaitingClock) -> None:
    rate = Rate(requests_per_minute=30, now=clock.monotonic)
    assert moments(clock, rate, 4) == [0, 2, 4, 6]


def test_many_calls_a_minute_may_come_a_second_early(clock: WaitingClock) -> None:
    rate = Rate(requests_per_minute=240, now=clock.monotonic)
    found = moments(clock, rate, 9)
    assert found[:4] == [0, 0, 0, 0]
    assert found[4:] == [0.25, 0.5, 0.75, 1.0, 1.25]


@pytest.mark.parametrize("per_minute", [7, 60, 100, 1000])
def test_in_no_minute_there_are_more_than_the_rate_and_a_second_of_it(
    clock: WaitingClock, per_minute: int
) -> None:
    rate = Rate(requests_per_minute=per_minute, now=clock.monotonic)
    found = moments(clock, rate, 3 * per_minute)
    most = max(sum(one <= other < one + 60 for other in found) for one in found)
    assert most <= per_minute + max(1, per_minute / 60) + 1
    assert found[-1] >= 2 * 60 - 60 / per_minute * (per_minute / 60 + 2)


def test_a_pause_does_not_save_up_calls(clock: WaitingClock) -> None:
    rate = Rate(requests_per_minute=60, now=clock.monotonic)
    moments(clock, rate, 1)
    clock.seconds = 1000.0
    assert moments(clock, rate, 3) == [1000, 1001, 1002]


def test_tokens_that_were_used_are_waited_for(clock: WaitingClock) -> None:
    rate = Rate(tokens_per_minute=600, now=clock.monotonic)
    found: list[float] = []

    async def main() -> None:
        for _ in range(4):
            await rate.admit()
            found.append(round(clock.seconds, 6))
            rate.used(100)

    in_no_time(main(), clock)
    assert found == [0, 9, 19, 29]


def test_nobody_is_let_through_while_it_pauses(clock: WaitingClock) -> None:
    rate = Rate(requests_per_minute=6000, now=clock.monotonic)
    rate.pause(7)
    rate.pause(3)
    assert moments(clock, rate, 2) == [7, 7]
