"""Checkpoints: what a run has logged so far, recorded while it goes on."""

from __future__ import annotations

from gitexp.project.workspace import Workspace
from gitexp.runs.journalling.journals import Journal
from gitexp.runs.recording import exchange, ledger
from gitexp.runs.recording.closing import name_now, shared_files
from gitexp.runs.recording.results import mark_checkpoint, rows_of, totals_of, unmarked
from gitexp.runs.recording.segments import new_segment


def checkpoint(workspace: Workspace, journal: Journal, *, push: bool = False) -> bool:
    """Record what was logged since the last checkpoint; False when that is nothing.

    The journal says first what belongs to the segment, so that a death in between changes
    nothing: whoever records the run records its segments too.

    Raises:
        NotAllowed: the run is over.
        StoreError: it cannot be recorded now.
    """
    with journal.contents() as before:
        run = before.run
        known = [*before.checkpoints, before.segment or ""]
        has_rows = unmarked(journal.sides)
        is_new = before.end > before.rest or has_rows
    if has_rows:
        journal.append({"set": totals_of(rows_of(workspace, run.id, beside=journal.sides))})
    if is_new:
        segment = new_segment(workspace, after=known)
        mark_checkpoint(journal.sides, segment)
        journal.append({"checkpoint": segment})
    with journal.contents() as contents:
        name = name_now(workspace, run)
        files = shared_files(workspace, contents, name, journal.sides)
    ledger.write(workspace, name, files, message=f"run {name}: {run.id} so far")
    if push:
        exchange.push(workspace, [name])
    return is_new
