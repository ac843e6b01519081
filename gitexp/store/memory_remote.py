"""A remote in memory: the reference of the contract, and a double for tests of what pushes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from gitexp.errors import RemoteUnavailable
from gitexp.ids import ObjectId
from gitexp.store.model import PushUpdate
from gitexp.store.protocol import Store
from gitexp.store.pushes import remote_title, unavailable
from gitexp.store.refspecs import parse_refspec
from gitexp.store.store_remote import StoreRemote
from gitexp.store.urls import redact


class MemoryRemote:
    """A remote whose other side is a store in this process.

    It behaves as a server does: old values are compared under the other side's lock, and all
    references move or none. Two attributes make it fail on purpose.

    Attributes:
        down: while true, every call raises `RemoteUnavailable`.
        rejecting: references that the other side does not take, each with its reason.
    """

    def __init__(
        self,
        store: Store,
        there: Store,
        *,
        name: str | None = "origin",
        url: str = "/memory/shared.git",
    ) -> None:
        self.down = False
        self.rejecting: dict[str, str] = {}
        self._name = name
        self._url = url
        self._there = there
        tracking = f"+refs/heads/*:refs/remotes/{name}/*"
        self._remote = StoreRemote(
            store=store,
            opened=self._opened,
            address=url,
            name=name,
            tracking=(parse_refspec(tracking),) if name else (),
            refusals=self._refusals,
        )

    @property
    def name(self) -> str | None:
        """The name it was given, or None."""
        return self._name

    @property
    def url(self) -> str:
        """The address it was given, with any password left out."""
        return redact(self._url)

    def list_refs(self, prefixes: Sequence[str]) -> dict[str, ObjectId]:
        """Return the references there whose full names begin with one of the prefixes, sorted.

        Raises:
            RemoteUnavailable: it is `down`.
        """
        return self._remote.list_refs(prefixes)

    def fetch(
        self, refspecs: Sequence[str], *, depth: int | None = None, prune: bool = False
    ) -> None:
        """Bring references over; `depth` is accepted, all history comes.

        Raises:
            RemoteUnavailable: it is `down`.
            NotFound: a reference or object that was named exactly is not there.
            Conflict: a local reference would lose commits, and its refspec has no `+`.
        """
        self._remote.fetch(refspecs, depth=depth, prune=prune)

    def push(self, updates: Sequence[PushUpdate]) -> None:
        """Move references there, all or none, each by compare-and-swap.

        Raises:
            PushRejected: a reference there does not hold its `old` value, or is in `rejecting`.
            RemoteUnavailable: it is `down`.
        """
        self._remote.push(updates)

    @contextmanager
    def _opened(self) -> Iterator[Store]:
        if self.down:
            raise self._unavailable()
        yield self._there

    def _unavailable(self) -> RemoteUnavailable:
        title = remote_title(self._name, self.url)
        return unavailable(title, self._name, "it is down", denied=False)

    def _refusals(self, there: Store, updates: Sequence[PushUpdate]) -> Mapping[str, str]:
        pushed = {update.ref for update in updates}
        return {ref: reason for ref, reason in self.rejecting.items() if ref in pushed}
