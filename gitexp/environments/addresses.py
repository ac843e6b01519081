"""Environments of a bare address: one reference, fetched at depth 1 into a cache."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitexp.documents import layout
from gitexp.environments.binding import Snapshot, environment_at
from gitexp.environments.branches import ALL_OF_HISTORY
from gitexp.errors import InvalidInput, NotFound, RemoteError, RemoteUnavailable
from gitexp.ids import Name, ObjectId, is_object_id
from gitexp.store.cache import DerivedCache
from gitexp.store.cloning import cached, fetch_into_cache
from gitexp.store.transaction import Transaction, transact
from gitexp.store.urls import check_url, redact
from gitexp.surroundings import Surroundings

if TYPE_CHECKING:
    from gitexp.store.disk import DiskStore

_ENVIRONMENTS = layout.BRANCHES + "env/"


@dataclass(frozen=True, kw_only=True)
class Address:
    """An environment at an address.

    Attributes:
        url: the address of the shared repository.
        project: the project's id; None takes the only project with such an environment.
        surroundings: environment variables, and where the cache is.
    """

    url: str
    environment: Name
    project: Name | None
    surroundings: Surroundings

    def live(self, *, offline: bool) -> tuple[Snapshot, bool]:
        """Return what is live, and whether that is only what was fetched earlier.

        Raises:
            NotFound: there is no such environment.
            InvalidInput: several projects have one of that name.
            RemoteUnavailable: the remote cannot be reached, and nothing was fetched before.
        """
        refused: RemoteError | None = None
        if not offline:
            try:
                return self._fetched(), False
            except RemoteUnavailable as exc:
                refused = exc
        earlier = self._earlier()
        if earlier is None:
            raise refused or self._absent("in the cache")
        return earlier, True

    def at(self, text: str, *, offline: bool) -> Snapshot:
        """Return the environment in a commit of its branch.

        Raises:
            NotFound: there is no such commit.
            InvalidInput: the text is no full hash, or the commit is of another environment.
            RemoteUnavailable: the commit is not in the cache and the remote cannot be reached.
        """
        if not is_object_id(text):
            raise InvalidInput(
                f"{text!r} is not the full hash of a commit",
                hint="Without a clone, a commit is named by all of its digits.",
            )
        commit = ObjectId(text)
        store = cached(self.url, self.surroundings.cache_root)
        if store is None or not store.has(commit):
            if store is not None:
                store.close()
            if offline:
                raise NotFound(
                    f"commit {commit[:10]} is not in the cache", hint="Read it without --offline."
                )
            store = self._fetch_commit(commit)
        with store:
            return self._snapshot(store, commit)

    def _fetched(self) -> Snapshot:
        """Return what is live on the remote now."""
        branch = self._branch()
        try:
            store = self._fetch([f"+{branch}:{branch}"])
        except NotFound as exc:
            self._forget()
            raise self._absent(self._where) from exc
        with store:
            return self._snapshot(store, self._tip(store, branch))

    def _earlier(self) -> Snapshot | None:
        """Return what was live when it was last fetched, or None when it never was."""
        store = cached(self.url, self.surroundings.cache_root)
        if store is None:
            return None
        with store:
            refs = [ref for ref in store.refs(_ENVIRONMENTS) if self._means(ref)]
            if not refs:
                return None
            return self._snapshot(store, self._tip(store, self._only(refs, "in the cache")))

    def _tip(self, store: DiskStore, ref: str) -> ObjectId:
        tip = store.ref(ref)
        if tip is None:  # another process was told meanwhile that it is gone
            raise self._absent("in the cache")
        return tip

    def _fetch_commit(self, commit: ObjectId) -> DiskStore:
        """Fetch a commit by its hash, else with the history of the environment's branch."""
        try:
            return self._fetch([commit])
        except RemoteUnavailable:
            raise
        except (NotFound, RemoteError):
            # Some servers hand out only what a branch points at.
            branch = self._branch()
            store = self._fetch([f"+{branch}:{branch}"], depth=ALL_OF_HISTORY)
        if store.has(commit):
            return store
        store.close()
        raise NotFound(
            f"commit {commit[:10]} is not on environment {self.environment!r} {self._where}",
            hint=f"`gitexp env history {self.environment}` in a clone lists its commits.",
        )

    def _fetch(self, refspecs: list[str], depth: int = 1) -> DiskStore:
        return fetch_into_cache(
            self.url,
            self.surroundings.cache_root,
            refspecs,
            environ=self.surroundings.environ,
            depth=depth,
            interactive=self.surroundings.interactive,
        )

    def _snapshot(self, store: DiskStore, commit: ObjectId) -> Snapshot:
        cache = DerivedCache(store.private_dir)
        try:
            return environment_at(
                store, commit, environment=self.environment, project=self.project, cache=cache
            )
        finally:
            cache.close()

    def _branch(self) -> str:
        """Return the environment's branch; without a project, the only one that the remote has."""
        if self.project is not None:
            return layout.environment_branch(self.project, self.environment)
        with self._fetch([]) as store:
            found = self._listed(store)
        if not found:
            self._forget()
        return self._only(found, self._where)

    def _listed(self, store: DiskStore) -> list[str]:
        from gitexp.store.remotes import absolute, open_remote

        remote = open_remote(
            store,
            absolute(check_url(self.url)),
            environ=self.surroundings.environ,
            interactive=self.surroundings.interactive,
        )
        return [ref for ref in remote.list_refs([_ENVIRONMENTS]) if self._means(ref)]

    def _only(self, refs: list[str], where: str) -> str:
        if len(refs) > 1:
            projects = ", ".join(ref.split("/")[3] for ref in refs)
            raise InvalidInput(
                f"several projects have an environment {self.environment!r} {where}: {projects}",
                hint="Name one of them, on the command line with `--project ID`.",
            )
        if not refs:
            raise self._absent(where)
        return refs[0]

    @property
    def _where(self) -> str:
        return f"on {redact(self.url)}"

    def _means(self, ref: str) -> bool:
        project, _, environment = ref.removeprefix(_ENVIRONMENTS).partition("/")
        return environment == self.environment and self.project in (None, project)

    def _forget(self) -> None:
        """Forget what was fetched of a branch that is gone, so that it is never served again."""
        store = cached(self.url, self.surroundings.cache_root)
        if store is None:
            return

        def work(tx: Transaction) -> None:
            for ref, old in tx.refs(_ENVIRONMENTS).items():
                if self._means(ref):
                    tx.set_ref(ref, old=old, new=None)

        with store:
            transact(store, work)

    def _absent(self, where: str) -> NotFound:
        of = f" of project {self.project!r}" if self.project else ""
        return NotFound(
            f"no environment {self.environment!r}{of} is bound {where}",
            hint=f"`git ls-remote {redact(self.url)} '{_ENVIRONMENTS}*'` lists those that are.",
        )
