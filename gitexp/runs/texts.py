"""Texts that many runs share: the list of installed packages, what the code differed by.

They are kept by digest under `.git/gitexp/texts/` while runs go on, so that a run whose process
died is recorded with them, and stand once for all runs on a runs branch. They stay there until no
journal mentions them and a day has passed.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Collection
from datetime import timedelta
from pathlib import Path

from gitexp.documents import layout
from gitexp.ids import Digest
from gitexp.project.workspace import Workspace
from gitexp.runs.run import Run
from gitexp.store.files import (
    create_file,
    lstat_or_none,
    make_directories,
    read_error,
    remove_file,
    replace_file,
    write_errors,
)

_DIRECTORY = "texts"
_DRAFT = "draft-"


def digest_of_text(text: bytes) -> Digest:
    """Return the digest by which a text is known."""
    return Digest("sha256:" + hashlib.sha256(text).hexdigest())


def keep(workspace: Workspace, text: bytes) -> Digest:
    """Return the digest of a text, which is kept until the runs that need it are recorded.

    Raises:
        StoreError: it cannot be written.
    """
    digest = digest_of_text(text)
    path = _path(workspace, digest)
    if path is None:
        workspace.cache.memo(f"text/{digest}", lambda: text)
        return digest
    with write_errors():
        if not _is_there(path, text):
            _write(path, text)
        moment = workspace.surroundings.clock.now().timestamp()
        try:
            # It is too young now for whoever discards.
            os.utime(path, (moment, moment))
        except FileNotFoundError:
            _write(path, text)
    return digest


def _is_there(path: Path, text: bytes) -> bool:
    """Return whether a file has these bytes; a power cut may have left less of it."""
    try:
        return path.stat().st_size == len(text) and path.read_bytes() == text
    except FileNotFoundError:
        return False


def _write(path: Path, text: bytes) -> None:
    draft = str(path.parent / f"{_DRAFT}{secrets.token_hex(6)}")
    make_directories(str(path.parent))
    create_file(draft, [text], sync=False)
    try:
        replace_file(draft, str(path))
    except BaseException:
        remove_file(draft)
        raise


def discard(workspace: Workspace, mentioned: Collection[str], older_than: timedelta) -> list[str]:
    """Return the names of the texts that were removed: old, and not among those mentioned.

    Args:
        mentioned: digests without their algorithm.

    Raises:
        StoreError: the directory cannot be read.
    """
    private = workspace.store.private_dir
    directory = private / _DIRECTORY if private is not None else None
    if directory is None or not directory.is_dir():
        return []
    limit = (workspace.surroundings.clock.now() - older_than).timestamp()
    with write_errors("some texts are still there"):
        names = [name for name in sorted(os.listdir(directory)) if name not in mentioned]
        found = ((name, lstat_or_none(str(directory / name))) for name in names)
        stale = [name for name, stat in found if stat is not None and stat.st_mtime < limit]
        for name in stale:
            remove_file(str(directory / name))
    return stale


def of_run(workspace: Workspace, run: Run) -> dict[str, bytes]:
    """Return the texts of a run by their paths on the runs branch; one that is gone is left out."""
    wanted: dict[str, str] = {}
    if run.machine.packages:
        wanted[layout.packages_path(run.machine.packages)] = run.machine.packages
    if run.code.diff:
        wanted[layout.diff_path(run.code.diff)] = run.code.diff
    found = {path: _read(workspace, Digest(digest)) for path, digest in wanted.items()}
    return {path: text for path, text in found.items() if text is not None}


def _read(workspace: Workspace, digest: Digest) -> bytes | None:
    path = _path(workspace, digest)
    if path is None:
        text: bytes | None = workspace.cache.memo(f"text/{digest}", lambda: None)
        return text
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise read_error(exc, str(path)) from exc
    # A power cut may have left less of it.
    return text if digest_of_text(text) == digest else None


def _path(workspace: Workspace, digest: Digest) -> Path | None:
    private = workspace.store.private_dir
    return private / _DIRECTORY / digest.removeprefix("sha256:") if private is not None else None
