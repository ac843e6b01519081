"""The commits at which the history of a repository was cut off, in the file `shallow`."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from gitexp.errors import RepositoryBusy
from gitexp.ids import ObjectId, is_object_id
from gitexp.store.files import (
    create_file,
    read_file,
    replace_file,
    sync_directory,
    unlink_if_there,
    write_errors,
)

if TYPE_CHECKING:
    from gitexp.store.disk import DiskStore


def read_shallow(common_dir: Path) -> set[ObjectId]:
    """Return the commits whose parents are left out; none in a complete repository."""
    text = (read_file(str(common_dir / "shallow")) or b"").decode("ascii", "replace")
    return {ObjectId(line) for line in text.split() if is_object_id(line)}


def shallow_is_intact(common_dir: Path) -> bool:
    """Return whether the file is absent or holds commit ids alone."""
    text = (read_file(str(common_dir / "shallow")) or b"").decode("ascii", "replace")
    return all(map(is_object_id, text.split()))


def update_shallow(
    store: DiskStore, cut: Collection[ObjectId], restored: Collection[ObjectId]
) -> None:
    """Add the commits where history is newly cut off and remove those where it goes on again.

    Raises:
        RepositoryBusy: another process holds the repository's lock, or git that of the file.
        StoreError: the file cannot be written.
    """
    if not cut and not restored:
        return
    with store.exclusive(), write_errors("the fetch was not finished"):
        commits = (read_shallow(store.common_dir) | set(cut)) - set(restored)
        _write(store.common_dir, commits)


def _write(common_dir: Path, commits: Collection[ObjectId]) -> None:
    path = str(common_dir / "shallow")
    # Git's lock is respected and not taken: a lock file would outlive a killed process.
    if os.path.lexists(f"{path}.lock"):
        raise RepositoryBusy(
            f"another git process holds {path}.lock",
            hint="Wait until it has finished; when none is running, remove the file.",
        )
    draft = str(common_dir / "shallow.gitexp-draft")
    unlink_if_there(draft)
    create_file(draft, ["".join(f"{commit}\n" for commit in sorted(commits)).encode()])
    if commits:
        replace_file(draft, path)
    else:
        unlink_if_there(path)
        unlink_if_there(draft)
    sync_directory(str(common_dir))
