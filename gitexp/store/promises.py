"""Objects that a partial clone left out: its remote has promised to send them when asked.

They are fetched by the `git` program, one by one as they are read, because it knows how to reach
the remote and what to promise on in turn. Without the program, or without its PATH in the
environment that the store was opened with, they stay missing.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

from gitexp.errors import GitexpError, RemoteError, StoreError
from gitexp.ids import ObjectId, is_object_id
from gitexp.store.git_program import find_git
from gitexp.store.gitconfig import GitConfig, parse_bool
from gitexp.store.shallow import read_shallow

if TYPE_CHECKING:
    from gitexp.store.disk import DiskStore

_EXTENSION = "extensions.partialclone"
_PREFIX, _SUFFIX = "remote.", ".promisor"


class Promises:
    """What the remotes of one repository have promised to send."""

    def __init__(self, store: DiskStore, environ: Mapping[str, str], config: GitConfig) -> None:
        self._store = store
        self._environ = environ
        self._config = config
        self._broken: set[str] = set()

    def remotes(self) -> list[str]:
        """Return the names of the remotes that have promised something; none in a full clone."""
        settings = self._config.settings()
        names = [value for key, value in settings if key == _EXTENSION]
        names += [
            key[len(_PREFIX) : -len(_SUFFIX)]
            for key, value in settings
            if key.startswith(_PREFIX) and key.endswith(_SUFFIX) and parse_bool(value, False)
        ]
        return [name for name in dict.fromkeys(names) if name and not name.startswith("-")]

    def keep(self, object_id: ObjectId) -> bool:
        """Return whether a remote has just sent an object that was left out.

        A remote that cannot be reached is not asked a second time.
        """
        if not is_object_id(object_id) or "GIT_NO_LAZY_FETCH" in self._environ:
            return False
        names = [name for name in self.remotes() if name not in self._broken]
        if not names or not self._has_git() or self._is_cut_off(object_id):
            return False
        return any(self._sends(name, object_id) for name in names)

    def _has_git(self) -> bool:
        return bool(self._environ.get("PATH")) and find_git(self._environ) is not None

    def _sends(self, name: str, object_id: ObjectId) -> bool:
        from gitexp.store.git_remote import GitRemote
        from gitexp.store.remotes import open_remote

        try:
            remote = open_remote(self._store, name, environ=self._environ, prefer="git")
            assert isinstance(remote, GitRemote)
            remote.fetch_promised(object_id)
        except RemoteError:
            self._broken.add(name)
            return False
        except GitexpError:
            return False
        return True

    def _is_cut_off(self, object_id: ObjectId) -> bool:
        """Return whether an object was left out for another reason: history ends before it."""
        line = f"parent {object_id}\n".encode()
        for commit in read_shallow(self._store.common_dir):
            # What is not here itself must not be fetched for this question.
            with contextlib.suppress(StoreError):
                if self._store.has(commit) and line in self._store.read(commit).data:
                    return True
        return False
