"""Pinned reading: an environment as of a commit of its branch, given or taken from the lock."""

from __future__ import annotations

from dataclasses import dataclass

from gitexp.documents import layout
from gitexp.documents.problems import Problem
from gitexp.environments.binding import Snapshot, environment_at
from gitexp.environments.branches import fetch_branch, tip_of
from gitexp.environments.lockfile import LockEntry, lock_entry
from gitexp.errors import InvalidDocuments, InvalidInput, MissingObject, NotFound, RemoteError
from gitexp.ids import Name, ObjectId, is_object_id
from gitexp.project.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class Pin:
    """What is read of an environment: what is live now, or a commit of its branch.

    Attributes:
        at: a commit of the environment's branch.
        locked: the commit that the lock file names, verified against it.
        offline: whether the remote must not be asked for what is not here.
    """

    at: str | None = None
    locked: bool = False
    offline: bool = False


LIVE = Pin()


def pinned_snapshot(workspace: Workspace, name: Name, pin: Pin) -> Snapshot | None:
    """Return what a pin names, a version bound or not; None when it names what is live.

    Raises:
        NotFound: the commit is not there, or the lock file does not name the environment.
        NotBound: nothing was bound or published in the commit that the lock file names.
        InvalidInput: the commit is not of this environment, or both ways of pinning were given.
        InvalidDocuments: the lock file is not valid, or says otherwise than the commit.
        RemoteUnavailable: the commit is not here and the remote cannot be reached.
    """
    if pin.at is not None and pin.locked:
        raise InvalidInput(
            f"environment {name!r} cannot be read at {pin.at!r} and as locked",
            hint="Leave one of them out.",
        )
    if pin.locked:
        return _locked(workspace, name, pin.offline)
    return None if pin.at is None else _at(workspace, name, pin.at, pin.offline)


def _locked(workspace: Workspace, name: Name, offline: bool) -> Snapshot:
    entry = lock_entry(workspace, name)
    snapshot = _at(workspace, name, entry.commit, offline)
    if LockEntry.of(snapshot) != entry:
        raise _contradiction(name, entry, LockEntry.of(snapshot))
    return snapshot


def _contradiction(name: Name, locked: LockEntry, found: LockEntry) -> InvalidDocuments:
    pinned, real = locked.to_dict(), found.to_dict()
    problems = [
        Problem(
            file=layout.LOCK_FILE,
            place=f"environments.{name}.{key}",
            message=f"{pinned.get(key, 'nothing')} is locked, but commit {locked.commit[:10]} says "
            f"{real.get(key, 'nothing')}",
        )
        for key in vars(found)
        if pinned.get(key) != real.get(key)
    ]
    return InvalidDocuments(
        problems, hint=f"If the commit is right, lock it anew: `gitexp env lock {name}`."
    )


def _at(workspace: Workspace, name: Name, text: str, offline: bool) -> Snapshot:
    """Return the environment in a commit of its branch."""
    commit = ObjectId(text) if is_object_id(text) else _named(workspace, name, text, offline)
    key = f"environment-member/{workspace.project_id}/{name}/{commit}"
    known = workspace.cache.get(key) is not None
    if not known:
        _bring(workspace, name, commit, offline)
    snapshot = environment_at(
        workspace.store,
        commit,
        environment=name,
        project=workspace.project_id,
        cache=workspace.cache,
    )
    if not known:
        _require_member(workspace, name, commit, offline)
        workspace.cache.put(key, True)
    return snapshot


def _named(workspace: Workspace, name: Name, text: str, offline: bool) -> ObjectId:
    """Return the commit that a text names, after fetching the branch where that helps."""
    from gitexp.store.revisions import resolve_revision

    try:
        return resolve_revision(workspace.store, text)
    except (NotFound, MissingObject):
        if offline or not workspace.has_remote:
            raise
    fetch_branch(workspace, name, whole=True)
    return resolve_revision(workspace.store, text)


def _bring(workspace: Workspace, name: Name, commit: ObjectId, offline: bool) -> None:
    """Fetch a commit that is not here: by its hash, else with the branch's history."""
    if workspace.store.has(commit):
        return
    if not offline and workspace.has_remote:
        try:
            workspace.remote().fetch([commit], depth=1 if workspace.store.is_shallow() else None)
        except (NotFound, RemoteError):
            # Some servers hand out only what a branch points at.
            fetch_branch(workspace, name, whole=True)
    if not workspace.store.has(commit):
        raise NotFound(
            f"commit {commit[:10]} is not on environment {name!r}",
            hint=f"See `gitexp env history {name}`, and `gitexp fetch` what others did.",
        )


def _require_member(workspace: Workspace, name: Name, commit: ObjectId, offline: bool) -> None:
    """Check that a commit is on the branch; where history is cut off, its content has to do.

    Raises:
        InvalidInput: it is on another line, such as a proposal that was never taken.
    """
    if _is_member(workspace, name, commit):
        return
    if not offline and workspace.has_remote:
        fetch_branch(workspace, name)
        if _is_member(workspace, name, commit):
            return
    raise InvalidInput(
        f"commit {commit[:10]} is not on the branch of environment {name!r}",
        hint=f"See `gitexp env history {name}`, and `gitexp fetch` what others did.",
    )


def _is_member(workspace: Workspace, name: Name, commit: ObjectId) -> bool:
    from gitexp.store.history import is_ancestor

    tip = tip_of(workspace, name)
    if tip is None:
        return workspace.store.is_shallow()
    try:
        return is_ancestor(workspace.store, commit, tip)
    except MissingObject:
        return True
