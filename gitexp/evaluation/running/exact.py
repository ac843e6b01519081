"""Everything as it stood at a version: its files, in a directory of their own for a while."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from gitexp.errors import NotAllowed
from gitexp.experiments.versions import resolve_version
from gitexp.ids import ObjectId
from gitexp.project.workspace import Workspace
from gitexp.store.files import write_errors
from gitexp.store.model import MODE_EXECUTABLE
from gitexp.store.trees import tree_of, walk_files

MAX_FILE_BYTES = 2**30
"""The largest file that is written out."""


@contextmanager
def working_tree_of(
    workspace: Workspace, experiment: str, revision: str, *, exact: bool
) -> Iterator[Workspace]:
    """Yield the workspace whose files an evaluation uses: its own, or those of the version."""
    if not exact:
        yield workspace
        return
    with as_at_version(workspace, experiment, revision) as found:
        yield found


@contextmanager
def as_at_version(workspace: Workspace, experiment: str, revision: str) -> Iterator[Workspace]:
    """Yield the workspace with a working tree that holds the files of a version.

    Raises:
        NotFound: there is no such version.
        NotAllowed: the version cannot be written out here; see `as_at_commit`.
    """
    version = resolve_version(workspace, experiment, revision).version
    with as_at_commit(workspace, version) as found:
        yield found


@contextmanager
def as_at_commit(workspace: Workspace, commit: ObjectId) -> Iterator[Workspace]:
    """Yield the workspace with a working tree that holds the project's files at a commit.

    The directory is temporary and gone when the block is left; the repository is the same. Links
    and submodules are not written.

    Raises:
        NotAllowed: the commit cannot be written out here.
        StoreError: a file cannot be read or written.
    """
    with write_errors("nothing was run"):
        place = tempfile.TemporaryDirectory(prefix="gitexp-exact-", ignore_cleanup_errors=True)
    with place as name:
        directory = Path(name).resolve() / (workspace.root or "project")
        with write_errors("nothing was run"):
            _write(workspace, commit, directory)
        yield replace(workspace, directory=directory)


def _write(workspace: Workspace, commit: ObjectId, directory: Path) -> None:
    """Write the files of the project at a commit."""
    store, top = workspace.store, directory
    prefix = f"{workspace.root}/" if workspace.root else ""
    top.mkdir(parents=True)
    for path, entry in walk_files(store, tree_of(store, commit), workspace.root):
        if not entry.is_file:
            continue
        target = top / path.removeprefix(prefix)
        if not target.resolve().is_relative_to(top):
            raise NotAllowed(f"{path} at commit {commit} leads out of its directory")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(store.read(entry.id, limit=MAX_FILE_BYTES).data)
        if entry.mode == MODE_EXECUTABLE:
            os.chmod(target, 0o755)
