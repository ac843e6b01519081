"""`GIT_DIR` and `GIT_WORK_TREE`: whether they lead where the directory leads.

A repository is always found from the directory. Git obeys these variables instead, so where the
two disagree, a command would write into another repository than the `git` beside it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from gitexp.errors import NotAllowed, NotFound, StoreError
from gitexp.store.locations import Location, discover, locate


def refuse_overrides(environ: Mapping[str, str], directory: Path) -> None:
    """Refuse variables that name another repository or working tree than the directory is in.

    Raises:
        NotAllowed: one of them does.
    """
    found = _discovered(directory)
    if (named := environ.get("GIT_DIR")) and not any(
        found and _same(_common_dir(path), found.common_dir) for path in _meant(named, directory)
    ):
        raise _refusal("GIT_DIR", named, directory, found.git_dir if found else None)
    if (named := environ.get("GIT_WORK_TREE")) and not any(
        found and _same(path, found.worktree) for path in _meant(named, directory)
    ):
        raise _refusal("GIT_WORK_TREE", named, directory, found.worktree if found else None)


def _discovered(directory: Path) -> Location | None:
    try:
        return discover(directory)
    except NotFound:
        return None


def _meant(named: str, directory: Path) -> tuple[Path, Path]:
    """Return what a path means: a hook's is from where it started, a person's from `-C`."""
    return Path(os.path.abspath(named)), directory / named


def _common_dir(path: Path) -> Path | None:
    try:
        return locate(path).common_dir
    except (NotFound, StoreError):
        return None


def _same(path: Path | None, other: Path | None) -> bool:
    if path is None or other is None:
        return False
    return _canonical(path) == _canonical(other)


def _canonical(path: Path) -> str:
    return os.path.normcase(os.path.realpath(path))


def _refusal(variable: str, named: str, directory: Path, found: Path | None) -> NotAllowed:
    instead = f"is in {found}" if found else "has none"
    return NotAllowed(
        f"{variable} names {named}, but {directory} {instead}",
        hint=f"Run `unset {variable}`, or go to the place that it names with `gitexp -C DIR`.",
    )
