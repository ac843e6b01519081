"""Where an experiment lives now: its own branch, that branch on the remote, or the trunk."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from gitexp.documents import layout
from gitexp.errors import MissingObject, NotFound, StoreError
from gitexp.ids import Name, ObjectId, name_fault
from gitexp.project.workspace import Workspace, further
from gitexp.store.history import is_ancestor
from gitexp.store.model import TreeId
from gitexp.store.protocol import Store
from gitexp.store.trees import entry_at, list_dir, tree_of

HomeKind = Literal["branch", "remote", "trunk"]


@dataclass(frozen=True, kw_only=True)
class Home:
    """Where an experiment lives now.

    Attributes:
        kind: `branch` when the local branch exists, else `remote`, else `trunk`.
        name: the experiment's name.
        branch: the full name of the experiment's own branch, whether or not it exists.
        local: the tip of the local branch, or None.
        shared: the tip of the branch on the shared remote as last fetched, or None.
        tip: the commit to read. Of a local branch and its shared twin, the one that is ahead;
            the local one where they diverged; the trunk where that holds all of the branch.
    """

    kind: HomeKind
    name: Name
    branch: str
    local: ObjectId | None
    shared: ObjectId | None
    tip: ObjectId


def find_home(
    workspace: Workspace,
    name: str,
    *,
    reader: Store | None = None,
    tolerate_shallow: bool = False,
) -> Home | None:
    """Return an experiment's home, or None when there is no such experiment.

    Args:
        tolerate_shallow: where history is cut off, so that nobody knows whether the trunk holds
            all of a branch, take it that it does not.
    """
    if name_fault(name):
        return None
    store = reader or workspace.store
    branch = layout.experiment_branch(workspace.project_id, Name(name))
    local, shared = store.ref(branch), store.ref(workspace.tracking(branch))
    if local or shared:
        trunk = workspace.trunk_tip(store)
        found = (branch, local, shared)
        return _on_branch(workspace, store, trunk, Name(name), found, tolerate_shallow)
    tip = workspace.trunk_tip(store)
    if tip is None or not on_commit(workspace, tip, name, reader=store):
        return None
    return _on_trunk(workspace, Name(name), tip)


def _on_branch(
    workspace: Workspace,
    store: Store,
    trunk: ObjectId | None,
    name: Name,
    found: tuple[str, ObjectId | None, ObjectId | None],
    tolerate_shallow: bool,
) -> Home:
    branch, local, shared = found
    tip = further(store, local, shared)
    assert tip is not None  # one of the two is there
    kind: HomeKind = "branch" if local else "remote"
    try:
        tip = trunk if trunk and _took_over(workspace, store, name, trunk, tip) else tip
    except MissingObject:
        if not (tolerate_shallow and store.is_shallow()):
            raise
    return Home(kind=kind, name=name, branch=branch, local=local, shared=shared, tip=tip)


def _took_over(
    workspace: Workspace, store: Store, name: Name, trunk: ObjectId, tip: ObjectId
) -> bool:
    """Return whether the trunk holds all of a branch, and the experiment still."""
    key = f"merged/{tip}/{trunk}/{workspace.root}/{name}"
    known = workspace.cache.get(key)
    if known is None:
        known = is_ancestor(store, tip, trunk) and on_commit(workspace, trunk, name, reader=store)
        workspace.cache.put(key, known)
    return bool(known)


def _on_trunk(workspace: Workspace, name: Name, tip: ObjectId) -> Home:
    branch = layout.experiment_branch(workspace.project_id, name)
    return Home(kind="trunk", name=name, branch=branch, local=None, shared=None, tip=tip)


def all_homes(
    workspace: Workspace, *, reader: Store | None = None, tolerate_shallow: bool = False
) -> list[Home]:
    """Return the homes of all experiments, by name: those with a branch first, then the trunk's.

    References are listed once, so a thousand experiments cost little more than ten.
    """
    store = reader or workspace.store
    local, shared = (_tips(store, start) for start in _branch_prefixes(workspace))
    trunk = workspace.trunk_tip(store)
    homes = []
    for name in sorted({*local, *shared}):
        branch = layout.experiment_branch(workspace.project_id, Name(name))
        found = (branch, local.get(name), shared.get(name))
        homes.append(_on_branch(workspace, store, trunk, Name(name), found, tolerate_shallow))
    others = trunk_names(workspace, reader=reader) - {*local, *shared}
    return homes + [_on_trunk(workspace, Name(n), trunk) for n in sorted(others) if trunk]


def _branch_prefixes(workspace: Workspace) -> tuple[str, str]:
    prefix = layout.experiment_branches(workspace.project_id)
    return prefix, workspace.tracking(prefix)


def _tips(store: Store, start: str) -> dict[str, ObjectId]:
    """Return the tips of the experiment branches below a prefix, by experiment."""
    found = ((ref.removeprefix(start), tip) for ref, tip in store.refs(start).items())
    return {name: tip for name, tip in found if not name_fault(name)}


def branch_tips(
    workspace: Workspace, *, reader: Store | None = None
) -> dict[tuple[str, ObjectId], None]:
    """Return the tips of all experiment branches with their names, local and shared, each once."""
    store = reader or workspace.store
    starts = _branch_prefixes(workspace)
    return {(n, tip): None for start in starts for n, tip in _tips(store, start).items()}


def get_home(workspace: Workspace, name: str, *, reader: Store | None = None) -> Home:
    """Return an experiment's home.

    Raises:
        NotFound: there is no such experiment.
    """
    home = find_home(workspace, name, reader=reader)
    if home is None:
        known = experiment_names(workspace, reader=reader)
        raise missing_experiment(workspace, name, known, reader=reader)
    return home


def missing_experiment(
    workspace: Workspace, name: str, known: Sequence[str], *, reader: Store | None = None
) -> NotFound:
    """Return the error for a name that no experiment has; `known` are those that may be meant."""
    alone, _, revision = name.partition("@")
    close = difflib.get_close_matches(alone, known, n=1)
    return NotFound(
        f"no experiment {name!r} in project {workspace.project_id!r}",
        hint=f"Name the version apart, where it can be chosen: {alone} --version {revision}."
        if revision and alone in known
        else f"Did you mean {close[0]!r}?"
        if close
        else _renamed_hint(workspace, name, known, reader)
        or "List them with `gitexp experiment list`, or fetch others' with `gitexp fetch`.",
    )


def _renamed_hint(
    workspace: Workspace, name: str, known: Sequence[str], reader: Store | None
) -> str | None:
    """Return what to use instead of a name that some experiment had when it was saved."""
    from gitexp.experiments.lineage import lineage

    for home in (h for h in all_homes(workspace, reader=reader) if h.name in known):
        try:
            saves = lineage(workspace, home.tip, home.name, reader=reader).saves
        except StoreError:
            continue  # a shallow clone does not tell
        if any(save.name == name for save in saves):
            return f"It is named {home.name!r} now: `gitexp experiment show {home.name}`."
    return None


def on_commit(
    workspace: Workspace, commit: ObjectId, name: str, *, reader: Store | None = None
) -> bool:
    """Return whether a commit holds an experiment's header."""
    store = reader or workspace.store
    path = layout.header_path(workspace.root, Name(name))
    return entry_at(store, tree_of(store, commit), path) is not None


def experiment_names(workspace: Workspace, *, reader: Store | None = None) -> list[str]:
    """Return the names of all experiments, sorted: local branches, shared ones, the trunk's."""
    store = reader or workspace.store
    names = {name for start in _branch_prefixes(workspace) for name in _tips(store, start)}
    return sorted(names | trunk_names(workspace, reader=reader))


def trunk_names(workspace: Workspace, *, reader: Store | None = None) -> set[str]:
    """Return the names of the experiments that the trunk holds."""
    store = reader or workspace.store
    tip = workspace.trunk_tip(store)
    if tip is None:
        return set()
    directory = layout.join(workspace.root, layout.EXPERIMENTS_DIR)
    entries = list_dir(store, tree_of(store, tip), directory)
    return {
        entry.name
        for entry in entries
        if entry.is_tree
        and not name_fault(entry.name)
        and entry_at(store, TreeId(entry.id), layout.HEADER_FILE) is not None
    }
