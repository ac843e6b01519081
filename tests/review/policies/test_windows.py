"""Frozen windows: moments, days of the week and hours, by the clocks of their place."""

from __future__ import annotations

from typing import Any

import pytest

from gitexp.clock import iso, parse_iso
from gitexp.errors import InvalidInput
from gitexp.project.policies import Window
from gitexp.review.policies.windows import frozen_until

HOLIDAYS = {"from": "2026-12-20T00:00:00Z", "until": "2027-01-02T00:00:00Z"}
WEEKENDS = {"weekdays": ["sat", "sun"], "timezone": "Europe/Berlin"}
NIGHTS = {"hours": "18:00-08:00", "timezone": "Europe/Berlin"}
FRIDAY_NIGHT = {"weekdays": ["fri"], "hours": "18:00-08:00", "timezone": "Europe/Berlin"}
BERLIN = {"timezone": "Europe/Berlin"}


def until(window: dict[str, Any], now: str) -> str | None:
    end = frozen_until(Window.from_dict(window), parse_iso(now))
    return iso(end) if end else None


@pytest.mark.parametrize(
    ("window", "now", "end"),
    [
        (HOLIDAYS, "2026-12-19T23:59:59Z", None),
        (HOLIDAYS, "2026-12-20T00:00:00Z", "2027-01-02T00:00:00Z"),
        (HOLIDAYS, "2027-01-02T00:00:00Z", None),
        ({"from": "2026-12-20T00:00:00Z"}, "2026-12-19T00:00:00Z", None),
        ({"until": "2026-12-20T00:00:00Z"}, "2020-01-01T00:00:00Z", "2026-12-20T00:00:00Z"),
        # Days of the week: the two days are one window.
        (WEEKENDS, "2026-11-20T22:59:59Z", None),
        (WEEKENDS, "2026-11-20T23:00:00Z", "2026-11-22T23:00:00Z"),
        (WEEKENDS, "2026-11-22T22:59:59Z", "2026-11-22T23:00:00Z"),
        (WEEKENDS, "2026-11-22T23:00:00Z", None),
        # Hours over midnight.
        (NIGHTS, "2026-11-20T16:59:59Z", None),
        (NIGHTS, "2026-11-20T17:00:00Z", "2026-11-21T07:00:00Z"),
        (NIGHTS, "2026-11-21T06:59:59Z", "2026-11-21T07:00:00Z"),
        (NIGHTS, "2026-11-21T07:00:00Z", None),
        # A window belongs to the day on which it begins.
        (FRIDAY_NIGHT, "2026-11-21T06:00:00Z", "2026-11-21T07:00:00Z"),
        (FRIDAY_NIGHT, "2026-11-20T06:00:00Z", None),
        (FRIDAY_NIGHT, "2026-11-21T18:00:00Z", None),
        # In summer, Berlin is two hours ahead.
        (NIGHTS, "2026-07-01T16:00:00Z", "2026-07-02T06:00:00Z"),
        (NIGHTS, "2026-07-01T15:59:00Z", None),
        # The night in which clocks go back, and the one in which they go forward.
        (NIGHTS, "2026-10-24T17:00:00Z", "2026-10-25T07:00:00Z"),
        (NIGHTS, "2026-03-28T17:30:00Z", "2026-03-29T06:00:00Z"),
        ({"hours": "01:00-02:30", **BERLIN}, "2026-10-25T00:45:00Z", "2026-10-25T01:30:00Z"),
        ({"hours": "02:30-04:00", **BERLIN}, "2026-03-29T01:15:00Z", None),
        ({"hours": "02:30-04:00", **BERLIN}, "2026-03-29T01:30:00Z", "2026-03-29T02:00:00Z"),
        # Whole days, and hours until midnight.
        ({"hours": "22:00-24:00"}, "2026-11-21T23:59:00Z", "2026-11-22T00:00:00Z"),
        ({"hours": "22:00-24:00"}, "2026-11-22T00:00:00Z", None),
        ({"hours": "09:00-17:00"}, "2026-11-21T08:59:00Z", None),
        ({"hours": "09:00-17:00"}, "2026-11-21T16:59:00Z", "2026-11-21T17:00:00Z"),
        # Both: nights during the holidays.
        ({**HOLIDAYS, "hours": "18:00-08:00"}, "2026-12-25T12:00:00Z", None),
        ({**HOLIDAYS, "hours": "18:00-08:00"}, "2026-12-25T20:00:00Z", "2026-12-26T08:00:00Z"),
        ({**HOLIDAYS, "hours": "18:00-08:00"}, "2027-01-01T20:00:00Z", "2027-01-02T00:00:00Z"),
        ({**HOLIDAYS, "hours": "18:00-08:00"}, "2027-01-02T01:00:00Z", None),
    ],
)
def test_a_window_is_open(window: dict[str, Any], now: str, end: str | None) -> None:
    assert until(window, now) == end


def test_a_window_without_an_end_is_open_for_good() -> None:
    assert until({"from": "2026-01-01T00:00:00Z"}, "2026-11-21T00:00:00Z") == (
        "9999-12-31T23:59:59.999999Z"
    )


def test_windows_that_follow_on_each_other_for_ever_end_within_sight() -> None:
    everyday = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    assert until({"weekdays": everyday}, "2026-11-21T12:00:00Z") == "2026-12-06T00:00:00Z"


def test_a_time_zone_that_this_machine_does_not_know_is_no_open_window() -> None:
    with pytest.raises(InvalidInput, match="does not know the time zone 'Mars/Base'"):
        until({"hours": "09:00-17:00", "timezone": "Mars/Base"}, "2026-11-21T12:00:00Z")
