"""Checkpoints: what a run has logged so far, recorded while it goes on."""

from __future__ import annotations

from gitexp.documents import layout
from gitexp.project.workspace import Workspace
from gitexp.runs.journalling import journals
from gitexp.runs.journalling.journals import Journal
from gitexp.runs.recording import exchange, ledger
from gitexp.runs.recording.closing import artifact_files, checkpoints_of, dump_events, name_now
from gitexp.runs.recording.segments import new_segment


def checkpoint(workspace: Workspace, journal: Journal, *, push: bool = False) -> bool:
    """Record what was logged since the last checkpoint; False when that is nothing.

    The journal says first what belongs to the segment, so that a death in between changes
    nothing: whoever records the run records its segments too.

    Raises:
        NotAllowed: the run is over.
        StoreError: it cannot be recorded now.
    """
    before = journals.contents_of(journal.read())
    assert before is not None  # its first event made it
    new = not before.events or "checkpoint" not in before.events[-1]
    if new:
        known = [name for name, _ in checkpoints_of(before)]
        name = new_segment(workspace, after=[*known, before.segment or ""])
        journal.append({"checkpoint": name})
    contents = journals.contents_of(journal.read())
    assert contents is not None
    run = contents.run
    name = name_now(workspace, run)
    files = {
        layout.segment_path(run.id, segment): dump_events(events)
        for segment, events in checkpoints_of(contents)
    }
    files |= artifact_files(workspace, contents.state.run())
    ledger.write(workspace, name, files, message=f"run {name}: {run.id} so far")
    if push:
        exchange.push(workspace, [name])
    return new
