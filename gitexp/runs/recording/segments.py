"""Segments: what came to a run before or after its record, in files of their own.

Their names sort by the moment at which they were made.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta, timezone

from gitexp.documents import layout
from gitexp.errors import StoreError
from gitexp.ids import new_run_id
from gitexp.project.workspace import Workspace
from gitexp.runs.events import Event
from gitexp.runs.journalling.contents import Contents, encoded, parts_of
from gitexp.runs.recording.places import MAX_BESIDE_BYTES, TAMPERED, Place
from gitexp.store.model import TreeEntry, TreeId
from gitexp.store.protocol import Store
from gitexp.store.trees import entry_at, list_dir

_FORMAT = "%Y%m%dT%H%M%S%f"


Segment = tuple[Place, TreeEntry]
"""Where a segment stands: beside which run, and its file."""


def segments_at(
    store: Store, places: Sequence[Place], directory: str = layout.EVENTS_DIR
) -> dict[str, Segment]:
    """Return the segments of a run by name, from wherever they stand.

    Args:
        directory: the one beside the record that holds them.
    """
    found: dict[str, Segment] = {}
    for place in places:
        if place.beside is None:
            continue
        events = entry_at(store, TreeId(place.beside.id), directory)
        if events is not None and events.is_tree:
            for entry in list_dir(store, TreeId(events.id), ""):
                found.setdefault(entry.name.removesuffix(".jsonl"), (place, entry))
    return found


def events_in(
    workspace: Workspace, segments: Iterable[Segment], *, holding: bytes = b""
) -> Iterator[Event]:
    """Yield the events of segments, in their order.

    Args:
        holding: leaves out the events whose JSON does not hold these bytes.

    Raises:
        StoreError: a line is damaged; the message names its file.
    """
    for place, entry in segments:
        data = workspace.store.read(entry.id, limit=MAX_BESIDE_BYTES).data
        try:
            yield from _events(data, holding)
        except ValueError as exc:
            path = layout.segment_path(place.run_id, entry.name.removesuffix(".jsonl"))
            raise StoreError(f"{place.name_of(path)} is damaged: {exc}", hint=TAMPERED) from exc


def _events(data: bytes, holding: bytes) -> Iterator[Event]:
    for part in parts_of(data):
        lines = [line for line in part.split(b"\n") if line and holding in line]
        events = json.loads(b"[" + b",".join(lines) + b"]")
        if not all(isinstance(event, dict) for event in events):
            raise ValueError("a line is no mapping")
        yield from events


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
    return f"{made_at(latest) + timedelta(microseconds=1):{_FORMAT}}-{letters}"


def made_at(segment: str) -> datetime:
    """Return the moment at which a segment was made, by its name.

    Raises:
        ValueError: it is no name of a segment.
    """
    return datetime.strptime(segment.partition("-")[0], _FORMAT).replace(tzinfo=timezone.utc)


def last_segment(contents: Contents) -> str:
    """Return the name of what no checkpoint holds of a run that went on again."""
    assert contents.segment is not None
    # What was shared sorts behind the segment's own name, and what came later behind that.
    last, letters = max(contents.checkpoints, default=""), contents.segment.rpartition("-")[2]
    return next_segment(last, letters) if last else contents.segment


def dump_events(events: Iterable[Event]) -> bytes:
    """Return events as the lines of a segment."""
    return b"".join(encoded(event) + b"\n" for event in events)
