"""Moments as people write them: a day, a moment, or how long ago."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

from gitexp.clock import parse_iso
from gitexp.errors import InvalidInput
from gitexp.project.policies import parse_duration

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def moment_in(text: str, *, now: datetime, end: bool = False) -> datetime:
    """Return the moment that a text names: `2026-11-21`, `2026-11-21T13:15:02Z`, or `7d` ago.

    Args:
        end: whether a day means its end, not its beginning; days are those of UTC.

    Raises:
        InvalidInput: the text names none.
    """
    try:
        if _DAY.fullmatch(text):
            day = datetime.fromisoformat(text).replace(tzinfo=timezone.utc)
            return day + timedelta(days=1, microseconds=-1) if end else day
        if text[-1:] in "smhdw" and text[:1].isdigit():
            return now - parse_duration(text)
        return parse_iso(text)
    except (ValueError, OverflowError) as exc:
        raise InvalidInput(
            f"{text!r} is no moment",
            hint="Write a day such as 2026-11-21, a moment such as 2026-11-21T13:15:02Z, or how "
            "long ago, such as 7d.",
        ) from exc
