"""Names of segments: they sort by the moment at which they were made."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta, timezone

from gitexp.ids import new_run_id
from gitexp.project.workspace import Workspace

_FORMAT = "%Y%m%dT%H%M%S%f"


def new_segment(workspace: Workspace, *, after: Iterable[str] = ()) -> str:
    """Return the name of a new segment: a UTC time to the microsecond, and random letters.

    Args:
        after: segments that it sorts behind, whatever the clock says.
    """
    now = workspace.surroundings.clock.now().astimezone(timezone.utc)
    letters = new_run_id(now, workspace.surroundings.random_bits).rpartition("-")[2]
    name = f"{now:{_FORMAT}}-{letters}"
    latest = max(after, default="")
    return name if name > latest else next_segment(latest, letters)


def next_segment(latest: str, letters: str) -> str:
    """Return the name that sorts right behind another one, with these letters."""
    stamp = datetime.strptime(latest.partition("-")[0], _FORMAT).replace(tzinfo=timezone.utc)
    return f"{stamp + timedelta(microseconds=1):{_FORMAT}}-{letters}"
