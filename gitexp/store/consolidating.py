"""Few packs: a repository that is written to again and again is tidied up as it grows.

Every write of more than a few objects is a pack of its own, and every lookup goes through all
packs. So once there are some tens of them, `git repack --geometric` joins the small ones: the packs
that remain are each at least twice as large as the next, so an object is copied only a few times
in its life. Nothing is dropped, reachable or not. Without the program, or where packs mean more
than their objects (a partial clone, alternates), this is left to `git gc`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

MOST_PACKS = 50
"""How many packs there may be, as many as Git's own `gc.autoPackLimit`."""

_COMMAND = (
    *("-c", "core.fsync=all", "repack", "-d", "--quiet"),
    *("--geometric=2", "--no-write-bitmap-index"),
)


def consolidate(objects: Path, environ: Mapping[str, str]) -> bool:
    """Join the small packs of a repository when there are many; returns whether it was done.

    Args:
        objects: the directory of its objects.
    """
    if _packs(objects) <= MOST_PACKS or (objects / "info" / "alternates").exists():
        return False
    from gitexp.store.git_program import GitProgram, find_git

    program = find_git(environ)
    if program is None:
        return False
    git = GitProgram(path=program, directory=objects.parent, environ=environ)
    return git.run(*_COMMAND).code == 0


def _packs(objects: Path) -> int:
    """Return how many packs could be joined: none of a partial clone's."""
    try:
        names = os.listdir(objects / "pack")
    except (FileNotFoundError, NotADirectoryError):
        return 0
    if any(name.endswith(".promisor") for name in names):
        return 0
    return sum(name.endswith(".pack") for name in names)
