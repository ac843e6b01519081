"""Few packs: a repository that is written to again and again is tidied up as it grows.

Every write of more than a few objects is a pack of its own, and every lookup goes through all
packs. So once there are some tens of them, `git repack --geometric` joins the small ones: the packs
that remain are each at least twice as large as the next, so an object is copied only a few times
in its life. Nothing is dropped, reachable or not. Without the program, or where packs mean more
than their objects (a partial clone, alternates), this is left to `git gc`.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from pathlib import Path

from gitexp.store.durable import DRAFT
from gitexp.store.files import remove_file

MOST_PACKS = 50
"""How many packs there may be, as many as Git's own `gc.autoPackLimit`."""

_COMMAND = (
    *("-c", "core.fsync=all", "repack", "-d", "--quiet"),
    *("--geometric=2", "--no-write-bitmap-index"),
)


def tidy_up(objects: Path, environ: Mapping[str, str]) -> bool:
    """Remove what a power cut left of a write, and join packs as `consolidate` does.

    The caller holds the repository lock, so nobody writes what is removed. A process that was
    killed leaves a log that says what to remove; a power cut may take that away.

    Args:
        objects: the directory of its objects.
    """
    names = _names(objects)
    for name in names:
        if name.startswith(DRAFT):
            remove_file(str(objects / "pack" / name))
    return _joined(objects, names, environ)


def consolidate(objects: Path, environ: Mapping[str, str]) -> bool:
    """Join the small packs of a repository when there are many; returns whether it was done.

    Args:
        objects: the directory of its objects.
    """
    return _joined(objects, _names(objects), environ)


def _joined(objects: Path, names: Collection[str], environ: Mapping[str, str]) -> bool:
    if sum(name.endswith(".pack") for name in names) <= MOST_PACKS or _is_left_alone(
        objects, names
    ):
        return False
    from gitexp.store.git_program import GitProgram, find_git

    program = find_git(environ)
    if program is None:
        return False
    git = GitProgram(path=program, directory=objects.parent, environ=environ)
    return git.run(*_COMMAND).code == 0


def _is_left_alone(objects: Path, names: Collection[str]) -> bool:
    """Return whether packs mean more than their objects: in a partial clone, with alternates."""
    partial = any(name.endswith(".promisor") for name in names)
    return partial or (objects / "info" / "alternates").exists()


def _names(objects: Path) -> list[str]:
    try:
        return os.listdir(objects / "pack")
    except (FileNotFoundError, NotADirectoryError):
        return []
