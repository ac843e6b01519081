"""A store on disk: an ordinary Git repository, used beside Git itself.

What is read is checked, what is acknowledged is durable, and what a killed process left behind is
cleared by the next one; the modules `objectfiles`, `refs`, `durable`, `refupdates`, `pending` and
`locks` say how. Nothing that a repository or its configuration names is run, but for a partial
clone, which is completed by the `git` program (module `promises`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

from gitexp.errors import GitexpError, InvalidInput, MissingObject, StoreError
from gitexp.ids import ObjectId
from gitexp.store import locations
from gitexp.store.files import write_errors
from gitexp.store.gitconfig import GitConfig, Place
from gitexp.store.locks import GIT_WAIT, LOCK_WAIT, RepositoryLock
from gitexp.store.model import Head, NewObject, ObjectKind, RawObject, RefUpdate
from gitexp.store.objectfiles import ObjectFiles
from gitexp.store.refs import RefFiles
from gitexp.store.sharing import Sharing

if TYPE_CHECKING:
    from gitexp.store.checkouts import Checkout
    from gitexp.store.pending import Pending
    from gitexp.store.promises import Promises
    from gitexp.store.reflogs import Reflogs
    from gitexp.store.refupdates import RefUpdates

T = TypeVar("T")

_PRIVATE_NAME = "gitexp"
_PRUNED = "the change was made, but objects of it may have been removed by `git prune`"
_SHORTEST_PREFIX = 4
_HEX = frozenset("0123456789abcdef")


class DiskStore:
    """The objects and references of one repository on disk.

    Attributes:
        git_dir: its own directory; for a linked worktree the one below `worktrees/`.
        common_dir: the directory with objects and shared references.
        worktree: the root of the working tree, or None when there is none.
    """

    def __init__(
        self,
        location: locations.Location,
        *,
        environ: Mapping[str, str] | None = None,
        lock_wait: float = LOCK_WAIT,
        git_wait: float = GIT_WAIT,
    ) -> None:
        self.git_dir = location.git_dir
        self.common_dir = location.common_dir
        self.worktree = location.worktree
        self._environ = dict(environ or {})
        self._hash_length = location.hash_length
        self._lock_wait = lock_wait
        self._git_wait = git_wait
        self._objects = ObjectFiles(self.common_dir / "objects", location.hash_length)
        self._refs = RefFiles(
            git_dir=self.git_dir, common_dir=self.common_dir, hash_length=location.hash_length
        )
        self._config = GitConfig(
            Place(str(self.git_dir), str(self.common_dir), lambda: self.head().branch),
            self._environ,
        )

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        environ: Mapping[str, str] | None = None,
        lock_wait: float = LOCK_WAIT,
        git_wait: float = GIT_WAIT,
    ) -> DiskStore:
        """Return the repository that a path is the worktree, the `.git` or the bare directory of.

        Args:
            environ: the variables that point at configuration files, as Git has them.
            lock_wait: seconds to wait for the repository lock.
            git_wait: seconds to wait for a lock file that a Git process holds.

        Raises:
            NotFound: there is no repository at that very path.
            StoreError: its format is not supported, or it is damaged.
        """
        place = locations.locate(path)
        return cls(place, environ=environ, lock_wait=lock_wait, git_wait=git_wait)

    @classmethod
    def discover(
        cls,
        start: Path,
        *,
        environ: Mapping[str, str] | None = None,
        lock_wait: float = LOCK_WAIT,
        git_wait: float = GIT_WAIT,
    ) -> DiskStore:
        """Return the repository that a path is in, walking up as Git does; raises as `open`."""
        return cls(
            locations.discover(start), environ=environ, lock_wait=lock_wait, git_wait=git_wait
        )

    @classmethod
    def init(
        cls,
        path: Path,
        *,
        branch: str = "main",
        bare: bool = False,
        environ: Mapping[str, str] | None = None,
    ) -> DiskStore:
        """Return a repository at a path, newly made unless there is one; that one is left as it is.

        Raises:
            StoreError: it cannot be written.
        """
        locations.create(path, branch=branch, bare=bare)
        return cls.open(path, environ=environ)

    def __enter__(self) -> DiskStore:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of open files; the store opens them again when it is used."""
        self._objects.close()

    @property
    def hash_length(self) -> int:
        """Length of an object id in hexadecimal digits: 40 (SHA-1) or 64 (SHA-256)."""
        return self._hash_length

    @property
    def private_dir(self) -> Path:
        """The directory for derived data and journals; made by the first write."""
        return self.common_dir / _PRIVATE_NAME

    # Objects.

    def read(self, object_id: ObjectId, *, limit: int | None = None) -> RawObject:
        """Return an object whose bytes were checked against its id; raises as `Store` says.

        What a partial clone left out is fetched, when the environment has the `git` program.
        """
        return self._brought(object_id, lambda: self._objects.read(object_id, limit=limit))

    def pieces(self, object_id: ObjectId, *, limit: int | None = None) -> Iterator[bytes]:
        """Return the bytes of an object in pieces; raises as `Store` says."""
        return self._brought(object_id, lambda: self._objects.pieces(object_id, limit=limit))

    def _brought(self, object_id: ObjectId, look: Callable[[], T]) -> T:
        try:
            return look()
        except MissingObject as exc:
            missing = exc
        try:
            if self._promises.keep(object_id):
                return look()
        except MissingObject as exc:
            missing = exc
        raise MissingObject(missing.message, hint=self._missing_hint(object_id)) from missing

    def has(self, object_id: ObjectId) -> bool:
        """Return whether an object is in this repository."""
        return self._objects.has(object_id)

    def find_prefix(self, prefix: str) -> list[ObjectId]:
        """Return the ids that begin with at least 4 hexadecimal digits, sorted."""
        if len(prefix) < _SHORTEST_PREFIX:
            raise InvalidInput(f"{prefix!r} is too short for the beginning of an object id")
        if len(prefix) > self._hash_length or not _HEX.issuperset(prefix):
            return []
        return self._objects.with_prefix(prefix)

    def _missing_hint(self, object_id: ObjectId) -> str:
        if self._promises.remotes():
            return f"This clone is partial; `git cat-file -e {object_id}` fetches the object."
        if self.is_shallow():
            return "This clone is shallow; `git fetch --unshallow` fetches all of its history."
        return "`git fetch` brings what a remote has; `git fsck` lists what else is missing."

    @cached_property
    def _promises(self) -> Promises:
        from gitexp.store.promises import Promises

        return Promises(self, self._environ, self._config)

    # References and configuration.

    def ref(self, name: str) -> ObjectId | None:
        """Return what a full reference name points at, symbolic ones followed, or None.

        Raises:
            StoreError: the file of the reference is damaged.
        """
        return self._refs.read(name)

    def refs(self, prefix: str) -> dict[str, ObjectId]:
        """Return the references whose full names begin with `prefix`, sorted by name.

        Raises:
            StoreError: the file of one of them is damaged.
        """
        return self._refs.under(prefix)

    def head(self) -> Head:
        """Return where HEAD points."""
        return self._refs.head()

    def checked_out(self, ref: str) -> bool:
        """Return whether a branch (a full name) is checked out in any working tree."""
        return any(place.branch == ref for place in self._checkouts([ref]))

    def config(self, key: str) -> str | None:
        """Return the last value of a Git configuration key, or None; nothing named there is run."""
        return self._config.get(key)

    def is_shallow(self) -> bool:
        """Return whether history was cut off when the repository was cloned or fetched."""
        try:
            return os.stat(self.common_dir / "shallow").st_size > 0
        except OSError:
            return False

    # Writing.

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the repository lock; what a dead gitexp process left is finished or cleared first.

        Raises:
            RepositoryBusy: another process held it for longer than the wait.
            StoreError: the repository cannot be written.
        """
        from gitexp.store.pending import recover

        with self._lock.hold():
            with write_errors("a write that was cut short is still to be finished"):
                recover(str(self.private_dir), root=str(self.common_dir))
            yield

    def apply(self, objects: Sequence[NewObject], updates: Sequence[RefUpdate]) -> None:
        """Make objects durable, then move references, all or none; raises as `Store` says."""
        from gitexp.store.durable import ObjectWriter
        from gitexp.store.pending import Pending
        from gitexp.store.refupdates import RefUpdates

        if not self._lock.is_mine:
            raise RuntimeError("apply() needs the lock that exclusive() holds")
        moves = RefUpdates(self._refs, updates, sharing=self._sharing)
        moves.check()
        self._check_targets(objects, updates)
        pending = Pending(
            str(self.private_dir),
            root=str(self.common_dir),
            wait=self._git_wait,
            sharing=self._sharing,
        )
        writer = ObjectWriter(self._objects, sharing=self._sharing)
        try:
            with write_errors():
                writer.write(objects, pending)
                places = self._prepare(objects, moves, pending)
                pending.decide()
            with write_errors(_PRUNED):
                writer.restore(pending)
        finally:
            pending.close()
        # The write is done and durable; what follows is a convenience and must not deny it.
        with suppress(OSError, StoreError):
            self._log(objects, moves, places)
            moves.tidy()
        with suppress(OSError, GitexpError):
            self._tidy_up()

    def _tidy_up(self) -> None:
        from gitexp.store.consolidating import tidy_up

        tidy_up(self.common_dir / "objects", self._environ)

    @cached_property
    def _sharing(self) -> Sharing:
        return Sharing.configured(self.config("core.sharedrepository"))

    @cached_property
    def _lock(self) -> RepositoryLock:
        return RepositoryLock(self.private_dir, wait=self._lock_wait, sharing=self._sharing)

    def _prepare(
        self, objects: Sequence[NewObject], moves: RefUpdates, pending: Pending
    ) -> list[Checkout]:
        """Make ready what is to be moved; return the working trees that move along."""
        places = self._checkouts(dict(moves.moved))
        if places:
            self._follow(places, objects, dict(moves.moved), pending)
        if places or len(moves.moved) > 1:
            pending.anchor()
        # The references are locked last, because Git only waits a tenth of a second for them.
        moves.prepare(pending)
        moves.plan(pending)
        return places

    def _follow(
        self,
        places: Sequence[Checkout],
        objects: Sequence[NewObject],
        moved: Mapping[str, RefUpdate],
        pending: Pending,
    ) -> None:
        from gitexp.store.transaction import Transaction
        from gitexp.store.worktree import Following

        staged = Transaction(self)
        staged.apply(objects, ())
        for place in places:
            config = GitConfig(
                Place(place.git_dir, place.common_dir, lambda: self.head().branch), self._environ
            )
            Following(place, staged, config).prepare(moved[place.branch], pending)

    def _checkouts(self, names: Collection[str]) -> list[Checkout]:
        """Return the working trees that have one of these branches checked out."""
        if not any(name.startswith("refs/heads/") for name in names):
            return []
        from gitexp.store.checkouts import checkouts

        linked = self.git_dir != self.common_dir
        main = locations.main_worktree(self.common_dir) if linked else self.worktree
        found = checkouts(self.common_dir, main, self._hash_length)
        return [place for place in found if place.branch in names]

    def _check_targets(self, objects: Sequence[NewObject], updates: Sequence[RefUpdate]) -> None:
        """Check that what references are to point at exists, and is a commit for a branch."""
        kinds = {raw.id: raw.kind for raw in objects}
        for update in updates:
            if update.new is None or update.new == update.old:
                continue
            kind = kinds.get(update.new) or self._kind(update.ref, update.new)
            if update.ref.startswith("refs/heads/") and kind != "commit":
                raise StoreError(
                    f"{update.ref} cannot point at {update.new}: it is a {kind}, not a commit"
                )

    def _kind(self, ref: str, target: ObjectId) -> ObjectKind:
        try:
            return self._objects.kind(target)
        except MissingObject as exc:
            raise MissingObject(
                f"{ref} cannot point at {target}: it is not in this repository"
            ) from exc

    def _log(
        self, objects: Sequence[NewObject], moves: RefUpdates, places: Sequence[Checkout]
    ) -> None:
        """Write reflogs: of every reference that moved, and of the HEADs that moved with it."""
        from gitexp.store.reflogs import committer_line, identity_line

        staged = {raw.id: raw.data for raw in objects if raw.kind == "commit"}
        logs = self._reflogs(self.git_dir)
        heads = {self.git_dir: self._refs.resolve("HEAD")}
        heads.update((Path(place.git_dir), place.branch) for place in places)
        for name, update in moves.moved:
            who = committer_line(staged.get(update.new or ObjectId(""), b""))
            who = who or identity_line(self._environ, self.config)
            logs.append(name, update, who=who)
            for git_dir, branch in heads.items():
                if branch == name:
                    self._reflogs(git_dir).append("HEAD", update, who=who)
            if update.new is None:
                logs.delete(name)

    def _reflogs(self, git_dir: Path) -> Reflogs:
        from gitexp.store.reflogs import Reflogs

        return Reflogs(
            git_dir=str(git_dir),
            common_dir=str(self.common_dir),
            policy=self.config("core.logallrefupdates"),
            bare=self.worktree is None,
        )
