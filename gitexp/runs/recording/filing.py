"""The files that a run is recorded as: its record, its segments, and what stands beside them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from gitexp.documents import layout
from gitexp.project.workspace import Workspace
from gitexp.runs import texts
from gitexp.runs.journalling.contents import Contents
from gitexp.runs.journalling.side_files import ROWS, Sides
from gitexp.runs.recording import ledger
from gitexp.runs.recording.records import Content, counted, record_of
from gitexp.runs.recording.results import recorded_parts, recorded_rows
from gitexp.runs.recording.segments import last_segment
from gitexp.runs.recording.spans import recorded_spans
from gitexp.runs.run import Run
from gitexp.runs.tallies import Tally
from gitexp.store.streamed import StreamedBlob

IsRecorded = Callable[[str], bool]
"""Says of a path whether such a file is recorded beside a run."""


def new_record(
    workspace: Workspace,
    run: Run,
    contents: Contents,
    sides: Sides,
    tally: Tally | None = None,
) -> tuple[Run, dict[str, Content]]:
    """Return a run that was not recorded before, with its totals, and its files by path.

    Args:
        tally: what its rows add up to, where they were counted already.
    """
    history, length = contents.state.history, workspace.store.hash_length
    files: dict[str, Content] = {}
    files[layout.METRICS_FILE] = history.dump() if history is not None else b""
    run = replace(run, segments=tuple(contents.checkpoints))
    if sides.size(ROWS):
        files[layout.RESULTS_FILE], tally = recorded_rows(sides, tally=tally, hash_length=length)
        files[layout.SPANS_FILE] = recorded_spans(sides, hash_length=length)
        run = counted(run, tally)
    made = record_of(run, files=files, texts=texts.of_run(workspace, run))
    return made.run, made.contents()


def new_segment_files(
    workspace: Workspace, contents: Contents, experiment: str, sides: Sides
) -> dict[str, Content]:
    """Return the files, by path, of what no checkpoint holds of a run that went on again."""
    events = contents.unshared()
    if not events:
        return {}
    run_id, last = contents.run.id, last_segment(contents)
    files: dict[str, Content] = {layout.segment_path(run_id, last): events}
    is_recorded = ledger.recorded_files(workspace, experiment, run_id)
    files |= _parts(workspace, contents, sides, is_recorded, last=last)
    if spans := recorded_spans(sides, hash_length=workspace.store.hash_length):
        files[layout.spans_path(run_id, last)] = spans
    return files


def shared_files(
    workspace: Workspace, contents: Contents, experiment: str, sides: Sides
) -> dict[str, Content]:
    """Return the files of the checkpoints and the artifacts of a run that are not recorded yet.

    A file that is recorded never changes, so nothing of it is read again.
    """
    run = contents.state.run()
    if not (contents.checkpoints or run.artifacts):
        return {}
    is_recorded = ledger.recorded_files(workspace, experiment, run.id)
    segments = {layout.segment_path(run.id, name): name for name in contents.checkpoints}
    files: dict[str, Content] = {
        path: contents.checkpointed(name)
        for path, name in segments.items()
        if not is_recorded(path)
    }
    if segments and sides.size(ROWS):
        files |= _parts(workspace, contents, sides, is_recorded)
    if run.artifacts:
        files |= _artifact_files(workspace, run, is_recorded)
    return files


def _parts(
    workspace: Workspace,
    contents: Contents,
    sides: Sides,
    is_recorded: IsRecorded,
    *,
    last: str = "",
) -> dict[str, StreamedBlob]:
    return recorded_parts(
        contents.run.id,
        sides,
        [*contents.checkpoints],
        last,
        is_recorded=is_recorded,
        hash_length=workspace.store.hash_length,
    )


def _artifact_files(workspace: Workspace, run: Run, is_recorded: IsRecorded) -> dict[str, bytes]:
    from gitexp.runs.artifacts.kept import contents_of
    from gitexp.runs.artifacts.large_files import LFS_DIR

    kept = [f"{layout.run_dir(run.id)}/{name}" for name in (layout.ARTIFACTS_DIR, LFS_DIR)]
    new = [
        artifact
        for artifact in run.artifacts
        if not any(is_recorded(f"{directory}/{artifact.path}") for directory in kept)
    ]
    return contents_of(workspace, replace(run, artifacts=tuple(new)))
