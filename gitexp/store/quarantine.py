"""A repository with what is being pushed to it, as a pre-receive hook sees both.

Git keeps the objects of a push in a directory of their own until the hook has accepted them
(`git help receive-pack`, "quarantine environment"); references still stand as before the push.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from gitexp.errors import MissingObject, StoreError
from gitexp.ids import ObjectId
from gitexp.store.disk import DiskStore
from gitexp.store.model import Head, NewObject, RawObject, RefUpdate
from gitexp.store.objectfiles import ObjectFiles
from gitexp.store.protocol import Store


class QuarantinedStore:
    """The objects of a repository and of a push to it; nothing can be written."""

    def __init__(self, store: Store, pushed: Path) -> None:
        """Hold a repository and the directory of the objects that are pushed."""
        self._store = store
        self._pushed = ObjectFiles(pushed, store.hash_length)

    @property
    def hash_length(self) -> int:
        """Length of an object id in hexadecimal digits."""
        return self._store.hash_length

    @property
    def private_dir(self) -> Path | None:
        """The repository's directory for derived data."""
        return self._store.private_dir

    def read(self, object_id: ObjectId, *, limit: int | None = None) -> RawObject:
        """Return an object that was pushed, or else one of the repository."""
        try:
            return self._pushed.read(object_id, limit=limit)
        except MissingObject:
            return self._store.read(object_id, limit=limit)

    def pieces(self, object_id: ObjectId, *, limit: int | None = None) -> Iterator[bytes]:
        """Return the bytes of an object in pieces, all of them checked before this returns."""
        here = self._pushed.has(object_id)
        return (self._pushed if here else self._store).pieces(object_id, limit=limit)

    def has(self, object_id: ObjectId) -> bool:
        """Return whether an object was pushed or is in the repository."""
        return self._pushed.has(object_id) or self._store.has(object_id)

    def find_prefix(self, prefix: str) -> list[ObjectId]:
        """Return the ids that begin with at least 4 hexadecimal digits, sorted."""
        known = self._store.find_prefix(prefix)
        return sorted({*known, *self._pushed.with_prefix(prefix)})

    def ref(self, name: str) -> ObjectId | None:
        """Return what a reference pointed at before the push."""
        return self._store.ref(name)

    def refs(self, prefix: str) -> dict[str, ObjectId]:
        """Return the references before the push whose full names begin with `prefix`."""
        return self._store.refs(prefix)

    def head(self) -> Head:
        """Return where HEAD points."""
        return self._store.head()

    def checked_out(self, ref: str) -> bool:
        """Return whether a branch is checked out in any working tree."""
        return self._store.checked_out(ref)

    def config(self, key: str) -> str | None:
        """Return the last value of a configuration key of the repository."""
        return self._store.config(key)

    def is_shallow(self) -> bool:
        """Return whether history was cut off."""
        return self._store.is_shallow()

    def exclusive(self) -> AbstractContextManager[None]:
        """Refuse: what is being pushed is only looked at."""
        raise _read_only()

    def apply(self, objects: Sequence[NewObject], updates: Sequence[RefUpdate]) -> None:
        """Refuse, as `exclusive` does."""
        raise _read_only()


def _read_only() -> StoreError:
    return StoreError("a push is looked at while it is received, and nothing is written")


def received(store: DiskStore, environ: Mapping[str, str]) -> Store:
    """Return a repository with the objects of the push whose hook this environment is of."""
    pushed = environ.get("GIT_QUARANTINE_PATH")
    return QuarantinedStore(store, Path(pushed)) if pushed else store
