"""Files of the working tree as Git stores them: with the line endings of the repository."""

from __future__ import annotations

import os

from gitexp.project.workspace import Workspace

_CRLF = b"\r\n"


def as_stored(workspace: Workspace, path: str, data: bytes, *, before: bytes | None) -> bytes:
    """Return the bytes of a file of the working tree as `git add` would store them.

    Args:
        path: the file's path in the repository.
        before: what is stored there now; a text that has CRLF there keeps them, where nobody
            said what it is.
    """
    if _CRLF not in data:
        return data
    from gitexp.store.attributes import Attributes
    from gitexp.store.disk import DiskStore
    from gitexp.store.gitconfig import GitConfig, Place

    store = workspace.store
    if not isinstance(store, DiskStore) or store.worktree is None:
        return data
    place = Place(
        git_dir=str(store.git_dir),
        common_dir=str(store.common_dir),
        branch=lambda: store.head().branch,
    )
    config = GitConfig(place, workspace.surroundings.environ)
    worktree = os.path.realpath(store.worktree)
    conversion = Attributes(worktree, str(store.common_dir), config).conversion(path)
    if conversion.text == "auto" and before is not None and _CRLF in before:
        return data
    return conversion.to_blob(data)
