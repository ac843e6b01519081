"""The seams of the store: a small interface to Git's objects and references, and one to a remote.

Everything else in this package (trees, transactions, history, merging) is written over `Store`
alone, so it behaves the same in memory and on disk. One contract suite holds every
implementation to this page.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from gitexp.ids import ObjectId
from gitexp.store.model import Head, NewObject, PushUpdate, RawObject, RefUpdate

MAX_DOCUMENT_BYTES = 10 * 2**20
"""The largest blob that is read as a document; a larger one is an error, not an allocation."""


class Store(Protocol):
    """Objects and references of one repository."""

    @property
    def hash_length(self) -> int:
        """Length of an object id in hexadecimal digits: 40 (SHA-1) or 64 (SHA-256)."""
        ...

    @property
    def private_dir(self) -> Path | None:
        """The directory for derived data and journals (`.git/gitexp`), or None in memory."""
        ...

    def read(self, object_id: ObjectId, *, limit: int | None = None) -> RawObject:
        """Return an object whose bytes were checked against its id.

        Raises:
            MissingObject: it is not in this repository (looked up twice, because a concurrent
                repack moves objects).
            DamagedObject: it is here and damaged or empty.
            InvalidInput: its size, known before it is inflated, exceeds `limit` bytes.
        """
        ...

    def pieces(self, object_id: ObjectId, *, limit: int | None = None) -> Iterator[bytes]:
        """Return the bytes of an object in pieces, all of them checked before this returns.

        Of a large one only a piece is in memory, unless it is stored as a difference to another.

        Raises:
            MissingObject, DamagedObject, InvalidInput: as `read`.
        """
        ...

    def has(self, object_id: ObjectId) -> bool:
        """Return whether an object is in this repository."""
        ...

    def find_prefix(self, prefix: str) -> list[ObjectId]:
        """Return the ids of the objects that begin with at least 4 hexadecimal digits, sorted."""
        ...

    def ref(self, name: str) -> ObjectId | None:
        """Return what a full reference name points at, symbolic references followed, or None."""
        ...

    def refs(self, prefix: str) -> dict[str, ObjectId]:
        """Return the references whose full names begin with `prefix`, sorted by name."""
        ...

    def head(self) -> Head:
        """Return where HEAD points."""
        ...

    def checked_out(self, ref: str) -> bool:
        """Return whether a branch (a full name) is checked out in any working tree."""
        ...

    def config(self, key: str) -> str | None:
        """Return the last value of a Git configuration key such as `user.name`, or None.

        Repository, user and system configuration are read, includes are followed; nothing that
        the configuration names is run.
        """
        ...

    def is_shallow(self) -> bool:
        """Return whether history was cut off when the repository was cloned or fetched."""
        ...

    def exclusive(self) -> AbstractContextManager[None]:
        """Hold the repository lock, which the kernel frees with the process; not re-entrant.

        On entry, what a dead gitexp process left behind (locks, temporary files) is cleared.

        Raises:
            RepositoryBusy: another process held it for longer than the wait.
        """
        ...

    def apply(self, objects: Sequence[NewObject], updates: Sequence[RefUpdate]) -> None:
        """Make objects durable, then move references, all or none; the caller holds `exclusive`.

        When this returns, objects, references and their directories were fsynced. Checked-out
        branches among the updates take index and working tree along.

        Raises:
            RefChanged: a reference does not hold its `old` value; nothing moved.
            UncommittedWork: a checked-out file that would change was edited; nothing moved.
            RepositoryBusy: a live Git process holds a reference's lock; nothing moved.
        """
        ...


class Remote(Protocol):
    """A remote repository, as seen from a local one."""

    @property
    def name(self) -> str | None:
        """The configured name, such as `origin`, or None for a bare URL."""
        ...

    @property
    def url(self) -> str:
        """The address, with any password left out."""
        ...

    def list_refs(self, prefixes: Sequence[str]) -> dict[str, ObjectId]:
        """Return the references there whose full names begin with one of the prefixes, sorted.

        Raises:
            RemoteUnavailable: it cannot be reached, or refused the credentials.
        """
        ...

    def fetch(
        self, refspecs: Sequence[str], *, depth: int | None = None, prune: bool = False
    ) -> None:
        """Bring references over as `git fetch` does with these refspecs, tags left alone.

        A refspec without a destination only brings the objects, also by full object id.

        Raises:
            RemoteUnavailable: it cannot be reached.
            NotFound: a reference or object that was named exactly is not there.
        """
        ...

    def push(self, updates: Sequence[PushUpdate]) -> None:
        """Move references there, all or none, each by compare-and-swap; never by force.

        A `new` that does not descend from `old` is refused here before anything is sent
        (deletions, references outside `refs/heads/` and branches of change requests excepted).
        Tracking references of what was pushed follow.

        Raises:
            PushRejected: a reference there does not hold its `old` value, or the server refused
                it; nothing was changed there. `refs` maps every refused reference to its reason.
            RemoteUnavailable: it cannot be reached. Whether the push had arrived before the
                connection broke was checked: this is raised only when it had not.
        """
        ...


class RemoteOpener(Protocol):
    """Opens a remote by its configured name or its URL."""

    def __call__(self, name_or_url: str) -> Remote:
        """Return the remote.

        Raises:
            NotFound: no remote of that name is configured and it is no URL or path.
            InvalidInput: the address has a scheme or a form that is not allowed.
        """
        ...


Changes = Mapping[str, "bytes | None"]
"""Paths with the bytes to put there, or None to remove what is there."""
