"""The shared remote as a workspace: its references as they stand, with its objects brought here."""

from __future__ import annotations

from dataclasses import replace

from gitexp.documents import layout
from gitexp.environments.branches import ALL_OF_HISTORY
from gitexp.errors import NotFound
from gitexp.ids import ObjectId
from gitexp.project.workspace import Workspace
from gitexp.review.checking.views import RemoteView
from gitexp.store.protocol import Remote

_NOBODY = "(the shared remote)"


def remote_tip(workspace: Workspace, ref: str) -> ObjectId | None:
    """Return where a branch of the shared remote stands, its newest commit brought here.

    Raises:
        RemoteUnavailable: it cannot be reached.
    """
    store = workspace.store
    if not workspace.has_remote:
        return store.ref(ref)
    remote = workspace.remote()
    tip = remote.list_refs([ref]).get(ref)
    if tip is not None and not store.has(tip):
        remote.fetch([ref], depth=1 if store.is_shallow() else None)
    return tip


def remote_view(workspace: Workspace) -> Workspace:
    """Return a workspace that is the shared remote as it stands, with its objects brought here.

    Raises:
        RemoteUnavailable: it cannot be reached.
    """
    if workspace.has_remote:
        references = _brought(workspace)
    else:
        references = dict(workspace.store.refs("refs/"))
    return replace(
        workspace,
        store=RemoteView(workspace.store, references),
        directory=None,
        remote_name=_NOBODY,
        open_remote=_no_remote,
        guard=None,
    )


def _brought(workspace: Workspace) -> dict[str, ObjectId]:
    """Return the references of the shared remote, after fetching what they lead to.

    Of runs the newest state is enough in a shallow clone; of all else the history counts.
    """
    project, store, remote = workspace.project_id, workspace.store, workspace.remote()
    runs = layout.runs_branches(project)
    deep = [
        workspace.trunk_ref,
        layout.experiment_branches(project),
        layout.environment_branches(project),
        layout.changes_branch(project),
        layout.PINS,
    ]
    there = remote.list_refs([*deep, runs])
    shallow = store.is_shallow()
    lacking = [ref for ref, tip in there.items() if shallow or not store.has(tip)]
    for wanted, depth in (
        ([ref for ref in lacking if not ref.startswith(runs)], ALL_OF_HISTORY),
        ([ref for ref in lacking if ref.startswith(runs)], 1),
    ):
        if wanted:
            remote.fetch(list(dict.fromkeys(wanted)), depth=depth if shallow else None)
    return there


def _no_remote(name_or_url: str) -> Remote:
    raise NotFound(f"no remote {name_or_url!r} is asked while a change is checked")
