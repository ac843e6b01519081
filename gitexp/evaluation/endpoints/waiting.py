"""How long a system asks to be left alone."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime

from gitexp.clock import Clock


def retry_after(headers: Mapping[str, str], clock: Clock) -> float | None:
    """Return the seconds that an answer asks to wait before the next try; None if it does not.

    `Retry-After` holds seconds or a date (RFC 9110, 10.2.3); the date is held against the `Date`
    of the answer, so that a clock that is wrong here does no harm. Some APIs say it in
    milliseconds, as `retry-after-ms`.
    """
    if (milliseconds := _seconds(headers.get("retry-after-ms"))) is not None:
        return milliseconds / 1000
    value = headers.get("Retry-After")
    seconds = _seconds(value)
    if seconds is not None or value is None:
        return seconds
    until = _moment(value)
    if until is None:
        return None
    now = _moment(headers.get("Date")) or clock.now()
    return max((until - now).total_seconds(), 0.0)


def _seconds(text: str | None) -> float | None:
    try:
        seconds = float(text) if text is not None else -1.0
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def _moment(text: str | None) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text) if text else None
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if moment is None:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
