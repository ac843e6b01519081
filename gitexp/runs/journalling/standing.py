"""How the runs stand that go on, folded from where the last look at a long journal ended."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
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

_READING = "1"
"""Changes when the same events may add up to something else, and so makes old notes unused."""


def live(workspace: Workspace, run_id: RunId | None = None) -> list[Run]:
    """Return the runs of the project that go on on this machine, or one of them, as they stand."""
    found = [_standing(workspace, path) for path in paths_of(workspace, run_id)]
    return [run for run in found if run is not None and run.project == workspace.project_id]


def _standing(workspace: Workspace, path: Path) -> Run | None:
    """Return the run of a journal; None where it is gone, or has not even its first event."""
    key = f"live/{_READING}/{path.name}"
    note = workspace.cache.get(key) if _is_long(path) else None
    data = _since(path, note) if note is not None else None
    if note is None or data is None:
        note, data = None, read_journal(path) or b""  # it may have been recorded a moment ago
    state = _begun(note, data)
    if state is None:
        return None
    whole = data.rfind(b"\n") + 1
    for event in entries(data[:whole]):
        state.take(event)
    if whole >= _LONG and _is_open(path):
        end = whole + (note["end"] if note else 0)
        workspace.cache.put(key, _note(state.run(), end, data[:whole]))
    for event in entries(data[whole:]):
        state.take(event)
    return state.run()


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


def _note(run: Run, end: int, data: bytes) -> dict[str, Any]:
    return {"run": run.to_dict(), "end": end, "before": zlib.crc32(data[-_COMPARED:])}


def _since(path: Path, note: Mapping[str, Any]) -> bytes | None:
    """Return what stands in a journal behind a note; None where the note is not about it."""
    data = read_journal(path, note["end"] - _COMPARED)
    if data is None or zlib.crc32(data[:_COMPARED]) != note["before"]:
        return None
    return data[_COMPARED:]


def _begun(note: Mapping[str, Any] | None, data: bytes) -> RunState | None:
    """Return the run as it stood at a note, or when its journal began."""
    first = note or next(entries(data), {})
    return RunState(Run.from_dict(first["run"])) if "run" in first else None
