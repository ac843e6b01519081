"""Which branches are checked out, in the main working tree and in linked ones."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gitexp.store.locations import linked_worktree
from gitexp.store.refs import RefFiles


@dataclass(frozen=True, kw_only=True)
class Checkout:
    """One working tree and the branch that is checked out there.

    Attributes:
        git_dir: the directory with its `HEAD` and `index`.
        common_dir: the directory of the repository.
        worktree: the root of its files.
        branch: the full name of the branch.
    """

    git_dir: str
    common_dir: str
    worktree: str
    branch: str


def checkouts(common_dir: Path, main: Path | None, hash_length: int) -> Iterator[Checkout]:
    """Yield the working trees of a repository that have a branch checked out and still exist.

    Args:
        main: the root of the main working tree, or None in a bare repository.

    Raises:
        StoreError: a HEAD cannot be read, so nobody knows what is checked out there.
    """
    places = [(common_dir, main)]
    linked = common_dir / "worktrees"
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        for name in sorted(os.listdir(linked)):
            places.append((linked / name, linked_worktree(linked / name)))
    for git_dir, worktree in places:
        if worktree is None or not worktree.is_dir():
            continue
        refs = RefFiles(git_dir=git_dir, common_dir=common_dir, hash_length=hash_length)
        branch = refs.resolve("HEAD")
        if branch.startswith("refs/heads/"):
            yield Checkout(
                git_dir=str(git_dir),
                common_dir=str(common_dir),
                worktree=str(worktree),
                branch=branch,
            )
