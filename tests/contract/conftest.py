"""Every implementation of a store, one after the other."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import pytest

from gitexp.ids import ObjectId
from gitexp.store.memory import MemoryStore
from gitexp.store.model import RawObject
from gitexp.store.protocol import Store


class Tampering(Protocol):
    """What a careless disk does to an object, behind the store's back."""

    def change(self, object_id: ObjectId) -> None:
        """Give an object other bytes than its name says."""
        ...

    def remove(self, object_id: ObjectId) -> None:
        """Lose an object."""
        ...


class MemoryTampering:
    """Tampers with a store in memory."""

    def __init__(self, store: MemoryStore) -> None:
        self._objects = store.objects

    def change(self, object_id: ObjectId) -> None:
        old = self._objects[object_id]
        self._objects[object_id] = RawObject(id=old.id, kind=old.kind, data=old.data + b"!")

    def remove(self, object_id: ObjectId) -> None:
        del self._objects[object_id]


class DiskTampering:
    """Tampers with the loose objects of a repository."""

    def __init__(self, objects: Path) -> None:
        self._objects = objects

    def change(self, object_id: ObjectId) -> None:
        path = self._path(object_id)
        content = zlib.decompress(path.read_bytes())
        path.chmod(0o644)
        path.write_bytes(zlib.compress(content[:-1] + b"!"))

    def remove(self, object_id: ObjectId) -> None:
        self._path(object_id).unlink()

    def _path(self, object_id: ObjectId) -> Path:
        return self._objects / object_id[:2] / object_id[2:]


IMPLEMENTATIONS = ["memory"] + (["disk"] if find_spec("gitexp.store.disk") else [])


@pytest.fixture(params=IMPLEMENTATIONS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty store whose HEAD names the branch `main`."""
    if request.param == "memory":
        yield MemoryStore()
        return
    from gitexp.store.disk import DiskStore

    with DiskStore.init(tmp_path / "repository", branch="main") as disk:
        yield disk


@pytest.fixture
def tampering(store: Any) -> Tampering:
    """A way to harm the objects of the store under test."""
    if isinstance(store, MemoryStore):
        return MemoryTampering(store)
    return DiskTampering(Path(store.common_dir) / "objects")
