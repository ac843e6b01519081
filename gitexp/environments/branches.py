"""The branches of environments: where they stand, and bringing them over.

What counts is the branch on the shared remote, as its tracking reference remembers it. The local
branch is looked at only where there is no tracking reference: in a bare repository, which is the
shared remote itself, or in one without a remote.
"""

from __future__ import annotations

from collections.abc import Mapping

from gitexp.documents import layout
from gitexp.errors import NotFound
from gitexp.experiments.sharing import fetch_project
from gitexp.ids import Name, ObjectId, name_fault, parse_name
from gitexp.project.workspace import Workspace
from gitexp.store.protocol import Store

ALL_OF_HISTORY = 2**31 - 1
"""The depth by which `git fetch` brings a branch with all of its history."""


def environment_name(text: str) -> Name:
    """Return a checked name of an environment.

    Raises:
        InvalidInput: the text is no such name.
    """
    return parse_name(text, "environment name")


def branch_of(workspace: Workspace, environment: Name) -> str:
    """Return the full name of an environment's branch."""
    return layout.environment_branch(Name(workspace.project_id), environment)


def tip_of(
    workspace: Workspace, environment: Name, *, reader: Store | None = None
) -> ObjectId | None:
    """Return the tip of an environment's branch as last fetched, or None when there is none."""
    store = reader or workspace.store
    branch = branch_of(workspace, environment)
    return store.ref(workspace.tracking(branch)) or store.ref(branch)


def names_with_branches(workspace: Workspace, *, reader: Store | None = None) -> list[Name]:
    """Return the environments that have a branch, sorted."""
    store = reader or workspace.store
    prefix = layout.environment_branches(Name(workspace.project_id))
    names: set[str] = set()
    for start in (prefix, workspace.tracking(prefix)):
        names.update(ref.removeprefix(start) for ref in store.refs(start))
    return [Name(name) for name in sorted(names) if not name_fault(name)]


def fetch_branch(
    workspace: Workspace, environment: Name, *, whole: bool = False
) -> ObjectId | None:
    """Bring an environment's branch over and return its tip; None when the remote has none.

    A shallow clone gets the tip alone, unless `whole` asks for the history too; any other clone
    gets what it lacks. Where the remote has none any more, what was fetched of it is forgotten.

    Raises:
        NotFound: no shared remote is configured.
        RemoteUnavailable: the remote cannot be reached.
    """
    remote = workspace.remote()
    branch = branch_of(workspace, environment)
    try:
        remote.fetch([_refspec(workspace, branch)], depth=_depth(workspace.store, whole))
    except NotFound:
        _forget(workspace, {branch: workspace.store.ref(workspace.tracking(branch))})
        return None
    return workspace.store.ref(workspace.tracking(branch))


def _depth(store: Store, whole: bool) -> int | None:
    if not store.is_shallow():
        return None  # a depth would cut off the history of a full clone
    return ALL_OF_HISTORY if whole else 1


def synchronize(
    workspace: Workspace, environment: Name, experiment: str | None = None
) -> Mapping[str, ObjectId]:
    """Bring over what moving an environment depends on, and return the remote's references.

    These are the environment's branch, the trunk and the experiment's branch; among the
    references returned are also the pins. Tracking references of branches that are gone go too;
    where the experiment's is gone, all of the project comes over, since it may have been renamed.

    Raises:
        NotFound: no shared remote is configured.
        RemoteUnavailable: it cannot be reached.
    """
    remote, store = workspace.remote(), workspace.store
    branches = [branch_of(workspace, environment), workspace.trunk_ref]
    own = _own_branch(workspace, experiment)
    branches += [own] if own else []
    there = remote.list_refs([*branches, layout.PINS])
    here = {branch: store.ref(workspace.tracking(branch)) for branch in branches}
    moved = [branch for branch in branches if there.get(branch) not in (None, here[branch])]
    if moved:
        remote.fetch([_refspec(workspace, branch) for branch in moved])
    _forget(workspace, {b: here[b] for b in branches if b not in there})
    if own and here[own] and own not in there:
        fetch_project(workspace)
    return there


def _own_branch(workspace: Workspace, experiment: str | None) -> str | None:
    if not experiment or name_fault(experiment):
        return None
    return layout.experiment_branch(Name(workspace.project_id), Name(experiment))


def _refspec(workspace: Workspace, branch: str) -> str:
    return f"+{branch}:{workspace.tracking(branch)}"


def _forget(workspace: Workspace, gone: Mapping[str, ObjectId | None]) -> None:
    from gitexp.store.transaction import Transaction, transact

    stale = {workspace.tracking(branch): old for branch, old in gone.items() if old}

    def work(tx: Transaction) -> None:
        for ref, old in stale.items():
            if tx.ref(ref) == old:
                tx.set_ref(ref, old=old, new=None)

    if stale:
        transact(workspace.store, work)
