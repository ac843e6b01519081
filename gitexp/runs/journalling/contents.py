"""The lines of a journal, and what they say together."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from gitexp.runs.events import Event, RunState
from gitexp.runs.run import Run


def encoded(event: Mapping[str, Any]) -> bytes:
    """Return an event as the JSON that stands in a line."""
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode("utf-8")


def line_of(payload: bytes) -> bytes:
    """Return the line of an encoded event: line break, checksum, event, line break."""
    return b"\n%08x %b\n" % (zlib.crc32(payload), payload)


def entries(data: bytes, *, holding: bytes = b"") -> list[dict[str, Any]]:
    """Return the events of a journal; what a failed write left of a line is passed over.

    Args:
        holding: leaves out the events whose JSON does not hold these bytes.
    """
    crc = zlib.crc32
    lines = [line for line in data.split(b"\n") if line and holding in line]
    good = [line[9:] for line in lines if line[:9] == b"%08x " % crc(line[9:])]
    # Read at once: that takes half the time.
    found: list[dict[str, Any]] = json.loads(b"[" + b",".join(good) + b"]")
    return found


def is_damaged(data: bytes) -> bool:
    """Return whether a journal holds whole lines that are no events."""
    lines = data.split(b"\n")[:-1]
    return any(line and line[:9] != b"%08x " % zlib.crc32(line[9:]) for line in lines)


@dataclass(frozen=True, kw_only=True)
class Contents:
    """What a journal says.

    Attributes:
        run: the run when the journal began.
        events: everything since, the first one included.
        segment: the name under which the events are recorded beside a run that is recorded
            already; None for the journal of a new run.
        lease: the seconds without an event after which a run that no process holds is over;
            None for a run that a process holds.
    """

    run: Run
    events: tuple[Event, ...]
    segment: str | None = None
    lease: float | None = None

    @cached_property
    def state(self) -> RunState:
        """What the events add up to."""
        state = RunState(self.run)
        for event in self.events:
            state.take(event)
        return state


def contents_of(data: bytes) -> Contents | None:
    """Return what a journal says; None where not even its first event was written."""
    events = tuple(entries(data))
    if not events or "run" not in events[0]:
        return None
    return Contents(
        run=Run.from_dict(events[0]["run"]),
        events=events,
        segment=events[0].get("segment"),
        lease=events[0].get("lease"),
    )
