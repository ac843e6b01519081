"""Putting the files of a repository right: damaged ones are set aside, never deleted."""

from __future__ import annotations

import os
import zlib
from pathlib import Path

from gitexp.store.disk import DiskStore
from gitexp.store.files import (
    create_file,
    make_directories,
    replace_file,
    sync_directory,
    write_errors,
)
from gitexp.store.model import RawObject
from gitexp.store.objectfiles import loose_path

_ASIDE = "quarantine"
_OBJECT_MODE = 0o444


def set_aside(store: DiskStore, path: Path) -> Path:
    """Return where a file of the repository is now, out of the way of every reader.

    Raises:
        StoreError: it cannot be moved.
    """
    directory = store.private_dir / _ASIDE
    with write_errors("the file is where it was"):
        make_directories(str(directory))
        name = "-".join(path.parts[-2:])
        target = directory / name
        number = 1
        while target.exists():
            number += 1
            target = directory / f"{name}.{number}"
        replace_file(str(path), str(target))
        sync_directory(str(path.parent))
    return target


def write_object(store: DiskStore, raw: RawObject) -> None:
    """Write an object to a file of its own, durably, even where a damaged copy is in a pack.

    Raises:
        StoreError: it cannot be written.
    """
    top = str(store.common_dir / "objects")
    path = loose_path(top, raw.id)
    draft = f"{path}.{os.getpid()}.mending"
    header = f"{raw.kind} {len(raw.data)}\0".encode()
    with write_errors("the object was not written"):
        make_directories(os.path.dirname(path))
        create_file(draft, [zlib.compress(header + raw.data)], mode=_OBJECT_MODE)
        replace_file(draft, path)
        sync_directory(os.path.dirname(path))
