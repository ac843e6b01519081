"""Texts that many runs share: the list of installed packages, what the code differed by.

They are kept by digest under `.git/gitexp/texts/` while runs go on, so that a run whose process
died is recorded with them, and stand once for all runs on a runs branch.
"""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path

from gitexp.documents import layout
from gitexp.ids import Digest
from gitexp.project.workspace import Workspace
from gitexp.runs.run import Run
from gitexp.store.files import create_file, make_directories, write_errors


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
    elif not path.exists():
        with write_errors(), contextlib.suppress(FileExistsError):
            make_directories(str(path.parent))
            create_file(str(path), [text], sync=False)
    return digest


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
    # A power cut may have left less of it.
    return text if digest_of_text(text) == digest else None


def _path(workspace: Workspace, digest: Digest) -> Path | None:
    private = workspace.store.private_dir
    return private / "texts" / digest.removeprefix("sha256:") if private is not None else None
