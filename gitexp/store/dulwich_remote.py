"""A remote through dulwich, for machines without the `git` program.

Of dulwich only the wire protocol is used. What to send and what to ask for is decided here:
its own enumeration of objects walks all history for every push and fetch. A repository on this
machine is not served by dulwich at all (it would overwrite diverged branches and move references
one by one) but opened as a store; where that repository has hooks, which only git can run, a push
to it is refused and not smuggled past them.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gitexp.errors import NotFound, RemoteUnavailable, StoreError
from gitexp.ids import ObjectId
from gitexp.store.dulwich_wire import Tips, Wire, pack_records, received_pack
from gitexp.store.model import PushUpdate
from gitexp.store.protocol import Store
from gitexp.store.pushes import (
    NO_ATOMIC,
    check_updates,
    reasons_against,
    refuse_rewrites,
    rejected,
    remote_title,
    stale_reasons,
    unavailable,
    unfinished,
)
from gitexp.store.refnames import ref_name_fault
from gitexp.store.refspecs import (
    Fetched,
    Refspec,
    not_there,
    parse_refspec,
    plan_fetch,
    ref_prefixes,
)
from gitexp.store.shallow import read_shallow, update_shallow
from gitexp.store.store_remote import StoreRemote, descends, follow, land, stale_refs
from gitexp.store.transfers import objects_to_send
from gitexp.store.urls import parse_address, redact

if TYPE_CHECKING:
    from gitexp.store.disk import DiskStore

_ZERO = b"0" * 40
_REFUSING_HOOKS = ("pre-receive", "update", "reference-transaction", "proc-receive")


@dataclass(frozen=True, kw_only=True)
class DulwichRemote:
    """A remote that dulwich talks to.

    Attributes:
        store: the local repository; its lock must not be held by the caller.
        wire: how to reach servers.
        address: where to fetch from, secrets and all; it is shown through `url` alone.
        push_address: where to push to.
        name: the configured name, or None.
        tracking: the configured refspecs, by which pushed references are followed.
        may_cut_history: whether a fetch with a depth may make a complete repository shallow.
    """

    store: DiskStore
    wire: Wire
    address: str
    push_address: str
    name: str | None = None
    tracking: tuple[Refspec, ...] = ()
    may_cut_history: bool = False

    def __repr__(self) -> str:
        return f"DulwichRemote({self.name or self.url!r})"

    @property
    def url(self) -> str:
        """The address, with any password left out."""
        return redact(self.address)

    def list_refs(self, prefixes: Sequence[str]) -> dict[str, ObjectId]:
        """Return the references there whose full names begin with one of the prefixes, sorted.

        Raises:
            RemoteUnavailable: it cannot be reached, or refused the credentials.
        """
        return self._list(self.address, prefixes)

    def fetch(
        self, refspecs: Sequence[str], *, depth: int | None = None, prune: bool = False
    ) -> None:
        """Bring references over as `git fetch` does with these refspecs, tags left alone.

        `depth` is for repositories that are shallow already: it has no effect where the history
        is complete, unless `may_cut_history` is set, nor for repositories on this machine.

        Raises:
            RemoteUnavailable: it cannot be reached.
            NotFound: a reference or object that was named exactly is not there.
            Conflict: a local reference would lose commits, and its refspec has no `+`.
        """
        if local := self._local(self.address):
            local.fetch(refspecs, prune=prune)
            return
        parsed = [parse_refspec(text) for text in refspecs]
        if parsed:
            there, plan = self._receive(parsed, depth)
            stale = stale_refs(self.store, parsed, there) if prune else ()
            land(self.store, plan, stale, self._title)

    def push(self, updates: Sequence[PushUpdate]) -> None:
        """Move references there, all or none, each by compare-and-swap; never by force.

        A reference that already holds its new value counts as moved, so a push can be repeated.

        Raises:
            PushRejected: a reference there does not hold its `old` value, or the server refused
                it; nothing was changed there.
            RemoteUnavailable: it cannot be reached, and the push had not arrived.
            MissingObject: a new value is not in this repository.
        """
        if local := self._local(self.push_address):
            local.push(updates)
            return
        check_updates(updates)
        refuse_rewrites(updates, lambda old, new: descends(self.store, old, new), self._title)
        if updates:
            self._send(updates)
            follow(self.store, self.tracking, updates)

    def default_branch(self) -> str | None:
        """Return the branch that HEAD names there, or None when it does not say.

        Raises:
            RemoteUnavailable: it cannot be reached, or refused the credentials.
        """
        path = parse_address(self.address).local_path
        if path is not None:
            with self._opened(path) as there:
                return there.head().branch
        with self.wire.client(self.address, self._title, self.name) as (client, where):
            found = client.get_refs(where, ref_prefix=[b"HEAD"]).symrefs.get(b"HEAD", b"")
        branch = found.decode("utf-8", "replace")
        return None if ref_name_fault(branch) else branch.removeprefix("refs/heads/")

    @property
    def _title(self) -> str:
        return remote_title(self.name, self.url)

    def _list(self, address: str, prefixes: Sequence[str]) -> dict[str, ObjectId]:
        if local := self._local(address):
            return local.list_refs(prefixes)
        asked = [prefix.encode() for prefix in prefixes]
        with self.wire.client(address, self._title, self.name) as (client, path):
            found = client.get_refs(path, ref_prefix=asked).refs
        return {
            name: id
            for name, id in sorted(_references(found).items())
            if name.startswith(tuple(prefixes)) and name != "HEAD"
        }

    def _receive(
        self, parsed: Sequence[Refspec], depth: int | None
    ) -> tuple[dict[str, ObjectId], list[Fetched]]:
        """Bring the objects over; return the references there and what to do with them."""
        self._refuse_sha256()
        there: dict[str, ObjectId] = {}
        plan: list[Fetched] = []
        haves = set(self.store.refs("refs/").values())
        shallow = read_shallow(self.store.common_dir)
        cut = depth if shallow or self.may_cut_history else None

        def wants(refs: Mapping[bytes, bytes], depth: int | None = None) -> list[bytes]:
            there.update(_references(refs))
            plan.extend(plan_fetch(parsed, there, remote=self._title))
            missing = [item.id for item in plan if cut or item.id not in haves]
            return [object_id.encode() for object_id in dict.fromkeys(missing)]

        prefixes = [prefix.encode() for prefix in ref_prefixes(parsed)] or [b"HEAD"]
        tips = Tips(self._tips(haves), shallow)
        try:
            with (
                received_pack(self.store.common_dir / "objects") as pack,
                self.wire.client(self.address, self._title, self.name) as (client, path),
            ):
                got = client.fetch_pack(
                    path, wants, tips, pack.write, depth=cut, ref_prefix=prefixes
                )
        except RemoteUnavailable:
            self._look_for(plan, there)
            raise
        update_shallow(self.store, _ids(got.new_shallow), _ids(got.new_unshallow))
        return there, plan

    def _look_for(self, plan: Sequence[Fetched], there: Mapping[str, ObjectId]) -> None:
        """Tell a server that hung up over an id it does not have from one that is gone.

        Raises:
            NotFound: the server answers again, and an id was asked for that it does not show.
        """
        shown = set(there.values())
        hidden = [item.source for item in plan if item.id not in shown]
        if hidden:
            self._list(self.address, ["refs/"])
            raise not_there(hidden[0], self._title)

    def _tips(self, haves: Collection[ObjectId]) -> list[ObjectId]:
        """Return our tips, those first that the server surely has."""
        tracked = self.store.refs(f"refs/remotes/{self.name}/").values() if self.name else ()
        return [*tracked, *sorted(haves)]

    def _send(self, updates: Sequence[PushUpdate]) -> None:
        self._refuse_sha256()
        attempt = _Attempt(store=self.store, updates=updates, title=self._title)
        names = [update.ref for update in updates]
        try:
            with self.wire.client(self.push_address, self._title, self.name) as (client, path):
                attempt.run(client, path)
        except RemoteUnavailable:
            if not attempt.sent or unfinished(updates, self._list(self.push_address, names)):
                raise
        if attempt.refused:
            there = self._list(self.push_address, names)
            if unfinished(updates, there):
                reasons = reasons_against(updates, attempt.refused, there) or attempt.refused
                raise rejected(reasons, self._title, said=attempt.said_lines())

    def _local(self, address: str) -> StoreRemote | None:
        path = parse_address(address).local_path
        if path is None:
            return None
        return StoreRemote(
            store=self.store,
            opened=lambda: self._opened(path),
            address=address,
            name=self.name,
            tracking=self.tracking,
            refusals=_refusals,
            shallow=frozenset(read_shallow(self.store.common_dir)),
        )

    @contextmanager
    def _opened(self, path: Path) -> Iterator[Store]:
        from gitexp.store.disk import DiskStore

        where = path if path.is_absolute() else (self.store.worktree or self.store.git_dir) / path
        try:
            there = DiskStore.open(where)
        except (StoreError, NotFound) as exc:
            raise unavailable(self._title, self.name, exc.message, denied=False) from exc
        with there:
            yield there

    def _refuse_sha256(self) -> None:
        if self.store.hash_length != 40:
            raise StoreError(
                "a SHA-256 repository cannot be transferred without the git program",
                hint="Install git; `git --version` shows whether it is on the PATH.",
            )


class _Attempt:
    """One push over the wire, and what is known about it when it ends or breaks off."""

    def __init__(self, *, store: Store, updates: Sequence[PushUpdate], title: str) -> None:
        self.sent = False
        self.refused: dict[str, str] = {}
        self._store = store
        self._updates = updates
        self._title = title
        self._said: list[bytes] = []

    def run(self, client: Any, path: bytes) -> None:
        """Push, and note every reference that the server did not take."""
        from dulwich.errors import GitProtocolError

        atomic = len(self._updates) > 1
        try:
            result = client.send_pack(
                path, self._commands, self._records, progress=self._said.append, atomic=atomic
            )
        except GitProtocolError as exc:
            if "does not support atomic" not in str(exc):
                raise
            raise rejected({u.ref: NO_ATOMIC for u in self._updates}, self._title) from exc
        statuses = result.ref_status or {}
        if self.sent:
            answered = {ref.decode("utf-8", "replace"): why for ref, why in statuses.items()}
            self.refused = {
                update.ref: why
                for update in self._updates
                if (why := answered.get(update.ref, "the server did not say")) is not None
            }

    def said_lines(self) -> list[str]:
        """Return what the server said."""
        text = b"".join(self._said).decode("utf-8", "replace").replace("\r", "\n")
        return text.split("\n")

    def _commands(self, refs: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
        """Return what to change; the server compares with the values it has just shown."""
        there = _references(refs)
        if reasons := stale_reasons(self._updates, there):
            raise rejected(reasons, self._title)
        left = unfinished(self._updates, there)
        return {u.ref.encode(): u.new.encode() if u.new else _ZERO for u in left}

    def _records(
        self, have: Collection[bytes], want: Collection[bytes], **_: object
    ) -> tuple[int, Iterator[Any]]:
        haves = {ObjectId(commit.decode()) for commit in have}
        wants = [ObjectId(commit.decode()) for commit in want]
        ids = [raw.id for raw in objects_to_send(self._store, wants, haves)]
        self.sent = True
        return pack_records(self._store, ids)


def _references(found: Mapping[bytes, bytes | None]) -> dict[str, ObjectId]:
    """Return what a server lists, without peeled tags and without what is no name."""
    refs = {name.decode("utf-8", "replace"): value for name, value in found.items()}
    return {
        name: ObjectId(value.decode())
        for name, value in refs.items()
        if value is not None and value != _ZERO and (name == "HEAD" or not ref_name_fault(name))
    }


def _ids(commits: Collection[bytes] | None) -> set[ObjectId]:
    return {ObjectId(commit.decode()) for commit in commits or ()}


def _refusals(there: Store, updates: Sequence[PushUpdate]) -> dict[str, str]:
    """Return why a repository on this machine does not take references, as its git would."""
    branch = there.head().branch
    reasons = {}
    for update in updates:
        if _is_worked_on(there) and update.ref == f"refs/heads/{branch}":
            reasons[update.ref] = "the branch is checked out there"
        elif update.new is None and there.config("receive.denyDeletes") == "true":
            reasons[update.ref] = "deletion prohibited"
        elif hook := _hook(there):
            reasons[update.ref] = f"the hook '{hook}' there can be run by git alone"
    return reasons


def _is_worked_on(there: Store) -> bool:
    return getattr(there, "worktree", None) is not None


def _hook(there: Store) -> str | None:
    """Return the name of a hook that may refuse a push, or None when there is none."""
    configured = there.config("core.hooksPath")
    root: Path | None = getattr(there, "common_dir", None)
    if root is None:
        return None
    directory = root / (configured or "hooks")
    return next((h for h in _REFUSING_HOOKS if os.access(directory / h, os.X_OK)), None)
