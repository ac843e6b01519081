"""How policies are worded: people, amounts of time, and counts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from gitexp.project.policies import People

_UNITS = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))


def duration_text(length: timedelta) -> str:
    """Return a duration in its two largest units, such as `1d 4h`; rounded down."""
    seconds = int(length.total_seconds())
    parts = []
    for unit, size in _UNITS:
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts[:2]) or "0s"


def people_text(people: People) -> str:
    """Return who is meant, such as `alice@example.com or a member of leads`; empty for nobody."""
    members = [f"a member of {group}" for group in people.groups]
    return either([*people.users, *members])


def either(names: Sequence[str]) -> str:
    """Return names as one of which somebody is meant: `a, b or c`."""
    *others, last = [*names] or [""]
    return f"{', '.join(others)} or {last}" if others else last


def in_one_line(text: str) -> str:
    """Return somebody's words in one line."""
    return " ".join(text.split())
