"""Moving references, all or none, beside a Git that does the same.

The protocol is Git's own: a lock file beside each reference, the old value verified under it, the
new value written into it, and the lock file renamed over the reference. A deletion also holds
`packed-refs.lock` from before the line vanishes there until the loose file is gone; otherwise a
`git pack-refs` in between would bring the reference back.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from gitexp.errors import InvalidInput, RefChanged, StoreError
from gitexp.store.files import (
    create_file,
    make_directories,
    remove_empty_parents,
    remove_empty_tree,
    sync_directory,
    unlink_if_there,
)
from gitexp.store.model import RefUpdate
from gitexp.store.pending import Pending
from gitexp.store.refnames import ref_name_fault
from gitexp.store.refs import RefFiles
from gitexp.store.sharing import PRIVATE, Sharing
from gitexp.store.steps import HeldLock

_ATTEMPTS = 5


class RefUpdates:
    """The reference updates of one write.

    Attributes:
        moved: final names with old and new value, of the references that really move.
    """

    def __init__(
        self, refs: RefFiles, updates: Sequence[RefUpdate], *, sharing: Sharing = PRIVATE
    ) -> None:
        self._refs = refs
        self._sharing = sharing
        self._updates = sorted(updates, key=lambda update: update.ref)
        self._names: dict[str, RefUpdate] = {}
        self._locks: dict[str, HeldLock] = {}
        self.moved: list[tuple[str, RefUpdate]] = []

    def check(self) -> None:
        """Check names and old values, as yet without a lock, so that a lost race costs little.

        Raises:
            InvalidInput: a name cannot be that of a reference, or is there twice.
            RefChanged: a reference does not hold its old value.
            StoreError: one of them needs the file of another one as a directory.
        """
        for update in self._updates:
            if fault := ref_name_fault(update.ref):
                raise InvalidInput(f"{update.ref!r} is not a usable reference name: {fault}")
            name = self._refs.resolve(update.ref)
            if name in self._names:
                raise InvalidInput(f"{update.ref!r} cannot be moved twice in one step")
            self._names[name] = update
            self._verify(name, update)
        self.moved = [(n, u) for n, u in self._names.items() if u.new != u.old]
        for name in self._names:
            above = next((other for other in self._names if name.startswith(other + "/")), None)
            if above is not None:
                raise self._clash(name, above)

    def prepare(self, pending: Pending) -> None:
        """Lock every reference and verify it again; from here on Git leaves it alone.

        Raises:
            RefChanged, RepositoryBusy: as `Store.apply` says.
            StoreError: a reference would need a file where another one needs a directory.
        """
        locked = {n: u for n, u in self._names.items() if u.old is not None or u.new is not None}
        for name, update in locked.items():
            self._make_parent(name)
            self._locks[name] = pending.draft(self._refs.path(name) + ".lock", _content(update))
        for name, update in locked.items():
            self._take(pending, name)
            self._verify(name, update)
            if update.new is not None and update.new != update.old:
                self._check_room(name)

    def plan(self, pending: Pending) -> None:
        """Add the moves of the locked references to the steps of the write."""
        for name, update in self.moved:
            if update.new is not None:
                pending.guarded("publish", self._locks[name], self._refs.path(name))
        deleted = [name for name, update in self.moved if update.new is None]
        if deleted:
            self._plan_deletions(pending, deleted)

    def tidy(self) -> None:
        """Remove the directories that deletions left empty."""
        for name, update in self.moved:
            if update.new is None:
                top = os.path.join(self._refs.common_dir, *name.split("/")[:2])
                remove_empty_parents(self._refs.path(name), top)

    def _verify(self, name: str, update: RefUpdate) -> None:
        current = self._refs.value(name)
        if current != update.old:
            raise RefChanged(f"{update.ref} is at {current}, not at {update.old}")

    def _take(self, pending: Pending, name: str) -> None:
        for _ in range(_ATTEMPTS):
            try:
                pending.take(self._locks[name])
            except FileNotFoundError:
                self._make_parent(name)  # Git removed the directory, which was empty, in between.
            else:
                return
        raise StoreError(f"the directory of {name} vanishes as often as it is made")

    def _make_parent(self, name: str) -> None:
        try:
            made = make_directories(os.path.dirname(self._refs.path(name)))
        except (FileExistsError, NotADirectoryError) as exc:
            raise self._clash(name, self._parent_ref(name)) from exc
        for directory in made:
            self._sharing.adjust(directory)
            sync_directory(os.path.dirname(directory))

    def _parent_ref(self, name: str) -> str:
        """Return the reference whose file is where a directory of `name` must be."""
        parent = name
        while "/" in parent:
            parent = parent.rpartition("/")[0]
            if os.path.isfile(self._refs.path(parent)):
                return parent
        return parent

    def _check_room(self, name: str) -> None:
        """Check that no other reference needs this one's file as a directory, or the reverse."""
        parent = name.rpartition("/")[0]
        while parent.count("/") > 1:
            if self._refs.packed_value(parent) and self._refs.value(parent):
                raise self._clash(name, parent)
            parent = parent.rpartition("/")[0]
        below = self._refs.under(name + "/")
        path = self._refs.path(name)
        if below or (os.path.isdir(path) and not remove_empty_tree(path)):
            raise self._clash(name, next(iter(below), name + "/"))

    def _clash(self, name: str, other: str) -> StoreError:
        return StoreError(
            f"{name} cannot exist beside {other}",
            hint="Rename or delete one of them, for example with `git branch -m`: a name "
            "that ends where the other goes on with '/' needs the same file as a directory.",
        )

    def _plan_deletions(self, pending: Pending, deleted: Sequence[str]) -> None:
        path = os.path.realpath(self._refs.packed_path)
        held = pending.lock(path + ".lock")
        data = self._refs.packed_data()
        rest = without(data, deleted)
        if rest != data:
            new = path + ".new"
            pending.temporary(new)
            unlink_if_there(new)
            create_file(new, [rest])
            pending.guarded("install", held, new, path)
        for name in deleted:
            pending.guarded("delete", self._locks[name], self._refs.path(name))


def _content(update: RefUpdate) -> bytes:
    """Return what a lock file becomes when it takes the place of its reference."""
    moves = update.new is not None and update.new != update.old
    return f"{update.new}\n".encode() if moves else b""


def without(data: bytes, names: Sequence[str]) -> bytes:
    """Return the bytes of `packed-refs` without some references and what their tags name."""
    gone = {os.fsencode(name) for name in names}
    kept: list[bytes] = []
    dropping = False
    for line in data.splitlines(keepends=True):
        if not line.startswith(b"^"):
            dropping = line.rstrip(b"\n").partition(b" ")[2] in gone
        if not dropping:
            kept.append(line)
    return b"".join(kept)
