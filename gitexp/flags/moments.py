"""Dates of rules and properties: ISO 8601, seconds since 1970, or spans before now."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from typing import Any

from gitexp.clock import parse_iso

_SPAN = re.compile(r"-?([0-9]{1,4})([hdwmy])\Z")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
_HOURS = {"h": 1, "d": 24, "w": 24 * 7}
_MONTHS = {"m": 1, "y": 12}


@dataclass(frozen=True, kw_only=True)
class Moment:
    """A moment that a rule names: a fixed one, or one that lies so long before now.

    Attributes:
        moment: the fixed one; None for a span.
        span: the span as it was written, such as `-7d`; nothing for a fixed one.
    """

    moment: datetime | None = None
    span: str = ""

    @property
    def relative(self) -> bool:
        """Whether it moves with the time."""
        return bool(self.span)

    def at(self, now: Callable[[], datetime]) -> datetime | None:
        """Return the moment; None where the span leads out of the calendar."""
        if not self.span:
            return self.moment
        found = _SPAN.match(self.span)
        assert found is not None
        try:
            return _before(now(), int(found.group(1)), found.group(2))
        except (OverflowError, ValueError):
            return None


def _before(now: datetime, count: int, unit: str) -> datetime:
    if unit in _HOURS:
        return now - timedelta(hours=count * _HOURS[unit])
    months = now.year * 12 + now.month - 1 - count * _MONTHS[unit]
    year, month = divmod(months, 12)
    day = min(now.day, monthrange(year, month + 1)[1])
    return now.replace(year=year, month=month + 1, day=day)


def parsed_moment(value: Any) -> Moment:
    """Return the moment that a rule names.

    Raises:
        ValueError: it names none.
    """
    if isinstance(value, str) and _SPAN.match(value.strip()):
        return Moment(span=value.strip())
    found = moment_of(value)
    if found is None:
        raise ValueError(f"{value!r} is no moment")
    return Moment(moment=found)


def moment_of(value: Any) -> datetime | None:
    """Return the moment that a property is, None where it is none; without a zone, UTC.

    A number is seconds since 1970, a day its first moment.
    """
    if isinstance(value, datetime):
        return _in_utc(value)
    if isinstance(value, date):
        return datetime.combine(value, time(), timezone.utc)
    try:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, timezone.utc)
        return _from_text(value.strip()) if isinstance(value, str) else None
    except (ValueError, OverflowError, OSError):
        return None


def _from_text(text: str) -> datetime:
    if _DAY.match(text):
        return datetime.combine(date.fromisoformat(text), time(), timezone.utc)
    try:
        found = parse_iso(text)
    except ValueError:
        found = datetime.fromisoformat(text)
    return _in_utc(found)


def _in_utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        return moment.replace(tzinfo=timezone.utc)
    return moment.astimezone(timezone.utc)
