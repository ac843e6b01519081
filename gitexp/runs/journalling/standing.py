"""How the runs stand that go on, folded from where the last look at a long journal ended."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gitexp.ids import RunId
from gitexp.project.workspace import Workspace
from gitexp.runs.events import RunState
from gitexp.runs.journalling import gates
from gitexp.runs.journalling.contents import entries
from gitexp.runs.journalling.files import paths_of, read_journal
from gitexp.runs.run import Run

_LONG = 1 << 20
"""Bytes of new events that are worth a note of how the run stands behind them."""

_COMPARED = 1 << 10
"""Bytes before a note that must be what they were."""

_READING = "2"
"""Changes when the same events may add up to something else, and so makes old notes unused."""


def live(workspace: Workspace, run_id: RunId | None = None) -> list[Run]:
    """Return the runs of the project that go on on this machine, or one of them, as they stand."""
    found = [standing_at(workspace, path) for path in paths_of(workspace, run_id)]
    runs = [standing.run for standing in found if standing is not None]
    return [run for run in runs if run.project == workspace.project_id]


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How a run stands that goes on.

    Attributes:
        lease: the seconds without an event after which a run that no process holds is over; None
            for a run that a process holds.
    """

    run: Run
    lease: float | None


def standing_at(workspace: Workspace, path: Path) -> Standing | None:
    """Return how the run of a journal stands; None where it is gone, or has no first event.

    Raises:
        StoreError: it cannot be read.
    """
    key = f"live/{_READING}/{path.name}"
    note = workspace.cache.get(key) if _is_long(path) else None
    data = _since(path, note) if note is not None else None
    if note is None or data is None:
        note, data = None, read_journal(path) or b""  # it may have been recorded a moment ago
    first = note or next(entries(data), {})
    if "run" not in first:
        return None
    state, lease = RunState(Run.from_dict(first["run"])), first.get("lease")
    whole = data.rfind(b"\n") + 1
    for event in entries(data[:whole]):
        state.take(event)
    if whole >= _LONG and _is_open(path):
        end = whole + (note["end"] if note else 0)
        note = {"run": state.run().to_dict(), "lease": lease, "end": end}
        workspace.cache.put(key, note | {"before": zlib.crc32(data[:whole][-_COMPARED:])})
        workspace.cache.flush()
    for event in entries(data[whole:]):
        state.take(event)
    return Standing(run=state.run(), lease=lease)


def _is_long(path: Path) -> bool:
    try:
        return path.stat().st_size >= _LONG
    except OSError:
        return False


def _is_open(path: Path) -> bool:
    """Return whether all that was read so far counts, whatever comes behind it."""
    try:
        return not gates.is_shut(path)
    except OSError:
        return False


def _since(path: Path, note: Mapping[str, Any]) -> bytes | None:
    """Return what stands in a journal behind a note; None where the note is not about it."""
    data = read_journal(path, note["end"] - _COMPARED)
    if data is None or zlib.crc32(data[:_COMPARED]) != note["before"]:
        return None
    return data[_COMPARED:]
