"""The life of an experiment: create, describe, rename, archive, delete, restore, purge."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from gitexp.documents import layout
from gitexp.documents.problems import shell_word
from gitexp.errors import Conflict, NotAllowed
from gitexp.experiments.bases import base_of
from gitexp.experiments.headers import Direction, Header, header_at
from gitexp.experiments.homes import Home, get_home, trunk_names
from gitexp.experiments.permissions import (
    require_role,
    require_role_to_create,
    require_roles_to_change,
)
from gitexp.experiments.refusals import (
    refuse_checked_out,
    refuse_deleted,
    refuse_former_name,
    refuse_taken,
)
from gitexp.experiments.renaming import rename as rename
from gitexp.experiments.saving import move_branch
from gitexp.experiments.sharing import push, sharing_of
from gitexp.ids import ObjectId, new_experiment_id, parse_name
from gitexp.project.reading import current_project
from gitexp.project.workspace import Workspace
from gitexp.store.model import PushUpdate, Signature
from gitexp.store.staging import stage
from gitexp.store.transaction import Transaction, transact
from gitexp.store.trees import blob_at, tree_of

Change = Callable[[Header], Header]


@dataclass(frozen=True, kw_only=True)
class NewExperiment:
    """What an experiment begins with.

    Attributes:
        group: the group that is to own it; empty leaves it to the project's.
        artifact_location: where its runs keep their artifacts; empty keeps them in Git.
        entrypoints: those through which jobs may be created.
        evaluators: the evaluators of a run that names none.
        metrics: the direction in which each metric is better.
        files: what its first commit writes besides, by path in the repository.
    """

    name: str
    description: str = ""
    group: str = ""
    hypothesis: str = ""
    tags: Mapping[str, str] | None = None
    artifact_location: str = ""
    entrypoints: tuple[str, ...] = ()
    evaluators: tuple[str, ...] = ()
    metrics: Mapping[str, Direction] | None = None
    files: Mapping[str, bytes] = field(default_factory=dict)


def create(workspace: Workspace, new: NewExperiment) -> Header:
    """Create an experiment on a branch of its own that begins at the trunk.

    Raises:
        InvalidInput: the name, or that of the group, is not usable.
        AlreadyExists: the project has an experiment of that name.
        Forbidden: whoever creates it has not the role in the group that is to own it.
    """
    signature = workspace.signature()

    def work(tx: Transaction) -> Header:
        return create_in(tx, workspace, new, signature)[0]

    return transact(workspace.store, work)


def create_in(
    tx: Transaction, workspace: Workspace, new: NewExperiment, signature: Signature
) -> tuple[Header, ObjectId]:
    """Stage a new experiment; returns its header and the commit that creates it."""
    from gitexp.documents.yaml_writer import dump_yaml

    name = parse_name(new.name, "experiment name")
    refuse_taken(workspace, name, tx)
    _check_group(new.group)
    require_role_to_create(workspace, name, new.group, reader=tx)
    current_project(workspace, reader=tx)
    header = Header(
        id=new_experiment_id(workspace.surroundings.random_bits),
        name=name,
        description=new.description,
        group=new.group,
        hypothesis=new.hypothesis,
        tags=dict(new.tags or {}),
        artifact_location=new.artifact_location,
        entrypoints=new.entrypoints,
        evaluators=new.evaluators,
        metrics=dict(new.metrics or {}),
    )
    trunk = workspace.trunk_tip(tx)
    assert trunk is not None  # current_project has read it
    content = dump_yaml(header.to_dict(), schema="experiment")
    path = layout.header_path(workspace.root, name)
    commit = tx.commit(
        tree=tx.tree(tree_of(tx, trunk), {**new.files, path: content}),
        parents=(trunk,),
        message=f"{name}: new experiment",
        author=signature,
        sign=workspace.commit_sign(),
    )
    branch = layout.experiment_branch(workspace.project_id, name)
    tx.set_ref(branch, old=None, new=commit, message=f"gitexp experiment create {name}")
    return header, commit


def change_header(
    workspace: Workspace, name: str, change: Change, *, message: str, revive: bool = False
) -> Header:
    """Apply a change to an experiment's header in one commit; without a difference, in none.

    Raises:
        NotAllowed: the experiment is deleted (unless `revive`), or has another name now.
        Forbidden: whoever writes has not the role in the group that owns the experiment.
    """
    signature = workspace.signature()

    def work(tx: Transaction) -> Header:
        home = get_home(workspace, name, reader=tx)
        refuse_former_name(workspace, home, reader=tx)
        if not revive:
            refuse_deleted(workspace, home, tx)
        return header_commit(tx, workspace, home, change, message=message, signature=signature)

    return transact(workspace.store, work)


def header_commit(
    tx: Transaction,
    workspace: Workspace,
    home: Home,
    change: Change,
    *,
    message: str,
    signature: Signature,
) -> Header:
    """Stage a commit that changes a header; returns the header after it."""
    from gitexp.documents.yaml_editor import edit_yaml

    base = base_of(tx, workspace, home)
    before = header_at(workspace, home.tip, home.name, reader=tx)
    after = change(before)
    if after == before:
        return before
    _check_group(after.group)
    require_roles_to_change(workspace, home, after, "change", reader=tx)
    path = layout.header_path(workspace.root, home.name)
    content = edit_yaml(blob_at(tx, base.tree, path) or b"", after.to_dict(), file=path)
    commit = tx.commit(
        tree=tx.tree(base.tree, {path: content}),
        parents=base.parents,
        message=message,
        author=signature,
        sign=workspace.commit_sign(),
    )
    move_branch(tx, home, commit, f"gitexp: {message}")
    return after


def _check_group(name: str) -> None:
    if name:
        parse_name(name, "group name")


def archive(workspace: Workspace, name: str) -> Header:
    """Hide an experiment in lists."""
    return _set_lifecycle(workspace, name, "active", "archived", "archive")


def unarchive(workspace: Workspace, name: str) -> Header:
    """Show an archived experiment again.

    Raises:
        NotAllowed: it is not archived.
    """
    return _set_lifecycle(workspace, name, "archived", "active", "unarchive")


def restore(workspace: Workspace, name: str) -> Header:
    """Bring a deleted experiment back; its environments stay unbound.

    Raises:
        NotAllowed: it is not deleted.
    """
    return _set_lifecycle(workspace, name, "deleted", "active", "restore")


def _set_lifecycle(workspace: Workspace, name: str, old: str, new: str, verb: str) -> Header:
    def change(header: Header) -> Header:
        if header.lifecycle != old:
            raise NotAllowed(
                f"experiment {name!r} is {header.lifecycle}: there is nothing to {verb}",
                hint=f"See `gitexp experiment show {name}`.",
            )
        return header.having(lifecycle=new)

    message = f"{name}: {verb}"
    return change_header(workspace, name, change, message=message, revive=old == "deleted")


def delete(
    workspace: Workspace,
    name: str,
    *,
    unbind: Callable[[Transaction, str], Sequence[PushUpdate]],
) -> bool:
    """Mark an experiment deleted and unbind its environments; False when it was deleted already.

    Where its branch is shared or it is live somewhere, the branch and the unbound environments
    are pushed in one atomic step, and the local branch moves only after that.

    Args:
        unbind: stages the commits that unbind an experiment, given its id, and returns the
            pushes that they need.
    """
    signature = workspace.signature()
    plan = stage(workspace.store, lambda tx: _plan_deletion(tx, workspace, name, unbind, signature))
    if plan is None:
        return False
    home, commit, updates = plan
    if home.shared is not None or updates:
        push(workspace, [*_own_update(home, commit), *updates], what=f"deleting {name!r}")

    def move(tx: Transaction) -> None:
        if tx.ref(home.branch) == home.local:  # else somebody saved meanwhile, and keeps that
            move_branch(tx, home, commit, f"gitexp experiment delete {name}")

    transact(workspace.store, move)
    return True


def _own_update(home: Home, commit: ObjectId) -> list[PushUpdate]:
    if home.shared is None:
        return []
    return [PushUpdate(ref=home.branch, old=home.shared, new=commit)]


def _plan_deletion(
    tx: Transaction,
    workspace: Workspace,
    name: str,
    unbind: Callable[[Transaction, str], Sequence[PushUpdate]],
    signature: Signature,
) -> tuple[Home, ObjectId, Sequence[PushUpdate]] | None:
    """Stage the objects of a deletion, but no reference."""
    home = get_home(workspace, name, reader=tx)
    header = header_at(workspace, home.tip, name, reader=tx)
    if header.lifecycle == "deleted":
        return None
    if sharing_of(workspace, home, reader=tx).state == "diverged":
        raise Conflict(
            f"experiment {name!r} was saved here and on {workspace.remote_name!r} since",
            hint=f"Join the two with `gitexp pull {name}`, then delete again.",
        )
    inner = Transaction(tx)
    header_commit(
        inner,
        workspace,
        home,
        lambda before: before.having(lifecycle="deleted"),
        message=f"{name}: delete",
        signature=signature,
    )
    commit = inner.ref(home.branch)
    assert commit is not None  # the header changed, so the branch moved
    tx.apply(inner.objects, [])
    return home, commit, unbind(tx, header.id)


def purge(workspace: Workspace, name: str) -> tuple[str, ...]:
    """Remove a deleted experiment's branches, its runs included; returns what was removed.

    The shared branches go first, in one atomic push. A local branch that moved meanwhile stays.

    Raises:
        NotAllowed: it was not deleted first, or the trunk still holds it.
        Forbidden: whoever purges has not the role in the group that owns it.
        Conflict: somebody wrote to it meanwhile.
    """
    plan = transact(workspace.store, lambda tx: _plan_purge(tx, workspace, name))
    gone = [PushUpdate(ref=ref, old=old, new=None) for ref, old in plan.shared.items()]
    if gone:
        push(workspace, gone, what=f"purging {name!r}")
    transact(workspace.store, lambda tx: _remove(tx, name, plan.local))
    return (*plan.local, *(workspace.tracking(update.ref) for update in gone))


@dataclass(frozen=True, kw_only=True)
class _Purge:
    """The branches of an experiment that is to go, here and on the shared remote."""

    local: Mapping[str, ObjectId]
    shared: Mapping[str, ObjectId]


def _plan_purge(tx: Transaction, workspace: Workspace, name: str) -> _Purge:
    """Return what is to go; where nothing is shared, it goes in this very transaction."""
    home = get_home(workspace, name, reader=tx)
    _refuse_purge(tx, workspace, home)
    require_role(workspace, home, "purge", reader=tx)
    beside = (layout.runs_branch, layout.analyses_branch)
    branches = [home.branch, *(of(workspace.project_id, home.name) for of in beside)]
    local = {branch: tip for branch in branches if (tip := tx.ref(branch))}
    shared = {b: tip for b in branches if (tip := tx.ref(workspace.tracking(b)))}
    if not shared:
        _remove(tx, name, local)
    return _Purge(local=local, shared=shared)


def _remove(tx: Transaction, name: str, branches: Mapping[str, ObjectId]) -> None:
    """Stage the removal of local branches that stand where they stood; of what is gone, nothing."""
    moved = [b for b, old in branches.items() if tx.ref(b) not in (None, old)]
    if moved:
        listed = ", ".join(map(layout.branch_name, moved))
        raise Conflict(
            f"experiment {name!r} was written to while it was purged: {listed}",
            hint="What is shared is gone, what is here was kept: see `gitexp status`.",
        )
    for branch, old in branches.items():
        if tx.ref(branch) is not None:
            tx.set_ref(branch, old=old, new=None)


def _refuse_purge(tx: Transaction, workspace: Workspace, home: Home) -> None:
    name = home.name
    if header_at(workspace, home.tip, name, reader=tx).lifecycle != "deleted":
        raise NotAllowed(
            f"experiment {name!r} is not deleted",
            hint=f"Delete it first, which can be undone: `gitexp experiment delete {name}`.",
        )
    if name in trunk_names(workspace, reader=tx):
        path = layout.experiment_dir(workspace.root, name)
        raise NotAllowed(
            f"{workspace.trunk} still holds {path}",
            hint=f"Remove it there first: `git rm -r {shell_word(path)}` on {workspace.trunk}.",
        )
    refuse_checked_out(workspace, home)
