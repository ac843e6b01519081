"""When values were live: by the order of commits, and by dates as far as those can be true."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitexp.review.policies.timelines import Step, periods_of
from tests.review.policies.known import NOW, ago

GOOD, OTHER = "xaaa@sha256:1", "xaaa@sha256:2"


def lengths(*steps: Step) -> list[float]:
    """Return for how many hours the good values were live each time."""
    return [period.length(NOW) / timedelta(hours=1) for period in periods_of(steps, GOOD, NOW)]


def step(mark: str | None, *dates: datetime) -> Step:
    return Step(marks=frozenset([mark] if mark else []), dates=dates)


@pytest.mark.parametrize(
    ("steps", "hours"),
    [
        ([], []),
        ([step(OTHER, ago(hours=5))], []),
        ([step(GOOD, ago(hours=5))], [5]),
        ([step(GOOD, ago(hours=5)), step(OTHER, ago(hours=2))], [3]),
        ([step(GOOD, ago(hours=5)), step(None, ago(hours=2))], [3]),
        # Promoted again under another hash: no break.
        ([step(GOOD, ago(hours=5)), step(GOOD, ago(hours=1))], [5]),
        (
            [step(GOOD, ago(hours=9)), step(OTHER, ago(hours=5)), step(GOOD, ago(hours=2))],
            [4, 2],
        ),
        # What a commit says of itself does not count for more than its own date.
        ([step(GOOD, ago(hours=1), ago(hours=50))], [1]),
        # Dated before the commit that it follows.
        ([step(OTHER, ago(hours=1)), step(GOOD, ago(hours=50))], [1]),
        ([step(OTHER, ago(hours=1)), step(GOOD, ago(hours=50)), step(GOOD, ago(hours=9))], [1]),
        # Dated in the future: it has not begun yet, and nobody knows when the one before ended.
        ([step(GOOD, ago(hours=-2))], [0]),
        ([step(GOOD, ago(hours=5)), step(OTHER, ago(hours=-2))], [0]),
        ([step(GOOD, ago(hours=5)), step(OTHER, ago(hours=-2)), step(GOOD, ago(hours=1))], [0, 1]),
        # Clocks that are a little apart.
        ([step(GOOD, ago(minutes=-4))], [0]),
        ([step(GOOD, ago(hours=5)), step(OTHER, ago(minutes=-4))], [5]),
    ],
)
def test_how_long_values_were_live(steps: list[Step], hours: list[float]) -> None:
    assert lengths(*steps) == hours


_STEPS = st.lists(
    st.builds(
        lambda digest, minutes: step(digest, ago(minutes=minutes)),
        st.sampled_from([GOOD, OTHER, None]),
        st.integers(-600, 6000),
    ),
    max_size=8,
)


@given(_STEPS)
def test_no_dates_make_values_live_for_longer_than_the_branch_is_old(steps: list[Step]) -> None:
    periods = periods_of(steps, GOOD, NOW)
    total = sum((period.length(NOW) for period in periods), timedelta(0))
    oldest = min((date for found in steps for date in found.dates), default=NOW)
    assert timedelta(0) <= total <= max(NOW - oldest, timedelta(0))
    begun = [period for period in periods if period.length(NOW)]
    assert all(one.end and one.end <= other.start for one, other in itertools.pairwise(begun))


@given(_STEPS, st.integers(0, 6000))
def test_dating_a_commit_back_behind_the_one_before_gains_nothing(
    steps: list[Step], minutes: int
) -> None:
    honest = [*steps, step(OTHER, ago(minutes=30)), step(GOOD, ago(minutes=30))]
    forged = [*honest[:-1], step(GOOD, ago(minutes=30 + minutes))]
    assert lengths(*forged) == lengths(*honest)
