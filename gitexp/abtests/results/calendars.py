"""Calendars: the days of a test, which begin where the clocks of its time zone say so."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

from gitexp.abtests.definition import AbTest
from gitexp.errors import NotAllowed

_DAY = timedelta(days=1)
_LEAST = timedelta(microseconds=1)


@dataclass(frozen=True, kw_only=True)
class Day:
    """A day of a test.

    Attributes:
        date: its date in the time zone of the test.
        until: the moment up to which its rows count: the next midnight, or the end of the test.
        is_over: whether that moment has passed.
    """

    date: date
    until: datetime
    is_over: bool

    @property
    def name(self) -> str:
        """The date as ISO 8601 has it."""
        return self.date.isoformat()


def began(test: AbTest) -> datetime:
    """Return when a test was launched.

    Raises:
        NotAllowed: it was not.
    """
    if test.started_at is None:
        raise NotAllowed(
            f"the A/B test of {test.experiment!r} has not been launched yet",
            hint=f"Launch it with `gitexp ab launch {test.experiment}`.",
        )
    return test.started_at


def last_moment(test: AbTest, now: datetime) -> datetime:
    """Return the moment up to which rows count: now, or the end of the test."""
    return now if test.ended_at is None else min(now, test.ended_at)


def days_of(test: AbTest, now: datetime) -> list[Day]:
    """Return the days of a test, from the one of its launch to today or to that of its end.

    A moment at midnight belongs to the day that begins there; so a test that ends at midnight
    ends with the day before.

    Raises:
        NotAllowed: it was not launched.
    """
    start, end, zone = began(test), last_moment(test, now), ZoneInfo(test.data.timezone)
    first = start.astimezone(zone).date()
    last = max(first, (end - _LEAST).astimezone(zone).date())
    ended = test.ended_at is not None and test.ended_at <= now
    return [
        _day(first + number * _DAY, end, zone, ended=ended)
        for number in range((last - first).days + 1)
    ]


def _day(which: date, end: datetime, zone: ZoneInfo, *, ended: bool) -> Day:
    midnight = datetime.combine(which + _DAY, time(), zone).astimezone(timezone.utc)
    is_over = midnight <= end or ended
    return Day(date=which, until=min(midnight, end), is_over=is_over)
