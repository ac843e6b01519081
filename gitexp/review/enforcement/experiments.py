"""What may be pushed to the branch of an experiment and to the trunk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from gitexp.documents import layout
from gitexp.environments.binding import environment_at
from gitexp.environments.branches import names_with_branches
from gitexp.errors import Forbidden, InvalidInput, NotAllowed
from gitexp.experiments.permissions import needed_roles
from gitexp.ids import ObjectId, name_fault
from gitexp.project.reading import read_document
from gitexp.project.sources import tree_source
from gitexp.review.enforcement.documents import refuse_problems
from gitexp.review.enforcement.moves import Place, RefMove
from gitexp.review.enforcement.pushes import Push
from gitexp.review.validating import validate_source
from gitexp.store.history import is_ancestor, merge_base
from gitexp.store.model import TreeId
from gitexp.store.trees import changed_paths, entry_at

_RULES = ("environments", "group", "id", "trunk", "remote")
"""What of a project's definition says who may do what: it takes an admin to change it."""

_FILES = (layout.SIGNERS_FILE, layout.REVOKED_FILE, layout.GPG_KEYS_FILE)


def check_experiment(push: Push, move: RefMove, place: Place) -> None:
    """See that a push to an experiment's branch is allowed and leaves valid documents.

    Raises:
        NotAllowed: the branch would be gone while an environment is bound to the experiment.
        Forbidden: whoever pushes may not write to an experiment that changes.
        InvalidDocuments: a document that changes breaks its schema.
    """
    if move.new is None:
        _check_removal(push, move, place)
        return
    changed = list(_changed_here(push, move.old or _origin(push, move.new), move.new))
    _check_owners(push, move, {place.name, *_experiments_in(changed)})
    _check_documents(push, move.new, changed)


def check_trunk(push: Push, move: RefMove) -> None:
    """See that a push to the trunk goes forward, is valid, and changes no rule without an admin.

    Raises:
        NotAllowed: the trunk would be gone, or commits of it would.
        Forbidden: whoever pushes lacks the role that what changes takes.
        InvalidDocuments: a document that changes breaks its schema.
    """
    trunk = push.workspace.trunk
    if move.new is None or not push.is_forward(move):
        raise NotAllowed(
            f"commits of the trunk {trunk!r} would be gone, and the rules are read from it",
            hint="Undo a commit with `git revert`, and push that.",
        )
    changed = list(_changed(push, move.old, move.new))
    if push.project.group and (rule := _rule_in(push, move, changed)):
        actor = push.require(move, "admin", push.project.group, f"change {rule} on {trunk}")
        if actor.source == "signature":
            _check_new(push, move.new, rule)
    _check_owners(push, move, _experiments_in(changed))
    _check_documents(push, move.new, changed)


def _check_new(push: Push, commit: ObjectId, rule: str) -> None:
    """Refuse a commit that is on another branch: its signature may be from before it was wanted.

    Whoever reads that branch could push it on in the name of who signed it.
    """
    branches = push.store.refs(layout.BRANCHES)
    others = (tip for ref, tip in branches.items() if ref != push.workspace.trunk_ref)
    if any(is_ancestor(push.store, commit, tip) for tip in others):
        raise Forbidden(
            f"commit {commit[:10]} changes {rule} and is on another branch already, so its "
            "signature does not say who pushes it to the trunk",
            hint="Whoever decides merges it with a commit of their own: `git merge --no-ff -S`.",
        )


def _origin(push: Push, commit: ObjectId) -> ObjectId | None:
    """Return the commit of the trunk that a branch began at."""
    trunk = push.trunk()
    return merge_base(push.store, trunk, commit) if trunk is not None else None


def _changed_here(push: Push, old: ObjectId | None, new: ObjectId) -> Iterator[str]:
    """Yield the paths that differ, without what the trunk holds as well: it came from there."""
    trunk = _project_tree(push, push.trunk())
    mine = _project_tree(push, new)
    for path in _changed(push, old, new):
        here = entry_at(push.store, mine, path) if mine else None
        if here is None or trunk is None or entry_at(push.store, trunk, path) != here:
            yield path


