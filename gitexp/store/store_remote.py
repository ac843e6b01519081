"""A remote whose repository can be opened here: in memory, or on disk where git is not installed.

Both sides are stores, so a push is one `apply` under the other side's own lock: it compares every
old value and moves all references or none.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from gitexp.errors import (
    Conflict,
    InvalidInput,
    PushRejected,
    RefChanged,
    RepositoryBusy,
    StoreError,
    UncommittedWork,
)
from gitexp.ids import ObjectId
from gitexp.store.history import is_ancestor
from gitexp.store.model import PushUpdate, RawObject, RefUpdate
from gitexp.store.protocol import Store
from gitexp.store.pushes import (
    check_updates,
    refuse_rewrites,
    rejected,
    remote_title,
    stale_reasons,
    unfinished,
)
from gitexp.store.refspecs import (
    Fetched,
    Refspec,
    not_there,
    parse_refspec,
    plan_fetch,
    stale_targets,
    tracking_ref,
)
from gitexp.store.transfers import objects_to_send
from gitexp.store.urls import redact

_BATCH_BYTES = 16 * 2**20
_BATCH_OBJECTS = 5000

Refusals = Callable[[Store, Sequence[PushUpdate]], Mapping[str, str]]
"""Returns the reason for each reference that the other side does not take."""


@dataclass(frozen=True, kw_only=True)
class StoreRemote:
    """A remote that is itself a store.

    Attributes:
        store: the local repository; its lock must not be held by the caller.
        opened: opens the other side; raises `RemoteUnavailable` when it is not there.
        address: its address, shown through `url` alone.
        name: the configured name, or None.
        tracking: the configured refspecs, by which pushed references are followed.
        refusals: what the other side does not take, asked under its lock.
        shallow: the local commits whose parents are not here.
    """

    store: Store
    opened: Callable[[], AbstractContextManager[Store]]
    address: str
    name: str | None = None
    tracking: tuple[Refspec, ...] = ()
    refusals: Refusals | None = None
    shallow: frozenset[ObjectId] = frozenset()

    @property
    def url(self) -> str:
        """The address, with any password left out."""
        return redact(self.address)

    def list_refs(self, prefixes: Sequence[str]) -> dict[str, ObjectId]:
        """Return the references there whose full names begin with one of the prefixes, sorted.

        Raises:
            RemoteUnavailable: it cannot be reached.
        """
        with self.opened() as there:
            found = there.refs("refs/")
        return {name: id for name, id in found.items() if name.startswith(tuple(prefixes))}

    def fetch(
        self, refspecs: Sequence[str], *, depth: int | None = None, prune: bool = False
    ) -> None:
        """Bring references over as `git fetch` does; `depth` is accepted, all history comes.

        Raises:
            RemoteUnavailable: it cannot be reached.
            NotFound: a reference or object that was named exactly is not there.
            Conflict: a local reference would lose commits, and its refspec has no `+`.
        """
        parsed = [parse_refspec(text) for text in refspecs]
        with self.opened() as there:
            refs = _with_head(there)
            plan = plan_fetch(parsed, refs, remote=self._title)
            for item in plan:
                if not there.has(item.id):
                    raise not_there(item.source, self._title)
            haves = set(self.store.refs("refs/").values())
            wants = [item.id for item in plan]
            new = objects_to_send(there, wants, haves, shallow=self.shallow)
            write_in_batches(self.store, new)
        land(self.store, plan, stale_refs(self.store, parsed, refs) if prune else (), self._title)

    def push(self, updates: Sequence[PushUpdate]) -> None:
        """Move references there, all or none, each by compare-and-swap; never by force.

        Raises:
            PushRejected: a reference there does not hold its `old` value, or the other side does
                not take it; nothing was changed there.
            RemoteUnavailable: it cannot be reached.
        """
        check_updates(updates)
        refuse_rewrites(updates, lambda old, new: descends(self.store, old, new), self._title)
        with self.opened() as there:
            left = unfinished(updates, _values(there, updates))
            wants = [update.new for update in left if update.new is not None]
            haves = set(there.refs("refs/").values())
            write_in_batches(there, objects_to_send(self.store, wants, haves))
            self._move(there, updates)
        follow(self.store, self.tracking, updates)

    @property
    def _title(self) -> str:
        return remote_title(self.name, self.url)

    def _move(self, there: Store, updates: Sequence[PushUpdate]) -> None:
        with there.exclusive():
            refs = _values(there, updates)
            left = unfinished(updates, refs)
            reasons = stale_reasons(updates, refs) or self._refused(there, left)
            if reasons:
                raise rejected(reasons, self._title)
            moves = [RefUpdate(ref=u.ref, old=u.old, new=u.new, message="push") for u in left]
            try:
                there.apply([], moves)
            except (RefChanged, RepositoryBusy, StoreError, UncommittedWork, InvalidInput) as exc:
                raise self._not_taken(left, exc.message) from exc

    def _refused(self, there: Store, left: Sequence[PushUpdate]) -> Mapping[str, str]:
        return self.refusals(there, left) if self.refusals else {}

    def _not_taken(self, left: Sequence[PushUpdate], reason: str) -> PushRejected:
        return rejected({update.ref: reason for update in left}, self._title)


def descends(store: Store, old: ObjectId, new: ObjectId) -> bool:
    """Return whether `new` has `old` in its history; False when `old` is not even here."""
    return store.has(old) and is_ancestor(store, old, new)


def write_in_batches(store: Store, objects: Iterable[RawObject]) -> None:
    """Make objects durable in a store, a bounded amount at a time."""
    for batch in _batches(objects):
        with store.exclusive():
            store.apply(batch, [])


def land(store: Store, plan: Sequence[Fetched], stale: Collection[str], title: str) -> None:
    """Move local references to what was fetched and remove the stale ones.

    Raises:
        Conflict: a reference would lose commits; the others moved, as with `git fetch`.
    """
    lost: list[str] = []
    with store.exclusive():
        # First and apart: a new name may need the directory that a stale one has as its file.
        _apply(store, [_pruned(store, name, title) for name in stale])
        moves = []
        for item in plan:
            if item.target is None or store.ref(item.target) == item.id:
                continue
            if _loses_commits(store, item):
                lost.append(item.target)
            else:
                moves.append(_stored(store, item, item.target, title))
        _apply(store, moves)
    if lost:
        raise Conflict(
            f"{', '.join(lost)} would lose commits when {title} is fetched",
            hint="Join the two lines first, or fetch into another reference.",
        )


def _apply(store: Store, moves: Sequence[RefUpdate]) -> None:
    if moves:
        store.apply([], moves)


def _pruned(store: Store, name: str, title: str) -> RefUpdate:
    message = f"fetch {title}: pruning"
    return RefUpdate(ref=name, old=store.ref(name), new=None, message=message)


def _stored(store: Store, item: Fetched, target: str, title: str) -> RefUpdate:
    message = f"fetch {title}: storing {item.source}"
    return RefUpdate(ref=target, old=store.ref(target), new=item.id, message=message)


def stale_refs(
    store: Store, refspecs: Sequence[Refspec], there: Mapping[str, ObjectId]
) -> list[str]:
    """Return the local references that follow, by these refspecs, what is gone there."""
    return stale_targets(refspecs, there, store.refs("refs/"))


def follow(store: Store, tracking: Sequence[Refspec], updates: Sequence[PushUpdate]) -> None:
    """Move the tracking references of what was pushed."""
    targets = [(tracking_ref(tracking, update.ref), update.new) for update in updates]
    if not any(target for target, _ in targets):
        return
    with store.exclusive():
        moves = [
            RefUpdate(ref=target, old=store.ref(target), new=new, message="update by push")
            for target, new in targets
            if target and store.ref(target) != new
        ]
        _apply(store, moves)


def _loses_commits(store: Store, item: Fetched) -> bool:
    if item.force or item.target is None:
        return False
    old = store.ref(item.target)
    if old is None:
        return False
    return item.target.startswith("refs/tags/") or not descends(store, old, item.id)


def _values(there: Store, updates: Sequence[PushUpdate]) -> dict[str, ObjectId]:
    found = {update.ref: there.ref(update.ref) for update in updates}
    return {ref: value for ref, value in found.items() if value is not None}


def _with_head(there: Store) -> dict[str, ObjectId]:
    refs = there.refs("refs/")
    commit = there.head().commit
    return refs if commit is None else {"HEAD": commit, **refs}


def _batches(objects: Iterable[RawObject]) -> Iterator[list[RawObject]]:
    batch: list[RawObject] = []
    size = 0
    for raw in objects:
        batch.append(raw)
        size += len(raw.data)
        if size >= _BATCH_BYTES or len(batch) >= _BATCH_OBJECTS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
