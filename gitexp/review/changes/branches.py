"""The branches of change requests: where they stand, and bringing them over.

What counts is what is on the shared remote, as tracking references remember it; in a bare
repository, which is the shared remote itself, the branches there.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from gitexp.documents import layout
from gitexp.errors import NotFound, RemoteError
from gitexp.ids import ChangeId, Name, ObjectId
from gitexp.project.workspace import Workspace
from gitexp.review.changes.ledger import Ledger, read_ledger
from gitexp.review.changes.model import ChangeFacts
from gitexp.store.model import PushUpdate
from gitexp.store.protocol import Store


def ledger_branch(workspace: Workspace) -> str:
    """Return the full name of the branch that records change requests."""
    return layout.changes_branch(Name(workspace.project_id))


def branch_of_change(workspace: Workspace, change: ChangeId) -> str:
    """Return the full name of the branch of a change request."""
    return layout.change_branch(Name(workspace.project_id), change)


def shared_tip(
    workspace: Workspace, branch: str, *, reader: Store | None = None
) -> ObjectId | None:
    """Return where a branch stands on the shared remote, as last fetched; None where nowhere."""
    store = reader or workspace.store
    return store.ref(workspace.tracking(branch)) or (
        None if workspace.has_remote else store.ref(branch)
    )


def current_ledger(
    workspace: Workspace, *, ended: bool = True, reader: Store | None = None
) -> Ledger:
    """Return what the ledger says, as last fetched.

    Args:
        ended: read those too of which it is written down how they ended.
    """
    store = reader or workspace.store
    tip = shared_tip(workspace, ledger_branch(workspace), reader=store)
    return read_ledger(store, tip, ended=ended, cache=workspace.cache)


def head_of(
    workspace: Workspace, facts: ChangeFacts, *, reader: Store | None = None
) -> ObjectId | None:
    """Return the tip of the branch of a change request, None where it has none."""
    return shared_tip(workspace, branch_of_change(workspace, facts.id), reader=reader)


def bring(workspace: Workspace, *also: str) -> Mapping[str, ObjectId]:
    """Bring over change requests, environments and the trunk; returns the remote's references.

    Nothing is fetched where nothing has moved.

    Args:
        also: full names of other references that are looked up there, and not fetched.

    Raises:
        NotFound: no shared remote is configured.
        RemoteUnavailable: it cannot be reached.
    """
    remote, project = workspace.remote(), Name(workspace.project_id)
    folders = (layout.environment_branches(project), layout.change_branches(project))
    single = (ledger_branch(workspace), workspace.trunk_ref)
    there = remote.list_refs([*folders, *single, *also])
    wanted = {ref for ref in there if ref.startswith(folders) or ref in single}
    if _moved(workspace, folders, single, {ref: there[ref] for ref in wanted}):
        names = [*(f"{folder}*" for folder in folders), *(ref for ref in single if ref in there)]
        remote.fetch([f"+{name}:{workspace.tracking(name)}" for name in names], prune=True)
    return there


def _moved(
    workspace: Workspace,
    folders: tuple[str, ...],
    single: tuple[str, ...],
    there: Mapping[str, ObjectId],
) -> bool:
    """Return whether any of the branches stands elsewhere than tracking references remember."""
    here: dict[str, ObjectId] = {}
    for branch in (*folders, *single):
        start = workspace.tracking(branch)
        found = workspace.store.refs(start)
        here |= {branch + ref.removeprefix(start): tip for ref, tip in found.items()}
    known = {ref: tip for ref, tip in here.items() if ref.startswith(folders) or ref in single}
    return known != dict(there)


def bring_experiment(workspace: Workspace, facts: ChangeFacts) -> None:
    """Bring over the experiment that a change request is about, where its version is not here.

    Who owns it and who signed the version stand there.

    Raises:
        RemoteUnavailable: the remote cannot be reached.
    """
    name, version = facts.request.experiment, facts.request.version
    if name is None or version is None or workspace.store.has(version):
        return
    branch = layout.experiment_branch(Name(workspace.project_id), Name(name))
    for wanted in (f"+{branch}:{workspace.tracking(branch)}", version):
        if not workspace.store.has(version):
            with suppress(NotFound):
                workspace.remote().fetch([wanted])


def remove_branch(workspace: Workspace, facts: ChangeFacts) -> None:
    """Take the branch of a change request that is over off the shared remote, if that is let.

    What was asked stays written down, and what was applied is in the environment's branch.
    """
    head = head_of(workspace, facts)
    if head is None:
        return
    branch = branch_of_change(workspace, facts.id)
    with suppress(RemoteError):
        workspace.remote().push([PushUpdate(ref=branch, old=head, new=None)])
