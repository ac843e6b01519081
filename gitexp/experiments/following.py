"""Following a rename: the local branches of a former name go where the experiment is now."""

from __future__ import annotations

from gitexp.documents import layout
from gitexp.errors import NotAllowed
from gitexp.experiments.bases import base_of
from gitexp.experiments.headers import Header, header_at
from gitexp.experiments.homes import Home, get_home
from gitexp.ids import Name, ObjectId
from gitexp.project.workspace import Workspace
from gitexp.store.history import is_ancestor, merge_base
from gitexp.store.model import Signature
from gitexp.store.transaction import Transaction, transact
from gitexp.store.trees import blob_at, entry_at, merge_trees, tree_of


def follow(workspace: Workspace, name: str, target: Name) -> Header:
    """Move the local branches of a former name to the present one, and return its header.

    What was saved under the former name and is not under the new one becomes a line of its own
    there, which a pull joins with the shared one.

    Raises:
        NotAllowed: both names were saved on here.
    """
    signature = workspace.signature()

    def work(tx: Transaction) -> Header:
        old = get_home(workspace, name, reader=tx)
        now = get_home(workspace, target, reader=tx)
        header = header_at(workspace, now.tip, target, reader=tx)
        assert old.local is not None  # the caller has seen it
        if is_ancestor(tx, old.local, now.tip):
            tip = now.local or now.shared
        else:
            _refuse_two_lines(old, now)
            tip = renamed(tx, workspace, old, header, signature)
        if tip is not None:
            tx.set_ref(now.branch, old=now.local, new=tip, message="gitexp: rename")
        tx.set_ref(old.branch, old=old.local, new=None, message="gitexp: rename")
        _move_runs(tx, workspace, old.name, target, signature)
        return header

    return transact(workspace.store, work)


def _refuse_two_lines(old: Home, now: Home) -> None:
    if now.local is not None:
        branch = layout.branch_name(old.branch)
        raise NotAllowed(
            f"both {old.name!r} and {now.name!r}, which is its name now, were saved on here",
            hint=f"Compare them with `gitexp diff {old.name} {now.name}`, save on {now.name} what "
            f"is to stay, then remove the old branch with `git branch -D {branch}`.",
        )


def _move_runs(
    tx: Transaction, workspace: Workspace, name: Name, target: Name, signature: Signature
) -> None:
    """Move the local branches of runs and of days; where both names have one, they are united."""
    for branch_of in (layout.runs_branch, layout.analyses_branch):
        old, new = (branch_of(workspace.project_id, n) for n in (name, target))
        tip, there = tx.ref(old), tx.ref(new)
        if tip is None:
            continue
        if there is None:
            tx.set_ref(new, old=None, new=tip, message="gitexp: rename")
        elif not is_ancestor(tx, tip, there):
            tx.set_ref(new, old=there, new=_united(tx, there, tip, signature))
        tx.set_ref(old, old=tip, new=None, message="gitexp: rename")


def _united(tx: Transaction, ours: ObjectId, theirs: ObjectId, signature: Signature) -> ObjectId:
    """Return a commit with the runs of two branches.

    Raises:
        NotAllowed: one run is there with two contents, which no writer leaves behind.
    """
    fork = merge_base(tx, ours, theirs)
    base = tree_of(tx, fork) if fork else None
    merged = merge_trees(tx, base, tree_of(tx, ours), tree_of(tx, theirs))
    if merged.tree is None:
        raise NotAllowed(
            f"runs under both names have different contents: {', '.join(merged.conflicts)}",
            hint="Look at both with `git log --all -- PATH`.",
        )
    return tx.commit(
        tree=merged.tree, parents=(ours, theirs), message="join runs", author=signature
    )


def renamed(
    tx: Transaction, workspace: Workspace, home: Home, header: Header, signature: Signature
) -> ObjectId:
    """Stage the commit that gives an experiment its new header's name, and return it."""
    from gitexp.documents.yaml_editor import edit_yaml

    base = base_of(tx, workspace, home)
    old = layout.experiment_dir(workspace.root, home.name)
    new = layout.experiment_dir(workspace.root, Name(header.name))
    path = layout.header_path(workspace.root, home.name)
    content = edit_yaml(blob_at(tx, base.tree, path) or b"", header.to_dict(), file=path)
    edited = tx.tree(base.tree, {path: content})
    return tx.commit(
        tree=tx.tree(edited, {old: None, new: entry_at(tx, edited, old)}),
        parents=base.parents,
        message=f"{header.name}: rename from {home.name}",
        author=signature,
        sign=workspace.commit_sign(),
    )
