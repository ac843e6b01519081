"""The code that a job was created with: the working tree where it is still that, else a copy."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from gitexp.documents.safe_paths import path_fault
from gitexp.errors import Conflict
from gitexp.ids import ObjectId
from gitexp.project.reading import current_project
from gitexp.project.workspace import Workspace
from gitexp.runs.circumstances import circumstances_of
from gitexp.runs.masking import secrets_among
from gitexp.runs.run import CodeReference, Run
from gitexp.store.files import create_file, write_errors
from gitexp.store.model import MODE_EXECUTABLE, MODE_GITLINK, MODE_LINK
from gitexp.store.protocol import Store
from gitexp.store.trees import tree_of, walk_files


@contextlib.contextmanager
def as_created(workspace: Workspace, run: Run) -> Iterator[Workspace]:
    """Yield the workspace with the files that a job was created with.

    Where the working tree has another commit or other edits by now, the commit of the job is
    written into a directory of its own, which is gone after the block.

    Raises:
        Conflict: the files differed from the commit when the job was created, and differ now.
        StoreError: the copy cannot be written.
    """
    types, environ = current_project(workspace).types(), workspace.surroundings.environ
    secrets = secrets_among(run.parameters, types, environ)
    now = circumstances_of(workspace, secrets=secrets).code
    if _same(run.code, now):
        yield workspace
        return
    if run.code.diff or run.code.untracked or run.code.commit is None:
        raise Conflict(
            "the code is not what it was when the job was created, and was not committed then",
            hint="Commit what jobs use before they are created, and create the job again.",
        )
    with write_errors("the job did not begin"):
        directory = tempfile.TemporaryDirectory(prefix="gitexp-job-", ignore_cleanup_errors=True)
    with directory as place:
        write_commit(workspace.store, ObjectId(run.code.commit), Path(place))
        yield replace(workspace, directory=Path(place) / workspace.root)


def _same(created: CodeReference, now: CodeReference) -> bool:
    """Return whether the tracked files are the same; new files come and go as programs run."""
    if created.dirty is None and now.dirty is None:
        return True  # nobody can say: the digests of what the job names are all there is
    return (created.commit, created.diff) == (now.commit, now.diff)


def write_commit(store: Store, commit: ObjectId, directory: Path) -> None:
    """Write the files of a commit below a directory.

    Submodules are left out, and what would lead out of the directory.

    Raises:
        StoreError: a file cannot be read or written.
    """
    top = directory.resolve()
    for path, entry in walk_files(store, tree_of(store, commit)):
        target = top.joinpath(*path.split("/"))
        if entry.mode == MODE_GITLINK or path_fault(path) or not _is_below(target.parent, top):
            continue
        data = store.read(entry.id).data
        with write_errors("the job did not begin"):
            target.parent.mkdir(parents=True, exist_ok=True)
            if entry.mode == MODE_LINK:
                os.symlink(data.decode("utf-8", "surrogateescape"), target)
            else:
                mode = 0o755 if entry.mode == MODE_EXECUTABLE else 0o644
                create_file(str(target), [data], mode=mode, sync=False)


def _is_below(directory: Path, top: Path) -> bool:
    """Return whether a directory, its links followed, is inside another one."""
    return directory.resolve().is_relative_to(top)