def _project_tree(push: Push, commit: ObjectId | None) -> TreeId | None:
    whole = push.tree(commit)
    entry = entry_at(push.store, whole, push.workspace.root) if whole is not None else None
    return TreeId(entry.id) if entry is not None and entry.is_tree else None


def _changed(push: Push, old: ObjectId | None, new: ObjectId) -> Iterator[str]:
    """Yield the paths in the project that differ between two commits."""
    root = f"{push.workspace.root}/" if push.workspace.root else ""
    for path, _, _ in changed_paths(push.store, push.tree(old), push.tree(new)):
        if path.startswith(root):
            yield path.removeprefix(root)


def _experiments_in(paths: Iterable[str]) -> set[str]:
    parts = (path.split("/") for path in paths)
    names = {p[1] for p in parts if len(p) > 2 and p[0] == layout.EXPERIMENTS_DIR}
    return {name for name in names if not name_fault(name)}


def _check_owners(push: Push, move: RefMove, names: Iterable[str]) -> None:
    """See that whoever pushes may write to experiments, as they are shared before the push."""
    if not push.groups:
        return
    for name in sorted(names):
        known = push.header(push.experiment_tip(name), name)
        after = push.owner_of(push.header(move.new, name) or known)
        before = push.owner_of(known) if known is not None else after
        for role, group in needed_roles(before, after):
            push.require(move, role, group, f"change experiment {name!r}")


def _check_documents(push: Push, commit: ObjectId, changed: Iterable[str]) -> None:
    source = tree_source(push.workspace, commit, changed, place="project", label=commit[:10])
    refuse_problems(validate_source(push.workspace, source))


def _rule_in(push: Push, move: RefMove, changed: Iterable[str]) -> str | None:
    """Return what among changed files says who may do what, or None."""
    for path in changed:
        if path.startswith(f"{layout.GROUPS_DIR}/") or path == layout.GROUPS_DIR:
            return "who belongs to a group"
        if path in _FILES:
            return f"whose signatures count ({path})"
        if path == layout.PROJECT_FILE and _rules(push, move.old) != _rules(push, move.new):
            return "the environments, their policies or the owner of the project"
    return None


def _rules(push: Push, commit: ObjectId | None) -> Mapping[str, Any] | None:
    tree = push.tree(commit)
    if tree is None:
        return None
    path = layout.project_path(push.workspace.root)
    try:
        found = read_document(push.workspace, tree, path, "project") or {}
    except InvalidInput:
        return None  # what cannot be read is refused as a document, and as a change until then
    return {key: found.get(key) for key in _RULES}


def _check_removal(push: Push, move: RefMove, place: Place) -> None:
    known = push.header(move.old, place.name)
    push.require(
        move, "write", push.owner_of(known), f"take experiment {place.name!r} from the remote"
    )
    if push.header(push.trunk(), place.name) is not None:
        return
    if known is not None and push.header_by_id(known.id) is not None:
        return  # it has another name now
    bound = list(_bound_after(push, known.id if known is not None else None, place.name))
    if bound:
        raise NotAllowed(
            f"{', '.join(bound)} is bound to experiment {place.name!r}",
            hint=f"Bind another version first, or `gitexp env unbind {bound[0]}`.",
        )


def _bound_after(push: Push, experiment_id: str | None, name: str) -> Iterator[str]:
    """Yield the environments that say after the push that an experiment is live.

    Without its id, since its header is gone, it is known by its name.
    """
    for environment in names_with_branches(push.workspace):
        branch = layout.environment_branch(push.workspace.project_id, environment)
        tip = push.after(branch)
        if tip is None:
            continue
        live = environment_at(push.store, tip, environment=environment).binding
        if live.experiment_id == experiment_id if experiment_id else live.experiment == name:
            yield environment
