"""What the next commit of an experiment stands on: its home, joined with the trunk where needed.

The trunk is joined (a merge commit that keeps the experiment's own directory) in two cases:
the project definition there has moved on, or the trunk already holds one of the branch's
versions, as after a squash merge. Without the second, the branch would conflict with its own past
in the next pull request.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gitexp.documents import layout
from gitexp.errors import Conflict, Diverged
from gitexp.experiments.homes import Home, on_commit
from gitexp.experiments.merging import merge_values
from gitexp.experiments.versions import Version, latest_at, versions_at
from gitexp.ids import ObjectId
from gitexp.project.definition import Project
from gitexp.project.reading import project_at
from gitexp.project.workspace import Workspace
from gitexp.store.history import is_ancestor, merge_base
from gitexp.store.model import TreeId
from gitexp.store.transaction import Transaction
from gitexp.store.trees import UNMERGED, Unmerged, entry_at, merge_trees, tree_of


@dataclass(frozen=True, kw_only=True)
class Base:
    """What the next commit of an experiment stands on.

    Attributes:
        parents: the commit's parents.
        tree: the tree to change.
        project: the definition that the values are checked against.
        latest: the version to follow, or None before the first.
        values: the values that a patch changes.
    """

    parents: tuple[ObjectId, ...]
    tree: TreeId
    project: Project
    latest: Version | None
    values: Mapping[str, Any]


def base_of(tx: Transaction, workspace: Workspace, home: Home) -> Base:
    """Return what the next commit of an experiment stands on.

    Raises:
        Conflict: the trunk must be joined and does not merge cleanly.
        Diverged: the trunk changed the same parameters as the branch.
    """
    trunk = workspace.trunk_tip(tx)
    if trunk is None or home.kind == "trunk" or is_ancestor(tx, trunk, home.tip):
        return _simple(tx, workspace, home, home.tip)
    if is_ancestor(tx, home.tip, trunk) and on_commit(workspace, trunk, home.name, reader=tx):
        return _simple(tx, workspace, home, trunk)
    fork = merge_base(tx, home.tip, trunk)
    if fork is None or not _must_join(tx, workspace, home, trunk, fork):
        return _simple(tx, workspace, home, home.tip)
    return _joined(tx, workspace, home, trunk, fork)


def _simple(tx: Transaction, workspace: Workspace, home: Home, tip: ObjectId) -> Base:
    tree = tree_of(tx, tip)
    latest = latest_at(workspace, tip, home.name, reader=tx)
    return Base(
        parents=(tip,),
        tree=tree,
        project=project_at(workspace, tree, reader=tx),
        latest=latest,
        values=latest.values if latest else {},
    )


def _must_join(
    tx: Transaction, workspace: Workspace, home: Home, trunk: ObjectId, fork: ObjectId
) -> bool:
    path = layout.join(workspace.root, layout.PROJECT_FILE)
    before, now = (entry_at(tx, tree_of(tx, commit), path) for commit in (fork, trunk))
    return before != now or _squashed(tx, workspace, home, trunk) is not None


def _squashed(tx: Transaction, workspace: Workspace, home: Home, trunk: ObjectId) -> Version | None:
    """Return the newest version on the trunk that carries the values of one of the branch's."""
    if not on_commit(workspace, trunk, home.name, reader=tx):
        return None
    ours = versions_at(workspace, home.tip, home.name, reader=tx)
    known = {v.version for v in ours} | {alias for v in ours for alias in v.aliases}
    digests = {v.digest for v in ours if v.digest}
    theirs = versions_at(workspace, trunk, home.name, reader=tx)
    found = (v for v in reversed(theirs) if v.version not in known and v.digest in digests)
    return next(found, None)


def _joined(
    tx: Transaction, workspace: Workspace, home: Home, trunk: ObjectId, fork: ObjectId
) -> Base:
    trees = [tree_of(tx, commit) for commit in (fork, home.tip, trunk)]
    own = layout.experiment_dir(workspace.root, home.name)

    def combine(
        path: str, base: bytes | None, ours: bytes | None, theirs: bytes | None
    ) -> bytes | Unmerged | None:
        return ours if path.startswith(own + "/") else UNMERGED

    merged = merge_trees(tx, trees[0], trees[1], trees[2], combine=combine)
    if merged.tree is None:
        raise _unclean(workspace, home, merged.conflicts)
    tree = tx.tree(merged.tree, {own: entry_at(tx, trees[1], own)})
    latest = latest_at(workspace, home.tip, home.name, reader=tx)
    return Base(
        parents=(home.tip, trunk),
        tree=tree,
        project=project_at(workspace, tree, reader=tx),
        latest=latest,
        values=_values_with_trunk(tx, workspace, home, trunk, fork),
    )


def _values_with_trunk(
    tx: Transaction, workspace: Workspace, home: Home, trunk: ObjectId, fork: ObjectId
) -> Mapping[str, Any]:
    """Return the branch's values with what the trunk changed since it took them over."""
    ours = latest_at(workspace, home.tip, home.name, reader=tx)
    theirs = latest_at(workspace, trunk, home.name, reader=tx)
    if ours is None or theirs is None:
        return ours.values if ours else {}
    base = _squashed(tx, workspace, home, trunk) or latest_at(workspace, fork, home.name, reader=tx)
    if base is not None and base.digest == theirs.digest:
        return ours.values
    merged = merge_values(base.values if base else {}, ours.values, theirs.values)
    if merged.conflicts:
        names = ", ".join(merged.conflicts)
        raise Diverged(
            f"{workspace.trunk} and {layout.branch_name(home.branch)} both changed {names}",
            parameters=merged.conflicts,
            hint="Merge by hand: "
            f"`git switch {layout.branch_name(home.branch)} && git merge {workspace.trunk}`.",
        )
    return merged.values


def _unclean(workspace: Workspace, home: Home, paths: Any) -> Conflict:
    branch = layout.branch_name(home.branch)
    return Conflict(
        f"{workspace.trunk} has moved on and does not merge cleanly into {branch}: "
        + ", ".join(paths),
        hint=f"Merge it by hand, then save again: `git switch {branch} && "
        f"git merge {workspace.trunk}`.",
    )
