"""Moments as people write them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from gitexp.errors import InvalidInput
from gitexp.review.telling.moments import moment_in

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-01", datetime(2026, 1, 1, tzinfo=timezone.utc)),
        ("2026-01-01T10:00:00+02:00", datetime(2026, 1, 1, 8, tzinfo=timezone.utc)),
        ("2026-01-01T10:00:00Z", datetime(2026, 1, 1, 10, tzinfo=timezone.utc)),
        ("90m", NOW - timedelta(minutes=90)),
        ("7d", NOW - timedelta(days=7)),
    ],
)
def test_a_day_a_moment_and_how_long_ago_are_moments(text: str, moment: datetime) -> None:
    assert moment_in(text, now=NOW) == moment


def test_the_end_of_a_day_is_its_last_moment() -> None:
    end = moment_in("2026-01-01", now=NOW, end=True)
    assert end.isoformat() == "2026-01-01T23:59:59.999999+00:00"


@pytest.mark.parametrize(
    "text", ["", "soon", "7", "7y", "2026-13-01", "2026-01-01T10:00:00", "999999w", "d"]
)
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="is no moment"):
        moment_in(text, now=NOW)
