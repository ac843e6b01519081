"""Reflogs: a line for each move of a reference, as Git would have written it.

They are written once the move is durable, and are a convenience: what goes wrong here does not
undo or fail a move that has happened.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Mapping

from gitexp.clock import SystemClock
from gitexp.store.files import (
    make_directories,
    remove_empty_parents,
    remove_empty_tree,
    unlink_if_there,
    write_all,
)
from gitexp.store.model import RefUpdate

_APPEND = os.O_WRONLY | os.O_APPEND | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_COMMITTER = re.compile(rb"^committer ([^\n]*<[^\n]*> \d+ [+-]\d{4})$", re.MULTILINE)
_FOLLOWED = ("refs/heads/", "refs/remotes/", "refs/notes/")


class Reflogs:
    """The reflogs of a repository.

    Args:
        policy: `core.logAllRefUpdates` as configured, or None.
        bare: whether the repository is bare, which then decides.
    """

    def __init__(self, *, git_dir: str, common_dir: str, policy: str | None, bare: bool) -> None:
        self._git_dir = git_dir
        self._common_dir = common_dir
        self._policy = (policy or ("false" if bare else "true")).lower()

    def append(self, name: str, update: RefUpdate, *, who: bytes) -> None:
        """Add a line for one move, if there is a log or there should be one."""
        width = len(update.new or update.old or "")
        old, new = (value or "0" * width for value in (update.old, update.new))
        text = " ".join(update.message.split())
        line = f"{old} {new} ".encode() + who + f"\t{text}\n".encode("utf-8", "replace")
        with contextlib.suppress(OSError):
            descriptor = self._open(name)
            try:
                write_all(descriptor, line)
            finally:
                os.close(descriptor)

    def delete(self, name: str) -> None:
        """Remove the log of a reference that is gone."""
        path = self._path(name)
        with contextlib.suppress(OSError):
            unlink_if_there(path)
            remove_empty_parents(path, os.path.join(self._common_dir, "logs", *name.split("/")[:2]))

    def _open(self, name: str) -> int:
        path = self._path(name)
        if not self._wanted(name):
            return os.open(path, _APPEND)
        make_directories(os.path.dirname(path))
        if os.path.isdir(path):
            remove_empty_tree(path)
        return os.open(path, _APPEND | os.O_CREAT, 0o666)

    def _path(self, name: str) -> str:
        top = self._common_dir if name.startswith("refs/") else self._git_dir
        return os.path.join(top, "logs", *name.split("/"))

    def _wanted(self, name: str) -> bool:
        if self._policy == "always":
            return True
        kept = name == "HEAD" or name.startswith(_FOLLOWED)
        return kept and self._policy in ("true", "yes", "on", "1")


def committer_line(commit: bytes) -> bytes | None:
    """Return identity and moment of a commit's committer, as a reflog has them, or None."""
    found = _COMMITTER.search(commit.split(b"\n\n", 1)[0])
    return found[1] if found else None


def identity_line(environ: Mapping[str, str], config: Callable[[str], str | None]) -> bytes:
    """Return who moves a reference now, as a reflog names them."""
    name = environ.get("GIT_COMMITTER_NAME") or config("user.name") or "gitexp"
    email = environ.get("GIT_COMMITTER_EMAIL") or config("user.email") or ""
    plain = "".join(c for c in f"{name}\n{email}" if c not in "<>\0\r").split("\n")
    stamp = f"{SystemClock().now().timestamp():.0f} +0000"
    return f"{plain[0]} <{plain[-1]}> {stamp}".encode("utf-8", "replace")
