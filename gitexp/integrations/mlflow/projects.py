"""Projects that this process has open: one for each address, shared by all threads."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from pathlib import Path

from gitexp.integrations.mlflow.addresses import address_of, parse_address
from gitexp.project.workspace import Workspace
from gitexp.repository import Repository
from gitexp.surroundings import Surroundings


@dataclass(frozen=True, kw_only=True)
class OpenProject:
    """A project, and what it is known by.

    Attributes:
        address: an absolute address of it.
        reading: held by whoever uses more of the workspace than journals, one at a time.
    """

    workspace: Workspace
    address: str
    reading: threading.RLock


_open: dict[tuple[Path, str | None, int], OpenProject] = {}
_lock = threading.Lock()


def open_project(uri: str) -> OpenProject:
    """Return the project at an address, opened once in each process.

    Raises:
        InvalidInput: it is no address.
        NotFound: there is no project.
    """
    given = parse_address(uri)
    around = Surroundings.of_process()
    directory = (around.directory / given.directory).absolute()
    # A forked process has a project of its own: open connections do not survive a fork.
    key = (directory, given.project, os.getpid())
    with _lock:
        found = _open.get(key)
        if found is None:
            workspace = Repository.open(
                directory, project=given.project, surroundings=around
            ).workspace
            found = _open[key] = OpenProject(
                workspace=workspace,
                address=address_of(workspace.directory or directory, given.project),
                reading=threading.RLock(),
            )
        return found


def _forked() -> None:
    global _lock
    _lock = threading.Lock()
    _open.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
