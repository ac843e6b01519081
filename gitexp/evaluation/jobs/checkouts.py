"""The code that a job was created with: the working tree where it is still that, else a copy."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from gitexp.errors import Conflict
from gitexp.evaluation.running.exact import as_at_commit
from gitexp.ids import ObjectId
from gitexp.project.reading import current_project
from gitexp.project.workspace import Workspace
from gitexp.runs.circumstances import circumstances_of
from gitexp.runs.masking import secrets_among
from gitexp.runs.run import CodeReference, Run


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
    with as_at_commit(workspace, ObjectId(run.code.commit)) as found:
        yield found


def _same(created: CodeReference, now: CodeReference) -> bool:
    """Return whether the tracked files are the same; new files come and go as programs run."""
    if created.dirty is None and now.dirty is None:
        return True  # nobody can say: the digests of what the job names are all there is
    return (created.commit, created.diff) == (now.commit, now.diff)
