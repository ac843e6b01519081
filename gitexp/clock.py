"""Time as an argument: the one place that asks the machine what time it is."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone
from typing import Protocol

_BEGIN = datetime(1970, 1, 1, tzinfo=timezone.utc)

SKEW = timedelta(minutes=5)
"""How far clocks may be apart: what is dated further ahead does not count."""


class Clock(Protocol):
    """What gitexp asks of time."""

    def now(self) -> datetime:
        """Return the present moment, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never run backwards, for durations."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(timezone.utc)

    def monotonic(self) -> float:
        return time.monotonic()


class Timeline:
    """Moments that never run backwards, counted on from one look at the clock."""

    def __init__(self, clock: Clock) -> None:
        self._monotonic = clock.monotonic
        self._began = clock.monotonic()
        self._origin = round(clock.now().timestamp() * 1e6) * 1000

    def nanoseconds(self) -> int:
        """Return the present moment in nanoseconds since 1970."""
        return self._origin + round((self._monotonic() - self._began) * 1e9)


def moment_of(nanoseconds: int) -> datetime:
    """Return the aware moment that so many nanoseconds since 1970 are, to the microsecond."""
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    return _BEGIN + timedelta(0, seconds, rest // 1000)


def iso(moment: datetime) -> str:
    """Return a moment as ISO-8601 in UTC with a trailing Z, to the second or the microsecond."""
    text = moment.astimezone(timezone.utc).isoformat()
    return text.replace("+00:00", "Z")


def parse_iso(text: str) -> datetime:
    """Return the aware moment that an ISO-8601 text names.

    Raises:
        ValueError: the text is no ISO-8601 moment, has no offset, or is outside of the years 1 to
            9999 in UTC.
    """
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no offset from UTC")
    try:
        return moment.astimezone(timezone.utc)
    except OverflowError as exc:
        raise ValueError(f"{text!r} is outside of the years 1 to 9999") from exc
