"""Ledgers of several machines: joined by union, pushed without ever losing a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gitexp.documents import layout
from gitexp.errors import Conflict, MissingObject, PushRejected
from gitexp.experiments.sharing import RefChange
from gitexp.ids import Name, ObjectId
from gitexp.project.workspace import Workspace
from gitexp.runs.artifacts.large_files import share_objects
from gitexp.runs.recording.recounting import recounted
from gitexp.store.history import merge_base
from gitexp.store.model import PushUpdate, TreeId
from gitexp.store.protocol import Store
from gitexp.store.races import Refusals, back_off
from gitexp.store.transaction import Transaction, transact
from gitexp.store.trees import merge_trees, tree_of


def fetch(workspace: Workspace) -> None:
    """Bring over what others recorded; readers then see it beside what was recorded here.

    Raises:
        NotFound: the shared remote is not configured.
        RemoteUnavailable: it cannot be reached.
    """
    branches = f"{layout.runs_branches(Name(workspace.project_id))}*"
    refspec = f"+{branches}:{workspace.tracking(branches)}"
    workspace.remote().fetch([refspec], prune=True)


def push(
    workspace: Workspace,
    names: Sequence[str] | None = None,
    *,
    pause: Callable[[int], None] | None = None,
) -> tuple[RefChange, ...]:
    """Return what was moved on the shared remote to share the runs recorded here.

    Large artifacts are sent first. It is tried on top of what was last fetched. Where others
    were faster, their runs are fetched and joined by union, and it is tried again.

    Args:
        names: the experiments whose runs are shared; None shares all of them.
        pause: waits before another attempt, called with the number of failed ones; the default
            waits up to half a second.

    Raises:
        Conflict: a run is recorded with other content there; nothing was moved.
        PushRejected: the remote refuses for another reason than a race.
        RemoteUnavailable: it cannot be reached.
    """
    refusals = Refusals()
    while True:
        updates = _plan(workspace, names)
        if not updates:
            return ()
        share_objects(workspace, updates)
        try:
            workspace.remote().push(updates)
        except PushRejected as exc:
            (pause or back_off)(refusals.count)
            fetch(workspace)
            refusals.add(exc, moved=any(_moved(workspace, update) for update in updates))
        else:
            return tuple(RefChange(ref=u.ref, old=u.old, new=u.new) for u in updates)


def _moved(workspace: Workspace, update: PushUpdate) -> bool:
    return workspace.store.ref(workspace.tracking(update.ref)) != update.old


def _plan(workspace: Workspace, names: Sequence[str] | None) -> tuple[PushUpdate, ...]:
    """Return what to push, once every local branch holds what is shared as well."""
    prefix = layout.runs_branches(Name(workspace.project_id))
    here = workspace.store.refs(prefix)
    chosen = here if names is None else here.keys() & {f"{prefix}{name}" for name in names}
    planned = (_planned(workspace, branch) for branch in sorted(chosen))
    return tuple(update for update in planned if update is not None)


def _planned(workspace: Workspace, branch: str) -> PushUpdate | None:
    theirs = workspace.store.ref(workspace.tracking(branch))
    joined = join(workspace, branch)
    # A branch that somebody removes here meanwhile is not one to remove there.
    if joined is None or joined == theirs:
        return None
    return PushUpdate(ref=branch, old=theirs, new=joined)


def join(workspace: Workspace, branch: str) -> ObjectId | None:
    """Return the tip of a local runs branch, once it holds what is shared as last fetched.

    A branch that is not here stays away, because readers see the shared one. Where it holds all of
    that already, nobody who records a run meanwhile waits.

    Raises:
        Conflict: a run is recorded with two contents; nothing was moved.
    """

    def work(tx: Transaction) -> ObjectId | None:
        ours, theirs = _both(workspace, tx, branch)
        if ours is None or theirs is None or _holds(tx, ours, theirs):
            return ours
        joined = union(workspace, tx, branch, ours, theirs)
        tx.set_ref(branch, old=ours, new=joined, message="gitexp: join shared runs")
        return joined

    ours, theirs = _both(workspace, workspace.store, branch)
    if ours is None or theirs is None or _holds(workspace.store, ours, theirs):
        return ours
    return transact(workspace.store, work)


def _both(
    workspace: Workspace, store: Store, branch: str
) -> tuple[ObjectId | None, ObjectId | None]:
    return store.ref(branch), store.ref(workspace.tracking(branch))


def _holds(store: Store, ours: ObjectId, theirs: ObjectId) -> bool:
    return ours == theirs or _merge_base(store, ours, theirs) == theirs


def union(
    workspace: Workspace, tx: Transaction, branch: str, ours: ObjectId, theirs: ObjectId
) -> ObjectId:
    """Return a commit that holds the runs of both; one of the two where it does so already.

    What both added rows to is counted anew, where it is known from where they went on.

    Raises:
        Conflict: a run is recorded with two contents.
    """
    base = _merge_base(tx, ours, theirs)
    if base in (ours, theirs):
        return theirs if base == ours else ours
    merged = merge_trees(
        tx, tree_of(tx, base) if base else None, tree_of(tx, ours), tree_of(tx, theirs)
    )
    if merged.tree is None:
        raise _conflict(workspace, branch, merged.conflicts)
    tree = TreeId(merged.tree)
    if base is not None:
        sides = [tree_of(tx, side) for side in (base, ours, theirs)]
        tree = tx.tree(tree, recounted(workspace, *sides))
    return tx.commit(
        tree=tree,
        parents=[ours, theirs],
        message=f"join runs of {layout.branch_name(branch).rsplit('/', 1)[-1]}",
        author=workspace.signature(),
        sign=workspace.commit_sign(needed=False),
    )


def _merge_base(store: Store, ours: ObjectId, theirs: ObjectId) -> ObjectId | None:
    try:
        return merge_base(store, ours, theirs)
    except MissingObject:
        # A shallow clone does not know it. A union does not need it: runs are only ever added.
        if not store.is_shallow():
            raise
        return None


def _conflict(workspace: Workspace, branch: str, paths: Sequence[str]) -> Conflict:
    ours, theirs = (
        layout.branch_name(branch),
        f"{workspace.remote_name}/{layout.branch_name(branch)}",
    )
    more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
    return Conflict(
        f"{ours} and {theirs} hold different contents of {paths[0]}{more}",
        hint=f"One of them was changed by hand; compare them with `git diff {ours} {theirs}` and "
        "put the right one on both branches.",
    )
