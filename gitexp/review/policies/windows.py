"""Frozen windows: until when an environment may not be moved, by the clock of the place it is for.

A window of days of the week belongs to the day on which it begins: `[fri]` with `18:00-08:00` is
the night from Friday to Saturday. Where clocks go back in a window's last hour, it ends when that
hour is over for the second time; where they go forward over its beginning, it begins after the gap.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta, timezone, tzinfo

from gitexp.errors import InvalidInput
from gitexp.project.policies import WEEKDAYS, Window

_DAY = timedelta(days=1)
_MOST_DAYS = 15
"""How far the end of windows that follow on each other is looked for."""


def frozen_until(window: Window, now: datetime) -> datetime | None:
    """Return when a window ends that a moment lies in, in UTC; None where it lies in none.

    One without an end is given the last moment that there is.

    Raises:
        InvalidInput: this machine does not know the time zone, so nothing can be said.
    """
    if window.start is not None and now < window.start:
        return None
    if window.end is not None and now >= window.end:
        return None
    last = window.end or datetime.max.replace(tzinfo=timezone.utc)
    if not window.weekdays and not window.hours:
        return last
    end = _repeated_end(window, now)
    return None if end is None else min(end, last)


def _repeated_end(window: Window, now: datetime) -> datetime | None:
    """Return when the times end that a moment lies in, through those that follow without a gap."""
    end: datetime | None = None
    for start, stop in _times(window, now):
        if start <= (end or now) < stop:
            end = stop
    return end


def _times(window: Window, now: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Yield the times around a moment, the earliest first, in UTC."""
    zone = _zone(window.timezone)
    opens, closes, days = _hours(window.hours)
    today = now.astimezone(zone).date()
    for offset in range(-1, _MOST_DAYS):
        day = today + offset * _DAY
        if not window.weekdays or WEEKDAYS[day.weekday()] in window.weekdays:
            yield (
                _moment(day, opens, zone, fold=0),
                _moment(day + days * _DAY, closes, zone, fold=1),
            )


def _hours(text: str) -> tuple[time, time, int]:
    """Return when a window opens and closes, and how many days later that is."""
    if not text:
        return time(), time(), 1
    opens, _, closes = text.partition("-")
    start = time.fromisoformat(opens)
    if closes == "24:00":
        return start, time(), 1
    end = time.fromisoformat(closes)
    return start, end, 1 if end <= start else 0


def _moment(day: date, at: time, zone: tzinfo, *, fold: int) -> datetime:
    return datetime.combine(day, at.replace(fold=fold), tzinfo=zone).astimezone(timezone.utc)


def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return timezone.utc
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError, ValueError) as exc:
        raise InvalidInput(
            f"this machine does not know the time zone {name!r}",
            hint="Install the time zone database: `pip install tzdata`.",
        ) from exc
