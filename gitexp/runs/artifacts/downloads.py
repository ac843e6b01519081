"""Files written for a person: inside one directory, all at once, over nothing that is there."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from gitexp.documents.problems import MAX_PATH, shown
from gitexp.errors import AlreadyExists
from gitexp.store.files import (
    create_file,
    lstat_or_none,
    make_directories,
    remove_file,
    replace_file,
    write_errors,
)
from gitexp.store.lfs.pointers import Pointer
from gitexp.store.lfs.streams import hash_file, pieces_of
from gitexp.store.locks import link_exclusively

_OUTCOME = "the file was not written"


def is_written(directory: Path, path: str, pointer: Pointer) -> bool:
    """Return whether a file is there with its bytes; False when its place is free.

    Raises:
        AlreadyExists: something else is in its place or on the way to it.
    """
    with write_errors(_OUTCOME):
        *parents, name = path.split("/")
        place = directory
        for parent in parents:
            place = place / parent
            found = lstat_or_none(str(place))
            if found is None:
                return False
            if not stat.S_ISDIR(found.st_mode):
                raise _in_the_way(place, "is no directory")
        target = place / name
        found = lstat_or_none(str(target))
        if found is None:
            return False
        if not stat.S_ISREG(found.st_mode):
            raise _in_the_way(target, "is no file")
        with open(target, "rb") as file:
            if found.st_size != pointer.size or hash_file(file) != (pointer.oid, pointer.size):
                raise _in_the_way(target, "is there already with other content")
    return True


def write(directory: Path, path: str, content: IO[bytes], pointer: Pointer) -> Path:
    """Return the file that was written below a directory; one with the same bytes stays.

    Raises:
        AlreadyExists: something else is in its place or on the way to it.
        StoreError: it cannot be written.
    """
    target = directory.joinpath(*path.split("/"))
    with write_errors(_OUTCOME):
        _make_parents(directory, path)
        draft = str(target.parent / f".gitexp-{secrets.token_hex(6)}.part")
        create_file(draft, pieces_of(content), sync=False)
        with _removed(draft):
            while not is_written(directory, path, pointer):
                linked = link_exclusively(draft, str(target))
                if linked is None:
                    replace_file(draft, str(target))
    return target


def make_directory(path: Path) -> None:
    """Make a directory and those above it.

    Raises:
        StoreError: it cannot be made.
    """
    with write_errors(_OUTCOME):
        make_directories(str(path))


def _make_parents(directory: Path, path: str) -> None:
    """Make the directories above a file, one by one; a link among them is not followed."""
    place = directory
    for name in path.split("/")[:-1]:
        place = place / name
        with contextlib.suppress(FileExistsError):
            os.mkdir(place)
        found = lstat_or_none(str(place))
        if found is None or not stat.S_ISDIR(found.st_mode):
            raise _in_the_way(place, "is no directory")


@contextlib.contextmanager
def _removed(path: str) -> Iterator[None]:
    try:
        yield
    finally:
        remove_file(path)


def _in_the_way(path: Path, how: str) -> AlreadyExists:
    return AlreadyExists(
        f"{shown(str(path), MAX_PATH)} {how}; nothing was overwritten",
        hint="Move it away, or choose another directory with `--to DIR`.",
    )
