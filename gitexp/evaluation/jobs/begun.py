"""Which jobs were begun in this repository and may begin again should their workers die.

A note is a file below `.git/gitexp/jobs/`, named as the run. It is made before the run begins, so
whoever records the run later, a worker finds it here, and nobody else's jobs.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from gitexp.ids import RunId
from gitexp.project.workspace import Workspace
from gitexp.runs.recording.places import is_run_id
from gitexp.store.files import create_file, make_directories, write_errors


def directory_of(workspace: Workspace) -> Path | None:
    """Return the directory of the notes, whether or not it is there."""
    private = workspace.store.private_dir
    return private / "jobs" if private is not None else None


def note(workspace: Workspace, run_id: RunId) -> None:
    """Note that a run begins here; doing it twice changes nothing.

    Raises:
        StoreError: the note cannot be written.
    """
    directory = directory_of(workspace)
    if directory is None:
        return
    with write_errors("the job did not begin"):
        make_directories(str(directory))
        with contextlib.suppress(FileExistsError):
            create_file(str(directory / run_id), [])


def noted(workspace: Workspace) -> list[RunId]:
    """Return the runs that were noted, the oldest first."""
    directory = directory_of(workspace)
    try:
        names = sorted(os.listdir(directory)) if directory is not None else []
    except OSError:
        return []
    return [RunId(name) for name in names if is_run_id(name)]


def forget(workspace: Workspace, run_id: RunId) -> None:
    """Remove a note: there is nothing more to do for the run."""
    directory = directory_of(workspace)
    if directory is not None:
        with contextlib.suppress(OSError):
            (directory / run_id).unlink()
