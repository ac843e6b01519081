"""A store in memory, for tests and for trying things out; it behaves as the one on disk does."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from gitexp.errors import (
    DamagedObject,
    InvalidInput,
    MissingObject,
    RefChanged,
    RepositoryBusy,
    StoreError,
)
from gitexp.ids import ObjectId
from gitexp.store.model import Head, NewObject, RawObject, RefUpdate
from gitexp.store.objects import hash_object
from gitexp.store.refnames import ref_name_fault

_LONGEST_SYMBOLIC_CHAIN = 5


class MemoryStore:
    """Objects and references in dictionaries, behind a real lock.

    Attributes:
        objects: every object by its id.
        symbolic: symbolic references by name, `HEAD` among them unless it is detached.
    """

    def __init__(
        self,
        *,
        branch: str = "main",
        config: Mapping[str, str] | None = None,
        hash_length: int = 40,
        shallow: bool = False,
        lock_timeout: float = 30.0,
    ) -> None:
        self.objects: dict[ObjectId, RawObject] = {}
        self.symbolic: dict[str, str] = {"HEAD": f"refs/heads/{branch}"}
        self._refs: dict[str, ObjectId] = {}
        self._config = dict(config or {})
        self._hash_length = hash_length
        self._shallow = shallow
        self._lock = threading.Lock()
        self._lock_timeout = lock_timeout
        self._holder: int | None = None

    @property
    def hash_length(self) -> int:
        """Length of an object id in hexadecimal digits."""
        return self._hash_length

    @property
    def private_dir(self) -> Path | None:
        """None: nothing of this store is on disk."""
        return None

    def read(self, object_id: ObjectId, *, limit: int | None = None) -> RawObject:
        """Return an object whose bytes were checked against its id; raises as `Store` says."""
        raw = self.objects.get(object_id)
        if raw is None:
            raise MissingObject(f"object {object_id} is not in this repository")
        if limit is not None and len(raw.data) > limit:
            raise InvalidInput(f"object {object_id} holds {len(raw.data)} bytes, over {limit}")
        if hash_object(raw.kind, raw.data, hash_length=self._hash_length) != object_id:
            raise DamagedObject(f"the bytes of object {object_id} are not what its name says")
        return raw

    def pieces(self, object_id: ObjectId, *, limit: int | None = None) -> Iterator[bytes]:
        """Return the bytes of an object in one piece; raises as `Store` says."""
        return self.read(object_id, limit=limit).pieces()

    def has(self, object_id: ObjectId) -> bool:
        """Return whether an object is in this store."""
        return object_id in self.objects

    def find_prefix(self, prefix: str) -> list[ObjectId]:
        """Return the ids that begin with at least 4 hexadecimal digits, sorted."""
        if len(prefix) < 4:
            raise InvalidInput(f"{prefix!r} is too short for the beginning of an object id")
        return sorted(found for found in self.objects if found.startswith(prefix))

    def ref(self, name: str) -> ObjectId | None:
        """Return what a full reference name points at, symbolic references followed, or None."""
        return self._refs.get(self._resolve(name))

    def _resolve(self, name: str) -> str:
        seen = name
        for _ in range(_LONGEST_SYMBOLIC_CHAIN):
            if seen not in self.symbolic:
                return seen
            seen = self.symbolic[seen]
        raise StoreError(f"the symbolic reference {name!r} leads in a circle")

    def refs(self, prefix: str) -> dict[str, ObjectId]:
        """Return the references whose full names begin with `prefix`, sorted by name."""
        names = {*self._refs, *self.symbolic}
        found = {name: self.ref(name) for name in sorted(names) if name.startswith("refs/")}
        return {
            name: value
            for name, value in found.items()
            if value is not None and name.startswith(prefix)
        }

    def head(self) -> Head:
        """Return where HEAD points."""
        target = self.symbolic.get("HEAD")
        branch = target.removeprefix("refs/heads/") if target else None
        return Head(branch=branch, commit=self.ref("HEAD"))

    def detach_head(self, commit: ObjectId) -> None:
        """Point HEAD at a commit instead of a branch."""
        self.symbolic.pop("HEAD", None)
        self._refs["HEAD"] = commit

    def checked_out(self, ref: str) -> bool:
        """Return False: a store in memory has no working tree."""
        return False

    def config(self, key: str) -> str | None:
        """Return the value given for a configuration key, or None."""
        return self._config.get(key)

    def is_shallow(self) -> bool:
        """Return whether this store was made as a shallow one."""
        return self._shallow

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the lock of this store; raises `RepositoryBusy` as `Store` says."""
        me = threading.get_ident()
        if self._holder == me:
            raise RepositoryBusy("this thread holds the lock of the repository already")
        if not self._lock.acquire(timeout=self._lock_timeout):
            raise RepositoryBusy(
                f"another thread held the lock of the repository for {self._lock_timeout:g} s",
                hint="Wait until it has finished and try again.",
            )
        self._holder = me
        try:
            yield
        finally:
            self._holder = None
            self._lock.release()

    def apply(self, objects: Sequence[NewObject], updates: Sequence[RefUpdate]) -> None:
        """Add objects, then move references, all or none; raises as `Store` says."""
        if self._holder != threading.get_ident():
            raise RuntimeError("apply() needs the lock that exclusive() holds")
        added = {new.id: RawObject(id=new.id, kind=new.kind, data=new.data) for new in objects}
        moved: dict[str, ObjectId | None] = {}
        for update in updates:
            name = self._check(update, added)
            if name in moved:
                raise InvalidInput(f"{update.ref!r} cannot be moved twice in one step")
            moved[name] = update.new
        self._check_room([name for name, new in moved.items() if new is not None])
        self.objects.update(added)
        refs = {**self._refs, **moved}
        self._refs = {name: new for name, new in refs.items() if new is not None}

    def _check(self, update: RefUpdate, added: Mapping[ObjectId, RawObject]) -> str:
        """Return the name that an update really moves, once nothing speaks against it."""
        if fault := ref_name_fault(update.ref):
            raise InvalidInput(f"{update.ref!r} is not a usable reference name: {fault}")
        name = self._resolve(update.ref)
        if (current := self._refs.get(name)) != update.old:
            raise RefChanged(f"{update.ref} is at {current}, not at {update.old}")
        if update.new is not None and update.new != update.old:
            self._check_target(update.ref, update.new, added)
        return name

    def _check_target(
        self, ref: str, target: ObjectId, added: Mapping[ObjectId, RawObject]
    ) -> None:
        raw = added.get(target) or self.objects.get(target)
        if raw is None:
            raise MissingObject(f"{ref} cannot point at {target}: it is not in this repository")
        if ref.startswith("refs/heads/") and raw.kind != "commit":
            raise StoreError(f"{ref} cannot point at {target}: it is a {raw.kind}, not a commit")

    def _check_room(self, names: Sequence[str]) -> None:
        """A reference is a file, so none can stand where another one needs a directory."""
        for name in names:
            for other in (*self._refs, *names):
                if other.startswith(name + "/") or name.startswith(other + "/"):
                    raise StoreError(
                        f"{name} cannot exist beside {other}",
                        hint="Rename or delete one of them, for example with `git branch -m`.",
                    )
