"""Publishing flags: one commit on an environment's branch, which policies guard like any other.

What is published is what is shared: a flag as the trunk of the shared remote has it, or a shared
experiment, whose A/B test keeps its flag on the experiment's own branch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from gitexp.documents import layout
from gitexp.environments.binding import Binding
from gitexp.environments.branches import environment_name, synchronize
from gitexp.environments.live import live_snapshot
from gitexp.environments.orders import Order
from gitexp.errors import InvalidInput, NotAllowed, NotFound
from gitexp.flags.catalog import find_documents, flag_keys, missing
from gitexp.ids import Name, ObjectId
from gitexp.project.groups import shared_trunk
from gitexp.project.workspace import Workspace
from gitexp.store.history import is_ancestor
from gitexp.store.revisions import resolve_revision
from gitexp.store.trees import tree_of


def publish(
    workspace: Workspace,
    keys: Sequence[str],
    environment: str,
    *,
    experiment: str | None = None,
    revision: str | None = None,
    reason: str | None = None,
    bypass: str | None = None,
) -> Binding:
    """Return what an environment says once flags are published there; `created` tells if anew.

    All of them in one commit, or none. What is live there stays live.

    Args:
        experiment: take the flags as this shared experiment has them, instead of the trunk.
        revision: take the flags as this shared commit has them.
        bypass: why policies are passed over, by somebody whom they name.

    Raises:
        ApprovalRequired: a policy asks for approval; `change` is the change request.
        Refused: a policy forbids it.
        Forbidden: whoever asks may not.
        NotFound: there is no such environment, flag, experiment or revision.
        NotAllowed: the flags are not shared.
        InvalidDocuments: a flag is not valid.
        Conflict: somebody else moved the environment meanwhile; nothing was changed.
        PushRejected, RemoteUnavailable: it could not be pushed; nothing was changed.
    """
    from gitexp.review.moving import ask_or_move

    name = environment_name(environment)
    _require_keys(keys)
    synchronize(workspace, name, experiment)
    commit = _source(workspace, experiment, revision)
    tree = tree_of(workspace.store, commit)
    edits = find_documents(workspace, tree, keys, reader=workspace.store)
    for key, document in edits.items():
        if document is None:
            raise _missing(workspace, key, commit, experiment)
    order = Order.of(workspace, "flags", name, reason=reason, bypass=bypass)
    return ask_or_move(workspace, replace(order, flags=edits))


def withdraw(
    workspace: Workspace,
    keys: Sequence[str],
    environment: str,
    *,
    reason: str | None = None,
    bypass: str | None = None,
) -> Binding:
    """Return what an environment says once flags are taken away from it; raises as `publish`."""
    from gitexp.review.moving import ask_or_move

    name = environment_name(environment)
    _require_keys(keys)
    synchronize(workspace, name)
    live = live_snapshot(workspace, name)
    for key in keys:
        if live is None or key not in live.flags:
            raise NotFound(
                f"flag {key!r} is not published in environment {environment!r}",
                hint=f"See `gitexp flag list {environment}`.",
            )
    edits: Mapping[str, Any] = dict.fromkeys(keys)
    order = Order.of(workspace, "flags", name, reason=reason, bypass=bypass)
    return ask_or_move(workspace, replace(order, flags=edits))


def _require_keys(keys: Sequence[str]) -> None:
    if not keys:
        raise InvalidInput("no flag is named", hint="Name the keys of the flags.")


def _source(workspace: Workspace, experiment: str | None, revision: str | None) -> ObjectId:
    """Return the shared commit that flags are taken from."""
    if experiment is not None and revision is not None:
        raise InvalidInput(
            f"experiment {experiment!r} and revision {revision!r} contradict each other",
            hint="Name the commit that is meant.",
        )
    if experiment is not None:
        return _shared_experiment(workspace, experiment)
    if revision is not None:
        return _shared_revision(workspace, revision)
    trunk = shared_trunk(workspace)
    if trunk is None:
        raise NotAllowed(
            f"{workspace.trunk} is not on the shared remote, so no flag is shared",
            hint=f"Push it: `git push origin {workspace.trunk}`.",
        )
    return trunk


def _shared_experiment(workspace: Workspace, name: str) -> ObjectId:
    from gitexp.experiments.homes import get_home

    home = get_home(workspace, name)
    if home.shared is None:
        raise NotAllowed(
            f"experiment {name!r} is not shared, nor are its flags",
            hint=f"Share it first with `gitexp share {name}`.",
        )
    return home.shared


def _shared_revision(workspace: Workspace, text: str) -> ObjectId:
    commit = resolve_revision(workspace.store, text)
    if any(is_ancestor(workspace.store, commit, tip) for tip in _shared_tips(workspace)):
        return commit
    raise NotAllowed(
        f"commit {commit[:10]} is not on the shared remote",
        hint="Push the branch that holds it, then publish.",
    )


def _shared_tips(workspace: Workspace) -> Iterator[ObjectId]:
    trunk = shared_trunk(workspace)
    if trunk is not None:
        yield trunk
    branches = layout.experiment_branches(Name(workspace.project_id))
    prefix = workspace.tracking(branches) if workspace.has_remote else branches
    yield from workspace.store.refs(prefix).values()


def _missing(
    workspace: Workspace, key: str, commit: ObjectId, experiment: str | None
) -> NotFound | NotAllowed:
    """Return the error for a flag that is not shared where it was looked for."""
    store = workspace.store
    own = workspace.trunk_tip(store)
    if experiment is None and own is not None and own != commit:
        here = flag_keys(workspace, tree_of(store, own), reader=store)
        if key in here:
            return NotAllowed(
                f"flag {key!r} is not shared: {workspace.trunk} of the shared remote lacks it",
                hint=f"Push it: `git push origin {workspace.trunk}`.",
            )
    found = missing(key, flag_keys(workspace, tree_of(store, commit), reader=store))
    where = f"experiment {experiment!r}" if experiment else f"commit {commit[:10]}"
    hint = found.hint
    if experiment is None and hint and not hint.startswith("Did"):
        hint = "The flag of an A/B test is published with `--experiment NAME`."
    return NotFound(f"{found.message} in {where}", hint=hint)
