"""What the next commit of an experiment stands on: its home, joined with the trunk where needed.

The trunk is joined (a merge commit that keeps the experiment's own directory) in two cases:
the project definition there has moved on, or the trunk already holds one of the branch's
versions, as after a squash merge. Without the second, the branch would conflict with its own past
in the next pull request.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gitexp.documents import layout
from gitexp.documents.problems import shell_word
from gitexp.errors import Conflict, Diverged, InvalidDocuments
from gitexp.experiments.homes import Home, on_commit
from gitexp.experiments.versions import Version, latest_at, versions_at
from gitexp.ids import ObjectId, VersionId
from gitexp.project.definition import Project
from gitexp.project.reading import project_at, read_document
from gitexp.project.workspace import Workspace
from gitexp.store.history import is_ancestor, merge_base
from gitexp.store.model import TreeId
from gitexp.store.transaction import Transaction
from gitexp.store.trees import entry_at, tree_of

if TYPE_CHECKING:
    from gitexp.experiments.uniting import United


@dataclass(frozen=True, kw_only=True)
class Base:
    """What the next commit of an experiment stands on.

    Attributes:
        parents: the commit's parents.
        tree: the tree to change.
        project: the definition that the values are checked against.
        latest: the version to follow, or None before the first.
        values: the values in that tree as they stand, which a patch changes; None where the file
            cannot be read.
    """

    parents: tuple[ObjectId, ...]
    tree: TreeId
    project: Project
    latest: Version | None
    values: Mapping[str, Any] | None


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
    return _base(tx, workspace, home, tree, (tip,), latest_at(workspace, tip, home.name, reader=tx))


def _base(
    tx: Transaction,
    workspace: Workspace,
    home: Home,
    tree: TreeId,
    parents: tuple[ObjectId, ...],
    latest: Version | None,
) -> Base:
    path = layout.parameters_path(workspace.root, home.name)
    try:
        values = read_document(workspace, tree, path, "parameters", reader=tx) or {}
    except InvalidDocuments:
        values = None  # somebody's commit broke the file; complete values can replace it
    return Base(
        parents=parents,
        tree=tree,
        project=project_at(workspace, tree, reader=tx),
        latest=latest,
        values=values,
    )


def _must_join(
    tx: Transaction, workspace: Workspace, home: Home, trunk: ObjectId, fork: ObjectId
) -> bool:
    path = layout.join(workspace.root, layout.PROJECT_FILE)
    before, now = (entry_at(tx, tree_of(tx, commit), path) for commit in (fork, trunk))
    return before != now or _squashed(tx, workspace, home, trunk) is not None


def _squashed(tx: Transaction, workspace: Workspace, home: Home, trunk: ObjectId) -> Version | None:
    """Return the last version on the trunk that was taken over from the branch.

    Versions are matched in their order, so a value that the trunk went back to is the trunk's own.
    """
    if not on_commit(workspace, trunk, home.name, reader=tx):
        return None
    ours = versions_at(workspace, home.tip, home.name, reader=tx)
    known = {v.version for v in ours} | {alias for v in ours for alias in v.aliases}
    digests = [v.digest for v in ours]
    position, found = 0, None
    for version in versions_at(workspace, trunk, home.name, reader=tx):
        if version.version in known:
            position = max(position, _place(ours, version.version))
        elif version.digest and version.digest in digests[position:]:
            position = digests.index(version.digest, position) + 1
            found = version
    return found


def _place(ours: Sequence[Version], version: VersionId) -> int:
    return next(i for i, v in enumerate(ours, 1) if version in (v.version, *v.aliases))


def _joined(
    tx: Transaction, workspace: Workspace, home: Home, trunk: ObjectId, fork: ObjectId
) -> Base:
    from gitexp.experiments.uniting import Union

    ours, theirs = tree_of(tx, home.tip), tree_of(tx, trunk)
    union = Union(
        workspace=workspace,
        tx=tx,
        name=home.name,
        base=_common(tx, workspace, home, trunk, fork),
        ours=ours,
        theirs=theirs,
    )
    united = union.unite()
    if united.tree is None:
        raise _unclean(workspace, home, united)
    latest = latest_at(workspace, home.tip, home.name, reader=tx)
    return _base(tx, workspace, home, united.tree, (home.tip, trunk), latest)


def _common(
    tx: Transaction, workspace: Workspace, home: Home, trunk: ObjectId, fork: ObjectId
) -> TreeId:
    """Return what both sides come from; the experiment itself as the trunk took it over last."""
    base = tree_of(tx, fork)
    squashed = _squashed(tx, workspace, home, trunk)
    if squashed is None:
        return base
    own = layout.experiment_dir(workspace.root, home.name)
    taken = entry_at(tx, tree_of(tx, squashed.version), own)
    return tx.tree(base, {own: taken})


def _unclean(workspace: Workspace, home: Home, united: United) -> Conflict:
    branch = layout.branch_name(home.branch)
    trunk = shell_word(workspace.trunk)
    hint = f"Merge it by hand, then save again: `git switch {branch} && git merge {trunk}`."
    if united.parameters:
        names = ", ".join(united.parameters)
        return Diverged(
            f"{workspace.trunk} and {branch} both changed {names}",
            parameters=united.parameters,
            hint=hint,
        )
    return Conflict(
        f"{workspace.trunk} has moved on and does not merge cleanly into {branch}: "
        + ", ".join(united.paths),
        hint=hint,
    )
