"""The lines of a journal, and what they say together."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from gitexp.errors import StoreError
from gitexp.runs.events import Event, RunState
from gitexp.runs.history import History
from gitexp.runs.run import Run

_AT_ONCE = 1 << 16
"""Bytes that are read together; more takes longer, because everything read stays in memory."""

_CHECKPOINT = re.compile(rb'^([0-9a-f]{8}) (\{"checkpoint":"([^"\\]+)"\})\n', re.MULTILINE)


def encoded(event: Mapping[str, Any]) -> bytes:
    """Return an event as the JSON that stands in a line."""
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode("utf-8")


def line_of(payload: bytes) -> bytes:
    """Return the line of an encoded event: line break, checksum, event, line break."""
    return b"\n%08x %b\n" % (zlib.crc32(payload), payload)


def entries(data: bytes, *, holding: bytes = b"") -> Iterator[dict[str, Any]]:
    """Yield the events of a journal; what a failed write left of a line is passed over.

    Args:
        holding: leaves out the events whose JSON does not hold these bytes.
    """
    for part in parts_of(data):
        # Read together: that takes half the time.
        yield from json.loads(b"[" + b",".join(_payloads(part, holding)) + b"]")


def lines_of(data: bytes) -> bytes:
    """Return the events of a journal as they stand in a segment: a line each."""
    return b"".join(payload + b"\n" for part in parts_of(data) for payload in _payloads(part))


def parts_of(data: bytes) -> Iterator[bytes]:
    """Yield parts of some lines that end where a line ends."""
    start = 0
    while start < len(data):
        end = data.find(b"\n", start + _AT_ONCE) + 1 or len(data)
        yield data[start:end]
        start = end


def _payloads(part: bytes, holding: bytes = b"") -> list[bytes]:
    crc = zlib.crc32
    lines = [line for line in part.split(b"\n") if line and holding in line]
    return [line[9:] for line in lines if line[:9] == b"%08x " % crc(line[9:])]


def is_damaged(data: bytes) -> bool:
    """Return whether a journal holds whole lines that are no events."""
    whole = data[: data.rfind(b"\n") + 1]
    return any(
        line and line[:9] != b"%08x " % zlib.crc32(line[9:])
        for part in parts_of(whole)
        for line in part.split(b"\n")
    )


class Contents:
    """What a journal says, as far as it was read.

    Attributes:
        run: the run when the journal began.
        segment: the name under which the events are recorded beside a run that is recorded
            already; None for the journal of a new run.
        lease: the seconds without an event after which a run that no process holds is over;
            None for a run that a process holds.
        state: what the events add up to, the first one included.
        checkpoints: where in the journal the events are that each checkpoint holds, by its name.
        rest: where the events begin that no checkpoint holds.
        end: how far it was read.
    """

    def __init__(
        self, first: Event, read: Callable[[int, int], bytes], *, history: History | None = None
    ) -> None:
        self.run = Run.from_dict(first["run"])
        self.segment: str | None = first.get("segment")
        self.lease: float | None = first.get("lease")
        self.state = RunState(self.run, history=history)
        self.checkpoints: dict[str, tuple[int, int]] = {}
        # The first event of a run that goes on again says only what is recorded already.
        self.rest = 0 if self.segment is None else len(line_of(encoded(first)))
        self.end = 0
        self._read = read
        self._added = b""

    def take(self, data: bytes) -> None:
        """Take in the lines that come next."""
        for event in entries(data):
            self.state.take(event)
        if b' {"checkpoint":' in data:
            self._find_checkpoints(data)
        self.end += len(data)

    def add(self, event: Event) -> None:
        """Take in an event that the journal does not hold."""
        self.state.take(event)
        self._added += encoded(event) + b"\n"

    def _find_checkpoints(self, data: bytes) -> None:
        for found in _CHECKPOINT.finditer(data):
            crc, payload, name = found.groups()
            if int(crc, 16) == zlib.crc32(payload):
                self.checkpoints[name.decode("utf-8")] = (self.rest, self.end + found.start())
                self.rest = self.end + found.end()

    def checkpointed(self, name: str) -> bytes:
        """Return the events of a checkpoint as the lines of a segment."""
        return lines_of(self._read(*self.checkpoints[name]))

    def unshared(self) -> bytes:
        """Return the events that no checkpoint holds as the lines of a segment."""
        return lines_of(self._read(self.rest, self.end)) + self._added


def contents_of(data: bytes) -> Contents | None:
    """Return what a whole journal says; None where not even its first event was written."""
    first = _first(data)
    if first is None:
        return None
    contents = Contents(first, lambda start, end: data[start:end], history=History())
    contents.take(data)
    return contents


def _first(data: bytes) -> Event | None:
    first = next(entries(data), {})
    return first if "run" in first else None


def run_at_first(data: bytes) -> Run | None:
    """Return the run as it stood when a journal began; None where that was not written."""
    first = _first(data)
    return Run.from_dict(first["run"]) if first is not None else None


def contents_or_error(data: bytes, name: str) -> Contents:
    """Return what a whole journal says.

    Raises:
        StoreError: its first event cannot be read any more.
    """
    contents = contents_of(data)
    if contents is None:
        raise _damaged(name)
    return contents


def begun(data: bytes, read: Callable[[int, int], bytes], name: str) -> Contents:
    """Return what a journal said when it began, to take in what it says since then.

    Args:
        data: the beginning of the journal.
        read: returns what stands in the journal between two places.

    Raises:
        StoreError: its first event cannot be read any more.
    """
    first = _first(data)
    if first is None:
        raise _damaged(name)
    return Contents(first, read)


def _damaged(name: str) -> StoreError:
    return StoreError(
        f"the journal of run {name.partition('+')[0]} is damaged: its first event cannot be read",
        hint="Look at the file in `.git/gitexp/journals`, and check the disk.",
    )
