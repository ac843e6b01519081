"""Moments: MLflow has milliseconds since 1970 in UTC."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from gitexp.errors import InvalidInput

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def millis_of(moment: datetime) -> int:
    """Return a moment in milliseconds since 1970, rounded down."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def moment_of(millis: int) -> datetime:
    """Return the moment that milliseconds since 1970 name.

    Raises:
        InvalidInput: no calendar has it.
    """
    try:
        return _EPOCH + timedelta(milliseconds=int(millis))
    except (OverflowError, ValueError, TypeError) as exc:
        raise InvalidInput(
            f"{millis!r} is no time", hint="Give milliseconds since 1970 as an int."
        ) from exc
