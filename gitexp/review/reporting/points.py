"""The two ends of a change and where they parted, also in a clone that holds little of it.

CI checks one commit out, without history. What is missing is fetched by its hash or its name, and
history is deepened until both lines meet. Where the remote does not give it, the report says what
it was compared with instead.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from gitexp.documents import layout
from gitexp.environments.branches import ALL_OF_HISTORY, environment_name, tip_of
from gitexp.errors import GitexpError, InvalidInput, MissingObject, NotFound, RemoteError
from gitexp.ids import Name, ObjectId, is_object_id
from gitexp.project.workspace import Workspace
from gitexp.store.history import merge_base
from gitexp.store.refnames import ref_name_fault
from gitexp.store.revisions import resolve_revision
from gitexp.store.trees import read_commit

_DEPTHS = (50, 1000, ALL_OF_HISTORY)
_ENVIRONMENT = "env:"
_FETCHABLE = re.compile(r"(refs/)?[A-Za-z0-9][^~^:?*\[\\\s]*\Z")

_HIDDEN = (
    "this clone does not show where both lines parted, so the head is compared with the newest "
    "commit of the base"
)
_UNRELATED = "base and head have no commit in common, so both are compared as they are"


@dataclass(frozen=True, kw_only=True)
class Points:
    """Both ends of a change.

    Attributes:
        compared: where both lines parted; the base itself where that is not known.
        notes: what a reader has to know about it.
    """

    base: ObjectId
    head: ObjectId
    compared: ObjectId
    notes: tuple[str, ...] = ()


def find_points(workspace: Workspace, base: str, head: str, *, fetch: bool = True) -> Points:
    """Return the ends of a change.

    Args:
        fetch: whether what is missing here may be fetched from the shared remote.

    Raises:
        NotFound: one of them does not exist, here or there.
        MissingObject: one of them is not in this clone and cannot be fetched.
    """
    commits = [find_commit(workspace, text, fetch=fetch) for text in (base, head)]
    compared, notes = _parted(workspace, commits[0], commits[1], fetch=fetch)
    return Points(base=commits[0], head=commits[1], compared=compared, notes=notes)


def find_commit(workspace: Workspace, text: str, *, fetch: bool = True) -> ObjectId:
    """Return the commit that a text names, fetched where it is not here.

    Raises:
        NotFound: there is no such commit here, or on the shared remote.
        MissingObject: it is not in this clone and cannot be fetched.
    """
    try:
        found = _here(workspace, text)
    except (NotFound, MissingObject) as missing:
        if not fetch or not workspace.has_remote:
            raise
        return _fetched(workspace, text, missing)
    return found


def _here(workspace: Workspace, text: str) -> ObjectId:
    if not text.startswith(_ENVIRONMENT):
        commit = resolve_revision(workspace.store, text)
        read_commit(workspace.store, commit)
        return commit
    environment = environment_name(text.removeprefix(_ENVIRONMENT))
    tip = tip_of(workspace, environment)
    if tip is None:
        raise NotFound(
            f"environment {environment!r} has no branch here",
            hint="Bring it over with `gitexp fetch`.",
        )
    return tip


def _fetched(workspace: Workspace, text: str, missing: GitexpError) -> ObjectId:
    """Return a commit that is brought over now: by its hash, or by the name of a branch."""
    wanted = _wanted(workspace, text)
    if wanted is None:
        raise missing
    remote = workspace.remote()
    depth = 1 if workspace.store.is_shallow() else None
    try:
        if is_object_id(wanted):
            remote.fetch([wanted], depth=depth)
            return read_commit(workspace.store, ObjectId(wanted)).id
        there = remote.list_refs([wanted]).get(wanted)
        if there is None:
            raise missing
        if not workspace.store.has(there):
            remote.fetch([wanted], depth=depth)
        return read_commit(workspace.store, there).id
    except (RemoteError, NotFound, MissingObject) as exc:
        if exc is missing:
            raise
        raise MissingObject(
            f"{text!r} is not in this clone and cannot be fetched: {exc.message}",
            hint="Fetch it before, as with `git fetch origin COMMIT`, or check out the whole "
            "history (`fetch-depth: 0` on GitHub, `GIT_DEPTH: 0` on GitLab).",
        ) from exc


def _wanted(workspace: Workspace, text: str) -> str | None:
    """Return the hash or the full name by which the remote knows what a text names."""
    if is_object_id(text):
        return text
    if text.startswith(_ENVIRONMENT):
        environment = environment_name(text.removeprefix(_ENVIRONMENT))
        return layout.environment_branch(Name(workspace.project_id), environment)
    name = text.removeprefix(f"{workspace.remote_name}/")
    if not _FETCHABLE.match(name):
        return None
    full = name if name.startswith("refs/") else f"{layout.BRANCHES}{name}"
    return None if ref_name_fault(full) else full


def _parted(
    workspace: Workspace, base: ObjectId, head: ObjectId, *, fetch: bool
) -> tuple[ObjectId, tuple[str, ...]]:
    """Return where two lines parted, and what is to be said about it."""
    try:
        found = _merge_base(workspace, base, head, fetch=fetch)
    except (MissingObject, RemoteError, NotFound, InvalidInput) as exc:
        return base, (f"{_HIDDEN}: {exc.message}",)
    return (found, ()) if found is not None else (base, (_UNRELATED,))


def _merge_base(
    workspace: Workspace, base: ObjectId, head: ObjectId, *, fetch: bool
) -> ObjectId | None:
    for depth in _DEPTHS if fetch and workspace.has_remote else ():
        try:
            return merge_base(workspace.store, base, head)
        except MissingObject:
            if not workspace.store.is_shallow():
                raise  # a depth would cut a whole history off
            workspace.remote().fetch(list(dict.fromkeys([base, head])), depth=depth)
    return merge_base(workspace.store, base, head)
