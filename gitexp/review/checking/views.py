"""The shared remote as it stands, seen from a clone: its references with the clone's objects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from gitexp.errors import StoreError
from gitexp.ids import ObjectId
from gitexp.store.model import Head, NewObject, RawObject, RefUpdate
from gitexp.store.protocol import Store


class RemoteView:
    """The objects of a clone and the references of its remote; nothing can be written."""

    def __init__(self, store: Store, references: Mapping[str, ObjectId]) -> None:
        """Hold a clone and where the references of the remote stand, by their full names."""
        self._store = store
        self._references = dict(sorted(references.items()))

    @property
    def hash_length(self) -> int:
        """Length of an object id in hexadecimal digits."""
        return self._store.hash_length

    @property
    def private_dir(self) -> Path | None:
        """A directory of its own for derived data, since the clone sees other references."""
        own = self._store.private_dir
        return own / "remote" if own is not None else None

    def read(self, object_id: ObjectId, *, limit: int | None = None) -> RawObject:
        """Return an object of the clone."""
        return self._store.read(object_id, limit=limit)

    def pieces(self, object_id: ObjectId, *, limit: int | None = None) -> Iterator[bytes]:
        """Return the bytes of an object in pieces, all of them checked before this returns."""
        return self._store.pieces(object_id, limit=limit)

    def has(self, object_id: ObjectId) -> bool:
        """Return whether an object is in the clone."""
        return self._store.has(object_id)

    def find_prefix(self, prefix: str) -> list[ObjectId]:
        """Return the ids that begin with at least 4 hexadecimal digits, sorted."""
        return self._store.find_prefix(prefix)

    def ref(self, name: str) -> ObjectId | None:
        """Return what a reference of the remote points at."""
        return self._references.get(name)

    def refs(self, prefix: str) -> dict[str, ObjectId]:
        """Return the references of the remote whose full names begin with `prefix`."""
        return {name: tip for name, tip in self._references.items() if name.startswith(prefix)}

    def head(self) -> Head:
        """Return that nothing is checked out."""
        return Head(branch=None, commit=None)

    def checked_out(self, ref: str) -> bool:
        """Return that no branch is checked out."""
        return False

    def config(self, key: str) -> str | None:
        """Return nothing: the configuration of a clone says nothing about its remote."""
        return None

    def is_shallow(self) -> bool:
        """Return whether history was cut off in the clone."""
        return self._store.is_shallow()

    def exclusive(self) -> AbstractContextManager[None]:
        """Refuse: a remote is only looked at."""
        raise _read_only()

    def apply(self, objects: Sequence[NewObject], updates: Sequence[RefUpdate]) -> None:
        """Refuse, as `exclusive` does."""
        raise _read_only()


def _read_only() -> StoreError:
    return StoreError("a change is checked, and nothing is written")
