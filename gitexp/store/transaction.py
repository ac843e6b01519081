"""Transactions: objects and reference updates gathered in memory, then applied all or none."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from gitexp.errors import Conflict, InvalidInput, MissingObject, RefChanged
from gitexp.ids import ObjectId
from gitexp.store.model import (
    MODE_FILE,
    MODE_TREE,
    Head,
    NewObject,
    ObjectKind,
    RawObject,
    RefUpdate,
    Signature,
    TreeEntry,
    TreeId,
)
from gitexp.store.objects import encode_commit, make_object
from gitexp.store.protocol import Store
from gitexp.store.refnames import ref_name_fault
from gitexp.store.safe_names import disguise_fault
from gitexp.store.signing import Sign, with_signature
from gitexp.store.treebytes import encode_tree, find_entries, replace_entries
from gitexp.store.trees import MAX_TREE_BYTES, read_tree, split_path

T = TypeVar("T")

_EMPTY = make_object("tree", b"")


class Transaction:
    """A store as it will be: what is staged first, then what the store below holds.

    It is a `Store` itself, whose `apply` stages; so code that runs `transact` on a store also
    runs inside another transaction. Nothing is written until the outermost one is applied.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._objects: dict[ObjectId, NewObject] = {}
        self._updates: dict[str, RefUpdate] = {}

    # What is staged.

    @property
    def objects(self) -> Sequence[NewObject]:
        """The staged objects, each after those it names."""
        return tuple(self._objects.values())

    @property
    def updates(self) -> Sequence[RefUpdate]:
        """The staged updates, one for each reference."""
        return tuple(self._updates.values())

    # Staging.

    def add(self, kind: ObjectKind, data: bytes) -> ObjectId:
        """Return the id of a newly staged object."""
        raw = make_object(kind, data, hash_length=self.hash_length)
        self._objects.setdefault(raw.id, raw)
        return raw.id

    def blob(self, data: bytes) -> ObjectId:
        """Return the id of a newly staged blob."""
        return self.add("blob", data)

    def directory(self, entries: Iterable[TreeEntry]) -> TreeId:
        """Return the id of a newly staged tree with exactly these entries.

        Raises:
            InvalidInput: a name or mode cannot stand in a tree, or a name is there twice.
        """
        return TreeId(self.add("tree", encode_tree(entries)))

    def tree(self, base: TreeId | None, changes: Mapping[str, bytes | TreeEntry | None]) -> TreeId:
        """Return the tree that differs from `base` by these paths; None is the empty tree.

        Bytes become a file (an executable one stays executable), an entry is put there as it
        is, its name apart, and None removes what is there. A file gives way to a directory that
        a path below it needs, and a directory to a file put in its place; directories left
        empty vanish. Only the directories on the changed paths are read and written.

        Raises:
            InvalidInput: a path is malformed or leads into `.git`, also in disguise, or the
                changes put a file at a path and another one below it.
            MissingObject, DamagedObject: a directory on the way cannot be read.
        """
        plan = _Edit()
        for path, value in changes.items():
            plan.insert(path, value)
        edited = self._edit(base, plan)
        return edited if edited is not None else self.directory(())

    def commit(
        self,
        *,
        tree: TreeId,
        parents: Sequence[ObjectId],
        message: str,
        author: Signature,
        committer: Signature | None = None,
        sign: Sign | None = None,
    ) -> ObjectId:
        """Return the id of a newly staged commit; the author commits unless told otherwise.

        Args:
            sign: signs the commit; None leaves it unsigned.

        Raises:
            InvalidInput: an identity or the message cannot be stored in a commit.
            MissingObject: the tree or a parent is not here.
        """
        for needed in (ObjectId(tree), *parents):
            if not self.has(needed):
                raise MissingObject(f"a commit cannot name {needed}: it is not in this repository")
        data = encode_commit(
            tree=tree,
            parents=parents,
            author=author,
            committer=committer or author,
            message=message,
        )
        signature = sign(data) if sign is not None else None
        if signature is not None:
            data = with_signature(data, signature, hash_length=self.hash_length)
        return self.add("commit", data)

    def set_ref(
        self, ref: str, *, old: ObjectId | None, new: ObjectId | None, message: str = ""
    ) -> None:
        """Stage a compare-and-swap; a second one of the same reference continues the first.

        `old` None means that the reference must not exist, `new` None deletes it. With `old`
        and `new` equal, the transaction only requires that the reference still stands there.

        Raises:
            InvalidInput: the name cannot be that of a reference.
            RefChanged: `old` is not what an earlier call in this transaction set.
        """
        if fault := ref_name_fault(ref):
            raise InvalidInput(f"{ref!r} is not a usable reference name: {fault}")
        staged = self._updates.get(ref)
        if staged is None:
            self._updates[ref] = RefUpdate(ref=ref, old=old, new=new, message=message)
        elif staged.new != old:
            raise RefChanged(f"{ref} is at {staged.new} in this transaction, not at {old}")
        else:
            said = message or staged.message
            self._updates[ref] = replace(staged, new=new, message=said)

    # Reading: the store's page, as it will be.

    @property
    def hash_length(self) -> int:
        """Length of an object id in hexadecimal digits."""
        return self._store.hash_length

    @property
    def private_dir(self) -> Path | None:
        """The directory for derived data of the store below."""
        return self._store.private_dir

    def read(self, object_id: ObjectId, *, limit: int | None = None) -> RawObject:
        """Return an object, a staged one first; raises as the store does."""
        new = self._staged(object_id, limit)
        if new is None:
            return self._store.read(object_id, limit=limit)
        return RawObject(id=new.id, kind=new.kind, data=new.data)

    def pieces(self, object_id: ObjectId, *, limit: int | None = None) -> Iterator[bytes]:
        """Return the bytes of an object in pieces; raises as the store does."""
        new = self._staged(object_id, limit)
        return self._store.pieces(object_id, limit=limit) if new is None else new.pieces()

    def _staged(self, object_id: ObjectId, limit: int | None) -> NewObject | None:
        new = self._objects.get(object_id)
        if new is not None and limit is not None and new.size > limit:
            raise InvalidInput(f"object {object_id} holds {new.size} bytes, over {limit}")
        return new

    def has(self, object_id: ObjectId) -> bool:
        """Return whether an object is staged or in the store."""
        return object_id in self._objects or self._store.has(object_id)

    def find_prefix(self, prefix: str) -> list[ObjectId]:
        """Return the ids, staged or stored, that begin with a prefix, sorted."""
        staged = {found for found in self._objects if found.startswith(prefix)}
        return sorted(staged.union(self._store.find_prefix(prefix)))

    def ref(self, name: str) -> ObjectId | None:
        """Return where a reference will point, or None."""
        if name == "HEAD":
            return self.head().commit
        staged = self._updates.get(name)
        return self._store.ref(name) if staged is None else staged.new

    def refs(self, prefix: str) -> dict[str, ObjectId]:
        """Return the references as they will be whose names begin with a prefix, sorted."""
        found: dict[str, ObjectId | None] = dict(self._store.refs(prefix))
        found |= {n: update.new for n, update in self._updates.items() if n.startswith(prefix)}
        return {name: value for name, value in sorted(found.items()) if value is not None}

    def head(self) -> Head:
        """Return where HEAD will point."""
        head = self._store.head()
        if head.branch is None:
            return head
        return Head(branch=head.branch, commit=self.ref(f"refs/heads/{head.branch}"))

    def checked_out(self, ref: str) -> bool:
        """Return whether a branch is checked out in a working tree of the store below."""
        return self._store.checked_out(ref)

    def config(self, key: str) -> str | None:
        """Return the value of a Git configuration key of the store below, or None."""
        return self._store.config(key)

    def is_shallow(self) -> bool:
        """Return whether the store below is a shallow clone."""
        return self._store.is_shallow()

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Do nothing: whoever applies this transaction holds the lock."""
        yield

    def apply(self, objects: Sequence[NewObject], updates: Sequence[RefUpdate]) -> None:
        """Stage objects and updates, all or none.

        Raises:
            RefChanged: a reference will not hold its `old` value; nothing was staged.
        """
        for update in updates:
            if (current := self.ref(update.ref)) != update.old:
                raise RefChanged(f"{update.ref} is at {current}, not at {update.old}")
        self._objects.update((raw.id, raw) for raw in objects)
        for update in updates:
            self.set_ref(update.ref, old=update.old, new=update.new, message=update.message)

    # Editing trees.

    def _edit(self, base: TreeId | None, plan: _Edit) -> TreeId | None:
        """Return the edited directory, None when nothing is left in it."""
        raw = self.read(ObjectId(base), limit=MAX_TREE_BYTES) if base else _EMPTY
        old = find_entries(raw, plan.children)
        new = {n: self._edit_entry(n, old.get(n), edit) for n, edit in plan.children.items()}
        changes = {name: entry for name, entry in new.items() if entry != old.get(name)}
        if not changes:
            return base
        data = replace_entries(raw, changes)
        return TreeId(self.add("tree", data)) if data else None

    def _edit_entry(self, name: str, entry: TreeEntry | None, edit: _Edit) -> TreeEntry | None:
        if edit.decided:
            entry = self._put(name, entry, edit.value)
        if not edit.children or (entry and not entry.is_tree and not edit.adds_below()):
            return entry
        base = TreeId(entry.id) if entry is not None and entry.is_tree else None
        tree = self._edit(base, edit)
        return None if tree is None else TreeEntry(name=name, mode=MODE_TREE, id=ObjectId(tree))

    def _put(
        self, name: str, entry: TreeEntry | None, value: bytes | TreeEntry | None
    ) -> TreeEntry | None:
        if isinstance(value, TreeEntry):
            empty = value.is_tree and not read_tree(self, TreeId(value.id))
            return None if empty else replace(value, name=name)
        if value is None:
            return None
        mode = entry.mode if entry is not None and entry.is_file else MODE_FILE
        return TreeEntry(name=name, mode=mode, id=self.blob(value))


@dataclass
class _Edit:
    """What happens at one path: perhaps a new value, then perhaps edits below it."""

    decided: bool = False
    value: bytes | TreeEntry | None = None
    children: dict[str, _Edit] = field(default_factory=dict)

    def insert(self, path: str, value: bytes | TreeEntry | None) -> None:
        """Add one change of a path below."""
        names = split_path(path)
        if not names:
            raise InvalidInput("the root of a tree cannot be replaced by a change of its paths")
        node = self
        for name in names:
            if value is not None and (fault := disguise_fault(name)):
                raise InvalidInput(f"{path!r} is not a usable path: {name!r} in it: {fault}")
            node = node.children.setdefault(name, _Edit())
        node.decided, node.value = True, value
        self._check_clash(path, names)

    def _check_clash(self, path: str, names: Sequence[str]) -> None:
        node, above = self, ""
        for name in names:
            node, above = node.children[name], f"{above}/{name}" if above else name
            if node.puts_file() and node.adds_below():
                raise InvalidInput(f"{above!r} cannot be a file and hold other changed files too")

    def puts_file(self) -> bool:
        """Return whether something that is no directory is put here."""
        if isinstance(self.value, TreeEntry):
            return not self.value.is_tree
        return self.value is not None

    def adds_below(self) -> bool:
        """Return whether anything is put below this path."""
        return any(
            child.value is not None or child.adds_below() for child in self.children.values()
        )


def transact(
    store: Store,
    work: Callable[[Transaction], T],
    *,
    attempts: int = 25,
    pause: Callable[[int], None] | None = None,
) -> T:
    """Return what `work` returns, once all that it staged is applied.

    `work` runs under the store's lock, so only Git itself can move a reference meanwhile. When
    one moved, `work` runs again on a fresh transaction and so checks its preconditions again;
    it must have no effect but staging. When it stages nothing, nothing is written.

    Args:
        pause: waits before another attempt, called with the number of failed ones; the default
            waits up to a tenth of a second, the lock released.

    Raises:
        Conflict: the references moved during every attempt; nothing was written.
        RepositoryBusy: another process held the lock for too long.
    """
    wait = pause or _back_off
    for attempt in range(1, attempts + 1):
        try:
            return _attempt(store, work)
        except RefChanged as exc:
            changed = exc
        if attempt < attempts:
            wait(attempt)
    raise Conflict(
        f"the branch kept moving during {attempts} attempts: {changed}",
        hint="Another program writes to it all the time; try again when it has finished.",
    ) from changed


def _attempt(store: Store, work: Callable[[Transaction], T]) -> T:
    with store.exclusive():
        transaction = Transaction(store)
        result = work(transaction)
        if transaction.objects or transaction.updates:
            store.apply(transaction.objects, transaction.updates)
        return result


def _back_off(failures: int) -> None:
    import random

    time.sleep(random.uniform(0, min(0.1, 0.002 * 2**failures)))
