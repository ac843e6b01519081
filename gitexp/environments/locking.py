"""Locking: pinning what is live in environments, in the lock file of the working tree."""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from pathlib import Path

from gitexp.documents import layout
from gitexp.environments.binding import UNREADABLE
from gitexp.environments.branches import environment_name, names_with_branches
from gitexp.environments.live import live_snapshot, present_snapshot
from gitexp.environments.lockfile import LockEntry, encode_lock, read_lock
from gitexp.errors import NotAllowed, NotBound
from gitexp.project.workspace import Workspace
from gitexp.store.files import create_file, remove_file, replace_file, sync_directory, write_errors


def lock(workspace: Workspace, names: Sequence[str] = ()) -> Path:
    """Return the path of the lock file, in which these environments are now pinned.

    They are pinned to what is live as last fetched; without names, every environment is where a
    version is bound or flags are published, except those whose branch cannot be read
    (`list_environments` tells which). Entries of other environments stay. The file is replaced
    whole or not at all.

    Raises:
        NotFound: there is no such environment.
        NotBound: nothing is bound to one of them and no flag published there, or without names,
            so it is with every environment.
        NotAllowed: the repository has no working tree.
        InvalidDocuments: the file that is there is not valid, or the branch of an environment
            that is named cannot be read.
    """
    if workspace.directory is None:
        raise NotAllowed(
            f"{layout.LOCK_FILE} needs a working tree, and this repository is bare",
            hint="Clone it, and lock there.",
        )
    checked = [environment_name(name) for name in names]
    added = {str(name): LockEntry.of(present_snapshot(workspace, name)) for name in checked}
    entries = read_lock(workspace, committed=False) | (added or _all_live(workspace))
    path = workspace.directory / layout.LOCK_FILE
    _replace(path, encode_lock(workspace, entries))
    return path


def _all_live(workspace: Workspace) -> dict[str, LockEntry]:
    found = {}
    for name in names_with_branches(workspace):
        try:
            snapshot = live_snapshot(workspace, name)
        except UNREADABLE:
            continue
        if snapshot and (snapshot.binding.bound or snapshot.flags):
            found[str(name)] = LockEntry.of(snapshot)
    if not found:
        raise NotBound(
            f"no environment of project {workspace.project_id!r} can be pinned: "
            "no version is bound to any, and no flag published",
            hint="Bind one with `gitexp promote EXPERIMENT ENVIRONMENT`, or bring over what "
            "others bound with `gitexp fetch`.",
        )
    return found


def _replace(path: Path, data: bytes) -> None:
    """Put bytes in the place of a file in one step; what was there stays where that fails."""
    temporary = str(path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp"))
    with write_errors(f"{path.name} was left as it was"):
        create_file(temporary, [data], mode=_mode(path))
        try:
            replace_file(temporary, str(path))
        except OSError:
            remove_file(temporary)
            raise
        sync_directory(str(path.parent))


def _mode(path: Path) -> int:
    """Return the permissions that the file has, or those that a new one asks for."""
    try:
        return os.stat(path).st_mode & 0o777
    except FileNotFoundError:
        return 0o666
